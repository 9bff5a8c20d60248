# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Image archives on the controller: what `docker save`, `podman save` and OCI tools write, read in place.

Nothing is unpacked: entries are looked up by name and read at their offset, so a name can lead nowhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import posixpath
import re
import tarfile
import typing as t

from .._errors import HotswapError, InvalidInput
from . import codec
from .names import platform_of

# What no image has: beyond these the file is something else, or made to harm.
MOST_ENTRIES = 100_000
MOST_JSON_BYTES = 16 * 1024 * 1024
MOST_LAYERS = 1000
_MOST_NESTED = 4
_MOST_IMAGES = 256
# A decompressed archive may not fill the controller's disk.
_LEAST_FREE_BYTES = 256 * 1024 * 1024
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_FIX = "Save the image again with docker save or podman save."
Json = t.Dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Blob:
    """Where a layer lies in the archive: offset and size in bytes, and how it is compressed."""

    offset: int
    size: int
    encoding: str


@dataclasses.dataclass(frozen=True)
class Source:
    """One image of an archive. `id` is the digest of `config`; `diff_ids` and `blobs` go together, lowest layer first."""

    id: str
    refs: tuple[str, ...]
    platform: str
    config: bytes
    diff_ids: tuple[str, ...]
    blobs: tuple[Blob, ...]


