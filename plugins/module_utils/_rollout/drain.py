# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Waiting until the old version has nothing left to answer: observed, never slept. The fold is pure."""

from __future__ import annotations

import dataclasses
import time
import typing as t

# A count of zero must hold this long: a request that was just handed over may not be counted yet (measured).
_QUIET = 0.3
_INTERVAL = 0.05


@dataclasses.dataclass(frozen=True)
class Drained:
    """Requests (or connections, where the proxy cannot tell) that ended by themselves, and that were still open."""

    drained: int
    cut: int


def wait(
    count: t.Callable[[], int],
    timeout: float,
    clock: t.Callable[[], float] = time.monotonic,
    rest: t.Callable[[float], None] = time.sleep,
) -> Drained:
    """Until `count()` has been 0 for 0.3 s, or `timeout` seconds have gone by."""
    began = clock()
    most, quiet_since = 0, None
    while True:
        open_now, now = count(), clock()
        most = max(most, open_now)
        quiet_since = None if open_now else (now if quiet_since is None else quiet_since)
        if quiet_since is not None and now - quiet_since >= _QUIET:
            return Drained(most, 0)
        if now - began >= timeout:
            return Drained(most - open_now, open_now)
        rest(_INTERVAL)
