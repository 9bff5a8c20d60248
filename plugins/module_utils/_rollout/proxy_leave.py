# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Takes the clients away from a proxy that gets no new ones, and then its container."""

from __future__ import annotations

import contextlib
import typing as t

from .._engine.types import Container, Engine
from .._errors import SwitchError
from .._switch.types import Switch
from . import drain, netns


def leave(engine: Engine, container: Container, switch: Switch | None, ports: t.Iterable[int], timeout: float) -> drain.Drained:
    """Tells its clients, waits until none is connected, `timeout` seconds at most, and removes it. Connections are counted."""
    listeners = tuple(ports)
    counted = drain.Drained(0, 0)

    def connected() -> int:
        return sum(netns.established(container.pid, port) for port in listeners)

    if container.running:
        before = connected()
        if switch:
            # One that is too broken to be told is waited for all the same.
            with contextlib.suppress(SwitchError):
                switch.leave()
        found = drain.wait(connected, timeout)
        # Some are gone by the time that all have been told.
        counted = drain.Drained(max(found.drained, before - found.cut), found.cut)
        engine.stop(container.name, None)
    engine.remove(container.name, force=True)
    return counted
