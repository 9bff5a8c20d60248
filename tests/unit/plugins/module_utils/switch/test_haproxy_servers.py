# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running HAProxy is told of a server that is new to it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._switch.haproxy_runtime import Server
from ansible_collections.hotswap.containers.plugins.module_utils._switch.haproxy_servers import Servers
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Target


class Told:
    """A runtime that notes its orders, and has every server that it was told of."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.rows: dict[str, Server] = {}

    def servers(self, backend: str) -> dict[str, Server]:
        return self.rows

    def order(self, command: str, expected: str = "") -> None:
        self.orders.append(command)
        if command.startswith("add server app/green"):
            self.rows["green"] = Server("green", "10.0.0.2", 8282, 100, 0, True)


@pytest.mark.parametrize(
    ("defaults", "orders"),
    [
        ((), ["add server app/green 10.0.0.2:8282 weight 100", "set server app/green state ready"]),
        (("maxconn", "9"), ["add server app/green 10.0.0.2:8282 maxconn 9 weight 100", "set server app/green state ready"]),
        (
            ("check", "fall", "1"),
            ["add server app/green 10.0.0.2:8282 check fall 1 weight 100", "enable health app/green", "set server app/green state ready"],
        ),
    ],
)
def test_a_server_that_is_added_has_what_the_owner_says_of_every_server(defaults: tuple[str, ...], orders: list[str]) -> None:
    runtime = Told()
    Servers(t.cast(t.Any, runtime)).bring("app", [Target("green", "10.0.0.2", 8282)], defaults=defaults)
    assert runtime.orders == orders
