# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""One change at a time to one service on one host.

The lock is the kernel's (flock(2)): it ends with its owner, however that dies, so nothing stale can remain. A module
whose ssh connection was lost runs on (measured with pipelining) and rightly keeps it. The file says who holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import pathlib
import socket
import time
import typing as t

from .._errors import HotswapError, LockHeld

_RETRY = 0.1


@contextlib.contextmanager
def held(folder: pathlib.Path, why: str, timeout: float) -> t.Iterator[None]:
    """Holds the folder's lock, waiting at most `timeout` seconds for it. Raises LockHeld with owner, age and reason."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(str(folder / "lock"), "a+", encoding="utf-8") as file:
        _take(file, timeout)
        _sign(file, why)
        yield
        file.truncate(0)


def _sign(file: t.TextIO, why: str) -> None:
    note = json.dumps({"owner": owner(), "pid": os.getpid(), "since": time.time(), "why": why})
    try:
        file.truncate(0)
        # Not through the file's buffer: closing it would fail once more.
        os.write(file.fileno(), note.encode())
    except OSError as error:
        raise HotswapError("%s cannot be written: %s" % (file.name, error), "Look at the space and the permissions of its folder.") from error


def _take(file: t.TextIO, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() >= deadline:
                raise _held_by(file, timeout) from None
        time.sleep(_RETRY)


def _held_by(file: t.TextIO, timeout: float) -> LockHeld:
    file.seek(0)
    try:
        note = json.loads(file.read())
        who = "%(owner)s, process %(pid)s, for %(why)s" % note
        age = "%d s ago" % (time.time() - note["since"])
    except (ValueError, KeyError):
        who, age = "another process", "a moment ago"
    return LockHeld(
        "locked by %s, taken %s; waited %g s" % (who, age, timeout),
        "Wait for it to end, or raise lock_timeout. The lock ends by itself with its owner.",
    )


def owner() -> str:
    """user@host, and where the ssh session came from. Who does it, for the lock and the journal."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    client = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return "%s@%s%s" % (user, socket.gethostname(), " from %s" % client if client else "")
