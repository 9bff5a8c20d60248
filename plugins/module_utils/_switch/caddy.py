# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Switches traffic in Caddy: targets by files that Caddy reads for each request, routes by its admin API.

`conf/up/SERVICE/current` is a link to a folder that holds one file for each upstream slot, and `conf/trial/SERVICE/current`
to one for the version on trial. A new set of targets is a new folder, and one rename of the link moves all slots at once.
Measured: no request is lost by that. A new or changed route is loaded through the admin API, which closes idle client
connections: at 1,100 requests/s about 20 requests were lost each time.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import typing as t

from .._errors import SwitchError
from . import caddy_render, safe, sockets
from .base import ByAddress, ConfiguredSwitch, Routes, Uncounted
from .caddy_render import Json, Pool
from .folder import ProxyFolder, sync_folder, target_of, write
from .slots import Generations
from .types import Capabilities, ContainerParts, Maintenance, Places, ProxySettings, Route, RunInProxy, Serving

# Not sticky: Caddy's cookie names the slot, and a slot of one instance can become that of another while both serve.
CAPABILITIES = Capabilities(
    shares=caddy_render.SLOTS,
    in_flight=False,
    lossless_reload=False,
    max_instances=caddy_render.SLOTS,
    preview=True,
    hold=True,
    maintenance=True,
)

_PATIENCE = 5.0
_ANSWER = 30.0
_FIX = "Run hotswap.containers.reverse_proxy again; if this stays, look at the proxy container's log."


def container_parts(places: Places) -> ContainerParts:
    """How the proxy's container is run. The official binary needs NET_BIND_SERVICE to start at all (file capability)."""
    return ContainerParts(
        image="docker.io/library/caddy:2.11-alpine",
        entrypoint=("caddy",),
        command=("run", "--config", places.conf + "/caddy.json"),
        stop_signal="SIGTERM",
        cap_add=("NET_BIND_SERVICE",),
        env={"XDG_CONFIG_HOME": places.run + "/config", "XDG_DATA_HOME": places.run + "/data"},
    )


