# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image archives for tests: small images, in every form that tools write them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pathlib
import tarfile
import typing as t

from kit import archive

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
Pack = t.Callable[[bytes], bytes]


def plain(data: bytes) -> bytes:
    """No compression."""
    return data


def zipped(data: bytes) -> bytes:
    """gzip, the same bytes each time."""
    return gzip.compress(data, mtime=0)


def image(*contents: bytes, ref: str = "localhost/greet:1") -> archive.Image:
    """An image with a layer for each content."""
    layers = tuple(archive.layer([archive.Entry("/f%d" % number, content)]) for number, content in enumerate(contents))
    return archive.Image((ref,), layers, {"Cmd": ["/f0"]})


def tar(entries: t.Mapping[str, bytes], links: t.Mapping[str, str] | None = None) -> bytes:
    """A tar of files and symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as out:
        for name, data in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            out.addfile(info)
    return buffer.getvalue()


def docker(images: t.Sequence[archive.Image], pack: Pack = plain) -> dict[str, bytes]:
    """The entries of what docker save writes."""
    entries: dict[str, bytes] = {}
    manifest = []
    for one in images:
        entries[one.id + ".json"] = one.config_json()
        for layer in one.layers:
            entries[layer.digest + "/layer.tar"] = pack(layer.tar)
        manifest.append({"Config": one.id + ".json", "RepoTags": list(one.refs), "Layers": [layer.digest + "/layer.tar" for layer in one.layers]})
    return {**entries, "manifest.json": json.dumps(manifest).encode()}


def oci(images: t.Sequence[archive.Image], pack: Pack = plain, nested: bool = False) -> dict[str, bytes]:
    """The entries of an OCI archive, with an index inside of the index and a provenance beside the images when `nested`."""
    blobs: list[bytes] = []
    rows = []
    for one in images:
        layers = [pack(layer.tar) for layer in one.layers]
        manifest = json.dumps({"schemaVersion": 2, "config": _descriptor(one.config_json()), "layers": [_descriptor(layer) for layer in layers]}).encode()
        blobs += [one.config_json(), manifest, *layers]
        rows.append({**_descriptor(manifest), "annotations": {"io.containerd.image.name": one.refs[0]}})
    if nested:
        provenance = json.dumps({"schemaVersion": 2, "layers": []}).encode()
        beside = {**_descriptor(provenance), "platform": {"os": "unknown", "architecture": "unknown"}}
        inner = json.dumps({"schemaVersion": 2, "manifests": [*rows, beside]}).encode()
        blobs += [provenance, inner]
        rows = [_descriptor(inner)]
    index = {"schemaVersion": 2, "manifests": rows}
    small = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}
    return {**small, **{"blobs/sha256/" + hashlib.sha256(blob).hexdigest(): blob for blob in blobs}}


def _descriptor(data: bytes) -> dict[str, t.Any]:
    return {"mediaType": DOCKER_MANIFEST, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def write(folder: pathlib.Path, data: bytes, name: str = "image.tar") -> str:
    """A file of that content; its path."""
    (folder / name).write_bytes(data)
    return str(folder / name)
