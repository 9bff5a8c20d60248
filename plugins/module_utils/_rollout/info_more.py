# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What service_info tells only when it is asked: the space that images and our folder take."""

from __future__ import annotations

import os
import pathlib
import shutil
import typing as t

from .._engine.types import Engine
from .paths import StateDir


def disk(engine: Engine, state: StateDir) -> dict[str, t.Any]:
    """Bytes: of our state folder, of the engine's images, and of the file system that those are on."""
    images = engine.images()
    place = engine.storage().folder
    free, total = _room(pathlib.Path(place))
    return {
        "state": folder_size(state.root),
        "images": len(images),
        "images_size": sum(one.size for one in images),
        "engine_folder": place,
        "free": free,
        "total": total,
    }


def folder_size(root: pathlib.Path) -> int:
    """The sum of the files' sizes; what goes away meanwhile, or may not be read, counts nothing."""
    total = 0
    for folder, _folders, names in os.walk(str(root)):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total


def _room(place: pathlib.Path) -> tuple[int | None, int | None]:
    """Free and total bytes where the folder lies, None for one that this user may not see."""
    try:
        found = shutil.disk_usage(str(place))
    except OSError:
        return None, None
    return found.free, found.total
