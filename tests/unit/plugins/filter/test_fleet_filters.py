# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters of a fleet: what they turn into errors, and how they are found."""

from __future__ import annotations

import importlib
import pathlib
import typing as t

import pytest
from ansible.errors import AnsibleFilterError

PACKAGE = "ansible_collections.hotswap.containers.plugins.filter."
NAMES = ("batches", "files", "hosts", "lease", "outcome", "problems", "report", "services", "verdict", "wrong")


def _filter(name: str) -> t.Callable[..., t.Any]:
    found: t.Callable[..., t.Any] = importlib.import_module(PACKAGE + name).FilterModule().filters()[name]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_filter_is_found(name: str) -> None:
    assert callable(_filter("fleet_" + name))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fleet_batches", ("many",)),
        ("fleet_hosts", (["a"], "b")),
        ("fleet_hosts", ([],)),
        ("fleet_verdict", ([], 3, {"max_failures": "some"})),
        ("fleet_files", ("/nowhere/at/all.yml", "rollout_hooks_once")),
        ("fleet_files", ("[1",)),
    ],
)
def test_what_cannot_be_meant_is_an_error_of_ansible(name: str, words: tuple[t.Any, ...]) -> None:
    with pytest.raises(AnsibleFilterError):
        _filter(name)(*words)


def test_task_files_are_found_below_the_current_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yml").touch()
    monkeypatch.chdir(tmp_path)
    assert _filter("fleet_files")("a.yml, ") == [str(tmp_path / "a.yml")]
    assert _filter("fleet_files")([str(tmp_path / "a.yml")]) == [str(tmp_path / "a.yml")]
    assert _filter("fleet_files")("") == []


def test_an_outcome_before_and_after_the_way_back() -> None:
    info = {
        "services": [{"name": "greet", "version": "A", "versions": [{"version": "A", "phase": "live", "instances": [{"name": "greet-A-1"}]}], "problems": []}]
    }
    result = {"results": [{"changed": True, "version": "B", "instances": [{"name": "greet-B-1", "version": "B", "phase": "live"}]}]}
    first = _filter("fleet_outcome")({"before": info, "result": result, "names": ["greet"]}, "h1")
    assert (first["state"], first["changed"]) == ("updated", ["greet"])
    assert _filter("fleet_services")("", "greet", first["changed"]) == [{"name": "greet"}]
    assert _filter("fleet_services")("", "greet", None, first, info) == []
    back = _filter("fleet_outcome")({"was": first, "went": ["greet"], "now": info}, "h1")
    assert (back["state"], back["after"]) == ("returned", {"greet": "A"})
    stuck = _filter("fleet_outcome")({"was": first, "went": ["greet"], "now": {}, "failed": {"msg": "no space"}}, "h1")
    assert (stuck["state"], stuck["reason"]) == ("stuck", "no space")


def test_what_is_right_is_not_refused() -> None:
    given = {"rollout_batches": "1, 50%", "rollout_lease_seconds": "", "rollout_lease": "yes", "rollout_hooks_once": [], "rollout_batch_delay": 5}
    names = [*given, "rollout_image", "rollout_image_b", "rollout_verify_url", "rollout_run_updated", "rollout_owner_of_mine"]
    assert _filter("fleet_wrong")(names, given, ["greet"], 6) == []


def test_all_that_is_wrong_is_said() -> None:
    given = {"rollout_batches": "x", "rollout_hooks_once": "/nowhere/at/all.yml"}
    said = _filter("fleet_wrong")([*given, "rollout_cannary"], given, [""], 6)
    assert [one.split(":")[0] for one in said] == ["rollout_cannary", "rollout_name", "rollout_batches", "rollout_hooks_once"]
    assert "Is rollout_canary meant?" in said[0]


def test_hosts_are_a_list_or_a_text() -> None:
    assert _filter("fleet_hosts")("a, b") == _filter("fleet_hosts")(["a", "b"]) == ["a", "b"]
