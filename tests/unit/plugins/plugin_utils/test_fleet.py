# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollout over many hosts comes to."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

Json = t.Dict[str, t.Any]
SHARES = st.integers(1, 100).map("%d%%".__mod__)
SIZES = st.one_of(st.integers(1, 5000), SHARES)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ["100%"]),
        ("  ", ["100%"]),
        (None, ["100%"]),
        ([], ["100%"]),
        (1, [1]),
        ("2", [2]),
        ("1, 25%,100%", [1, "25%", "100%"]),
        ('[1, "25%"]', [1, "25%"]),
        ([1, "2.5%", "100%"], [1, "2.5%", "100%"]),
    ],
)
def test_batches(written: t.Any, expected: list[t.Any]) -> None:
    assert _fleet.batches(written) == expected


@pytest.mark.parametrize("written", ["0", "0%", "many", "1;2", "[1", "-1", "1.5", {"a": 1}])
def test_what_is_no_batch(written: t.Any) -> None:
    with pytest.raises(_fleet.Wrong, match="rollout_batches"):
        _fleet.batches(written)


@given(st.lists(SIZES, min_size=1))
def test_a_list_and_its_text_are_the_same(sizes: list[t.Any]) -> None:
    assert _fleet.batches(sizes) == _fleet.batches(", ".join(map(str, sizes))) == sizes


def test_the_canary_host_comes_first() -> None:
    assert _fleet.ordered(["a", "b", "c"], "c") == ["c", "a", "b"]
    assert _fleet.ordered(["a", "b"], "") == ["a", "b"]
    with pytest.raises(_fleet.Wrong, match="rollout_canary: d is not among"):
        _fleet.ordered(["a", "b"], "d")


@pytest.mark.parametrize(("value", "hosts", "expected"), [("", 9, 0), (None, 9, 0), (2, 9, 2), ("2", 9, 2), ("10%", 9, 0), ("10%", 20, 2), ("100%", 7, 7)])
def test_allowed(value: t.Any, hosts: int, expected: int) -> None:
    assert _fleet.allowed("rollout_max_failures", value, hosts) == expected


@pytest.mark.parametrize("value", ["-1", "some", "1.5", "%", True])
def test_what_is_no_budget(value: t.Any) -> None:
    with pytest.raises(_fleet.Wrong, match="rollout_max_failures"):
        _fleet.allowed("rollout_max_failures", value, 5)


@given(st.integers(0, 100), st.integers(0, 5000))
def test_a_share_never_allows_more_than_itself(share: int, hosts: int) -> None:
    found = _fleet.allowed("x", "%d%%" % share, hosts)
    assert found * 100 <= share * hosts < (found + 1) * 100


def _outcome(host: str, state: str, **more: t.Any) -> Json:
    plain: Json = {"touched": True, "changed": [], "before": {}, "live": {}, "after": {}, "lost": None, "seconds": 0.0, "reason": ""}
    return {**plain, "host": host, "state": state, "failed": state == "failed", "unreachable": state == "unreachable", **more}


STATES = st.sampled_from(["updated", "unchanged", "failed", "unreachable"])
FLEETS = st.lists(STATES, max_size=30).map(lambda states: [_outcome("h%d" % number, state) for number, state in enumerate(states)])
BUDGETS = st.one_of(st.integers(0, 30), SHARES)


@given(FLEETS, st.integers(0, 20), BUDGETS, BUDGETS, st.sampled_from(["", *_fleet.ACTIONS]))
def test_a_run_is_over_its_budget_or_goes_on(outcomes: list[Json], waiting: int, failures: t.Any, unreachable: t.Any, action: str) -> None:
    hosts = len(outcomes) + waiting
    found = _fleet.verdict(outcomes, hosts, {"max_failures": failures, "max_unreachable": unreachable, "action": action})
    over = sum(one["failed"] for one in outcomes) > _fleet.allowed("x", failures, hosts)
    away = sum(one["unreachable"] for one in outcomes) > _fleet.allowed("x", unreachable, hosts)
    assert found["over"] == (over or away) == bool(found["reason"])
    assert found["stop"] == (found["over"] and action != "continue")
    assert found["go_back"] == (found["over"] and action in ("", "rollback"))


