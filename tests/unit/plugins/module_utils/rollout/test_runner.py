# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk, where it needs no engine: what happens when our own files cannot be written."""

from __future__ import annotations

import json
import pathlib
import types
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_SPEC, Container
from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import spec
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.direct import DirectSwitch
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.runner import Place, Runner
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.state import Step

# No step of these tests asks it for anything.
NO_ENGINE: t.Any = None


def runner_in(root: pathlib.Path, engine: t.Any = NO_ENGINE, proxy: str = "") -> Runner:
    """A runner whose files lie below `root`: of a worker, or of a service behind `proxy`."""
    state = StateDir(root)
    folder = state.service("greet")
    params = {name: option.get("default") for name, option in SERVICE_OPTIONS.items()}
    asked = spec.from_params({**params, "name": "greet", "image": "localhost/greet:A"})
    return Runner(Place(engine, state, DirectSwitch(folder), Memory(folder), proxy, ()), asked, None)


@pytest.mark.parametrize(("action", "names"), [("record", ("A-1",)), ("serve", ())])
def test_a_file_that_cannot_be_written_is_an_error_that_a_rollout_goes_back_from(tmp_path: pathlib.Path, action: str, names: tuple[str, ...]) -> None:
    (tmp_path / "services").write_text("a file where the folder should be")
    runner = runner_in(tmp_path)
    with pytest.raises(HotswapError) as caught:
        runner.walk([Step(action, names)])
    assert str(caught.value).startswith(str(Step(action, names)) + ": ")
    assert str(tmp_path) in caught.value.fix
    assert [phase["name"] for phase in runner.phases] == [action]


def test_other_errors_are_left_as_they_are(tmp_path: pathlib.Path) -> None:
    with pytest.raises(AttributeError):
        runner_in(tmp_path).walk([Step("start", ("greet-A-1",))])


class OfOneContainer:
    """An engine whose one container has died, and come back as another process, each time that it is looked at."""

    def __init__(self) -> None:
        self._pid = 100

    def container(self, name: str) -> Container:
        self._pid += 1
        return Container("1", name, "", "", "running", pid=self._pid)


def test_instances_are_asked_from_the_network_of_the_proxy_that_runs_now(tmp_path: pathlib.Path) -> None:
    instance = Container("2", "greet-A-1", "", "", "running", pid=7)
    behind = runner_in(tmp_path, OfOneContainer(), "edge-proxy")
    assert [behind._seen_from(instance), behind._seen_from(instance)] == [101, 102]
    assert runner_in(tmp_path)._seen_from(instance) == 7


def test_on_the_way_back_a_version_is_asked_what_it_was_started_with(tmp_path: pathlib.Path) -> None:
    labels = {LABEL_SPEC: json.dumps({"port": 80, "gate": {"http": {"path": "/old"}, "deadline": 7}})}
    engine: t.Any = types.SimpleNamespace(container=lambda name: Container("1", name, "", "", "running", labels=labels if name == "greet-A-1" else {}))
    runner = runner_in(tmp_path, engine)
    new = runner._gate_of("greet-A-1")
    runner.back([])
    old, without = runner._gate_of("greet-A-1"), runner._gate_of("greet-A-2")
    assert (new, without) == (runner._spec.gate, runner._spec.gate)
    assert old.http and (old.http.path, old.deadline) == ("/old", 7)


def test_a_phase_says_when_it_began_and_what_it_was_about(tmp_path: pathlib.Path) -> None:
    runner = runner_in(tmp_path)
    runner.walk([Step("record", ("A-1",)), Step("stop", ())])
    assert [(phase["name"], phase["names"]) for phase in runner.phases] == [("record", ["A-1"]), ("stop", [])]
    assert runner.phases[0]["at"] <= runner.phases[1]["at"]
    assert (tmp_path / "services" / "greet" / "now").read_text().split()[2:] == ["stop"]
