# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk of canaries, trials, held requests, bakes and drains, over a switch and an engine that only take notes."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_HASH, LABEL_SERVICE, LABEL_VERSION, Container
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, GateFailed
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.runner import Place, Runner
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.state import Step
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Answers, Preview, Route, Serving, Target

from .test_spec import make

A, B = "greet-A-aaaaaa-1", "greet-B-bbbbbb-1"


class NotingTraffic:
    """Serves as told; counts what the test says."""

    def __init__(self, open_requests: t.Mapping[str, int | None] | None = None, answered: t.Sequence[Answers] = ()) -> None:
        self.serving: Serving | None = None
        self.told: list[Serving] = []
        self.forgotten: list[str] = []
        self.open = dict(open_requests or {})
        self.answered = list(answered)

    def current(self, _service: str) -> dict[str, int]:
        return {one.name: one.weight for one in self.serving.targets} if self.serving else {}

    def serve(self, serving: Serving) -> None:
        self.serving = serving
        self.told.append(serving)

    def in_flight(self, _service: str, names: t.Sequence[str]) -> int | None:
        counts = [self.open.get(name, 0) for name in names]
        return None if None in counts else sum(count or 0 for count in counts)

    def answers(self, _service: str, _names: t.Sequence[str]) -> Answers:
        return self.answered.pop(0) if len(self.answered) > 1 else self.answered[0]

    def forget(self, _service: str, names: t.Sequence[str]) -> None:
        self.forgotten += names


class NotingEngine:
    """Two running instances, A and B."""

    def __init__(self) -> None:
        self.found = {name: container(name) for name in (A, B)}
        self.done: list[tuple[str, str]] = []

    def container(self, name: str) -> Container | None:
        return self.found.get(name)

    def containers(self, _labels: t.Mapping[str, str]) -> list[Container]:
        return list(self.found.values())

    def stop(self, name: str, _timeout: int | None) -> None:
        self.done.append(("stop", name))

    def remove(self, name: str) -> None:
        self.done.append(("remove", name))


def container(name: str, state: str = "running") -> Container:
    _service, version, spec_hash, _index = name.split("-")
    labels = {LABEL_SERVICE: "greet", LABEL_VERSION: version, LABEL_HASH: spec_hash}
    return Container("1", name, "", "", state, pid=100, labels=labels, networks={"edge": "10.0.0.2"})


def runner(root: pathlib.Path, traffic: NotingTraffic, before: Serving | None = None, **asked: t.Any) -> tuple[Runner, NotingEngine]:
    engine = NotingEngine()
    state = StateDir(root)
    fakes: t.Any = (engine, traffic)
    place = Place(fakes[0], state, fakes[1], Memory(state.service("greet")), "edge-proxy", ())
    gate = {"exec": ["true"], "interval": "0.05"}
    return Runner(place, make(port=80, network="edge", proxy="edge", gate=gate, **asked), before), engine


def targets(*weights: tuple[str, int]) -> tuple[Target, ...]:
    return tuple(Target(name, "10.0.0.2", 80, weight) for name, weight in weights)


def test_shares_and_trials_reach_the_switch(tmp_path: pathlib.Path) -> None:
    traffic = NotingTraffic()
    walking, _engine = runner(tmp_path, traffic)
    walking.walk([Step("serve", (A,)), Step("preview", (B,)), Step("serve", (A, B), (9, 1), (B,)), Step("preview")])
    route = Route("greet")
    assert traffic.told == [
        Serving(route, targets((A, 100))),
        Serving(route, targets((A, 100)), targets((B, 100))),
        Serving(route, targets((A, 9), (B, 1)), targets((B, 100))),
        Serving(route, targets((A, 9), (B, 1))),
    ]


def test_a_hold_lets_nobody_in_and_the_way_back_takes_the_route_as_it_was(tmp_path: pathlib.Path) -> None:
    traffic = NotingTraffic()
    old = Route("greet", preview=Preview("next.example.com"))
    walking, _engine = runner(tmp_path, traffic, Serving(old, targets((A, 100))), order="stop_first", route={"hold": 30})
    walking.walk([Step("hold", (A,))])
    walking.back([Step("serve", (A,), (), (B,))])
    assert traffic.told == [Serving(Route("greet", hold=30.0), (), held=True), Serving(old, targets((A, 100)), targets((B, 100)))]


def test_a_singleton_is_not_started_while_another_version_runs(tmp_path: pathlib.Path) -> None:
    walking, _engine = runner(tmp_path, NotingTraffic(), order="stop_first")
    with pytest.raises(EngineError, match="instance %s is running, and with order: stop_first" % A):
        walking.walk([Step("start", (B,))])


def test_what_is_left_is_neither_stopped_nor_removed(tmp_path: pathlib.Path) -> None:
    traffic = NotingTraffic({A: 2, B: 0})
    walking, engine = runner(tmp_path, traffic, drain_timeout=0, after_drain_timeout="leave")
    walking.walk([Step("drain", (A, B)), Step("stop", (A, B)), Step("remove", (A, B))])
    assert (walking.left, walking.cut, walking.drain_observed) == ((A,), 0, "requests")
    assert engine.done == [("stop", B), ("remove", B)]
    assert traffic.forgotten == [B]


def test_the_way_back_leaves_nothing(tmp_path: pathlib.Path) -> None:
    walking, engine = runner(tmp_path, NotingTraffic({A: 2}), drain_timeout=0, after_drain_timeout="leave")
    walking.back([Step("drain", (A,)), Step("stop", (A,))])
    assert (walking.left, walking.cut, engine.done) == ((), 2, [("stop", A)])


def test_what_the_proxy_cannot_count_is_counted_by_connections(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walking, engine = runner(tmp_path, NotingTraffic({A: None}), drain_timeout=0)
    engine.found[A] = dataclasses.replace(engine.found[A], pid=0)
    walking.walk([Step("drain", (A,))])
    assert (walking.drain_observed, walking.cut) == ("connections", 0)


def baking(root: pathlib.Path, answered: t.Sequence[Answers], **bake: t.Any) -> Runner:
    traffic = NotingTraffic(answered=answered)
    traffic.serving = Serving(Route("greet"), targets((A, 100)))
    walking, engine = runner(root, traffic, bake={"time": "0.2", "interval": "0.05", "max_error_rate": 5, "min_requests": 10, **bake})
    engine_of: t.Any = engine
    engine_of.execute = lambda *_words: type("Result", (), {"exit_code": 0, "output": ""})
    walking.walk([Step("serve", (B,)), Step("bake", (B,))])
    return walking


def test_a_bake_compares_with_the_version_before(tmp_path: pathlib.Path) -> None:
    baked = baking(tmp_path, [Answers(100, 20), Answers(0, 0), Answers(50, 11)]).baked
    assert baked is not None and (baked.answers, baked.errors, baked.judged) == (50, 11, True)
    with pytest.raises(GateFailed, match=r"before had 20\.0 %"):
        baking(tmp_path, [Answers(100, 20), Answers(0, 0), Answers(50, 15)])