@given(FLEETS, FLEETS, BUDGETS)
def test_more_outcomes_never_bring_a_run_back(first: list[Json], second: list[Json], budget: t.Any) -> None:
    hosts = len(first) + len(second)
    allowed = {"max_failures": budget, "max_unreachable": budget}
    if _fleet.verdict(first, hosts, allowed)["stop"]:
        assert _fleet.verdict([*first, *second], hosts, allowed)["stop"]


@given(FLEETS, BUDGETS)
def test_what_happened_on_the_way_back_does_not_change_the_verdict(outcomes: list[Json], budget: t.Any) -> None:
    allowed = {"max_failures": budget}
    later = [{**one, "state": "returned" if one["state"] == "updated" else one["state"]} for one in outcomes]
    assert _fleet.verdict(later, len(later), allowed) == _fleet.verdict(outcomes, len(outcomes), allowed)


def test_the_canary_host_must_not_fail() -> None:
    found = _fleet.verdict([_outcome("a", "failed")], 10, {"max_failures": 5, "canary": "a"})
    assert found["over"] and found["reason"] == "the canary host a failed"
    assert not _fleet.verdict([_outcome("a", "failed")], 10, {"max_failures": 5, "canary": "b"})["over"]


def test_a_run_that_is_kept_out_begins_nothing_and_returns_nothing() -> None:
    assert _fleet.verdict([], 3, {}, "somebody else") == {"stop": True, "go_back": False, "over": True, "reason": "somebody else"}


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(_fleet.Wrong, match="rollout_failure_action: 'stop'"):
        _fleet.verdict([], 3, {"action": "stop"})


def _info(**services: str) -> Json:
    """service -> VERSION of its live instance."""
    found = []
    for name, version in services.items():
        lives = {"version": version, "phase": "live", "instances": [{"name": "%s-%s-abc-1" % (name, version)}]}
        found.append({"name": name, "version": version, "versions": [lives], "problems": []})
    return {"services": found}


def _result(name: str, version: str, changed: bool = True, **more: t.Any) -> Json:
    instances = [{"name": "%s-%s-abc-1" % (name, version), "version": version, "phase": "live"}]
    return {"changed": changed, "version": version, "instances": instances, "phases": [{"name": "gate", "seconds": 1.5}], **more}


def _facts(**more: t.Any) -> Json:
    return {"before": _info(greet="A"), "names": ["greet"], "failure": "", "check": False, **more}


def test_an_updated_host() -> None:
    found = _fleet.outcome("h1", _facts(result={"results": [_result("greet", "B")]}, verified={"lost": 0}))
    assert (found["state"], found["changed"], found["before"], found["after"]) == ("updated", ["greet"], {"greet": "A"}, {"greet": "B"})
    assert (found["lost"], found["seconds"], found["failed"], found["unreachable"]) == (0, 1.5, False, False)


def test_what_was_live_stands_in_the_plan_too() -> None:
    plan = {"needed": True, "services": [], "live": [{"name": "greet", "version": "A", "instances": ["greet-A-abc-1"]}]}
    result = {"results": [_result("greet", "B")]}
    assert _fleet.outcome("h1", _facts(before=plan, result=result)) == _fleet.outcome("h1", _facts(result=result))


def test_a_candidate_is_not_what_is_live() -> None:
    result = _result("greet", "A")
    result["version"], result["instances"] = "B", [*result["instances"], {"name": "greet-B-abc-1", "version": "B", "phase": "candidate"}]
    found = _fleet.outcome("h1", _facts(result={"results": [result]}, failure="a hook"))
    assert (found["state"], found["changed"], found["after"]) == ("failed", [], {"greet": "A"})


