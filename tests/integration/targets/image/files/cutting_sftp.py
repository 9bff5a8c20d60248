# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands for sftp, and loses the connection in the middle of the third file: half of it arrives, then ssh's own exit code.

python cutting_sftp.py COUNT_FILE ARGUMENT...    # the arguments and the standard input are those of sftp
"""

from __future__ import annotations

import pathlib
import shlex
import subprocess
import sys
import tempfile

FATAL_FILE = 3
SSH_LOST = 255


def main(count: pathlib.Path, arguments: list[str]) -> int:
    """The exit code of sftp, or of a lost connection."""
    commands = sys.stdin.read()
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    if number < FATAL_FILE:
        return subprocess.run(["sftp", *arguments], input=commands, text=True, check=False).returncode
    verb, source, target = shlex.split(commands)
    data = pathlib.Path(source).read_bytes()
    with tempfile.NamedTemporaryFile() as half:
        half.write(data[: len(data) // 2])
        half.flush()
        subprocess.run(["sftp", *arguments], input="%s %s %s\n" % (verb, half.name, shlex.quote(target)), text=True, check=True)
    return SSH_LOST


if __name__ == "__main__":
    raise SystemExit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
