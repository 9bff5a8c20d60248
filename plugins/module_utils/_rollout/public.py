# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Asking through the public route which instance answers: the proof that a cutover has happened for clients too."""

from __future__ import annotations

import socket
import time
import typing as t

from .._errors import SwitchError
from .._switch.types import Route, Target
from . import netns
from .http import NoAnswer, request

_INTERVAL = 0.05
PROBE_HEADER = "X-Hotswap-Probe"
INSTANCE_HEADER = "x-hotswap-instance"


class PublicRoute:
    """One way into a proxy: `connect()` gives a socket to one of its listeners as clients reach it.

    `place` is for people, `host` is the Host header of a route that takes every host. `encrypted`: the listener has TLS.
    """

    def __init__(self, place: str, host: str, connect: t.Callable[[], socket.socket], token: str, encrypted: bool = False) -> None:
        self.place = place
        self.host = host
        self._connect = connect
        self._token = token
        self._encrypted = encrypted

    def answered_by(self, host: str, path: str) -> str:
        """The proxy's name for the instance that answered, "" when none did. Raises NoAnswer or Unreachable."""
        answer = request(self._connected("" if host == self.host else host), "GET", path, {"Host": host, PROBE_HEADER: self._token})
        return answer.headers.get(INSTANCE_HEADER, "")

    def _connected(self, name: str) -> socket.socket:
        if not self._encrypted:
            return self._connect()
        # Imported here: few listeners have it, and a module's files are compiled anew in each run.
        from . import handshake

        try:
            return handshake.client(self._connect(), name)
        except OSError as error:
            raise NoAnswer("%s: no TLS: %s" % (self.place, error)) from error


def published(address: str, port: int, token: str, timeout: float, encrypted: bool = False) -> PublicRoute:
    """The route as the host's own clients reach it."""
    place = "%s:%d" % (address, port)
    return PublicRoute(place, place, lambda: _connect(address, port, timeout), token, encrypted)


def inside(pid_now: t.Callable[[], int], port: int, token: str, timeout: float, encrypted: bool = False) -> PublicRoute:
    """The route as seen inside the network namespace of the proxy's process of now, for a listener that is not published."""
    place = "port %d of the proxy" % port
    return PublicRoute(place, "127.0.0.1:%d" % port, lambda: netns.connect(pid_now(), "127.0.0.1", port, timeout), token, encrypted)


def _connect(address: str, port: int, timeout: float) -> socket.socket:
    try:
        return socket.create_connection((address, port), timeout)
    except OSError as error:
        raise netns.Unreachable("%s:%d: %s" % (address, port, error)) from error


def confirm(
    way: PublicRoute,
    route: Route,
    path: str,
    targets: t.Sequence[Target],
    identifies: t.Callable[[str, Target], bool],
    timeout: float,
) -> None:
    """Returns once an answer through `way` comes from one of `targets`. Raises SwitchError with the last answer."""
    host = host_for(route) or way.host
    deadline = time.monotonic() + timeout
    while True:
        said = _ask(way, host, path)
        if any(identifies(said, target) for target in targets):
            return
        if time.monotonic() >= deadline:
            raise SwitchError(
                "through %s (Host: %s, %s) the new version did not answer within %g s, but: %s" % (way.place, host, path, timeout, said or "nobody"),
                "Look at the proxy's logs, and whether another service claims this route.",
            )
        time.sleep(_INTERVAL)


def _ask(way: PublicRoute, host: str, path: str) -> str:
    try:
        return way.answered_by(host, path)
    except (NoAnswer, netns.Unreachable) as error:
        return error.what


def host_for(route: Route) -> str:
    """A Host that the route matches; "" when every host does."""
    return route.hosts[0].replace("*.", "any.") if route.hosts else ""
