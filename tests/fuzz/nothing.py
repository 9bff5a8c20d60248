# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An engine with nothing on it, which notes whoever wants to change something."""

from __future__ import annotations

import typing as t

from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError

_EMPTY: t.Mapping[str, t.Any] = {
    "containers": [],
    "all_addresses": set(),
    "published": [],
    "container": None,
    "networks": [],
    "network": None,
    "image": None,
    "images": [],
    "logs": [],
}


class EmptyEngine:
    """See Engine. Every change is refused, and its name kept in `touched`."""

    kind = "docker"
    endpoint = "unix:///nowhere"
    # Redirects are the kernel's, and this machine's must not be asked.
    rootless = True

    def __init__(self) -> None:
        self.touched: list[str] = []

    def __getattr__(self, name: str) -> t.Any:
        if name in _EMPTY:
            return lambda *_asked: _EMPTY[name]
        return lambda *_asked: self._refuse(name)

    def _refuse(self, name: str) -> t.NoReturn:
        self.touched.append(name)
        raise EngineError("engine: nothing can be changed here")
