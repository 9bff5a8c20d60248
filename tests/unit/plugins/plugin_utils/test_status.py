# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table and the record of what runs where."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.plugin_utils import _status

Json = t.Dict[str, t.Any]


def version(name: str, phase: str, share: int = 0, state: str = "running", restarts: int = 0, health: str = "") -> Json:
    return {"version": name, "phase": phase, "share": share, "instances": [{"state": state, "restarts": restarts, "health": health}]}


def info(*versions: Json, problems: t.Sequence[str] = (), drift: t.Sequence[str] = (), **more: t.Any) -> Json:
    service = {"name": "greet", "versions": list(versions), "problems": list(problems), "drift": list(drift)}
    return {"services": [service], "proxies": [], "drift": [], "journal": {}, **more}


GOOD = info(version("A", "retired", state="exited"), version("B", "live", 100, restarts=2, health="healthy"))


def lines(found: t.Mapping[str, t.Any], *hosts: str) -> list[str]:
    return list(_status.report(found, hosts or tuple(found))["lines"])


def test_the_live_version_comes_first() -> None:
    report = _status.report({"a": GOOD}, ["a"])
    assert report["ok"]
    assert report["lines"] == [
        "host  service  version  phase    share  instances       restarts",
        "a     greet    B        live     100 %  1 of 1 healthy  2",
        "a     greet    A        retired         0 of 1",
        "status: hosts=1 services=1 to look at=0",
    ]


def test_each_thing_to_look_at_is_a_line() -> None:
    found = info(version("B", "live", 100), problems=["one"], drift=["two"], proxies=[{"name": "edge", "drift": ["three"]}])
    report = _status.report({"a": {**found, "drift": ["four"]}}, ["a"])
    assert not report["ok"]
    assert [line.split()[-1] for line in report["lines"][1:5]] == ["one", "two", "three", "four"]
    assert "proxy edge" in report["lines"][3]
    assert report["lines"][-1].endswith("to look at=1")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"unreachable": True, "msg": "no route"}, "unreachable: no route"),
        ({"failed": True, "msg": "no engine"}, "failed: no engine"),
        (None, "unreachable: it was not asked"),
    ],
)
def test_a_host_that_did_not_answer_is_a_line(found: Json | None, said: str) -> None:
    report = _status.report({"a": GOOD, **({"b": found} if found else {})}, ["a", "b"])
    assert not report["ok"] and not report["summary"]["hosts"]["b"]["ok"]
    assert report["summary"]["hosts"]["a"]["ok"]
    assert any(line.startswith("b ") and line.endswith(said) for line in report["lines"])


def test_a_host_where_nothing_runs_is_fine() -> None:
    report = _status.report({"a": {"services": [], "proxies": [], "drift": []}}, ["a"])
    assert report["ok"]
    assert report["lines"][1] == "a     nothing runs here"


def test_the_last_run_is_the_latest_of_the_journal() -> None:
    entries = [{"time": "t%d" % number, "outcome": "done"} for number in range(8)]
    report = _status.report({"a": {**GOOD, "journal": {"greet": entries, "gone": entries}}}, ["a"])
    assert "t7 done" in report["lines"][1]
    history = report["summary"]["hosts"]["a"]["services"][0]["history"]
    assert [one["time"] for one in history] == ["t7", "t6", "t5", "t4", "t3"]


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**3 // 2, "2.5 GiB"), (3 * 1024**5, "3072.0 TiB")])
def test_sizes(count: int, text: str) -> None:
    disk = {"images": 3, "images_size": count, "state": 10, "free": None, "total": None}
    assert "3 images, %s; state folder 10 B" % text in lines({"a": {**GOOD, "disk": disk}})[-2]


def test_free_space_is_told_where_it_is_known() -> None:
    disk = {"images": 3, "images_size": 1, "state": 1, "free": 1024, "total": 2048}
    assert lines({"a": {**GOOD, "disk": disk}})[-2].endswith("1.0 KiB of 2.0 KiB free")


def test_the_record_is_json() -> None:
    summary = _status.report({"a": GOOD, "b": {"unreachable": True}}, ["a", "b"])["summary"]
    assert json.loads(json.dumps(summary)) == summary