class Archive:
    """A readable archive and the images in it. To be closed."""

    def __init__(self, path: str, folder: str) -> None:
        """Reads the index of the archive at `path`; `folder` is for the unpacked copy of one that is compressed as a whole.

        Raises:
            InvalidInput: no archive, a damaged one, or one that holds no image.
        """
        self._what = "archive %s" % path
        try:
            self._file = open(_plain(path, folder), "rb")  # noqa: SIM115
        except OSError as error:
            raise InvalidInput("archive: %s cannot be read: %s" % (path, error.strerror or error), "Give the path of a file on the controller.") from error
        try:
            self._entries = self._index()
            self.images = self._read()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Closes the file; its unpacked copy is removed with its folder."""
        self._file.close()

    def stored(self, blob: Blob) -> t.Iterator[bytes]:
        """The blob's bytes as they lie in the archive."""
        left = blob.size
        self._file.seek(blob.offset)
        while left:
            chunk = self._file.read(min(codec.CHUNK, left))
            if not chunk:
                raise self._wrong("ends in the middle of a layer")
            left -= len(chunk)
            yield chunk

    def content(self, blob: Blob) -> t.Iterator[bytes]:
        """The layer's tar, decompressed."""
        return codec.unpack(self.stored(blob), blob.encoding)

    def choose(self, name: str, platform: str) -> list[Source]:
        """The images that `name` may mean: those that carry it, else all when they are one image for several platforms.

        Args:
            name: a reference, with its tag.
            platform: only those of this platform, "" for any.

        Raises:
            InvalidInput: it is not clear which image is meant, or none is of the platform.
        """
        named = [image for image in self.images if name in image.refs] or self.images
        if len({image.platform for image in named}) < len(named):
            refs = ", ".join(sorted({ref for image in self.images for ref in image.refs})) or "without names"
            raise InvalidInput("%s holds %d images (%s), none of them %s" % (self._what, len(self.images), refs, name), "Say which one with from_name.")
        found = [image for image in named if platform in ("", image.platform)]
        if not found:
            there = ", ".join(image.platform for image in named)
            raise InvalidInput("%s holds an image for %s, not for %s" % (self._what, there, platform), "Build the image for %s." % platform)
        return found

    def _wrong(self, why: str) -> InvalidInput:
        return InvalidInput("%s %s" % (self._what, why), _FIX)

    def _index(self) -> dict[str, tarfile.TarInfo]:
        """Entry by name, links followed. Every entry lies inside the file."""
        found: dict[str, tarfile.TarInfo] = {}
        length = os.fstat(self._file.fileno()).st_size
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                for member in tar:
                    self._check(member, length, len(found))
                    found[posixpath.normpath(member.name)] = member
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise self._wrong("is not a readable tar archive (%s)" % error) from error
        return found

    def _check(self, member: tarfile.TarInfo, length: int, count: int) -> None:
        if count >= MOST_ENTRIES:
            raise self._wrong("has more than %d entries" % MOST_ENTRIES)
        if member.name.startswith("/") or ".." in member.name.split("/"):
            raise self._wrong("has an entry outside of itself: %r" % member.name)
        if not (member.isreg() or member.isdir() or member.issym() or member.islnk()) or member.sparse is not None:
            raise self._wrong("has an entry that is no file: %r" % member.name)
        if member.isreg() and member.offset_data + member.size > length:
            raise self._wrong("is cut off: %r should have %d bytes" % (member.name, member.size))

    def _member(self, name: str) -> tarfile.TarInfo | None:
        """The file of that name; old Docker writes a layer that is there twice as a link."""
        for _step in range(_MOST_NESTED):
            member = self._entries.get(posixpath.normpath(name))
            if member is None or member.isreg():
                return member
            name = member.linkname if member.islnk() else posixpath.join(posixpath.dirname(member.name), member.linkname)
        return None

    def _bytes(self, name: str) -> bytes:
        member = self._member(name)
        if member is None:
            raise self._wrong("lacks %s" % name)
        if member.size > MOST_JSON_BYTES:
            raise self._wrong("has a description of %d bytes: %s" % (member.size, name))
        return b"".join(self.stored(Blob(member.offset_data, member.size, codec.NONE)))

    def _json(self, name: str) -> t.Any:
        return self._parsed(self._bytes(name), name)

    def _parsed(self, data: bytes, name: str) -> t.Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._wrong("has an unreadable %s" % name) from error

    def _blob(self, name: str) -> Blob:
        member = self._member(name)
        if member is None:
            raise self._wrong("lacks the layer %s" % name)
        head = next(self.stored(Blob(member.offset_data, min(member.size, 8), codec.NONE)), b"")
        return Blob(member.offset_data, member.size, codec.sniff(head))

    def _read(self) -> list[Source]:
        try:
            if self._member("manifest.json"):
                images = self._docker()
            elif self._member("index.json"):
                images = self._oci(self._json("index.json"), (), 0)
            else:
                raise self._wrong("holds no image: neither manifest.json nor index.json is in it")
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise self._wrong("describes its images in a way that cannot be read (%s: %s)" % (type(error).__name__, error)) from error
        if not images or len(images) > _MOST_IMAGES:
            raise self._wrong("holds %d images" % len(images))
        return images

    def _docker(self) -> list[Source]:
        found = []
        for entry in self._json("manifest.json"):
            config = self._bytes(entry["Config"])
            found.append(self._source(config, tuple(entry.get("RepoTags") or ()), list(entry.get("Layers") or ())))
        return found

    def _oci(self, index: Json, refs: tuple[str, ...], depth: int) -> list[Source]:
        if depth > _MOST_NESTED:
            raise self._wrong("has indexes inside of indexes, more than %d" % _MOST_NESTED)
        found: list[Source] = []
        for entry in index["manifests"]:
            notes = entry.get("annotations") or {}
            # What build tools attach beside an image (its provenance) is no image.
            if "vnd.docker.reference.type" in notes or (entry.get("platform") or {}).get("os") == "unknown":
                continue
            named = [notes[key] for key in ("io.containerd.image.name", "org.opencontainers.image.ref.name") if notes.get(key)]
            here = (*refs, *named)
            manifest = self._parsed(self._digested(entry["digest"]), entry["digest"])
            if "manifests" in manifest:
                found += self._oci(manifest, here, depth + 1)
            else:
                layers = [_blob_path(layer["digest"]) for layer in manifest["layers"]]
                found.append(self._source(self._digested(manifest["config"]["digest"]), here, layers))
        return found

    def _digested(self, digest: str) -> bytes:
        """A small blob by its digest, which its content must have."""
        data = self._bytes(_blob_path(digest))
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise self._wrong("is damaged: %s has other content" % digest)
        return data

    def _source(self, config: bytes, refs: tuple[str, ...], layers: t.Sequence[str]) -> Source:
        described = self._parsed(config, "image config")
        diff_ids = tuple(described["rootfs"]["diff_ids"])
        if not all(_DIGEST.fullmatch(digest) for digest in diff_ids):
            raise self._wrong("names a layer by something else than a sha256 digest")
        if len(diff_ids) != len(layers) or not 0 < len(layers) <= MOST_LAYERS:
            raise self._wrong("has %d layers where the image has %d" % (len(layers), len(diff_ids)))
        blobs = tuple(self._blob(layer) for layer in layers)
        return Source("sha256:" + hashlib.sha256(config).hexdigest(), refs, platform_of(described), config, diff_ids, blobs)


def _blob_path(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise ValueError("%r is not a sha256 digest" % digest)
    return "blobs/sha256/" + digest[len("sha256:") :]


def _plain(path: str, folder: str) -> str:
    """The archive itself, or its unpacked copy in the folder."""
    with open(path, "rb") as file:
        encoding = codec.sniff(file.read(8))
        if encoding == codec.NONE:
            return path
        file.seek(0)
        copy = os.path.join(folder, "archive.tar")
        with open(copy, "wb") as out:
            for chunk in codec.unpack(iter(lambda: file.read(codec.CHUNK), b""), encoding):
                _leave_room(folder, len(chunk))
                out.write(chunk)
    return copy


def _leave_room(folder: str, size: int) -> None:
    place = os.statvfs(folder)
    if place.f_bavail * place.f_frsize - size < _LEAST_FREE_BYTES:
        raise HotswapError("the controller has no room in %s for the unpacked archive" % folder, "Free some, or set TMPDIR to another place.")
