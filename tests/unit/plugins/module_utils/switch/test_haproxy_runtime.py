# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of real HAProxies (recorded/), understood."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.haproxy_runtime import (
    Runtime,
    Server,
    Workers,
    one_line,
    parse_connections,
    parse_info,
    parse_servers,
    parse_workers,
    wished,
)

RECORDED = pathlib.Path(__file__).with_name("recorded")
VERSIONS = ["haproxy-2.6", "haproxy-3.0", "haproxy-3.2"]

pytestmark = pytest.mark.parametrize("version", VERSIONS)


def said(version: str, name: str) -> str:
    return (RECORDED / version / (name + ".txt")).read_text()


def test_servers(version: str) -> None:
    rows = parse_servers(said(version, "servers"))
    assert rows == {
        "greet-a": Server("greet-a", "127.1.0.1", 18282, 100, 8, True),
        "greet-b": Server("greet-b", "127.1.0.2", 18282, 30, 0, True),
        "greet-c": Server("greet-c", "127.1.0.3", 18282, 100, 1, False),
        "greet-d": Server("greet-d", "127.1.0.4", 18282, 0, 0, True),
    }
    assert {name for name, row in rows.items() if row.ready} == {"greet-b", "greet-d"}
    assert parse_servers(said(version, "unknown")) == {}
    assert parse_connections(said(version, "unknown")) == {}


def test_wished(version: str) -> None:
    rows = parse_servers(said(version, "servers"))
    assert wished(rows["greet-b"], "127.1.0.2", 18282, 30)
    for wrong in (("127.1.0.9", 18282, 30), ("127.1.0.2", 18283, 30), ("127.1.0.2", 18282, 31)):
        assert not wished(rows["greet-b"], *wrong)
    assert not wished(rows["greet-a"], "127.1.0.1", 18282, 100)
    assert not wished(rows.get("greet-z"), "127.1.0.1", 18282, 100)


def test_connections(version: str) -> None:
    expected = {"greet-a": 2, "greet-b": 1, "greet-c": 1, "greet-d": 0}
    assert parse_connections(said(version, "connections")) == expected
    assert parse_connections(said(version, "connections_replaced")) == expected


def test_workers(version: str) -> None:
    quiet, failed, replaced = (parse_workers(said(version, name)) for name in ("workers", "workers_failed", "workers_replaced"))
    assert quiet == Workers((), 0)
    assert failed is not None and failed.failed == 1
    assert replaced is not None and len(replaced.old) == 1 and replaced.failed == 0
    assert parse_workers("") is None


def test_info(version: str) -> None:
    info = parse_info(said(version, "info"))
    assert info["description"].startswith("hotswap-")
    assert info["pid"].isdigit()
    assert info["version"].startswith(version.split("-")[1])


def test_a_failed_reload_is_told_from_3_0_on(version: str) -> None:
    answer = said(version, "reload_failed")
    assert answer.startswith("Success=0") == (version != "haproxy-2.6")
    assert "\n" not in one_line(answer)


def test_nobody_there(version: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(SwitchError, match=r"does not answer on .*admin\.sock: .*No such file"):
        Runtime(tmp_path / version / "admin.sock", tmp_path / version / "master.sock").description(0.0)