def test_an_unchanged_host() -> None:
    found = _fleet.outcome("h1", _facts(result={"results": [_result("greet", "A", changed=False)]}))
    assert (found["state"], found["changed"]) == ("unchanged", [])


def test_another_route_is_no_other_version_to_go_back_from() -> None:
    found = _fleet.outcome("h1", _facts(result={"results": [_result("greet", "A")]}))
    assert (found["state"], found["changed"]) == ("updated", [])


def test_a_first_version_has_none_to_go_back_to() -> None:
    found = _fleet.outcome("h1", _facts(before=_info(), result={"results": [_result("greet", "A")]}))
    assert (found["state"], found["changed"]) == ("updated", [])


def test_the_first_of_two_services_goes_back_when_the_second_failed() -> None:
    results = [_result("one", "B"), {"failed": True, "changed": False, "msg": "gate"}]
    facts = _facts(before=_info(one="A", two="A"), names=["one", "two"], result={"results": results}, failure="gate")
    found = _fleet.outcome("h1", facts)
    assert (found["state"], found["changed"], found["after"], found["reason"]) == ("failed", ["one"], {"one": "B"}, "gate")


def test_a_host_that_was_down() -> None:
    found = _fleet.outcome("h1", _facts(before={"unreachable": True, "msg": "no route"}))
    assert (found["state"], found["touched"], found["failed"]) == ("unreachable", False, False)
    assert found["reason"] == "unreachable before anything was done: no route"


def test_a_host_that_was_lost_in_the_middle() -> None:
    result = {"results": [{"unreachable": True, "msg": "closed"}]}
    found = _fleet.outcome("h1", _facts(result=result))
    assert (found["state"], found["touched"]) == ("unreachable", True)
    assert found["reason"] == "unreachable during the rollout: closed"


def test_a_host_that_is_lost_and_found() -> None:
    lost = _fleet.outcome("h1", _facts(result={"results": [{"unreachable": True, "msg": "closed"}]}))
    assert _fleet.differing(lost, _info(greet="B")) == ["greet"]
    assert _fleet.differing(lost, _info(greet="A")) == []
    assert _fleet.returned(lost, _info(greet="A"), ["greet"], "")["state"] == "returned"
    assert _fleet.returned(lost, _info(greet="A"), [], "")["state"] == "unchanged"
    assert _fleet.returned(lost, {"unreachable": True}, [], "")["state"] == "unreachable"


def test_a_host_that_does_not_go_back() -> None:
    updated = _fleet.outcome("h1", _facts(result={"results": [_result("greet", "B")]}))
    assert _fleet.returned(updated, _info(greet="B"), ["greet"], "")["state"] == "stuck"
    stuck = _fleet.returned(updated, {}, ["greet"], "the disk is full")
    assert (stuck["state"], stuck["reason"]) == ("stuck", "the disk is full")


def test_a_failed_host_stays_failed_when_it_is_back() -> None:
    failed = _fleet.outcome("h1", _facts(result={"results": [_result("greet", "B")]}, failure="3 lost"))
    found = _fleet.returned(failed, _info(greet="A"), ["greet"], "")
    assert (found["state"], found["after"], found["reason"]) == ("failed", {"greet": "A"}, "3 lost")


def test_a_host_where_check_mode_can_plan_nothing_yet() -> None:
    found = _fleet.outcome("h1", _facts(before=_info(), result={"results": [{"skipped": True}]}, check=True, verified={"lost": 0}))
    assert (found["state"], found["lost"]) == ("updated", None)
    lines = _fleet.report([found], ["h1"], _fleet.verdict([found], 1, {}), {"check": True})["lines"]
    assert lines == ["host  outcome", "h1    would be updated", "rollout checked: hosts=1 updated=1"]