class Slots:
    """The files of one pool. What they say is what the running Caddy does."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._generations = Generations(folder)
        self._current = self._generations.current

    def pool(self) -> Pool | None:
        """What requests get now; None when there are no slots."""
        try:
            record = json.loads((self._current / "pool.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        maintenance = record["maintenance"]
        return Pool(tuple(target_of(target) for target in record["targets"]), record["held"], Maintenance(**maintenance) if maintenance else None)

    def weights(self) -> dict[str, int]:
        """Instance name to weight of those that get requests; {} when there are no slots."""
        pool = self.pool()
        return {target.name: target.weight for target in pool.targets if target.weight > 0} if pool else {}

    def intact(self) -> bool:
        """True when the files are those of what pool.json says."""
        pool = self.pool()
        return pool is not None and self._texts() == caddy_render.files(pool)

    def point(self, pool: Pool) -> None:
        """Moves everything at once; nothing when it is there already."""
        self.turn(self.fill(pool))

    def fill(self, pool: Pool) -> str:
        """Writes what `turn` moves to, and changes nothing yet: its generation, "" when the files are there already."""
        if self.pool() == pool and self.intact():
            return ""
        generation = self._generations.new()
        self._fill(generation, caddy_render.files(pool))
        return generation.name

    def turn(self, name: str) -> None:
        """Moves everything to the generation at once; nothing for ""."""
        self._generations.turn(name)

    def delete(self) -> None:
        """Removes all of it."""
        self._generations.delete()

    def _texts(self) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in self._current.iterdir()}

    def _fill(self, generation: pathlib.Path, texts: t.Mapping[str, str]) -> None:
        written: dict[str, pathlib.Path] = {}
        for name, text in texts.items():
            path = generation / name
            # Slots of one instance are links to one file: one wait for the disk for each instance, not for each slot.
            if text in written:
                os.link(str(written[text]), str(path))
            else:
                write(path, text)
                written[text] = path
        sync_folder(generation)


class CaddySwitch(ByAddress, Uncounted, ConfiguredSwitch):
    """A Switch (types.py) for one Caddy. It closes an idle connection to an instance after 1 s."""

    driver = "caddy"
    capabilities = CAPABILITIES
    configuration = "caddy.json"

    def __init__(self, folder: ProxyFolder, run_in_proxy: RunInProxy, places: Places) -> None:
        super().__init__(folder, run_in_proxy, places)
        self._socket = folder.run / "admin.sock"

    def current(self, service: str) -> dict[str, int]:
        """Instance name to weight by the slot files, if the running process has a route that reads them."""
        return self._slots("up", service).weights() if self._handles(service, service) else {}

    def matches(self, route: Route) -> bool:
        """True when the running process has exactly this route, and its files this maintenance."""
        pool = self._slots("up", route.service).pool()
        return pool is not None and pool.maintenance == route.maintenance and self._runs(route)

    def previewed(self, service: str) -> tuple[str, ...]:
        """Names of the instances on trial by the slot files, if the running process has a route that reads them."""
        return tuple(self._slots("trial", service).weights()) if self._handles(service, service + caddy_render.TRIAL) else ()

    def serve(self, serving: Serving) -> None:
        """See types.Switch. The slots of a new route are there before the route is."""
        wanted, route = safe.serving(serving), serving.route
        with self._folder.locked():
            self._folder.check_bridge()
            others = None if self._has(route) else self._folder.routes()
            pools = self._pools(wanted)
            # Before the record of it: a disk that is full must change neither.
            generations = [(slots, slots.fill(pool)) for slots, pool in pools]
            for slots, generation in generations:
                if slots.pool() is None:
                    slots.turn(generation)
            if others is None:
                self._folder.save_route(wanted, {})
            else:
                self._install(self._folder.settings(), {**others, route.service: wanted})
            for slots, generation in generations:
                slots.turn(generation)
            if not all(slots.intact() for slots, _pool in pools):
                raise SwitchError("the slot files of %s in %s do not say what was written" % (route.service, self._folder.conf), _FIX)
            if not route.preview:
                self._slots("trial", route.service).delete()

    def wait_ready(self, seconds: float) -> None:
        """Returns as soon as the admin socket answers."""
        self._running(seconds)

    def leave(self) -> None:
        """See types.Switch: it stops, and until it takes no more connections each answer closes its own (caddy_render.LEAVING)."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            # It may be gone before it has answered.
            _exchange(self._socket, "POST", "/stop", None)

    def _slots(self, folder: str, service: str) -> Slots:
        return Slots(self._folder.conf / folder / safe.name(service))

    def _pools(self, serving: Serving) -> list[tuple[Slots, Pool]]:
        return [(Slots(self._folder.conf / folder), pool) for folder, pool in caddy_render.pools(serving).items()]

    def _point_all(self, routes: Routes) -> None:
        for serving in routes.values():
            for slots, pool in self._pools(serving):
                slots.point(pool)

    def _drop(self, service: str) -> None:
        for folder in ("up", "trial"):
            self._slots(folder, service).delete()

    def _astray(self, routes: Routes) -> t.Iterator[str]:
        for service, serving in routes.items():
            if not all(slots.pool() == pool and slots.intact() for slots, pool in self._pools(serving)):
                yield "%s: the slot files send requests elsewhere than written." % service

    def _runs_otherwise(self, settings: ProxySettings, routes: Routes) -> t.Iterator[str]:
        if self._running() != caddy_render.config(settings, routes, self._places):
            yield "Caddy runs another configuration than %s has." % self._file

    def _render(self, settings: ProxySettings, routes: Routes) -> str:
        return caddy_render.render(settings, routes, self._places)

    def _install(self, settings: ProxySettings, routes: Routes) -> None:
        """Makes the running process have the configuration, loading it where it differs; all put back on failure."""
        wanted = caddy_render.config(settings, routes, self._places)
        if self._running() == wanted:
            self._write(settings, routes)
            return
        self._check(self._render(settings, routes), settings.token)
        with self._folder.put_back_on_failure(self._file):
            self._write(settings, routes)
            status, answer = self._ask("POST", "/load", self._file.read_text(encoding="utf-8"))
            if status != 200 or self._running() != wanted:
                raise SwitchError("Caddy did not load %s: %d %s" % (self._file, status, answer.strip()), _FIX)

    def _check(self, text: str, token: str) -> None:
        code, output = self._tried(text, "caddy", "validate", "--config")
        if code != 0:
            last = (output.replace(token, "(token)").strip().splitlines() or ["(no output)"])[-1]
            raise SwitchError("Caddy refuses the new configuration of proxy %s: %s" % (self._folder.root.name, last), _FIX)

    def _has(self, route: Route) -> bool:
        """True when the file, as we wrote it, has exactly this route, and was loaded, and the route still runs: there is nothing to install."""
        text = self._read()
        name = caddy_render.named(text)
        if not name or not caddy_render.tells(text, route):
            return False
        return self._part("%s/admin/listen" % name) is not None and self._runs(route)

    def _runs(self, route: Route) -> bool:
        """True when the running process has exactly this route. Its parts are asked for: the whole may be megabytes."""
        expected = caddy_render.expected_part(route, self._folder.settings(), self._places)
        return all(self._part(one["@id"]) == one for one in expected)

    def _handles(self, service: str, pool: str) -> bool:
        """True when the running process has the pool; the whole is looked at where it does not know the service by name."""
        settings = self._folder.settings()
        if all(self._part(name) for name in caddy_render.pool_ids(settings, service)):
            return pool == service or all(self._part(name) for name in caddy_render.pool_ids(settings, pool))
        return caddy_render.handles(self._running(), pool)

    def _part(self, name: str) -> Json:
        """What the running process has by this name; None for nothing."""
        status, answer = self._ask("GET", "/id/" + name, None)
        return json.loads(answer) if status == 200 else None

    def _running(self, patience: float = _PATIENCE) -> Json:
        status, answer = self._ask("GET", "/config/", None, patience)
        if status != 200:
            raise SwitchError("Caddy answers %d on %s: %s" % (status, self._socket, answer.strip()), _FIX)
        return json.loads(answer)

    def _ask(self, method: str, path: str, body: str | None, patience: float = _PATIENCE) -> tuple[int, str]:
        problems: list[OSError] = []

        def attempt() -> tuple[int, str] | None:
            try:
                return _exchange(self._socket, method, path, body)
            except (FileNotFoundError, ConnectionError) as error:
                # Also a reset: Caddy replaces its admin server at each load. Loading the same twice changes nothing.
                problems.append(error)
                return None
            except (OSError, http.client.HTTPException) as error:
                raise self._silent(error) from error

        answer = sockets.until(attempt, patience, 0.05)
        if answer is None:
            raise self._silent(problems[-1])
        return answer

    def _silent(self, why: Exception) -> SwitchError:
        return SwitchError("Caddy does not answer on %s: %s" % (self._socket, why), "Start the proxy's container, and look at its log.")


def _exchange(socket: pathlib.Path, method: str, path: str, body: str | None) -> tuple[int, str]:
    connection = sockets.HTTPConnection(socket, _ANSWER)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()


def open_switch(folder: pathlib.Path, run_in_proxy: RunInProxy, places: Places) -> CaddySwitch:
    """The switch of the Caddy whose folder this is."""
    return CaddySwitch(ProxyFolder(folder), run_in_proxy, places)
