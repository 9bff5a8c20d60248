# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Unix sockets whose path may be longer than the 107 bytes that a socket address can hold."""

from __future__ import annotations

import http.client
import os
import pathlib
import socket
import time
import typing as t

Answer = t.TypeVar("Answer")


def connect(path: pathlib.Path, timeout: float) -> socket.socket:
    """Connects to a unix stream socket; every later operation on it may take `timeout` seconds. Raises OSError."""
    folder = os.open(str(path.parent), os.O_RDONLY | os.O_DIRECTORY)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(timeout)
        link.connect("/proc/self/fd/%d/%s" % (folder, path.name))
    except OSError:
        link.close()
        raise
    finally:
        os.close(folder)
    return link


def until(check: t.Callable[[], Answer | None], seconds: float, pause: float = 0.02) -> Answer | None:
    """Repeats `check` until its answer is not None, at most `seconds` long (at least once); the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer is not None or time.monotonic() >= end:
            return answer
        time.sleep(pause)


class HTTPConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: pathlib.Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._seconds = timeout

    def connect(self) -> None:
        """Connects to the socket instead of a host."""
        self.sock = connect(self._path, self._seconds)
