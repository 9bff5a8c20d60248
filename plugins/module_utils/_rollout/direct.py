# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The switch of a service without a proxy (a worker, a scheduler): nothing moves, only who is live is noted."""

from __future__ import annotations

import json
import pathlib

from .._switch.base import Unrouted
from .._switch.types import Capabilities, Route, Serving
from .memory import write_json


class DirectSwitch(Unrouted):
    """Keeps the names of the live instances in live.json of the service's folder."""

    capabilities = Capabilities(shares=1, in_flight=False, lossless_reload=True)

    def __init__(self, folder: pathlib.Path) -> None:
        self._file = folder / "live.json"

    def current(self, service: str) -> dict[str, int]:
        try:
            names = json.loads(self._file.read_text(encoding="utf-8"))["instances"]
            return {str(name): 100 for name in names}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def matches(self, route: Route) -> bool:
        return True

    def serve(self, serving: Serving) -> None:
        write_json(self._file, {"instances": [target.name for target in serving.targets]})

    def remove(self, service: str) -> None:
        if self._file.exists():
            self._file.unlink()
