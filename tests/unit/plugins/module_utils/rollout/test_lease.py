# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of a rollout over many hosts."""

from __future__ import annotations

import json
import pathlib
import time

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import LockHeld
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import lease, lock
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir

OURS = lease.Claim("us", "kim", "1.4.2", 100)
THEIRS = lease.Claim("them", "lee", "", 100)


@pytest.fixture(name="state")
def _state(tmp_path: pathlib.Path) -> StateDir:
    return StateDir(tmp_path)


def _take(state: StateDir, claim: lease.Claim, *names: str, check: bool = False) -> bool:
    return lease.take(state, names or ("greet",), claim, 0.0, check)


def test_it_is_new_once(state: StateDir) -> None:
    assert _take(state, OURS)
    assert not _take(state, OURS)


def test_a_renewal_moves_the_end_and_not_the_beginning(state: StateDir) -> None:
    _take(state, OURS)
    path = state.service("greet") / "lease.json"
    before = lease.read(path)
    _take(state, lease.Claim("us", "kim", "1.4.2", 200))
    after = lease.read(path)
    assert before and after and after["since"] == before["since"] and after["until"] > before["until"]


def test_another_is_told_who_has_it(state: StateDir) -> None:
    _take(state, OURS)
    with pytest.raises(lease.Refused, match=r"greet is being rolled out by kim for 1\.4\.2, since \d+ s") as refused:
        _take(state, THEIRS)
    assert refused.value.details["holder"]["owner"] == "us"
    assert "rollout_lease_break=true" in refused.value.fix


def test_check_mode_refuses_and_writes_nothing(state: StateDir) -> None:
    assert _take(state, OURS, check=True)
    assert not (state.service("greet") / "lease.json").exists()
    _take(state, OURS)
    with pytest.raises(lease.Refused):
        _take(state, THEIRS, check=True)


def test_all_or_none(state: StateDir) -> None:
    _take(state, OURS, "two")
    with pytest.raises(lease.Refused, match="service two"):
        _take(state, THEIRS, "one", "two")
    assert lease.read(state.service("one") / "lease.json") is None


def test_it_ends_by_itself(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    _take(state, OURS)
    later = time.time() + 101
    monkeypatch.setattr(lease.time, "time", lambda: later)
    assert _take(state, THEIRS)


def test_a_clock_that_was_set_back_does_not_make_it_last(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    _take(state, OURS)
    earlier = time.time() - 3600
    monkeypatch.setattr(lease.time, "time", lambda: earlier)
    assert _take(state, THEIRS)


def test_a_dead_owner_is_replaced_and_a_living_one_by_force(state: StateDir) -> None:
    _take(state, OURS)
    assert _take(state, lease.Claim("them", "lee", "", 100, replaces=("us",)))
    assert _take(state, lease.Claim("us", "kim", "", 100, by_force=True))


def test_only_the_owner_gives_it_back(state: StateDir) -> None:
    _take(state, OURS)
    assert not lease.release(state, ["greet"], "them", check=False)
    assert lease.release(state, ["greet"], "us", check=True)
    assert lease.release(state, ["greet"], "us", check=False)
    assert not lease.release(state, ["greet"], "us", check=False)
    assert _take(state, THEIRS)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"owner": "us"}', json.dumps({"owner": "us", "who": "", "why": "", "since": "soon", "until": 1})])
def test_a_damaged_lease_is_none(state: StateDir, text: str) -> None:
    folder = state.service("greet")
    folder.mkdir(parents=True)
    (folder / "lease.json").write_text(text)
    assert _take(state, OURS)


def test_it_waits_for_a_task_that_works_on_the_service(state: StateDir) -> None:
    with lock.held(state.service("greet"), "live of greet", 0.0), pytest.raises(LockHeld, match="locked by"):
        _take(state, OURS)
