# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Container image archives written by hand: the docker-archive format, which `docker load` and `podman load` both take.

Same content, same bytes: every entry has time 0 and the entries are sorted, so that an image built twice has one id.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import platform
import stat
import tarfile
import typing as t

EPOCH = "1970-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One file, folder (`folder` is true) or symbolic link (`link` is its target) of a layer."""

    path: str
    data: bytes = b""
    mode: int = 0o644
    folder: bool = False
    link: str = ""
    owner: int = 0

    def header(self) -> tarfile.TarInfo:
        """The tar header: no time, no names, numeric owner only."""
        info = tarfile.TarInfo(self.path.strip("/"))
        info.mode, info.uid, info.gid, info.mtime = self.mode, self.owner, self.owner, 0
        info.size = len(self.data)
        if self.folder:
            info.type = tarfile.DIRTYPE
        elif self.link:
            info.type, info.linkname = tarfile.SYMTYPE, self.link
        return info


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer's tar and its digest ("sha256:...", also its diff id, as nothing is compressed)."""

    tar: bytes

    @property
    def digest(self) -> str:
        """Hex sha256 of the tar."""
        return hashlib.sha256(self.tar).hexdigest()


@dataclasses.dataclass(frozen=True)
class Image:
    """Layers plus what the image config says. `config` has Docker's keys (Env, Cmd, StopSignal, ...)."""

    refs: tuple[str, ...]
    layers: tuple[Layer, ...]
    config: t.Mapping[str, t.Any]

    def config_json(self) -> bytes:
        """The image config document; its sha256 is the image id."""
        document = {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": EPOCH,
            "config": dict(self.config),
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer.digest for layer in self.layers]},
            "history": [{"created": EPOCH, "created_by": "hotswap test kit"} for _layer in self.layers],
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @property
    def id(self) -> str:
        """Hex sha256 of the config: what both engines show as the image id."""
        return hashlib.sha256(self.config_json()).hexdigest()


def file_entry(source: pathlib.Path, path: str) -> Entry:
    """The file at `source` (links followed), to lie at `path` in the image; only the x bit of its mode is kept."""
    executable = source.stat().st_mode & stat.S_IXUSR
    return Entry(path, source.read_bytes(), 0o755 if executable else 0o644)


def layer(entries: t.Iterable[Entry]) -> Layer:
    """Sorted, with every missing parent folder added (0755, root). A path given twice: the last one counts."""
    by_path = {entry.path.strip("/"): entry for entry in entries}
    for path in list(by_path):
        for parent in pathlib.PurePosixPath(path).parents:
            if str(parent) != ".":
                by_path.setdefault(str(parent), Entry(str(parent), mode=0o755, folder=True))
    return Layer(_tar(by_path[path] for path in sorted(by_path)))


def write(out: pathlib.Path, images: t.Sequence[Image]) -> None:
    """Writes all images into one archive; a layer that several share is in it once. Replaces `out` in one step."""
    entries = {}
    manifest = []
    for image in images:
        entries[image.id + ".json"] = Entry(image.id + ".json", image.config_json())
        for item in image.layers:
            entries[item.digest + "/layer.tar"] = Entry(item.digest + "/layer.tar", item.tar)
        manifest.append(
            {
                "Config": image.id + ".json",
                "RepoTags": list(image.refs),
                "Layers": [item.digest + "/layer.tar" for item in image.layers],
            }
        )
    entries["manifest.json"] = Entry("manifest.json", json.dumps(manifest, sort_keys=True).encode())
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name("%s.%d.part" % (out.name, os.getpid()))
    unfinished.write_bytes(_tar(entries[name] for name in sorted(entries)))
    unfinished.replace(out)


def _tar(entries: t.Iterable[Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in entries:
            tar.addfile(entry.header(), io.BytesIO(entry.data))
    return buffer.getvalue()
