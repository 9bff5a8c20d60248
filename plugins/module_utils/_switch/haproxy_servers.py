# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""The servers of a running HAProxy's backends: brought in, retired and forgotten at run time, each step confirmed."""

from __future__ import annotations

import typing as t

from .._errors import SwitchError
from . import haproxy_render, safe, sockets
from .haproxy_runtime import CHANGED_BY_HAND, Runtime, Server, wished
from .types import Answers, Target

_CONFIRM = 5.0
# Pooled connections to a server keep it from being deleted for up to pool-purge-delay, 5 s by default.
_FORGET = 15.0


class Servers:
    """The servers that the current worker has, but for those that are `theirs`, by name. Every method raises SwitchError."""

    def __init__(self, runtime: Runtime, theirs: t.Callable[[str], bool] = lambda _name: False) -> None:
        self._runtime = runtime
        self._theirs = theirs

    def _rows(self, backend: str) -> dict[str, Server]:
        return {name: row for name, row in self._runtime.servers(backend).items() if not self._theirs(name)}

    def taking(self, backend: str) -> dict[str, int]:
        """Name to weight of the servers that get new requests."""
        rows = self._rows(backend).values()
        return {row.name: row.weight for row in rows if row.ready and row.weight > 0}

    def bring(self, backend: str, targets: t.Sequence[Target], cookie_key: str = "", defaults: t.Sequence[str] = ()) -> None:
        """Makes every target a server that gets requests; returns once all are.

        `cookie_key`: the backend's, where it makes cookies. `defaults`: what its default-server says, which HAProxy does not
        apply to servers that are added at run time.
        """
        rows = self._rows(backend)
        for target in targets:
            self._admit(backend, target, rows.get(target.name), cookie_key, defaults)
        self._confirm(backend, targets, ())

    def retire(self, backend: str, targets: t.Sequence[Target], state: str) -> None:
        """Puts every other server into `state` ("drain" or "maint"); returns once none of them gets a new request."""
        named = {target.name for target in targets}
        others = [row.name for row in self._rows(backend).values() if row.ready and row.name not in named]
        for name in others:
            self._runtime.order("set server %s/%s state %s" % (backend, name, state))
        self._confirm(backend, targets, others)

    def forget(self, backend: str, names: t.Sequence[str]) -> None:
        """Deletes these servers, waiting up to 15 s for their pooled connections to close. Those that stay get nothing."""
        rows = self._rows(backend)
        servers = ["%s/%s" % (backend, safe.name(name)) for name in names if name in rows]
        for server in servers:
            self._runtime.order("set server %s state maint" % server)
        sockets.until(lambda: self._delete(servers), _FORGET, 0.1)

    def differences(self, backend: str, targets: t.Sequence[Target]) -> list[str]:
        """How the running servers differ from these, one sentence each."""
        rows, names = self._rows(backend), {target.name for target in targets}
        missing = [one.name for one in targets if not wished(rows.get(one.name), one.address, one.port, one.weight)]
        extra = [row.name for row in rows.values() if row.ready and row.weight > 0 and row.name not in names]
        return ["%s: HAProxy does not serve %s as written." % (backend, name) for name in missing] + [
            "%s: HAProxy serves %s, which is not written." % (backend, name) for name in extra
        ]

    def _admit(self, backend: str, target: Target, row: Server | None, cookie_key: str, defaults: t.Sequence[str]) -> None:
        server = "%s/%s" % (backend, safe.name(target.name))
        if row is None:
            self._add(server, target, defaults)
        elif (row.address, row.port) != (target.address, target.port):
            self._runtime.order("set server %s state maint" % server)
            self._runtime.change("set server %s addr %s port %d" % (server, target.address, target.port))
            row = None
        if row is None and cookie_key:
            # 2.6 makes no cookie for a server that is added; the same key once more makes it, and changes no other.
            self._runtime.order("set dynamic-cookie-key backend %s %s" % (backend, cookie_key))
        if row is not None and row.weight != target.weight:
            self._runtime.order("set server %s weight %d" % (server, target.weight))
        if row is None or not row.ready:
            self._runtime.order("set server %s state ready" % server)

    def _add(self, server: str, target: Target, defaults: t.Sequence[str]) -> None:
        address, *own = haproxy_render.server_arguments(target).split(" ")
        self._runtime.order("add server %s" % " ".join([server, address, *defaults, *own]), "New server registered.")
        if "check" in defaults:
            self._runtime.order("enable health %s" % server)

    def _confirm(self, backend: str, targets: t.Sequence[Target], drained: t.Sequence[str]) -> None:
        def confirmed() -> bool | None:
            rows = self._rows(backend)
            there = all(wished(rows.get(one.name), one.address, one.port, one.weight) for one in targets)
            left = all(name not in rows or not rows[name].ready for name in drained)
            return True if there and left else None

        if not sockets.until(confirmed, _CONFIRM):
            raise SwitchError("HAProxy does not confirm %s of %s" % ([one.name for one in targets], backend), CHANGED_BY_HAND)

    def _delete(self, servers: t.Sequence[str]) -> bool | None:
        answers = [self._runtime.change("del server " + server) for server in servers]
        return True if all("Server deleted." in answer or "No such server" in answer for answer in answers) else None


def together(found: t.Mapping[str, Answers], names: t.Iterable[str]) -> Answers:
    """The counts of these servers in one."""
    mine = [found[name] for name in names if name in found]
    return Answers(sum(one.total for one in mine), sum(one.errors for one in mine))
