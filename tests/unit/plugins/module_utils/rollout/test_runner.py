# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk, where it needs no engine: what happens when our own files cannot be written."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import spec
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.direct import DirectSwitch
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.plan import Step
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.runner import Place, Runner
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS

# No step of these tests asks it for anything.
NO_ENGINE: t.Any = None


def runner_in(root: pathlib.Path) -> Runner:
    """A runner of a worker whose files lie below `root`."""
    state = StateDir(root)
    folder = state.service("greet")
    params = {name: option.get("default") for name, option in SERVICE_OPTIONS.items()}
    asked = spec.from_params({**params, "name": "greet", "image": "localhost/greet:A"})
    return Runner(Place(NO_ENGINE, state, DirectSwitch(folder), Memory(folder), "", ()), asked, None)


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
