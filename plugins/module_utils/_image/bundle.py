# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The archive that an engine loads, written as a stream: only the layers that it lacks are in it.

Measured on Docker 26 and Podman 5.4: Docker's own image store takes a docker-archive without the layers that it has, by the
chain of layers below. Podman does not ("Some layer tarfiles are missing"), but an OCI archive, by digest; Docker's containerd
image store likewise, where the image's id then is the digest of the manifest in it. That manifest is Docker's, for Podman drops
the HEALTHCHECK of an image whose manifest is OCI's.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import typing as t

from .pieces import Layer

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_END = b"\0" * 2 * tarfile.BLOCKSIZE
Content = t.Callable[[Layer], t.Iterable[bytes]]


def manifest_id(config: bytes, layers: t.Sequence[Layer]) -> str:
    """The image's id in an engine that goes by manifests: the digest of the one that `stream` writes."""
    return _digest(_manifest(config, layers))


def stream(oci: bool, config: bytes, layers: t.Sequence[Layer], content: Content) -> t.Iterator[bytes]:
    """The archive, an OCI one or a docker-archive; `content` gives the tar of a layer that has pieces, in the order of layers.

    No chunk is empty: requests before 2.29 would end the body there, and Docker would miss the layers behind it.
    """
    return filter(None, _archive(oci, config, layers, content))


def _archive(oci: bool, config: bytes, layers: t.Sequence[Layer], content: Content) -> t.Iterator[bytes]:
    small, path = (_oci if oci else _docker)(config, layers)
    for name, data in small.items():
        yield from _entry(name, len(data), [data])
    sent = {layer.diff_id: layer for layer in layers if layer.pieces}
    for layer in sent.values():
        yield from _entry(path % layer.diff_id[len("sha256:") :], layer.size, content(layer))
    yield _END


def _docker(config: bytes, layers: t.Sequence[Layer]) -> tuple[dict[str, bytes], str]:
    name = "%s.json" % hashlib.sha256(config).hexdigest()
    path = "%s/layer.tar"
    entry = {"Config": name, "RepoTags": None, "Layers": [path % layer.diff_id[len("sha256:") :] for layer in layers]}
    return {name: config, "manifest.json": _json([entry])}, path


def _oci(config: bytes, layers: t.Sequence[Layer]) -> tuple[dict[str, bytes], str]:
    path = "blobs/sha256/%s"
    manifest = _manifest(config, layers)
    index = {"schemaVersion": 2, "manifests": [_descriptor(_MANIFEST, _digest(manifest), len(manifest))]}
    small = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index)}
    return {**small, **{path % _digest(data)[len("sha256:") :]: data for data in (manifest, config)}}, path


def _manifest(config: bytes, layers: t.Sequence[Layer]) -> bytes:
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, _digest(config), len(config)),
            "layers": [_descriptor(_LAYER, layer.diff_id, layer.size) for layer in layers],
        }
    )


def _descriptor(media: str, digest: str, size: int) -> dict[str, t.Any]:
    return {"mediaType": media, "digest": digest, "size": size}


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _json(data: t.Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def _entry(name: str, size: int, chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = size
    yield info.tobuf(tarfile.GNU_FORMAT)
    yield from chunks
    yield b"\0" * (-size % tarfile.BLOCKSIZE)
