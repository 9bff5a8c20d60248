# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways that this collection moves traffic, as the bench measures them. A new driver is a line here."""

from __future__ import annotations

import dataclasses
import typing as t

ENGINES = ("docker", "podman", "rootless")
ROOTFUL = ("docker", "podman")


@dataclasses.dataclass(frozen=True)
class Driver:
    """One way. `proxy` is the driver of the module reverse_proxy, "" without one.

    `front`: what stands before the service, which is the play that sets it up: a proxy in a container or of the host, the kernel's redirect,
    or somebody else's proxy that finds the service by its alias. `service`: what the module service is told of it.
    `apart` says why a way may lose requests by its nature: its rows are listed apart and never added to the others.
    """

    title: str
    proxy: str
    front: str = "container"
    engines: tuple[str, ...] = ENGINES
    apart: str = ""

    def service(self, port: int) -> dict[str, t.Any]:
        """The options of the module service that say how it is reached on the host's port."""
        ways: dict[str, dict[str, t.Any]] = {
            "container": {"proxy": "bench"},
            "host": {"proxy": "bench", "ports_from": 22000},
            "redirect": {"network": "bench", "redirect": {"port": port}},
            "alias": {"network": "bench", "alias": "greet"},
        }
        return ways[self.front]


DRIVERS: t.Mapping[str, Driver] = {
    "haproxy": Driver("HAProxy", "haproxy"),
    "caddy": Driver("Caddy", "caddy"),
    "nginx": Driver("nginx", "nginx"),
    # Its configuration is root's, and a service of a rootless engine is its user's.
    "host_haproxy": Driver("HAProxy of the host", "haproxy", "host", ROOTFUL),
    "host_nginx": Driver("nginx of the host", "nginx", "host"),
    "host_apache": Driver("Apache of the host", "apache", "host"),
    "port_redirect": Driver(
        "`redirect`",
        "",
        "redirect",
        ROOTFUL,
        "the kernel moves new connections only; clients that keep theirs stay with the old version, and are cut when it is stopped at `drain_timeout`",
    ),
    "alias": Driver(
        "`alias` (behind a Caddy of one's own, `dynamic a`, `refresh 1s`)",
        "",
        "alias",
        apart="the engine takes the old version off the network for a moment in order to take its name away,"
        " and when the proxy looks the name up again is the proxy's decision",
    ),
}
# What the recipe of the peers can be put behind.
RECIPE_PROXIES = ("haproxy", "caddy")
