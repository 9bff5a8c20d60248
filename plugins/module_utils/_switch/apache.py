# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Switches traffic in an Apache that the host runs: targets by a map file that Apache looks up for each request.

`conf/maps/up.map` is replaced by rename. Apache looks at the file's time for each request (mod_rewrite.c, apr_stat), to the
microsecond, so the next request follows. A new or changed route needs `graceful`, which closes idle client connections:
at 1,100 requests/s about 6 requests were lost each time.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import pathlib
import socket
import time
import typing as t

from .._errors import InvalidInput, SwitchError
from . import apache_render, safe, sockets
from .base import ByAddress, OfRoot, Routes, Uncounted
from .folder import ProxyFolder, sync_folder, write
from .types import Capabilities, ContainerParts, Places, ProxySettings, Route, RunInProxy, Serving

CAPABILITIES = Capabilities(
    shares=20,
    in_flight=False,
    lossless_reload=False,
    max_instances=apache_render.SLOTS,
    preview=True,
    maintenance=True,
)

CHECK = ("apachectl", "configtest")
RELOAD = ("apachectl", "graceful")
_PATIENCE = 10.0
_ANSWER = 5.0
# Processes of before a reload take connections for a moment longer: so many new ones must all have met the new one.
_IN_A_ROW = 10
_FIX = "Run hotswap.containers.reverse_proxy again; if this stays, look at Apache's error log."


def container_parts(_places: Places) -> ContainerParts:
    """None: raises InvalidInput."""
    raise InvalidInput("driver: apache is only used as a service that the host runs itself", "Set where: host, or take another driver.")


class Map:
    """The map file. What it says is what the running Apache does."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self.path = folder / "up.map"
        self._next = folder / "next.map"

    def create(self) -> None:
        """Makes the folders that Apache's own user reads from."""
        for path in (self._folder, self._folder / "closed"):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)

    def text(self) -> str:
        """What it says now, "" when there is none."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def entries(self) -> dict[str, dict[str, list[t.Any]]]:
        """What it says by service and kind; {} when it was changed by something else."""
        return apache_render.read_map(self.text())

    def fill(self, routes: Routes) -> bool:
        """Writes what `turn` moves to, and the texts that it needs. False, and nothing to turn to, when the map says that already."""
        for name, text in apache_render.texts(routes).items():
            if write(self._folder / "closed" / name, text):
                (self._folder / "closed" / name).chmod(0o644)
        wanted = apache_render.map_file(routes)
        if self.text() == wanted:
            return False
        write(self._next, wanted)
        self._next.chmod(0o644)
        self._date()
        return True

    def _date(self) -> None:
        """Apache sees a change by the file's time alone: another one than before, on a file system that keeps seconds too."""
        before = self.path.stat().st_mtime_ns if self.path.exists() else 0
        now = time.time_ns()
        for later in (0, 1000000, 1000000000, 2000000000):
            os.utime(str(self._next), ns=(now, max(now, before + later)))
            if self._next.stat().st_mtime_ns // 1000 > before // 1000:
                return
        raise SwitchError("the times of files in %s cannot be set" % self._folder, "Keep the state folder on a local file system.")

    def turn(self) -> None:
        """Moves everything to what was filled in, at once."""
        os.replace(str(self._next), str(self.path))
        sync_folder(self._folder)

    def clean(self, routes: Routes) -> None:
        """Removes texts that nothing says any more."""
        wanted = apache_render.texts(routes)
        for path in (self._folder / "closed").iterdir():
            if path.name not in wanted:
                path.unlink()


