# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of the checkout at a real path .../ansible_collections/hotswap/containers, inside a git work tree.

ansible-test refuses to run anywhere else, and follows no link.
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess

from run.report import ROOT, WORK


def copy_checkout(purpose: str) -> pathlib.Path:
    """Copies every file that git would take (tracked, or new and not ignored) and returns the copy's folder."""
    copy = WORK / purpose / "ansible_collections" / "hotswap" / "containers"
    shutil.rmtree(copy, ignore_errors=True)
    for name in _files():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=copy, check=True)
    return copy


def _files() -> list[str]:
    argv = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    return sorted({name for name in listed if name and (ROOT / name).is_file()})
