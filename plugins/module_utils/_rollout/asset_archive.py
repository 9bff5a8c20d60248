# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""A folder out of a container, as the engine's archive of it, written below a folder of the host without ever leaving that.

Files belong to the user who runs this, and everybody may read them: they are public, and users in containers are others than on the host.
"""

from __future__ import annotations

import io
import os
import pathlib
import posixpath
import tarfile
import typing as t

from .._errors import HotswapError, InvalidInput
from .asset_spec import within

_BLOCK_BYTES = 256 * 1024
# No file system takes every number for a time.
_LATEST = 2**32
_KINDS = {tarfile.CHRTYPE: "a device", tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a pipe"}


def unpack(chunks: t.Iterable[bytes], place: pathlib.Path, path: str, image: str) -> None:
    """Writes what the archive of `path` in `image` has into the new folder `place`, all of it on the disk.

    Raises:
        InvalidInput: the path is no folder, or it has what cannot be kept.
        HotswapError: the archive is damaged, or ended early.
        OSError: a file could not be written.
    """
    writing = _Writing(place, path, image)
    try:
        with tarfile.open(fileobj=t.cast(t.Any, io.BufferedReader(_Chunks(chunks), _BLOCK_BYTES)), mode="r|") as archive:
            for member in archive:
                writing.take(archive, member)
    except tarfile.TarError as error:
        raise HotswapError("the engine's archive of %s in %s cannot be read: %s" % (path, image, error), "Run this again.") from error
    writing.finish()


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file that can be read once."""

    def __init__(self, chunks: t.Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def readinto(self, buffer: t.Any) -> int:
        """See io.RawIOBase."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Writing:
    """One archive on its way to the disk."""

    def __init__(self, place: pathlib.Path, path: str, image: str) -> None:
        self._place = place
        self._path = path
        self._image = image
        self._root = ""
        # Nothing is written but into folders that are here: a link, which could lead anywhere, never is.
        self._folders: set[str] = set()
        self._files: set[str] = set()
        self._seen: set[str] = set()

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """The next member; the first one is the folder itself."""
        if not self._folders:
            self._begin(member)
            return
        name = self._below(member.name)
        if posixpath.dirname(name) not in self._folders or name in self._seen:
            raise HotswapError("the engine's archive of %s in %s has %r in the wrong place" % (self._path, self._image, name), "Run this again.")
        self._seen.add(name)
        if member.isdir():
            self._make(name)
        elif member.issym():
            self._link(name, member.linkname)
        elif member.islnk():
            self._same(name, self._below(member.linkname))
        elif member.isreg():
            self._write(name, member, t.cast(t.IO[bytes], archive.extractfile(member)))
        else:
            raise self._unfit(name, "which is %s" % _KINDS.get(member.type, "no file"), "Only files, folders and links can be kept")

    def finish(self) -> None:
        """Brings all of it to the disk. Raises InvalidInput when there was nothing at all."""
        if not self._folders:
            raise self._no_folder()
        # Only now: the first of these writes what all of them wait for.
        for name in sorted(self._files):
            _sync(self._place / name, os.O_NOFOLLOW)
        for name in sorted(self._folders, reverse=True):
            _sync(self._place / name, os.O_DIRECTORY)

    def _begin(self, member: tarfile.TarInfo) -> None:
        if not member.isdir():
            raise self._no_folder()
        self._root = posixpath.normpath(member.name)
        self._make("")

    def _no_folder(self) -> InvalidInput:
        return InvalidInput("assets.path: %s in %s is no folder" % (self._path, self._image), "Name the folder itself, and no link to it.")

    def _unfit(self, name: str, why: str, fix: str) -> InvalidInput:
        return InvalidInput("assets.path: %s in %s has %r, %s" % (self._path, self._image, name, why), "%s: name a folder without it." % fix)

    def _below(self, name: str) -> str:
        """The path below the folder. Raises HotswapError for one that is not."""
        found = posixpath.normpath(name)
        found = found if self._root in ("", ".") else posixpath.relpath(found, self._root) if within(found, self._root) else ".."
        if found == "." or found.startswith("/") or within(found, ".."):
            raise HotswapError("the engine's archive of %s in %s has %r, which leads outside" % (self._path, self._image, name), "Look at the image.")
        return found

    def _make(self, name: str) -> None:
        place = self._place / name
        place.mkdir()
        place.chmod(0o755)
        self._folders.add(name)

    def _link(self, name: str, target: str) -> None:
        """A link is followed in the container alone, and kept where it stays in the folder."""
        end = posixpath.normpath(posixpath.join(self._path, posixpath.dirname(name), target))
        if not within(end, self._path):
            raise self._unfit(name, "a link that leads outside to %r" % target, "It would lead elsewhere with another version")
        os.symlink(target, str(self._place / name))

    def _same(self, name: str, other: str) -> None:
        if other not in self._files:
            raise self._unfit(name, "the same file as %r" % other, "That is not in the folder")
        os.link(str(self._place / other), str(self._place / name))
        self._files.add(name)

    def _write(self, name: str, member: tarfile.TarInfo, source: t.IO[bytes]) -> None:
        handle = os.open(str(self._place / name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            for block in iter(lambda: source.read(_BLOCK_BYTES), b""):
                file.write(block)
            file.flush()
            os.fchmod(handle, 0o755 if member.mode & 0o111 else 0o644)
            # Servers make ETag and Last-Modified of it: they stay what they were.
            os.utime(handle, (min(max(member.mtime, 0), _LATEST),) * 2)
        self._files.add(name)


def _sync(path: pathlib.Path, flags: int) -> None:
    handle = os.open(str(path), os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
