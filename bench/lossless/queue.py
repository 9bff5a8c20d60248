# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is still to be measured, for several workers: a host has one combination at a time."""

from __future__ import annotations

import threading
import typing as t

from lossless.settings import Combo


class Queue:
    """Combinations in order; one is handed out when its engine's host is free."""

    def __init__(self, combos: t.Sequence[Combo]) -> None:
        self._left = list(combos)
        self._busy: set[str] = set()
        self._changed = threading.Condition()

    def take(self) -> Combo | None:
        """The next one whose host is free, waiting for one; None when there are none left."""
        with self._changed:
            while self._left:
                free = [combo for combo in self._left if combo.engine not in self._busy]
                if free:
                    self._left.remove(free[0])
                    self._busy.add(free[0].engine)
                    return free[0]
                self._changed.wait()
            return None

    def done(self, combo: Combo) -> None:
        """Its host is free again."""
        with self._changed:
            self._busy.discard(combo.engine)
            self._changed.notify_all()

    def close(self) -> None:
        """Hands nothing out any more."""
        with self._changed:
            self._left.clear()
            self._changed.notify_all()
