# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Switches traffic in an nginx that the host runs with other sites beside ours: its own file includes ours in `http { }`.

What differs from an nginx that is ours alone: the configuration is tested and reloaded as a whole, and its workers
resolve our links as a user of their own.
"""

from __future__ import annotations

import pathlib
import typing as t

from .._errors import SwitchError
from . import nginx_render, safe
from .base import OfRoot, Routes, sealed
from .folder import ProxyFolder, write
from .nginx import NginxSwitch
from .nginx_links import Links, State
from .types import Places, ProxySettings, RunInProxy, Serving

CHECK = ("nginx", "-t", "-q")
RELOAD = ("nginx", "-s", "reload")
_FIX = "Run hotswap.containers.reverse_proxy again; if this stays, look at nginx's error log."


class OpenLinks(Links):
    """Links that every user of the host may resolve: they say where instances are, and nothing else."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def fill(self, state: State) -> str:
        """See Links."""
        name = super().fill(state)
        if name:
            for path in (self._folder.parent, self._folder, self._folder / name, *(self._folder / name).rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() else 0o644)
        return name


class NginxHostSwitch(OfRoot, NginxSwitch):
    """A Switch (types.py) for our part of the host's nginx."""

    def prepare(self, settings: ProxySettings) -> None:
        """Writes all files, in folders through which the workers find the links."""
        super().prepare(settings)
        for path in (self._folder.root, self._folder.conf):
            path.chmod(0o711)

    def remove(self, service: str) -> None:
        """Removes the service's route; where only root could, the route stays and leads nowhere."""
        known = self._folder.route(service)
        if known is None or self._may_reload():
            super().remove(service)
        else:
            self.serve(Serving(known.route, ()))

    def _links(self, service: str) -> Links:
        return OpenLinks(self._folder.conf / "up" / safe.name(service))

    def _render(self, settings: ProxySettings, routes: Routes) -> str:
        return sealed(nginx_render.render_http(settings, routes, self._places))

    def _check(self, text: str, token: str) -> None:
        """The whole configuration with ours in it, which nginx reads at a reload only; put back before that."""
        if not self._may_reload():
            raise self._only_root()
        before = self._file.read_text(encoding="utf-8")
        write(self._file, text)
        try:
            code, output = self._run_in_proxy(CHECK)
        finally:
            write(self._file, before)
        if code != 0:
            said = " ".join(output.replace(token, "(token)").split()) or "(no output)"
            raise SwitchError("nginx refuses the new configuration of proxy %s: %s" % (self._folder.root.name, said[-500:]), _FIX)

    def _reload_command(self) -> t.Sequence[str]:
        return RELOAD


def open_switch(folder: pathlib.Path, run_on_host: RunInProxy, places: Places) -> NginxHostSwitch:
    """The switch of the nginx whose folder this is."""
    return NginxHostSwitch(ProxyFolder(folder), run_on_host, places)
