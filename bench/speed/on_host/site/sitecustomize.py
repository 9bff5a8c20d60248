# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For a module's process: notes the milliseconds from its start to its first connection to an engine, in the file SPEED_FIRST."""

from __future__ import annotations

import os
import socket
import time
import typing as t

_BEGAN = time.monotonic()
_real = socket.socket.connect


def _noted(self: socket.socket, address: t.Any) -> None:
    path = os.environ.get("SPEED_FIRST", "")
    if path and self.family == socket.AF_UNIX and not os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write("%f" % ((time.monotonic() - _BEGAN) * 1000))
    _real(self, address)


socket.socket.connect = _noted  # type: ignore[method-assign,assignment]
