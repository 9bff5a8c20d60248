# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""What drivers have in common: parts of a Traffic and of a Switch (types.py), for them to inherit."""

from __future__ import annotations

import abc
import hashlib
import os
import typing as t

from .._errors import SwitchError
from . import safe, tls
from .folder import ProxyFolder, write
from .types import Places, ProxySettings, RunInProxy, Serving, Target

# Seconds that a proxy may take which has just been started.
_START = 20.0

# The last line of a sealed text.
_SEAL = "# %s\n"
_SEALED = len(_SEAL % ("0" * 12))

Routes = t.Mapping[str, Serving]


def sealed(text: str) -> str:
    """The text of a configuration, and a last line by which `intact` tells that nobody changed it."""
    return text + _SEAL % hashlib.sha256(text.encode()).hexdigest()[:12]


def intact(text: str) -> bool:
    """True for what `sealed` gave: what it says of one route can be relied on without rendering all the others."""
    return len(text) >= _SEALED and sealed(unsealed(text)) == text


def unsealed(text: str) -> str:
    """What was sealed."""
    return text[:-_SEALED]


class Uncounted:
    """Where nobody counts by instance, and nobody remembers an instance that is not served."""

    def in_flight(self, service: str, names: t.Sequence[str]) -> None:
        """None: there is no count by instance. The instance's open connections tell."""

    def answers(self, service: str, names: t.Sequence[str]) -> None:
        """None: there is no count by instance."""

    def forget(self, service: str, names: t.Sequence[str]) -> None:
        """Nothing to do: no instance is remembered that is not served."""


class Unrouted(Uncounted):
    """Where no proxy of ours has routes: nobody can be on trial, and no answer says whose it is."""

    def routes(self) -> dict[str, Serving]:
        """{}: there are none."""
        return {}

    def written(self, service: str) -> Serving | None:
        """One of `routes`."""
        return self.routes().get(service)

    def previewed(self, service: str) -> tuple[str, ...]:
        """(): there is no way to them."""
        return ()

    def identifies(self, header: str, target: Target) -> bool:
        """False: no answer says whose it is."""
        return False


class FolderSwitch:
    """Whatever keeps its records in a proxy's folder."""

    def __init__(self, folder: ProxyFolder, run_in_proxy: RunInProxy) -> None:
        self._folder = folder
        self._run_in_proxy = run_in_proxy

    def routes(self) -> dict[str, Serving]:
        """Service name to route and targets, as the files on disk say."""
        return self._folder.routes()

    def written(self, service: str) -> Serving | None:
        """The service's route and targets, as the files on disk say; None for an unknown service."""
        return self._folder.route(service)

    def identifies(self, header: str, target: Target) -> bool:
        """True when the header is the instance's name."""
        return header == target.name

    def leave(self) -> None:
        """Nothing: a proxy of the host is not ours to replace."""


class ByAddress:
    """For proxies that know an instance by where it is."""

    def identifies(self, header: str, target: Target) -> bool:
        """True when the header is the instance's address and port."""
        return header == "%s:%d" % (target.address, target.port)


class ConfiguredSwitch(FolderSwitch, abc.ABC):
    """A proxy whose configuration is rendered by us into one file, named `configuration`. Its routes may read other files of ours."""

    configuration: str

    def __init__(self, folder: ProxyFolder, run_in_proxy: RunInProxy, places: Places) -> None:
        super().__init__(folder, run_in_proxy)
        self._places = places
        self._file = folder.conf / self.configuration

    def remove(self, service: str) -> None:
        """Removes the service's route, then the files that it read."""
        with self._folder.locked():
            self._folder.check_bridge()
            routes = self._folder.routes()
            if routes.pop(service, None) is not None:
                self._install(self._folder.settings(), routes)
            self._drop(service)

    def apply(self, settings: ProxySettings) -> None:
        """See types.Switch: corrects the files that routes read, and the configuration where it differs."""
        self.wait_ready(_START)
        with self._folder.locked():
            routes = self._folder.routes()
            self._point_all(routes)
            self._present(settings)
            self._install(settings, routes)

    def prepare(self, settings: ProxySettings) -> None:
        """Writes all files, before the proxy starts."""
        self._folder.create()
        with self._folder.locked():
            routes = self._folder.routes()
            self._point_all(routes)
            self._present(settings)
            self._write(safe.settings(settings), routes)

    def drift(self) -> list[str]:
        """Differences between the running process and the files, one sentence each."""
        return list(self._drifts(self._folder.settings(), self._folder.routes()))

    @abc.abstractmethod
    def wait_ready(self, seconds: float) -> None:
        """See types.Switch."""

    def _drifts(self, settings: ProxySettings, routes: Routes) -> t.Iterator[str]:
        if self._read() != self._render(settings, routes):
            yield "%s was changed by something else." % self._file
        yield from tls.missing(self._folder.conf, settings)
        yield from self._astray(routes)
        try:
            yield from self._runs_otherwise(settings, routes)
        except SwitchError as error:
            yield "%s." % error.what

    def _read(self) -> str:
        """What the configuration says now, "" when there is none. Somebody else's bytes may be no UTF-8."""
        try:
            return self._file.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def _write(self, settings: ProxySettings, routes: Routes) -> None:
        self._folder.save(settings, routes, {self._file: self._render(settings, routes)})

    def _tried(self, text: str, *argv: str) -> tuple[int, str]:
        """What the command, which is given a file with the text, says of it: its exit code and output. The file is gone afterwards."""
        candidate = self._folder.conf / ("candidate" + self._file.suffix)
        write(candidate, text)
        try:
            return self._run_in_proxy([*argv, "%s/%s" % (self._places.conf, candidate.name)])
        finally:
            candidate.unlink()

    @abc.abstractmethod
    def _render(self, settings: ProxySettings, routes: Routes) -> str:
        """The configuration."""

    @abc.abstractmethod
    def _install(self, settings: ProxySettings, routes: Routes) -> None:
        """Makes the running process have the configuration; all put back on failure."""

    @abc.abstractmethod
    def _runs_otherwise(self, settings: ProxySettings, routes: Routes) -> t.Iterable[str]:
        """Sentences on what the running process has otherwise. Raises SwitchError when it does not answer."""

    def _astray(self, _routes: Routes) -> t.Iterable[str]:
        """Sentences on files that routes read and that say otherwise; none where routes read nothing."""
        return ()

    def _point_all(self, routes: Routes) -> None:
        """Makes the files that routes read say what is served; nothing to do where they read none."""

    def _present(self, settings: ProxySettings) -> None:
        """Makes the links that listeners read name their certificates; nothing to do where the configuration names them."""

    def _drop(self, service: str) -> None:
        """Removes the files that the service's route read."""


class OfRoot(ConfiguredSwitch):
    """A part of a host's own proxy: its configuration belongs to root, while others may move the traffic."""

    def routes(self) -> dict[str, Serving]:
        """Service name to route and targets. Without the empty ones that only root could take out."""
        found = super().routes()
        return found if self._may_reload() else {name: one for name, one in found.items() if one.targets or one.preview}

    def written(self, service: str) -> Serving | None:
        """One of `routes`."""
        found = super().written(service)
        return found if found and (found.targets or found.preview or self._may_reload()) else None

    def _may_reload(self) -> bool:
        return not self._file.exists() or os.access(str(self._file), os.W_OK)

    def _only_root(self) -> SwitchError:
        return SwitchError(
            "proxy %s has another route, and its configuration belongs to root" % self._folder.root.name,
            "Name the route in routes of hotswap.containers.reverse_proxy, which root runs.",
        )
