# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Switches traffic in HAProxy: servers at run time, routes by a reload that loses nothing.

Measured in HAProxy 2.6, 3.0 and 3.2: after a reload the replaced worker still answers the next request of every client
that it keeps alive, by the servers and routes it had, and refuses to change their state ("Proxy is disabled."). Its
maps can still be changed. So each replaced worker gets a mark in a map that makes it hand new requests to the
worker that replaced it; only then is an instance that a switch left free of new requests.

A held service is a key of a map: its new requests wait in a few lines of Lua that look the key up 20 times a second.
Nothing was sent anywhere yet, so whatever they carry is sent once. (Repeating a failing connect waits too, but a
replaced worker could not be told to stop, as its servers cannot be changed.)
"""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

from .._errors import SwitchError
from . import haproxy_render, safe, sockets
from .base import ConfiguredSwitch, Routes, intact, sealed, unsealed
from .folder import ProxyFolder, write
from .haproxy_runtime import CHANGED_BY_HAND, Runtime, one_line
from .haproxy_servers import Servers, together
from .types import Answers, Capabilities, ContainerParts, Places, ProxySettings, Route, RunInProxy, Serving

CAPABILITIES = Capabilities(shares=100, in_flight=True, lossless_reload=True, answers=True, preview=True, sticky=True, hold=True, maintenance=True)

_RELOAD = 20.0


def container_parts(places: Places) -> ContainerParts:
    """How the proxy's container is run. SIGUSR1 ends HAProxy when its last request has been answered."""
    return ContainerParts(
        image="docker.io/library/haproxy:3.2-alpine",
        entrypoint=("haproxy",),
        command=("-W", "-db", "-S", places.run + "/master.sock,mode,600", "-f", places.conf + "/haproxy.cfg"),
        stop_signal="SIGUSR1",
        cap_add=("NET_BIND_SERVICE",),
    )


