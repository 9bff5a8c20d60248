# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Switches traffic in HAProxy: servers at run time, routes by a reload that loses nothing.

Measured in HAProxy 2.6, 3.0 and 3.2: after a reload the replaced worker still answers the next request of every client
that it keeps alive, by the servers and routes it had, and refuses to change their state ("Proxy is disabled."). Its
maps can still be changed. So each replaced worker gets a mark in a map that makes it hand new requests to the
worker that replaced it; only then is an instance that a switch left free of new requests.
"""

from __future__ import annotations

import pathlib
import typing as t

from .._errors import SwitchError
from . import haproxy_render, safe, sockets
from .folder import ProxyFolder, write
from .haproxy_runtime import Runtime, Server, one_line, wished
from .types import Answers, Capabilities, ContainerParts, Places, ProxySettings, Route, RunInProxy, Serving, Target

CAPABILITIES = Capabilities(shares=100, in_flight=True, lossless_reload=True)

_CONFIRM = 5.0
_RELOAD = 20.0
# Pooled connections to a server keep it from being deleted for up to pool-purge-delay, 5 s by default.
_FORGET = 15.0
_CHANGED_BY_HAND = "Run hotswap.containers.reverse_proxy again; if this stays, look at the proxy container's log."

Routes = t.Mapping[str, Serving]


def container_parts(places: Places) -> ContainerParts:
    """How the proxy's container is run. SIGUSR1 ends HAProxy when its last request has been answered."""
    return ContainerParts(
        image="docker.io/library/haproxy:3.2-alpine",
        entrypoint=("haproxy",),
        command=("-W", "-db", "-S", places.run + "/master.sock,mode,600", "-f", places.conf + "/haproxy.cfg"),
        stop_signal="SIGUSR1",
        cap_add=("NET_BIND_SERVICE",),
    )


