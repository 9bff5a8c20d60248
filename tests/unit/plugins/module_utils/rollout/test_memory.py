# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host remembers: survives damage, and never lies about order."""

from __future__ import annotations

import json
import pathlib

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory


@pytest.fixture
def memory(tmp_path: pathlib.Path) -> Memory:
    return Memory(tmp_path / "greet")


def test_history_moves_keys_to_the_end(memory: Memory) -> None:
    memory.record_live(["A-1"])
    memory.record_live(["B-1"])
    memory.record_live(["A-1"])
    assert memory.history == ("B-1", "A-1")


def test_gated_forgets_what_is_gone(memory: Memory) -> None:
    memory.record_gated({"a": "t1"}, ["a"])
    memory.record_gated({"b": "t2"}, ["b"])
    assert memory.gated == {"b": "t2"}


def test_a_rollout_ends_a_rollback(memory: Memory) -> None:
    memory.record_returned("A-1")
    assert memory.returned_to == "A-1"
    memory.record_returned("")
    assert memory.returned_to == ""


def test_what_a_version_holds_is_kept_until_it_is_forgotten(memory: Memory) -> None:
    memory.record_content("docker 1", "sha256:a")
    memory.record_content("docker 2", "sha256:b")
    memory.record_content("docker 1", "sha256:a")
    assert Memory(memory.folder).contents == {"docker 1": "sha256:a", "docker 2": "sha256:b"}
    memory.forget_contents()
    assert memory.contents == {}


def test_of_very_many_versions_the_oldest_are_forgotten(memory: Memory) -> None:
    for number in range(502):
        memory.record_content("docker %d" % number, "sha256:a")
    assert (len(memory.contents), "docker 1" in memory.contents, "docker 2" in memory.contents) == (500, False, True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"history": 1}', '{"gated": []}', '{"contents": {"a": "b"}}', '{"contents": ["ab", ["a"]]}', "null"])
def test_a_damaged_file_counts_as_empty(memory: Memory, text: str) -> None:
    memory.folder.mkdir()
    (memory.folder / "state.json").write_text(text)
    assert (memory.history, memory.gated, memory.contents) == ((), {}, {})


def test_files_are_private(memory: Memory) -> None:
    memory.record_live(["A-1"])
    assert (memory.folder / "state.json").stat().st_mode & 0o777 == 0o600
    assert memory.folder.stat().st_mode & 0o777 == 0o700


def test_the_journal_is_one_json_a_line(memory: Memory) -> None:
    memory.journal(outcome="done", version="A")
    memory.journal(outcome="failed", error="line\nbreak")
    lines = (memory.folder / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["done", "failed"]