class HaproxySwitch(ConfiguredSwitch):
    """A Switch (types.py) for one HAProxy. The workers that a reload replaces finish what is open."""

    driver = "haproxy"
    capabilities = CAPABILITIES
    configuration = "haproxy.cfg"

    def __init__(self, folder: ProxyFolder, run_in_proxy: RunInProxy, places: Places) -> None:
        super().__init__(folder, run_in_proxy, places)
        self._runtime = Runtime(folder.run / "admin.sock", folder.run / "master.sock")
        self._servers = Servers(self._runtime)
        self._held_map = "%s/%s" % (places.conf, haproxy_render.HELD_MAP)

    def current(self, service: str) -> dict[str, int]:
        """Instance name to weight of the servers that get new requests, from the running worker: of a held service none does."""
        if service in self._runtime.keys(self._held_map):
            return {}
        return self._servers.taking(haproxy_render.backend(service))

    def matches(self, route: Route) -> bool:
        """True when the files have this route and the running worker has the structure that they describe."""
        known = self._folder.route(route.service)
        if known is None or known.route != route:
            return False
        text = self._read()
        if intact(text):
            return haproxy_render.tells(text, route) and self._runtime.description() == haproxy_render.described(text)
        return self._runtime.description() == self._description(self._folder.settings(), self._folder.routes())

    def previewed(self, service: str) -> tuple[str, ...]:
        """Names of the servers that get the requests of the trial, from the running worker."""
        return tuple(sorted(self._servers.taking(haproxy_render.trial(service))))

    def serve(self, serving: Serving) -> None:
        """See types.Switch. A changed route is reloaded with its old targets first, so that they stay countable."""
        wanted = _sound(safe.serving(serving))
        with self._folder.locked():
            self._folder.check_bridge()
            after = self._moved(wanted)
            if after:
                self._folder.save_route(wanted, {self._file: after})
            else:
                self._introduce(wanted)
            self._move(wanted)

    def _moved(self, wanted: Serving) -> str:
        """The configuration where nothing but servers of the service changes; "" where more must be written, or loaded."""
        before, text = self._folder.route(wanted.route.service), self._read()
        if before is None or not intact(text) or not self._beside(wanted):
            return ""
        after = haproxy_render.moved(unsealed(text), self._folder.settings(), before, wanted)
        return sealed(after) if after and self._runtime.description() == haproxy_render.described(text) else ""

    def _beside(self, wanted: Serving) -> bool:
        """True when the other files say what they should; which other services are held is not known here."""
        for name, text in haproxy_render.files({wanted.route.service: wanted}, self._places).items():
            path = self._folder.conf / name
            said = path.read_bytes().decode("utf-8", "replace") if path.exists() else None
            if name == haproxy_render.HELD_MAP and said is not None:
                said = "".join(line for line in said.splitlines(True) if line.split()[:1] == [wanted.route.service])
            if said != text:
                return False
        return True

    def _introduce(self, wanted: Serving) -> None:
        service, settings, known = wanted.route.service, self._folder.settings(), self._folder.routes()
        after = {**known, service: wanted}
        if self._runtime.description() != self._description(settings, after):
            self._install(settings, {**known, service: _on_the_way(known.get(service), wanted)})
        self._write(settings, after)

    def in_flight(self, service: str, names: t.Sequence[str]) -> int:
        """Requests and websockets open to these instances, in the running worker and in those it replaced."""
        self._relay()
        counts = [self._runtime.connections(backend) for backend in haproxy_render.backends(service)]
        return sum(count.get(name, 0) for count in counts for name in names)

    def answers(self, service: str, names: t.Sequence[str]) -> Answers:
        """See types.Switch. Requests of the trial do not count; what a replaced worker counted is gone when it has ended."""
        return together(self._runtime.answers(haproxy_render.backend(service)), names)

    def forget(self, service: str, names: t.Sequence[str]) -> None:
        """Deletes the servers from the running worker, waiting up to 15 s for their pooled connections to close.

        What is not deleted by then stays in maintenance, gets nothing, and is gone at the next reload.
        """
        with self._folder.locked():
            known = self._folder.route(service)
            wanted = haproxy_render.pools(known) if known else {}
            for backend in haproxy_render.backends(service):
                served = {target.name for target in wanted.get(backend, ())}
                self._servers.forget(backend, [name for name in names if name not in served])

    def apply(self, settings: ProxySettings) -> None:
        """See types.Switch: reloads when the structure differs, then corrects every service's servers."""
        self.wait_ready(_RELOAD)
        with self._folder.locked():
            routes = self._folder.routes()
            self._install(settings, routes)
            for serving in routes.values():
                self._move(serving)

    def wait_ready(self, seconds: float) -> None:
        """Returns as soon as the worker answers."""
        self._runtime.description(seconds)

    def leave(self) -> None:
        """See types.Switch: a reload of what it has already, whose replaced worker closes each connection with an answer.

        That one is not told to hand requests over, as its servers stay right: told before its successor was there, it let them wait.
        """
        with self._folder.locked():
            taking = self._runtime.pid()
            self._runtime.reload()
            if not sockets.until(lambda: self._runtime.pid() != taking or None, _RELOAD):
                raise SwitchError("HAProxy did not load %s once more" % self._file, CHANGED_BY_HAND)

    def _runs_otherwise(self, settings: ProxySettings, routes: Routes) -> t.Iterator[str]:
        if self._runtime.description() != self._description(settings, routes):
            yield "HAProxy runs another structure than %s has." % self._file
        for serving in routes.values():
            for backend, targets in haproxy_render.pools(serving).items():
                yield from self._servers.differences(backend, targets)
        yield from _held_otherwise(set(haproxy_render.held(routes)), self._runtime.keys(self._held_map))

    def _render(self, settings: ProxySettings, routes: Routes) -> str:
        return sealed(haproxy_render.render(settings, routes, self._places))

    def _description(self, settings: ProxySettings, routes: Routes) -> str:
        return haproxy_render.description(settings, routes, self._places)

    def _write(self, settings: ProxySettings, routes: Routes) -> None:
        rendered = {self._folder.conf / name: text for name, text in haproxy_render.files(routes, self._places).items()}
        self._folder.save(settings, routes, {**rendered, self._file: self._render(settings, routes)})

    def _install(self, settings: ProxySettings, routes: Routes) -> None:
        """Makes the running worker have the structure, by a reload where it differs; all put back on failure."""
        wanted = self._description(settings, routes)
        if self._runtime.description() == wanted:
            self._write(settings, routes)
            return
        self._check(settings, routes)
        with self._folder.put_back_on_failure(self._file, self._folder.conf / haproxy_render.HELD_MAP):
            self._write(settings, routes)
            self._reload(wanted)
        self._relay()

    def _check(self, settings: ProxySettings, routes: Routes) -> None:
        for name, text in haproxy_render.files(routes, self._places).items():
            # A folder of an earlier release lacks what the candidate refers to.
            if not (self._folder.conf / name).exists():
                write(self._folder.conf / name, text)
        code, output = self._tried(self._render(settings, routes), "haproxy", "-c", "-f")
        if code != 0:
            # HAProxy quotes lines that it does not understand.
            output = output.replace(settings.token, "(token)")
            raise SwitchError("HAProxy refuses the new configuration of proxy %s: %s" % (self._folder.root.name, one_line(output)), CHANGED_BY_HAND)

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
            raise SwitchError("HAProxy did not load %s: %s" % (self._file, one_line(answer)), CHANGED_BY_HAND)

    def _relay(self) -> None:
        """Marks every replaced worker, so that it hands new requests to the running one."""
        mark = "%s/%s on yes" % (self._places.conf, haproxy_render.RELAY_MAP)
        for pid in self._runtime.replaced():
            if " on yes" not in self._runtime.ask_old(pid, "show map " + mark.split()[0]):
                self._runtime.ask_old(pid, "add map " + mark)

    def _move(self, serving: Serving) -> None:
        """Brings the targets in, then lets every other server drain. Requests wait before, and go on in between."""
        self._relay()
        pools, held = haproxy_render.pools(serving), serving.held and haproxy_render.holds(serving.route)
        if held:
            self._hold(serving.route.service, True)
        for backend, targets in pools.items():
            self._servers.bring(backend, targets, haproxy_render.cookie_key(self._folder.settings(), backend) if serving.route.sticky else "")
        if not held:
            self._hold(serving.route.service, False)
        for backend, targets in pools.items():
            # A drained server would still get the clients whose cookie names it.
            self._servers.retire(backend, targets, "maint" if serving.route.sticky else "drain")

    def _hold(self, service: str, wanted: bool) -> None:
        if (service in self._runtime.keys(self._held_map)) != wanted:
            self._runtime.order("%s map %s %s%s" % ("add" if wanted else "del", self._held_map, safe.name(service), " on" if wanted else ""))
        if (service in self._runtime.keys(self._held_map)) != wanted:
            raise SwitchError("HAProxy does not %s requests of %s" % ("hold" if wanted else "let go of", service), CHANGED_BY_HAND)


def _sound(serving: Serving) -> Serving:
    """The serving, unless its parts contradict each other."""
    if serving.held and serving.targets:
        raise SwitchError("%s is to be held, and to serve" % serving.route.service, "Hold a service without instances.")
    if serving.preview and not serving.route.preview:
        raise SwitchError("%s has instances on trial and no way to them" % serving.route.service, "Give its route a preview.")
    return serving


def _on_the_way(before: Serving | None, wanted: Serving) -> Serving:
    """What a changed route is loaded with: what was served before, where something was, so that it stays countable."""
    if before is None or not (before.targets or before.held):
        return wanted
    return dataclasses.replace(before, route=wanted.route, preview=before.preview if wanted.route.preview else ())


def _held_otherwise(written: set[str], running: set[str]) -> list[str]:
    return ["%s: HAProxy does not hold its requests as written." % name for name in sorted(written - running)] + [
        "%s: HAProxy holds its requests, which is not written." % name for name in sorted(running - written)
    ]


def open_switch(folder: pathlib.Path, run_in_proxy: RunInProxy, places: Places) -> HaproxySwitch:
    """The switch of the HAProxy whose folder this is."""
    return HaproxySwitch(ProxyFolder(folder), run_in_proxy, places)
