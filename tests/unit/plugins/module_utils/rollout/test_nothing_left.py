# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused leaves nothing behind, and what was cut short spoils nothing that comes after it."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import service
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS


@pytest.mark.parametrize("given", [{"command": ["a\x00b"]}, {"image": "../containers/web"}, {"state": "absent", "proxy": "a\x00b"}])
def test_refused_before_there_is_a_lock(given: dict[str, t.Any], tmp_path: pathlib.Path) -> None:
    values = {name: option.get("default") for name, option in SERVICE_OPTIONS.items()}
    with pytest.raises(InvalidInput):
        service.converge(t.cast(t.Any, None), StateDir(tmp_path), {**values, "name": "greet", "image": "localhost/greet:A", **given}, False)
    assert list(tmp_path.iterdir()) == []


def test_a_journal_goes_on_behind_a_line_that_was_cut(tmp_path: pathlib.Path) -> None:
    memory = Memory(tmp_path)
    memory.journal(outcome="done")
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes() + b'{"outcome": "fai')
    memory.journal(outcome="again")
    lines = path.read_text().splitlines()
    assert [json.loads(lines[at])["outcome"] for at in (0, 2)] == ["done", "again"]
    assert path.read_text().endswith("}\n")
