# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Runs programs of the host: found where users other than root often do not look, bounded in time, never through a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t

from .._processes import Process

# One command, in seconds: none of ours waits for what clients do.
SECONDS = 60.0
MISSING = 127
_LATE = 124
_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin")


class Done(t.NamedTuple):
    """Exit code (127 without the program, 124 when it took longer than 60 s), output and messages."""

    code: int
    output: str
    errors: str = ""

    @property
    def said(self) -> str:
        """Output and messages, one after the other."""
        return self.output + self.errors


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS])


def find(program: str) -> str:
    """The path of the program, "" when it is not on this host."""
    return shutil.which(program, path=_path()) or ""


def run(argv: t.Sequence[str], text: str = "") -> Done:
    """Runs the program that the first word names, with `text` on its standard input. Never raises for what the program does."""
    program = find(argv[0])
    if not program:
        return Done(MISSING, "%s is not on this host" % argv[0])
    environment = {**os.environ, "PATH": _path(), "LC_ALL": "C.UTF-8"}
    try:
        with Process([program, *argv[1:]], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            output, errors = process.communicate(text.encode(), SECONDS)
    except subprocess.TimeoutExpired:
        return Done(_LATE, "%s is not done after %g s" % (" ".join(argv), SECONDS))
    except OSError as error:
        return Done(126, "%s: %s" % (program, error.strerror))
    return Done(process.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))
