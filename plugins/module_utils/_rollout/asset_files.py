# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Files of versions on the host: services/NAME/assets/ENGINE/KEY with `own`, what the image has, and `shown`, what its containers see.

What is shown is links to what versions own, so that a file is on the disk once. To be changed under the service's lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import stat
import typing as t

from .._switch.folder import sync_folder
from . import own_folder
from .asset_spec import OWN, SHOWN
from .asset_union import Held, above
from .memory import write_json

# What `build` makes, and what a run that is killed leaves. Nothing else is ever removed.
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}-[0-9a-f]{6}")
_LEFT = re.compile(r"\.[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}-[0-9a-f]{6}\.[0-9]+\.tmp|\.link\.[0-9]+\.tmp")
_NOTE = "retired.json"


def folder_of(service: pathlib.Path, kind: str) -> pathlib.Path:
    """Where a service keeps its assets for one kind of engine. `service` is its folder."""
    return service / "assets" / kind


class Folders:
    """The versions of one service that have files here. Methods raise OSError, and HotswapError for a folder that is not ours."""

    def __init__(self, service: pathlib.Path, kind: str) -> None:
        self.root = folder_of(service, kind)

    def versions(self) -> tuple[str, ...]:
        """Keys of the versions whose files are here, whole."""
        return tuple(name for name in self._names() if _KEY.fullmatch(name) and own_folder.ours(self.root / name / OWN))

    def left(self) -> tuple[str, ...]:
        """Names of what killed runs left unfinished."""
        return tuple(name for name in self._names() if _LEFT.fullmatch(name))

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(str(self.root))) if own_folder.ours(self.root) else []
        except OSError:
            return []

    def held(self, key: str, age: float) -> Held:
        """What the version owns."""
        files, folders = _walk(self.root / key / OWN)
        return Held(key, {path: found.st_size for path, found in files.items()}, folders, age)

    def build(self, key: str, fill: t.Callable[[pathlib.Path], None]) -> None:
        """Makes the version's folders, what it owns written by `fill`: whole, or not at all."""
        for path in (self.root.parent, self.root):
            own_folder.make(path)
        staged = self.root / (".%s.%d.tmp" % (key, os.getpid()))
        try:
            own_folder.remove(staged)
            _make(staged)
            fill(staged / OWN)
            _make(staged / SHOWN)
            sync_folder(staged)
            self._place(staged, self.root / key)
        except BaseException:
            own_folder.remove(staged)
            raise
        sync_folder(self.root)

    @staticmethod
    def _place(staged: pathlib.Path, place: pathlib.Path) -> None:
        if not own_folder.ours(place):
            own_folder.remove(place)
            os.rename(str(staged), str(place))
            return
        # What it owns was lost, and containers may have the folder beside it mounted.
        own_folder.remove(place / OWN)
        os.rename(str(staged / OWN), str(place / OWN))
        own_folder.remove(staged)

    def differs(self, key: str, wanted: t.Mapping[str, str]) -> tuple[set[str], set[str]]:
        """Paths that the version does not show as they are wanted (path -> key of the owner), and those that it shows and shall not."""
        files, _folders = _walk(self.root / key / SHOWN)
        lacking = {path for path, owner in wanted.items() if path not in files or not self._same(files[path], path, owner)}
        return lacking, set(files) - set(wanted)

    def _same(self, found: os.stat_result, path: str, owner: str) -> bool:
        """A link to the very file. One that is lost with its version is not missed by what links to it still."""
        try:
            return os.path.samestat(found, (self.root / owner / OWN / path).lstat())
        except OSError:
            return False

    def arrange(self, key: str, wanted: t.Mapping[str, str], folders: t.Iterable[str]) -> None:
        """Makes the version show exactly that, while its containers look on: no file that stays is away for a moment."""
        lacking, surplus = self.differs(key, wanted)
        shown = self.root / key / SHOWN
        if not own_folder.ours(shown):
            _make(shown)
        touched = {folder for path in surplus | lacking for folder in ("", *above(path))}
        for path in surplus:
            (shown / path).unlink()
        keep = {*folders, *(folder for path in wanted for folder in above(path))}
        self._clear(shown, keep)
        for folder in sorted(keep):
            if not (shown / folder).is_dir():
                _make(shown / folder)
                touched.update(("", folder, *above(folder)))
        for path in sorted(lacking):
            self._show(self.root / wanted[path] / OWN / path, shown / path)
        for folder in touched & {"", *keep}:
            sync_folder(shown / folder)

    def _clear(self, shown: pathlib.Path, keep: t.Container[str]) -> None:
        """Removes folders in which nothing is left."""
        _files, folders = _walk(shown)
        for folder in sorted(folders, reverse=True):
            if folder not in keep:
                (shown / folder).rmdir()

    def _show(self, own: pathlib.Path, shown: pathlib.Path) -> None:
        staged = self.root / (".link.%d.tmp" % os.getpid())
        own_folder.remove(staged)
        os.link(str(own), str(staged), follow_symlinks=False)
        os.replace(str(staged), str(shown))

    def remove(self, name: str) -> None:
        """Removes a version's files, or what a killed run left."""
        own_folder.remove(self.root / name)

    def tidy(self) -> None:
        """Removes the folders themselves when no version is left in them."""
        if own_folder.ours(self.root) and not self.versions() and not self.left():
            with contextlib.suppress(OSError):
                (self.root / _NOTE).unlink()
            for path in (self.root, self.root.parent):
                with contextlib.suppress(OSError):
                    path.rmdir()

    def retired(self) -> dict[str, float]:
        """Key -> when its version was first seen to be out of use, in seconds since 1970. A damaged note counts as empty."""
        try:
            found = json.loads((self.root / _NOTE).read_text(encoding="utf-8"))
            return {str(key): float(at) for key, at in found.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def note_retired(self, times: t.Mapping[str, float]) -> None:
        """These are all of them now."""
        if dict(times) != self.retired():
            write_json(self.root / _NOTE, dict(times))


def _make(place: pathlib.Path) -> None:
    """A folder that everybody may read; who gets that far is decided by those above it."""
    place.mkdir()
    place.chmod(0o755)


def _walk(root: pathlib.Path) -> tuple[dict[str, os.stat_result], set[str]]:
    """Everything below the folder that is no folder, with its status, and all folders; nothing where there is none. No link is followed."""
    files: dict[str, os.stat_result] = {}
    folders: set[str] = set()
    left = [""]
    while left:
        folder = left.pop()
        try:
            entries = list(os.scandir(str(root / folder)))
        except OSError:
            continue
        for entry in entries:
            path = folder + "/" + entry.name if folder else entry.name
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                folders.add(path)
                left.append(path)
            else:
                files[path] = found
    return files, folders