class HaproxySwitch:
    """A Switch (types.py) for one HAProxy."""

    driver = "haproxy"
    capabilities = CAPABILITIES

    def __init__(self, folder: ProxyFolder, run_in_proxy: RunInProxy, places: Places) -> None:
        self._folder = folder
        self._run_in_proxy = run_in_proxy
        self._places = places
        self._runtime = Runtime(folder.run)
        self._file = folder.conf / "haproxy.cfg"

    def routes(self) -> dict[str, Serving]:
        """Service name to route and targets, as the files on disk say."""
        return self._folder.routes()

    def current(self, service: str) -> dict[str, int]:
        """Instance name to weight of the servers that get new requests, from the running worker."""
        rows = self._runtime.servers(haproxy_render.backend(service)).values()
        return {row.name: row.weight for row in rows if row.ready and row.weight > 0}

    def matches(self, route: Route) -> bool:
        """True when the files have this route and the running worker has the structure that they describe."""
        known = self._folder.routes()
        if route.service not in known or known[route.service].route != route:
            return False
        return self._runtime.description() == self._description(self._folder.settings(), known)

    def previewed(self, service: str) -> tuple[str, ...]:
        """None yet."""
        return ()

    def serve(self, serving: Serving) -> None:
        """See types.Switch. A changed route is reloaded with its old targets first, so that they stay countable."""
        wanted, route = safe.serving(serving), serving.route
        with self._folder.locked():
            settings, known = self._folder.settings(), self._folder.routes()
            before = known.get(route.service)
            kept = before.targets if before is not None and before.targets else wanted.targets
            self._install(settings, {**known, route.service: Serving(route, kept)})
            self._write(settings, {**known, route.service: wanted})
            self._move(wanted)

    def in_flight(self, service: str, names: t.Sequence[str]) -> int:
        """Requests and websockets open to these instances, in the running worker and in those it replaced."""
        self._relay()
        counts = self._runtime.connections(haproxy_render.backend(service))
        return sum(counts.get(name, 0) for name in names)

    def answers(self, service: str, names: t.Sequence[str]) -> Answers | None:
        """Not counted yet."""
        return None

    def forget(self, service: str, names: t.Sequence[str]) -> None:
        """Deletes the servers from the running worker, waiting up to 15 s for their pooled connections to close.

        What is not deleted by then stays in maintenance, gets nothing, and is gone at the next reload.
        """
        with self._folder.locked():
            known = self._folder.routes().get(service)
            served = {target.name for target in known.targets} if known else set()
            backend = haproxy_render.backend(service)
            rows = self._runtime.servers(backend)
            gone = [name for name in names if name in rows and name not in served]
            for name in gone:
                self._change("set server %s/%s state maint" % (backend, safe.name(name)), "")
            sockets.until(lambda: self._delete(backend, gone), _FORGET, 0.1)

    def remove(self, service: str) -> None:
        """Removes the service's route; the workers that a reload replaces finish what is open."""
        with self._folder.locked():
            routes = self._folder.routes()
            if routes.pop(service, None) is not None:
                self._install(self._folder.settings(), routes)

    def apply(self, settings: ProxySettings) -> None:
        """See types.Switch: reloads when the structure differs, then corrects every service's servers."""
        self.wait_ready(_RELOAD)
        with self._folder.locked():
            routes = self._folder.routes()
            self._install(settings, routes)
            for serving in routes.values():
                self._move(serving)

    def drift(self) -> list[str]:
        """Differences between the running worker and the files, one sentence each."""
        settings, routes = self._folder.settings(), self._folder.routes()
        found = []
        if not self._file.exists() or self._file.read_text(encoding="utf-8") != self._render(settings, routes):
            found.append("%s was changed by something else." % self._file)
        try:
            if self._runtime.description() != self._description(settings, routes):
                found.append("HAProxy runs another structure than %s has." % self._file)
            for serving in routes.values():
                found += _differences(serving, self._runtime.servers(haproxy_render.backend(serving.route.service)))
        except SwitchError as error:
            found.append("%s." % error.what)
        return found

    def prepare(self, settings: ProxySettings) -> None:
        """Writes all files, before the proxy starts."""
        self._folder.create()
        with self._folder.locked():
            self._write(safe.settings(settings), self._folder.routes())

    def wait_ready(self, seconds: float) -> None:
        """Returns as soon as the worker answers."""
        self._runtime.description(seconds)

    def identifies(self, header: str, target: Target) -> bool:
        """True when the header is the instance's name."""
        return header == target.name

    def _render(self, settings: ProxySettings, routes: Routes) -> str:
        return haproxy_render.render(settings, routes, self._places)

    def _description(self, settings: ProxySettings, routes: Routes) -> str:
        return haproxy_render.description(settings, routes, self._places)

    def _write(self, settings: ProxySettings, routes: Routes) -> None:
        rendered = {self._folder.conf / haproxy_render.RELAY_MAP: "", self._file: self._render(settings, routes)}
        self._folder.save(settings, routes, rendered)

    def _install(self, settings: ProxySettings, routes: Routes) -> None:
        """Makes the running worker have the structure, by a reload where it differs; all put back on failure."""
        wanted = self._description(settings, routes)
        if self._runtime.description() == wanted:
            self._write(settings, routes)
            return
        self._check(self._render(settings, routes), settings.token)
        before = self._folder.snapshot(self._file)
        try:
            self._write(settings, routes)
            self._reload(wanted)
        except BaseException:
            self._folder.restore(before)
            raise
        self._relay()

    def _check(self, text: str, token: str) -> None:
        candidate = self._folder.conf / "candidate.cfg"
        write(candidate, text)
        try:
            code, output = self._run_in_proxy(["haproxy", "-c", "-f", "%s/%s" % (self._places.conf, candidate.name)])
        finally:
            candidate.unlink()
        if code != 0:
            # HAProxy quotes lines that it does not understand.
            output = output.replace(token, "(token)")
            raise SwitchError("HAProxy refuses the new configuration of proxy %s: %s" % (self._folder.root.name, one_line(output)), _CHANGED_BY_HAND)

    def _reload(self, wanted: str) -> None:
        failed = self._runtime.workers().failed
        answer = self._runtime.reload()

        def outcome() -> bool | None:
            if answer.startswith("Success=0"):
                return False
            if self._runtime.description() == wanted:
                return True
            return False if self._runtime.workers().failed > failed else None

        if not sockets.until(outcome, _RELOAD):
            raise SwitchError("HAProxy did not load %s: %s" % (self._file, one_line(answer)), _CHANGED_BY_HAND)

    def _relay(self) -> None:
        """Marks every replaced worker, so that it hands new requests to the running one."""
        mark = "%s/%s on yes" % (self._places.conf, haproxy_render.RELAY_MAP)
        for pid in self._runtime.replaced():
            if " on yes" not in self._runtime.ask_old(pid, "show map " + mark.split()[0]):
                self._runtime.ask_old(pid, "add map " + mark)

    def _move(self, serving: Serving) -> None:
        """Brings the targets in and confirms them, then lets every other server drain and confirms that."""
        self._relay()
        backend = haproxy_render.backend(serving.route.service)
        rows = self._runtime.servers(backend)
        for target in serving.targets:
            self._admit(backend, target, rows.get(target.name))
        self._confirm(backend, serving.targets, ())
        others = [row.name for row in rows.values() if row.ready and row.name not in {one.name for one in serving.targets}]
        for name in others:
            self._change("set server %s/%s state drain" % (backend, name), "")
        self._confirm(backend, serving.targets, others)

    def _admit(self, backend: str, target: Target, row: Server | None) -> None:
        server = "%s/%s" % (backend, safe.name(target.name))
        if row is None:
            self._change("add server %s %s" % (server, haproxy_render.server_arguments(target)), "New server registered.")
        elif (row.address, row.port) != (target.address, target.port):
            self._change("set server %s state maint" % server, "")
            self._runtime.change("set server %s addr %s port %d" % (server, target.address, target.port))
            row = None
        if row is not None and row.weight != target.weight:
            self._change("set server %s weight %d" % (server, target.weight), "")
        if row is None or not row.ready:
            self._change("set server %s state ready" % server, "")

    def _change(self, command: str, expected: str) -> None:
        answer = self._runtime.change(command).strip()
        if answer != expected:
            raise SwitchError("HAProxy answers %r to %r" % (answer, command), _CHANGED_BY_HAND)

    def _confirm(self, backend: str, targets: t.Sequence[Target], drained: t.Sequence[str]) -> None:
        def confirmed() -> bool | None:
            rows = self._runtime.servers(backend)
            there = all(wished(rows.get(one.name), one.address, one.port, one.weight) for one in targets)
            left = all(name not in rows or not rows[name].ready for name in drained)
            return True if there and left else None

        if not sockets.until(confirmed, _CONFIRM):
            raise SwitchError("HAProxy does not confirm %s of %s" % ([one.name for one in targets], backend), _CHANGED_BY_HAND)

    def _delete(self, backend: str, names: t.Sequence[str]) -> bool | None:
        answers = [self._runtime.change("del server %s/%s" % (backend, name)) for name in names]
        return True if all("Server deleted." in answer or "No such server" in answer for answer in answers) else None


def _differences(serving: Serving, rows: t.Mapping[str, Server]) -> list[str]:
    service = serving.route.service
    names = {target.name for target in serving.targets}
    missing = [one.name for one in serving.targets if not wished(rows.get(one.name), one.address, one.port, one.weight)]
    extra = [row.name for row in rows.values() if row.ready and row.weight > 0 and row.name not in names]
    return ["%s: HAProxy does not serve %s as written." % (service, name) for name in missing] + [
        "%s: HAProxy serves %s, which is not written." % (service, name) for name in extra
    ]


def open_switch(folder: pathlib.Path, run_in_proxy: RunInProxy, places: Places) -> HaproxySwitch:
    """The switch of the HAProxy whose folder this is."""
    return HaproxySwitch(ProxyFolder(folder), run_in_proxy, places)
