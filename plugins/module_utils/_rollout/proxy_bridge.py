# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What stands in for a proxy while its container is replaced: a second container, and the kernel, which leads new connections there.

Its folder is there from before its container until after it: while there is one, no service may change its route.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import pathlib
import shutil
import socket
import typing as t

from .._engine.types import LABEL_BRIDGE, LABEL_SPEC, Container, Engine, Publish
from .._errors import HotswapError, NotOurs
from .._switch import port_redirect_tools, tls
from .._switch.folder import ProxyFolder
from .._switch.port_redirect import Redirects, choose
from .._switch.port_redirect_types import FULL, Destination, Redirect
from .._switch.types import ProxySettings, Switch
from . import redirects
from .owner import owner
from .paths import StateDir
from .proxy_plan import ProxySpec, read_spec
from .proxy_start import Seat, install

_SUFFIX = "-bridge"
# Address, prefix length, scope and more of each IPv6 address of this host (proc(5)); scope 00 is global.
_IPV6 = pathlib.Path("/proc/net/if_inet6")
_GLOBAL = "00"


class Bridge:
    """That of one proxy, there or not. `wait`: seconds that it may take to come up."""

    def __init__(self, engine: Engine, state: StateDir, proxy: str, wait: float) -> None:
        self._engine = engine
        self._proxy = proxy
        self._own = ProxyFolder(state.proxy(proxy))
        self._redirects = Redirects(redirects.folder(state))
        self.seat = Seat(engine, state, "%s-proxy%s" % (proxy, _SUFFIX), ProxyFolder(self._own.bridge), wait, bridge=True)

    @property
    def begun(self) -> bool:
        """True from before its container is made until after it is gone."""
        return self._own.bridge.exists()

    def container(self) -> Container | None:
        """Its container. Raises NotOurs for one of its name without our label."""
        found = self._engine.container(self.seat.container)
        if found and found.labels.get(LABEL_BRIDGE) != self._proxy:
            raise NotOurs(
                "container %s exists on %s and does not stand in for a proxy: %s" % (found.name, self._engine.kind, owner(found.labels)),
                "Rename or remove that container.",
            )
        return found

    def switch(self) -> Switch | None:
        """That of its container; None for one whose label cannot be read."""
        container = self.container()
        spec = read_spec(container.labels.get(LABEL_SPEC, "")) if container else None
        return self.seat.switch(spec.driver) if spec else None

    def led(self) -> bool:
        """True when the kernel leads new connections to it."""
        return any(one.to for one in self._leading())

    def _leading(self) -> list[Redirect]:
        return [one.redirect for one in self._redirects.active() if one.redirect.name.startswith("proxy.%s." % self._proxy)]

    def build(self, spec: ProxySpec, settings: ProxySettings) -> None:
        """Makes it, with the routes that the proxy has at this moment, and confirms it. Raises HotswapError."""
        with self._own.locked():
            self.seat.folder.create()
            self.seat.folder.save_routes(self._own.routes())
        tls.carry(self._own.conf, self.seat.folder.conf, settings)
        install(self.seat, spec, settings)

    def lead(self, spec: ProxySpec) -> None:
        """New connections to the published ports go to it. Raises SwitchError."""
        container = self.container()
        address = container.networks.get(spec.network, "") if container else ""
        for one in leading(spec, address):
            self._redirects.put(one, "", {})
            self._redirects.forget_closed(one)

    def release(self) -> None:
        """New connections go to what publishes the ports. Those that it has stay.

        The redirects stay too, without a destination: with the last one goes what lets the host's own clients reach a container
        (route_localnet), and their connections would hang.
        """
        for one in self._leading():
            self._redirects.put(dataclasses.replace(one, to=()), "", {})
            self._redirects.forget_closed(one)

    def remove(self) -> None:
        """Takes away its container, its redirects and its folder; gone already is no error."""
        if self.container():
            self._engine.stop(self.seat.container, None)
            self._engine.remove(self.seat.container)
        for one in self._leading():
            self._redirects.drop(one.name)
        self.seat.folder.delete()


def leading(spec: ProxySpec, address: str) -> list[Redirect]:
    """The redirects from all published ports to a container at that address; pure."""
    places: dict[tuple[int, int], list[str]] = {}
    for one in spec.publish:
        places.setdefault((one.host_port, one.container_port), []).append(_everywhere(one))
    return [
        Redirect("proxy.%s.%d-%d" % (spec.name, port, inside), port, ("tcp",), tuple(sorted(filter(None, addresses))), inside, (Destination(address, FULL),))
        for (port, inside), addresses in sorted(places.items())
    ]


def _everywhere(one: Publish) -> str:
    return "" if one.host_ip == "0.0.0.0" else one.host_ip


def hindrance(engine: Engine, spec: ProxySpec, now: ProxySpec | None, lost: bool) -> str:
    """Why a running proxy cannot be replaced without closing its listeners; "" when it can. Touches nothing.

    `now` is None for what cannot be read, `lost` for a proxy without its folder.
    """
    if now is None or lost:
        return "what it serves is not known"
    if engine.rootless:
        return "a rootless engine's user may not have the kernel lead connections elsewhere"
    if os.geteuid() != 0:
        return "only root may have the kernel lead connections elsewhere, and the task is run by an ordinary user (become: true)"
    if now.network != spec.network:
        return "it would not reach the services, which stay on the network %s" % now.network
    if not now.publish:
        return "none of its ports is published, so nobody could be led to another container"
    return _of_ipv6((*now.publish, *spec.publish)) or _of_tools()


def _of_ipv6(publish: t.Iterable[Publish]) -> str:
    """The kernel redirects within one family, and containers have IPv4 addresses."""
    for one in publish:
        if ":" in one.host_ip and ipaddress.ip_address(one.host_ip) != ipaddress.ip_address("::"):
            return "port %d is published for IPv6, and the kernel leads IPv6 clients to no IPv4 address" % one.host_port
        if one.host_ip in ("", "::") and _has_ipv6() and _answers(one.host_port):
            return "port %d is open for IPv6 clients too, whom the kernel leads to no IPv4 address (publish 0.0.0.0:%d for IPv4 alone)" % (
                one.host_port,
                one.host_port,
            )
    return ""


def _has_ipv6() -> bool:
    """True for a host that others reach by IPv6."""
    try:
        lines = _IPV6.read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    return any(line.split()[3] == _GLOBAL for line in lines)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("::1", port), 1.0).close()
    except OSError:
        return False
    return True


def _of_tools() -> str:
    try:
        choose("")
        port_redirect_tools.need("conntrack")
    except HotswapError as error:
        return str(error)
    return ""


def empty(folder: ProxyFolder) -> None:
    """Takes away what another driver left in the two folders; certificates stay."""
    for path in [*folder.conf.glob("*"), *folder.run.glob("*")]:
        if path.name == tls.FOLDER and path.parent == folder.conf:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(str(path))
        else:
            path.unlink()