class ApacheSwitch(ByAddress, Uncounted, OfRoot):
    """A Switch (types.py) for one Apache. It opens a connection for each request."""

    driver = "apache"
    capabilities = CAPABILITIES
    configuration = "apache.conf"

    def __init__(self, folder: ProxyFolder, run_in_proxy: RunInProxy, places: Places) -> None:
        super().__init__(folder, run_in_proxy, places)
        self._map = Map(folder.conf / "maps")

    def current(self, service: str) -> dict[str, int]:
        """Instance name to weight by the map that the running process reads, if it has a route of the service."""
        if service not in apache_render.listed(self._running_config()):
            return {}
        return {one.name: one.weight for one in self._running_map().get(service, {}).get("target", []) if one.weight > 0}

    def previewed(self, service: str) -> tuple[str, ...]:
        """Names of the instances on trial, by the map that the running process reads."""
        return tuple(one.name for one in self._running_map().get(service, {}).get("trial", []) if one.weight > 0)

    def matches(self, route: Route) -> bool:
        """True when the running process has exactly this route."""
        if not apache_render.has_route(self._running_config(), route):
            return False
        wanted = apache_render.read_map(apache_render.map_file({route.service: Serving(route, ())}))
        return self._running_map().get(route.service, {}).get("closed") == wanted.get(route.service, {}).get("closed")

    def serve(self, serving: Serving) -> None:
        """See types.Switch. The targets of a new route are in the map before the route is there."""
        wanted = safe.serving(serving)
        with self._folder.locked():
            settings, known = self._folder.settings(), self._folder.routes()
            routes = {**known, serving.route.service: wanted}
            # Before the record of it: a disk that is full must change neither.
            changed = self._map.fill(routes)
            if apache_render.has_route(self._read(), wanted.route):
                self._install(settings, routes)
                self._move(changed, routes)
            else:
                self._introduce(settings, known, routes, changed)

    def _introduce(self, settings: ProxySettings, known: Routes, routes: Routes, changed: bool) -> None:
        """The map, then the rules of a new or changed route; the map put back where these are refused."""
        self._move(changed, routes)
        try:
            self._install(settings, routes)
        except SwitchError:
            self._move(self._map.fill(known), known)
            raise

    def remove(self, service: str) -> None:
        """Removes the service's route, then its part of the map."""
        with self._folder.locked():
            routes = self._folder.routes()
            known = routes.pop(service, None)
            if known and not self._may_reload():
                # The rule stays, and leads nowhere: only root could take it out.
                routes[service] = Serving(known.route, ())
            if known or service in apache_render.listed(self._read()):
                self._install(self._folder.settings(), routes)
            self._move(self._map.fill(routes), routes)

    def apply(self, settings: ProxySettings) -> None:
        """See types.Switch: reloads where the configuration differs, then corrects the map."""
        with self._folder.locked():
            routes = self._folder.routes()
            changed = self._map.fill(routes)
            self._install(safe.settings(settings), routes)
            self._move(changed, routes)

    def prepare(self, settings: ProxySettings) -> None:
        """Writes all files, before the proxy reads them for the first time."""
        self._folder.create()
        # Apache's own user reads the maps; the configuration, with the token, is read by root.
        for path in (self._folder.root, self._folder.conf):
            path.chmod(0o711)
        self._map.create()
        super().prepare(settings)

    def wait_ready(self, seconds: float) -> None:
        """Returns as soon as Apache answers for our part."""
        port, token = self._door()
        if sockets.until(lambda: _try(port, token), seconds, 0.05) is None:
            raise self._silent(port)

    def _point_all(self, routes: Routes) -> None:
        if self._map.fill(routes):
            self._map.turn()

    def _astray(self, routes: Routes) -> t.Iterator[str]:
        if self._map.text() != apache_render.map_file(routes):
            yield "%s sends requests elsewhere than written." % self._map.path

    def _runs_otherwise(self, _settings: ProxySettings, _routes: Routes) -> t.Iterator[str]:
        if not self._follows(self._read(), self._map.text()):
            yield "Apache runs another configuration than %s has." % self._folder.conf

    def _render(self, settings: ProxySettings, routes: Routes) -> str:
        return apache_render.config(settings, routes, self._places)

    def _move(self, changed: bool, routes: Routes) -> None:
        """Turns the map, and returns when the running process says that it reads it."""
        if changed:
            self._turn()
        text = self._map.text()
        if sockets.until(lambda: self._says().get("map") == apache_render.map_digest(text) or None, _PATIENCE) is None:
            raise SwitchError("Apache does not read %s" % self._map.path, _FIX)
        self._map.clean(routes)

    def _turn(self) -> None:
        self._map.turn()

    def _install(self, settings: ProxySettings, routes: Routes) -> None:
        """Makes the running process have the configuration, reloading it where it differs; all put back on failure."""
        wanted = self._render(settings, routes)
        if self._says().get("config") == apache_render.config_digest(wanted):
            self._write(settings, routes)
            return
        if not self._may_reload():
            raise self._only_root()
        known = self._folder.stored_settings()
        with self._folder.put_back_on_failure(self._file):
            self._free(settings, known)
            self._write(settings, routes)
            self._check(settings.token)
            self._reload(apache_render.config_digest(wanted), settings)

    def _free(self, settings: ProxySettings, known: ProxySettings | None) -> None:
        """Apache ends when it cannot open a port at a reload, so each new one is tried before."""
        for listener in settings.listeners:
            if known is None or listener not in known.listeners:
                taken = _taken(listener.port)
                if taken:
                    raise SwitchError(
                        "Apache did not load %s: port %d: %s" % (self._file, listener.port, taken), "Listen on another port, or stop what holds it."
                    )

    def _check(self, token: str) -> None:
        code, output = self._run_in_proxy(CHECK)
        if code != 0:
            said = " ".join(output.replace(token, "(token)").split()) or "(no output)"
            raise SwitchError("Apache refuses the new configuration of proxy %s: %s" % (self._folder.root.name, said[-500:]), _FIX)

    def _reload(self, digest: str, settings: ProxySettings) -> None:
        code, output = self._run_in_proxy(RELOAD)
        if code != 0:
            raise SwitchError("Apache did not load %s: %s" % (self._file, " ".join(output.split())[-500:]), _FIX)
        row = 0

        def met() -> bool | None:
            nonlocal row
            found = [_try(listener.port, settings.token) or {} for listener in settings.listeners]
            row = row + 1 if all(one.get("config") == digest for one in found) else 0
            return True if row >= _IN_A_ROW else None

        if sockets.until(met, _PATIENCE) is None:
            raise SwitchError("Apache did not load %s within %g s" % (self._file, _PATIENCE), _FIX)

    def _running_config(self) -> str:
        """The configuration that the running process has; "" when it is not the one in the file."""
        text = self._read()
        return text if text and self._says().get("config") == apache_render.config_digest(text) else ""

    def _running_map(self) -> dict[str, dict[str, list[t.Any]]]:
        """The map that the running process reads; {} when that is not ours."""

        def same() -> str | None:
            text = self._map.text()
            return text if self._says().get("map") == apache_render.map_digest(text) else None

        return apache_render.read_map(sockets.until(same, 1.0) or "")

    def _follows(self, config: str, mapped: str) -> bool:
        says = self._says()
        return (says.get("config"), says.get("map")) == (apache_render.config_digest(config), apache_render.map_digest(mapped))

    def _door(self) -> tuple[int, str]:
        settings = self._folder.settings()
        return settings.listeners[0].port, settings.token

    def _says(self) -> dict[str, str]:
        """Which configuration and map the running process has read; {} when what answers there is not ours yet."""
        port, token = self._door()
        answer = sockets.until(lambda: _try(port, token), _PATIENCE / 2, 0.05)
        if answer is None:
            raise self._silent(port)
        return answer

    def _silent(self, port: int) -> SwitchError:
        return SwitchError("Apache does not answer on port %d for proxy %s" % (port, self._folder.root.name), "Start its service, and look at its error log.")


def _taken(port: int) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            return os.strerror(error.errno) if error.errno == errno.EADDRINUSE and error.errno else ""
    return ""


def _try(port: int, token: str) -> dict[str, str] | None:
    """What Apache says of itself, None when nobody of ours answers."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return _exchange(port, "GET /", {"X-Hotswap-Probe": token, apache_render.ASK: "1", "Connection": "close"})
    return None


def _exchange(port: int, words: str, headers: t.Mapping[str, str]) -> dict[str, str] | None:
    method, path = words.split(" ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER)
    try:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        config, mapped = response.getheader(apache_render.CONFIGURED), response.getheader(apache_render.MAPPED)
        return {"config": config, "map": mapped} if config and mapped else None
    finally:
        connection.close()


def open_switch(folder: pathlib.Path, run_in_proxy: RunInProxy, places: Places) -> ApacheSwitch:
    """The switch of the Apache whose folder this is."""
    return ApacheSwitch(ProxyFolder(folder), run_in_proxy, places)
