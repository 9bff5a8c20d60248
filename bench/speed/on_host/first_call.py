# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run on a host: python3 first_call.py RUNS OURS THEIRS. Time to the first call of the engine, for two modules in turn.

The modules are the files that Ansible left in ~/.ansible/tmp.
"""

from __future__ import annotations

import glob
import json
import os
import pathlib
import subprocess
import sys

SITE = str(pathlib.Path(__file__).resolve().parent / "site")


def file_of(module: str) -> str:
    """The newest file of a module that Ansible left."""
    return max(glob.glob(os.path.expanduser("~/.ansible/tmp/*/AnsiballZ_%s.py" % module)), key=os.path.getmtime)


def first(module: str) -> float:
    """Milliseconds to the first connection."""
    note = "/tmp/speed/first"
    pathlib.Path(note).unlink(missing_ok=True)
    env = {**os.environ, "PYTHONPATH": SITE, "SPEED_FIRST": note}
    subprocess.run(["/usr/bin/python3", file_of(module)], env=env, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return float(pathlib.Path(note).read_text(encoding="ascii"))


def main() -> None:
    """Prints the times of both, and the bytes of all files."""
    runs, ours, theirs = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    found = [(first(ours), first(theirs)) for _number in range(runs + 1)][1:]
    names = {path.split("AnsiballZ_")[1][:-3] for path in glob.glob(os.path.expanduser("~/.ansible/tmp/*/AnsiballZ_*.py"))}
    print(
        json.dumps(
            {
                "ours": [one for one, _other in found],
                "theirs": [other for _one, other in found],
                "bytes": {name: os.path.getsize(file_of(name)) for name in names},
            }
        )
    )


if __name__ == "__main__":
    main()
