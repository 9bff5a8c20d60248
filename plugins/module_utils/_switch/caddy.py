# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Switches traffic in Caddy: targets by files that Caddy reads for each request, routes by its admin API.

`conf/up/SERVICE/current` is a link to a folder that holds one file for each upstream slot. A new set of targets is a
new folder, and one rename of the link moves all slots at once. Measured: no request is lost by that. A new or changed
route is loaded through the admin API, which closes idle client connections: at 1,100 requests/s about 20 requests
were lost each time.
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import shutil
import typing as t

from .._errors import SwitchError
from . import caddy_render, safe, sockets
from .caddy_render import Json
from .folder import ProxyFolder, sync_folder, target_of, write
from .types import Capabilities, ContainerParts, Places, ProxySettings, Route, RunInProxy, Serving, Target

CAPABILITIES = Capabilities(shares=caddy_render.SLOTS, in_flight=False, lossless_reload=False, max_instances=caddy_render.SLOTS)

_PATIENCE = 5.0
_ANSWER = 30.0
_FIX = "Run hotswap.containers.reverse_proxy again; if this stays, look at the proxy container's log."

Routes = t.Mapping[str, Serving]


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
    """The slot files of one service. What they say is what the running Caddy does."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._current = folder / "current"

    def targets(self) -> tuple[Target, ...] | None:
        """The targets that requests go to now; None when there are no slots."""
        try:
            records = json.loads((self._current / "targets.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return tuple(target_of(record) for record in records)

    def intact(self) -> bool:
        """True when each slot file holds what its folder's targets.json says."""
        targets = self.targets()
        return targets is not None and self._addresses() == caddy_render.spread(targets)

    def point(self, targets: t.Sequence[Target]) -> None:
        """Moves all slots at once; nothing when they are there already."""
        self.turn(self.fill(targets))

    def fill(self, targets: t.Sequence[Target]) -> str:
        """Writes what `turn` moves to, and changes nothing yet: its generation, "" when the slots are there already."""
        if self.targets() == tuple(targets) and self.intact():
            return ""
        name = str(int(self._generation()) + 1)
        self._fill(self._folder / name, targets)
        return name

    def _generation(self) -> str:
        return os.readlink(str(self._current)) if self._current.is_symlink() else "0"

    def turn(self, name: str) -> None:
        """Moves all slots to the generation at once; nothing for ""."""
        if not name:
            return
        before = self._generation()
        link = self._folder / "next"
        if link.is_symlink():
            link.unlink()
        link.symlink_to(name)
        os.replace(str(link), str(self._current))
        sync_folder(self._folder)
        # A request may be reading a slot of the generation before right now.
        self._keep({name, before})

    def delete(self) -> None:
        """Removes all slots."""
        shutil.rmtree(str(self._folder), ignore_errors=True)

    def _addresses(self) -> list[str]:
        names = [caddy_render.slot_name(index) for index in range(caddy_render.SLOTS)]
        paths = [self._current / name for name in names]
        return [path.read_text(encoding="utf-8") if path.exists() else "" for path in paths]

    def _fill(self, generation: pathlib.Path, targets: t.Sequence[Target]) -> None:
        addresses = caddy_render.spread(targets)
        shutil.rmtree(str(generation), ignore_errors=True)
        generation.mkdir(mode=0o700, parents=True)
        fields = ("name", "address", "port", "weight")
        records = [{field: getattr(target, field) for field in fields} for target in targets]
        write(generation / "targets.json", json.dumps(records) + "\n")
        for index, address in enumerate(addresses):
            slot = generation / caddy_render.slot_name(index)
            # Slots of one instance are links to one file: one wait for the disk for each instance, not for each slot.
            first = generation / caddy_render.slot_name(addresses.index(address))
            if first == slot:
                write(slot, address)
            else:
                os.link(str(first), str(slot))
        sync_folder(generation)

    def _keep(self, names: t.Container[str]) -> None:
        for path in self._folder.iterdir():
            if path.is_dir() and not path.is_symlink() and path.name not in names:
                shutil.rmtree(str(path), ignore_errors=True)