def test_problems() -> None:
    assert _fleet.problems(_info(greet="B"), {"greet": "B"}) == []
    assert _fleet.problems(_info(greet="A"), {"greet": "B"}) == ["greet has A live and not B"]
    assert _fleet.problems({"unreachable": True, "msg": "no route"}, {}) == ["unreachable: no route"]


def test_reasons_are_one_line() -> None:
    assert _fleet.reason({}) == ""
    assert _fleet.reason({"msg": "a\n  b"}) == "a b"
    assert _fleet.reason({"results": [{"msg": "fine"}, {"failed": True, "msg": "x"}, {"unreachable": True, "msg": "y"}]}) == "x; y"
    assert len(_fleet.reason({"msg": "x" * 1000})) == 300


def test_services_have_names() -> None:
    assert _fleet.services("", "greet") == [{"name": "greet"}]
    assert _fleet.services([{"name": "a"}, {"port": 1}], "b") == [{"name": "a"}, {"name": "b", "port": 1}]
    assert _fleet.services([{"name": "a"}, {"name": "b"}], "", ["b"]) == [{"name": "b"}]


def test_the_end_of_a_run() -> None:
    back = _outcome("h1", "returned", before={"greet": "A"}, after={"greet": "A"}, lost=0)
    failed = _outcome("h2", "failed", before={"greet": "A"}, reason="its gate")
    verdict = _fleet.verdict([back, failed], 3, {})
    found = _fleet.report([back, failed], ["h1", "h2", "h3"], verdict, {"check": False})
    assert found["lines"] == [
        "host  before  after  outcome    lost  reason",
        "h1    A       A      returned   0",
        "h2    A       A      failed           its gate",
        "h3                   not begun",
        "rollout failed: hosts=3 failed=1 returned=1 (1 of 3 failed (h2), 0 allowed)",
    ]
    assert found["stats"]["rollout_run_status"] == "failed"
    assert found["stats"]["rollout_run_returned"] == ["h1"]
    assert [one["host"] for one in found["summary"]["outcomes"]] == ["h1", "h2"]


@given(FLEETS, st.integers(0, 5))
def test_every_host_is_told(outcomes: list[Json], waiting: int) -> None:
    hosts = [one["host"] for one in outcomes] + ["w%d" % number for number in range(waiting)]
    found = _fleet.report(outcomes, hosts, _fleet.verdict(outcomes, len(hosts), {}), {})
    assert [line.split()[0] for line in found["lines"][1:-1]] == hosts
    assert sum(len(found["stats"]["rollout_run_" + state]) for state in _fleet.STATES) + found["stats"]["rollout_run_not_begun"] == len(hosts)
    assert all(name.startswith("rollout_run_") for name in found["stats"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rollout_batches", "1; 2"),
        ("rollout_max_failures", "many"),
        ("rollout_max_unreachable", "1.5"),
        ("rollout_failure_action", "rolback"),
        ("rollout_batch_delay", "1m"),
        ("rollout_reconnect_timeout", "-1"),
        ("rollout_lease_seconds", "abc"),
        ("rollout_lease", "perhaps"),
        ("rollout_lease_break", "2"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(name: str, value: str) -> None:
    said = _fleet.wrong({name: value}, ["greet"], 6)
    assert len(said) == 1
    assert said[0].startswith(name + ": ") and repr(value) in said[0]


@pytest.mark.parametrize("value", ["", " ", None, "rollback"])
def test_blank_is_not_set(value: str | None) -> None:
    assert _fleet.wrong({"rollout_failure_action": value, "rollout_batches": value if value != "rollback" else "", "rollout_lease": ""}, ["greet"], 6) == []


@pytest.mark.parametrize("services", [[], [""], ["a", ""]])
def test_a_rollout_of_nothing_is_refused(services: list[str]) -> None:
    assert [one.split(":")[0] for one in _fleet.wrong({}, services, 6)] == ["rollout_name"]
