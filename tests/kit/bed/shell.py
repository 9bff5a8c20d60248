# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running programs, and errors that show what they said."""

from __future__ import annotations

import pathlib
import shlex
import subprocess
import tempfile
import typing as t

from ..cache import folder

Completed = subprocess.CompletedProcess[str]
Words = t.Sequence[t.Union[str, pathlib.Path]]


class BedError(Exception):
    """Something that the person at the terminal must know; no trace is needed."""


def run(argv: Words, *, check: bool = True, stdin: str | pathlib.Path = "", timeout: float | None = None) -> Completed:
    """Runs a program with its output captured.

    Args:
        argv: program and arguments.
        check: whether an exit code other than 0 is an error.
        stdin: what it reads: a text, or a path whose file it reads.
        timeout: seconds until it is killed.

    Raises:
        BedError: the exit code is not 0 (and `check`), or the time is over; with the end of what it printed.
    """
    words = [str(word) for word in argv]
    try:
        with stdin.open("rb") if isinstance(stdin, pathlib.Path) else tempfile.TemporaryFile() as source:
            if isinstance(stdin, str):
                source.write(stdin.encode())
                source.seek(0)
            done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, stdin=source, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise BedError("not done after %g s: %s" % (error.timeout, shlex.join(words))) from error
    except FileNotFoundError as error:
        raise BedError("%s is not on this machine (see `doctor`)" % error.filename) from error
    if check and done.returncode != 0:
        raise BedError("exit %d: %s\n%s" % (done.returncode, shlex.join(words), (done.stdout + done.stderr)[-2000:].rstrip()))
    return done


def cache() -> pathlib.Path:
    """Where bases and beds lie."""
    return folder("bed")


def start_time(pid: int) -> str | None:
    """Start time of a process in clock ticks, None if it has ended. Pid and start time together are never used twice."""
    try:
        stat = pathlib.Path("/proc/%d/stat" % pid).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def read_pid(path: pathlib.Path) -> int | None:
    """The process that `path` ("pid starttime") names, if it still runs."""
    try:
        pid, started = path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == started else None
