# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Folders below the state folder that hold what containers mount: made for their owner alone, never entered by a link, removed whole."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat

from .._errors import HotswapError


def ours(path: pathlib.Path) -> bool:
    """A folder, no link to one, of the user that we are."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def make(path: pathlib.Path) -> None:
    """The folder, 0700, with its parents; one that is there is closed. Raises HotswapError for what is somebody else's, and OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not ours(path):
            raise HotswapError("%s is no folder of the user who runs the task" % path, "Look at who put it there, and remove it.") from None
        path.chmod(0o700)


def remove(path: pathlib.Path) -> None:
    """A folder of ours with all that is in it; of anything else only the name. Gone already is no error."""
    if ours(path):
        shutil.rmtree(str(path))
    elif os.path.lexists(str(path)):
        path.unlink()
