# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Traffic dealt out over a fixed number of slots, and folders of files that all change at once, by the rename of a link."""

from __future__ import annotations

import os
import pathlib
import shutil
import typing as t

from .folder import sync_folder

_CURRENT = "current"
# A request may be reading an earlier generation: nginx resolves a path link by link, and the machine may stop it in between,
# while a cutover turns more than once.
_KEPT = 8


def turns(weights: t.Sequence[int], slots: int) -> list[int]:
    """For each slot the index of whose turn it is: by weight (largest remainder), interleaved, and nobody goes without.

    `weights` are above 0, and at least one and at most `slots` many.
    """
    shares = _shares(weights, slots)
    # Each one's turns at equal distances; sorting by position interleaves them.
    dealt = [((turn + 0.5) / share, index) for index, share in enumerate(shares) for turn in range(share)]
    return [index for _position, index in sorted(dealt)]


def _shares(weights: t.Sequence[int], slots: int) -> list[int]:
    free = slots - len(weights)
    total = sum(weights)
    exact = [max(0.0, slots * weight / total - 1) for weight in weights]
    scale = free / sum(exact) if sum(exact) else 0.0
    shares = [int(scale * part) for part in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: (shares[index] - scale * exact[index], index))
    for index in by_remainder[: free - sum(shares)]:
        shares[index] += 1
    return [share + 1 for share in shares]


class Generations:
    """Numbered folders inside `folder`, and the link `current` that names the one which is read."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self.current = folder / _CURRENT

    def name(self) -> str:
        """The generation that is read, "0" before the first."""
        return os.readlink(str(self.current)) if self.current.is_symlink() else "0"

    def new(self) -> pathlib.Path:
        """An empty folder for the next generation; nobody reads it before `turn`."""
        path = self._folder / str(int(self.name()) + 1)
        shutil.rmtree(str(path), ignore_errors=True)
        path.mkdir(mode=0o700, parents=True)
        return path

    def turn(self, name: str) -> None:
        """Makes this generation the one that is read, and keeps some before it; nothing for ""."""
        if not name:
            return
        link = self._folder / "next"
        if link.is_symlink():
            link.unlink()
        link.symlink_to(name)
        os.replace(str(link), str(self.current))
        sync_folder(self._folder)
        self._keep({str(int(name) - age) for age in range(_KEPT)})

    def delete(self) -> None:
        """Removes all generations."""
        shutil.rmtree(str(self._folder), ignore_errors=True)

    def _keep(self, names: t.Container[str]) -> None:
        for path in self._folder.iterdir():
            if path.is_dir() and not path.is_symlink() and path.name not in names:
                shutil.rmtree(str(path), ignore_errors=True)
