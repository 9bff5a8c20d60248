# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of now, and the journal read back."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._rollout import progress
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir


def test_the_step_of_now_is_one_line(tmp_path: pathlib.Path) -> None:
    progress.note(tmp_path / "greet", "gate", ["greet-B-1", "greet-B-2"])
    progress.note(tmp_path / "greet", "serve", ["greet-B-1"])
    pid, seconds, *rest = (tmp_path / "greet" / "now").read_text().split()
    assert (int(pid), rest) == (os.getpid(), ["serve", "greet-B-1"])
    assert float(seconds) > 0


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "greet").write_text("a file where the folder should be")
    progress.note(tmp_path / "greet", "gate", [])
    assert (tmp_path / "greet").is_file()


def test_journals_are_read_back(tmp_path: pathlib.Path) -> None:
    state = StateDir(tmp_path)
    for version in "ABC":
        Memory(state.service("greet")).journal(version=version)
    Memory(state.service("other")).journal(version="X")
    state.service("none").mkdir()
    found = progress.journals(state, None, 2)
    assert {service: [entry["version"] for entry in entries] for service, entries in found.items()} == {"greet": ["B", "C"], "other": ["X"]}
    assert list(progress.journals(state, "other", 9)) == ["other"]
    assert progress.journals(state, None, 0) == {}


@pytest.mark.parametrize("line", ["{", "[]", "\x00", '"text"', ""])
def test_a_damaged_line_is_left_out(tmp_path: pathlib.Path, line: str) -> None:
    (tmp_path / "journal.jsonl").write_text(line + '\n{"version": "B"}\n')
    assert progress.entries(tmp_path, 5) == [{"version": "B"}]