class CaddySwitch:
    """A Switch (types.py) for one Caddy."""

    driver = "caddy"
    capabilities = CAPABILITIES

    def __init__(self, folder: ProxyFolder, run_in_proxy: RunInProxy, places: Places) -> None:
        self._folder = folder
        self._run_in_proxy = run_in_proxy
        self._places = places
        self._socket = folder.run / "admin.sock"
        self._file = folder.conf / "caddy.json"

    def routes(self) -> dict[str, Serving]:
        """Service name to route and targets, as the files on disk say."""
        return self._folder.routes()

    def current(self, service: str) -> dict[str, int]:
        """Instance name to weight by the slot files, if the running process has a route that reads them."""
        targets = self._slots(service).targets()
        if targets is None or not caddy_render.route_part(self._running(), service):
            return {}
        return {target.name: target.weight for target in targets if target.weight > 0}

    def matches(self, route: Route) -> bool:
        """True when the running process has exactly this route."""
        expected = caddy_render.expected_part(route, self._folder.settings(), self._places)
        return caddy_render.route_part(self._running(), route.service) == expected

    def previewed(self, service: str) -> tuple[str, ...]:
        """None yet."""
        return ()

    def serve(self, serving: Serving) -> None:
        """See types.Switch. The slots of a new route are there before the route is."""
        wanted, route = safe.serving(serving), serving.route
        caddy_render.spread(wanted.targets)
        with self._folder.locked():
            settings, known = self._folder.settings(), self._folder.routes()
            slots = self._slots(route.service)
            if slots.targets() is None:
                slots.point(wanted.targets)
            # Before the record of it: a disk that is full must change neither.
            generation = slots.fill(wanted.targets)
            self._install(settings, {**known, route.service: wanted})
            slots.turn(generation)
            if not slots.intact():
                raise SwitchError("the slot files of %s in %s do not say what was written" % (route.service, self._folder.conf), _FIX)

    def in_flight(self, service: str, names: t.Sequence[str]) -> None:
        """None: Caddy has no count by instance. The instance's open connections tell (idle ones close after 1 s)."""

    def answers(self, service: str, names: t.Sequence[str]) -> None:
        """None: Caddy has no count by instance."""

    def forget(self, service: str, names: t.Sequence[str]) -> None:
        """Nothing to do: Caddy remembers no instance that its slots do not name."""

    def remove(self, service: str) -> None:
        """Removes the service's route, then its slots."""
        with self._folder.locked():
            routes = self._folder.routes()
            if routes.pop(service, None) is not None:
                self._install(self._folder.settings(), routes)
            self._slots(service).delete()

    def apply(self, settings: ProxySettings) -> None:
        """See types.Switch: loads the configuration where it differs, then corrects every service's slots."""
        self.wait_ready(_PATIENCE * 4)
        with self._folder.locked():
            routes = self._folder.routes()
            self._point_all(routes)
            self._install(settings, routes)

    def drift(self) -> list[str]:
        """Differences between the running process and the files, one sentence each."""
        settings, routes = self._folder.settings(), self._folder.routes()
        found = []
        if not self._file.exists() or self._file.read_text(encoding="utf-8") != caddy_render.render(settings, routes, self._places):
            found.append("%s was changed by something else." % self._file)
        for service, serving in routes.items():
            if self._slots(service).targets() != serving.targets or not self._slots(service).intact():
                found.append("%s: the slot files send requests elsewhere than written." % service)
        try:
            if self._running() != caddy_render.config(settings, routes, self._places):
                found.append("Caddy runs another configuration than %s has." % self._file)
        except SwitchError as error:
            found.append("%s." % error.what)
        return found

    def prepare(self, settings: ProxySettings) -> None:
        """Writes all files, before the proxy starts."""
        self._folder.create()
        with self._folder.locked():
            routes = self._folder.routes()
            self._point_all(routes)
            self._write(safe.settings(settings), routes)

    def wait_ready(self, seconds: float) -> None:
        """Returns as soon as the admin socket answers."""
        self._running(seconds)

    def identifies(self, header: str, target: Target) -> bool:
        """True when the header is the instance's address and port, which is what Caddy knows of it."""
        return header == "%s:%d" % (target.address, target.port)

    def _slots(self, service: str) -> Slots:
        return Slots(self._folder.conf / "up" / safe.name(service))

    def _point_all(self, routes: Routes) -> None:
        for service, serving in routes.items():
            self._slots(service).point(serving.targets)

    def _write(self, settings: ProxySettings, routes: Routes) -> None:
        self._folder.save(settings, routes, {self._file: caddy_render.render(settings, routes, self._places)})

    def _install(self, settings: ProxySettings, routes: Routes) -> None:
        """Makes the running process have the configuration, loading it where it differs; all put back on failure."""
        wanted = caddy_render.config(settings, routes, self._places)
        if self._running() == wanted:
            self._write(settings, routes)
            return
        self._check(caddy_render.render(settings, routes, self._places), settings.token)
        before = self._folder.snapshot(self._file)
        try:
            self._write(settings, routes)
            status, answer = self._ask("POST", "/load", self._file.read_text(encoding="utf-8"))
            if status != 200 or self._running() != wanted:
                raise SwitchError("Caddy did not load %s: %d %s" % (self._file, status, answer.strip()), _FIX)
        except BaseException:
            self._folder.restore(before)
            raise

    def _check(self, text: str, token: str) -> None:
        candidate = self._folder.conf / "candidate.json"
        write(candidate, text)
        try:
            code, output = self._run_in_proxy(["caddy", "validate", "--config", "%s/%s" % (self._places.conf, candidate.name)])
        finally:
            candidate.unlink()
        if code != 0:
            last = (output.replace(token, "(token)").strip().splitlines() or ["(no output)"])[-1]
            raise SwitchError("Caddy refuses the new configuration of proxy %s: %s" % (self._folder.root.name, last), _FIX)

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
