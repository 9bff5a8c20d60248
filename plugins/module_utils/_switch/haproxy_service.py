# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Switches traffic in a HAProxy that the host runs with its owner's own configuration, without ever reloading it.

Ours are only the lines between two marks in the owner's file, inside of a backend of the owner's: `server` lines, written
for the next start. The running process is changed through its own control socket. Which requests come to the backend,
and what else happens to them, is the owner's.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import typing as t

from .._errors import SwitchError
from . import haproxy_sections, safe
from .base import FolderSwitch
from .folder import ProxyFolder, stage, sync_folder
from .haproxy_runtime import Runtime, one_line
from .haproxy_sections import Section
from .haproxy_servers import Servers, together
from .types import Answers, Capabilities, ProxySettings, Route, RunInProxy, Serving, Target

CAPABILITIES = Capabilities(shares=100, in_flight=True, lossless_reload=True, answers=True)

PROBE = "probe"
_PATIENCE = 10.0


class HaproxyServiceSwitch(FolderSwitch):
    """A Switch (types.py) for a HAProxy of the host. `config` and `socket` are its own file and its own control socket."""

    driver = "haproxy_service"
    capabilities = CAPABILITIES

    def __init__(self, folder: ProxyFolder, run_on_host: RunInProxy, config: pathlib.Path, socket: pathlib.Path) -> None:
        super().__init__(folder, run_on_host)
        self._named = config
        self._socket = socket
        self._probe = folder.conf / PROBE

    def current(self, service: str) -> dict[str, int]:
        """Instance name to weight of the servers that get new requests, from the running worker; {} without marks in the file."""
        section = haproxy_sections.find(self._text(), safe.name(service))
        return self._servers(section).taking(section.backend) if section else {}

    def matches(self, route: Route) -> bool:
        """True when the service is served by a backend that runs. What leads to it is the owner's.

        Raises SwitchError for a service that never was, where the owner's file is not ready for it: before anything is started.
        """
        known = self._folder.route(route.service)
        if known is None:
            self._section(route.service)
            return False
        section = haproxy_sections.find(self._text(), route.service)
        return known.route == route and section is not None and self._runs(section)

    def previewed(self, service: str) -> tuple[str, ...]:
        """None: this driver has no way to them."""
        return ()

    def serve(self, serving: Serving) -> None:
        """See types.Switch. Raises SwitchError, before anything is touched, where the owner's file is not ready for the service."""
        wanted = safe.serving(serving)
        service = wanted.route.service
        if wanted.preview or wanted.held or not _plain(wanted.route):
            raise SwitchError("%s asks for more than servers of a backend" % service, "Leave preview, sticky, hold and maintenance to your own configuration.")
        with self._folder.locked():
            section = self._section(service)
            taken = [one.name for one in wanted.targets if section.is_theirs(one.name)]
            if taken:
                raise SwitchError("backend %s has a server %s of its own" % (section.backend, taken[0]), "Give it another name.")
            self._write_servers(service, wanted.targets)
            self._folder.save_route(wanted, {})
            self._move(section, wanted)

    def in_flight(self, service: str, names: t.Sequence[str]) -> int:
        """Open requests of these instances in all workers, and one for each that a worker which a reload replaced may still send something."""
        section = haproxy_sections.find(self._text(), safe.name(service))
        if section is None:
            return 0
        runtime = self._runtime()
        counts = runtime.connections(section.backend)
        asked = [runtime.old_servers(pid, section.backend) for pid in runtime.replaced()]
        return sum(counts.get(name, 0) or int(any(name in rows and rows[name].ready for rows in asked)) for name in names)

    def answers(self, service: str, names: t.Sequence[str]) -> Answers:
        """See types.Switch; only HTTP is counted, and what a replaced worker counted is gone when it has ended."""
        section = haproxy_sections.find(self._text(), safe.name(service))
        return together(self._runtime().answers(section.backend) if section else {}, names)

    def forget(self, service: str, names: t.Sequence[str]) -> None:
        """Deletes the servers from the running worker, waiting up to 15 s for their pooled connections to close."""
        with self._folder.locked():
            section = haproxy_sections.find(self._text(), safe.name(service))
            known = self._folder.route(service)
            served = {target.name for target in known.targets} if known else set()
            if section:
                self._servers(section).forget(section.backend, [name for name in names if name not in served])

    def remove(self, service: str) -> None:
        """Takes all servers of the service out. The marks stay: they are the owner's."""
        with self._folder.locked():
            routes = self._folder.routes()
            known = routes.pop(service, None)
            section = haproxy_sections.find(self._text(), safe.name(service))
            if known is None:
                return
            if section:
                self._write_servers(service, ())
            self._folder.save_routes(routes)
            if section and self._runs(section):
                self._servers(section).retire(section.backend, (), "maint")
                self._servers(section).forget(section.backend, [target.name for target in known.targets])

    def apply(self, settings: ProxySettings) -> None:
        """See types.Switch: corrects every service's servers, in the file and in the running worker."""
        self.wait_ready(_PATIENCE)
        self.prepare(settings)
        for serving in self._folder.routes().values():
            self.serve(serving)

    def drift(self) -> list[str]:
        """Differences between the records, the owner's file and the running worker, one sentence each."""
        found: list[str] = []
        for service, serving in self._folder.routes().items():
            try:
                section = self._section(service)
                if section.lines != haproxy_sections.servers(section, serving.targets):
                    found.append("%s: its lines in %s were changed by something else." % (service, self._config))
                found += self._servers(section).differences(section.backend, serving.targets)
            except SwitchError as error:
                found.append("%s." % error.what)
        return found

    def prepare(self, settings: ProxySettings) -> None:
        """Writes our own files. Nothing of the owner's is touched."""
        self._folder.create()
        with self._folder.locked():
            self._folder.save(safe.settings(settings), self._folder.routes(), {self._probe: settings.token + "\n"})

    def wait_ready(self, seconds: float) -> None:
        """Returns as soon as the worker answers."""
        Runtime(self._socket, self._socket).description(seconds)

    @property
    def _config(self) -> pathlib.Path:
        """A link stays one: what it leads to is replaced."""
        return pathlib.Path(os.path.realpath(str(self._named)))

    def _runtime(self) -> Runtime:
        return Runtime.of_service(self._socket)

    def _servers(self, section: Section) -> Servers:
        return Servers(self._runtime(), section.is_theirs)

    def _text(self) -> str:
        try:
            # Undecoded, so that every byte of the owner's comes back as it was.
            return self._config.read_bytes().decode("utf-8", "surrogateescape")
        except OSError as error:
            raise SwitchError("%s cannot be read: %s" % (self._config, error.strerror), "Name HAProxy's configuration in config.") from error

    def _section(self, service: str) -> Section:
        """The service's place in the owner's file and in the running process. Raises SwitchError with what to paste."""
        section = haproxy_sections.find(self._text(), safe.name(service))
        paste = haproxy_sections.snippet(service, self._probe)
        if section is None:
            raise SwitchError(
                "%s has no place for %s" % (self._config, service),
                "Paste into the backend that is to serve it, and reload HAProxy once:\n%s" % paste,
            )
        if not section.identified:
            raise SwitchError(
                "backend %s in %s does not say which instance answers" % (section.backend, self._config),
                "Take these lines over, and reload HAProxy once:\n%s" % paste,
            )
        if not self._runs(section):
            raise SwitchError("HAProxy does not run backend %s of %s" % (section.backend, self._config), "Reload HAProxy once: systemctl reload haproxy.")
        return section

    def _runs(self, section: Section) -> bool:
        return self._runtime().knows(section.backend)

    def _write_servers(self, service: str, targets: t.Sequence[Target]) -> None:
        """Replaces our lines in the owner's file, after HAProxy has read all of it and found nothing wrong."""
        before = self._text()
        after = haproxy_sections.replaced(before, service, targets)
        if after == before:
            return
        status = os.stat(str(self._config))
        # Begins with a dot: HAProxy skips such files in a folder of configurations.
        candidate = self._config.with_name(".%s.hotswap" % self._config.name)
        try:
            stage(candidate, after, status)
            self._check(candidate)
            os.replace(str(candidate), str(self._config))
        finally:
            with contextlib.suppress(FileNotFoundError):
                candidate.unlink()
        sync_folder(self._config.parent)

    def _check(self, candidate: pathlib.Path) -> None:
        files = [str(candidate) if os.path.realpath(one) == str(self._config) else one for one in self._runtime().files()]
        argv = [word for one in files if one for word in ("-f", one)] or ["-f", str(candidate)]
        code, output = self._run_in_proxy(["haproxy", "-c", *argv])
        if code != 0:
            raise SwitchError("HAProxy refuses %s with other servers in it: %s" % (self._config, one_line(output)), "Correct it; nothing was changed.")

    def _move(self, section: Section, wanted: Serving) -> None:
        servers = self._servers(section)
        servers.bring(section.backend, wanted.targets, defaults=section.defaults)
        # A drained server would still get clients whom a cookie of the owner's keeps there.
        servers.retire(section.backend, wanted.targets, "maint")


def _plain(route: Route) -> bool:
    return not (route.preview or route.sticky or route.hold or route.maintenance)
