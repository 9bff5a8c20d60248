# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate: judging answers, and when samples are enough. Time is a counter here, nothing sleeps."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import GateFailed, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.gate import (
    GateSpec,
    HttpCheck,
    Sample,
    judge_http,
    verdict,
    wait,
)
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.gate_spec import gate_of_params, gate_to_dict
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.http import Answer


class Time:
    """A clock that only resting moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


def looks(time: Time, script: dict[str, str]):  # type: ignore[no-untyped-def]
    """A look that plays a text for each instance: g good, b bad, f fatal; the last letter repeats."""
    seen = dict.fromkeys(script, 0)

    def look(name: str) -> Sample:
        letter = script[name][min(seen[name], len(script[name]) - 1)]
        seen[name] += 1
        return Sample(time(), letter == "g", {"g": "good", "b": "not yet", "f": "dead"}[letter], letter == "f")

    return look


def test_enough_successes_in_a_row_pass() -> None:
    time = Time()
    assert wait(GateSpec(successes=2), ["a"], looks(time, {"a": "bgbgg"}), time, time.rest) == {"a": 5}


def test_every_instance_must_pass() -> None:
    time = Time()
    assert wait(GateSpec(successes=2), ["a", "b"], looks(time, {"a": "gg", "b": "bbgg"}), time, time.rest) == {"a": 2, "b": 4}


def test_min_healthy_time_needs_a_span() -> None:
    time = Time()
    rounds = wait(GateSpec(successes=1, min_healthy_time=2.0, interval=0.5), ["a"], looks(time, {"a": "g"}), time, time.rest)
    assert rounds["a"] == 5


def test_a_fatal_look_ends_the_gate_at_once() -> None:
    time = Time()
    with pytest.raises(GateFailed, match="instance a did not pass its gate: dead"):
        wait(GateSpec(), ["a"], looks(time, {"a": "gf"}), time, time.rest)
    assert time.now < 102


def test_the_deadline_names_the_last_answer_and_the_rounds() -> None:
    time = Time()
    with pytest.raises(GateFailed, match=r"within 3 s: not yet \(7 rounds, 0 good\)"):
        wait(GateSpec(deadline=3, interval=0.5), ["a"], looks(time, {"a": "b"}), time, time.rest)


@given(st.text("gb", max_size=12), st.integers(1, 4))
def test_verdict_is_about_the_last_ones_only(letters: str, successes: int) -> None:
    samples = [Sample(float(at), letter == "g", "") for at, letter in enumerate(letters)]
    assert verdict(GateSpec(successes=successes), samples) == letters.endswith("g" * successes)


CHECK = HttpCheck("/health", (200, 204), header={"X-Ready": "yes"}, body="UP", json={"status": "UP", "db.0.ok": "true"})
GOOD = Answer(200, {"x-ready": "yes"}, '{"status": "UP", "db": [{"ok": true}]}')


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (GOOD, ""),
        (dataclasses.replace(GOOD, status=503), "/health answered 503, not 200 or 204"),
        (dataclasses.replace(GOOD, headers={}), "/health: header X-Ready is None, not 'yes'"),
        (dataclasses.replace(GOOD, body="DOWN"), "/health: the body does not match 'UP': 'DOWN'"),
        (dataclasses.replace(GOOD, body="UP"), "/health: the body is not JSON: 'UP'"),
        (dataclasses.replace(GOOD, body='{"status": "UP"}'), "/health: JSON field db.0.ok is None, not 'true'"),
        (dataclasses.replace(GOOD, body='{"status": "up", "x": "UP"}'), "/health: JSON field status is 'up', not 'UP'"),
    ],
)
def test_judge_http_says_what_is_wrong(answer: Answer, said: str) -> None:
    assert judge_http(CHECK, answer) == said


def test_without_any_check_the_port_is_asked() -> None:
    assert gate_of_params({}, 8282).tcp
    assert not gate_of_params({"http": {"path": "/health"}}, 8282).tcp


def test_without_check_and_port_uptime_must_do() -> None:
    assert gate_of_params({}, 0) == GateSpec(min_healthy_time=5.0)


def test_times_are_texts_or_seconds() -> None:
    gate = gate_of_params({"interval": "500ms", "deadline": "1m30s", "timeout": "3"}, 80)
    assert (gate.interval, gate.deadline, gate.timeout) == (0.5, 90.0, 3.0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"successes": 0}, "gate.successes: 0"),
        ({"http": {"path": "health"}}, "gate.http.path"),
        ({"http": {"path": "/a b"}}, "gate.http.path"),
        ({"http": {"path": "/a?b c"}}, "gate.http.path"),
        ({"http": {"body": "("}}, "gate.http.body"),
        ({"deadline": "5", "min_healthy_time": "10s"}, "gate.deadline"),
        ({"deadline": "soon"}, "gate.deadline"),
        ({"interval": "0"}, "gate.interval"),
    ],
)
def test_bad_gates_are_refused_by_name(value: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        gate_of_params(value, 8282)


def test_network_checks_need_a_port() -> None:
    with pytest.raises(InvalidInput, match="need a port"):
        gate_of_params({"tcp": True}, 0)


def test_the_label_gives_the_same_gate_back() -> None:
    gate = gate_of_params({"http": {"path": "/h?x=1", "json": {"a": 1}}, "exec": ["true"], "successes": 3}, 80)
    assert gate_of_params(gate_to_dict(gate), 80) == gate
