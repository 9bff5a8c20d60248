# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Good answers and losses over the time, for a picture."""

from __future__ import annotations

import time
import typing as t

_MOST = 240


class Timeline:
    """Counts in steps of a second, and of more when the probe lasts: at most 240 of them. `clock`: seconds since 1970."""

    def __init__(self, clock: t.Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._from = clock()
        self._step = 1
        self._counts: list[list[int]] = []

    def add(self, good: bool) -> None:
        """One request has ended now."""
        place = max(0, int((self._clock() - self._from) / self._step))
        while place >= _MOST:
            self._widen()
            place //= 2
        while len(self._counts) <= place:
            self._counts.append([0, 0])
        self._counts[place][0 if good else 1] += 1

    def _widen(self) -> None:
        rows = self._counts + [[0, 0]] * (len(self._counts) % 2)
        self._counts = [[a + b for a, b in zip(rows[at], rows[at + 1])] for at in range(0, len(rows), 2)]
        self._step *= 2

    def result(self) -> dict[str, t.Any]:
        """`from` in seconds since 1970, the seconds of a `step`, and for each step the requests `ok` and `lost`."""
        return {"from": round(self._from, 3), "step": self._step, "ok": [one[0] for one in self._counts], "lost": [one[1] for one in self._counts]}
