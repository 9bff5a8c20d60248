# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archives that the target sends: a large layer that does not compress, and small ones on top of it.

python archives.py FOLDER    # prints the image ids as JSON
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pathlib
import random
import sys
import tarfile

from kit import archive

BASE_BYTES = 60_000_000
PROGRAM = b"#!/bin/false\n"


def layer(name: str, content: bytes) -> archive.Layer:
    """A layer with a program and one file."""
    return archive.layer([archive.Entry("/bin/app", PROGRAM, 0o755), archive.Entry("/" + name, content)])


class Foreign(archive.Image):
    """An image for a machine that nobody tests on."""

    def config_json(self) -> bytes:
        """The config, with another architecture."""
        return json.dumps({**json.loads(super().config_json()), "architecture": "s390x"}).encode()


def oci(folder: pathlib.Path, image: archive.Image) -> None:
    """The image as an OCI archive with packed layers."""
    layers = [gzip.compress(item.tar, 1, mtime=0) for item in image.layers]
    config = image.config_json()
    manifest = json.dumps({"schemaVersion": 2, "config": _descriptor(config), "layers": [_descriptor(data) for data in layers]}).encode()
    index = json.dumps({"schemaVersion": 2, "manifests": [_descriptor(manifest)]}).encode()
    with tarfile.open(folder / "three-oci.tar", "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", index)
        for data in (config, manifest, *layers):
            _add(tar, "blobs/sha256/" + hashlib.sha256(data).hexdigest(), data)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(archive.Entry(name, data).header(), io.BytesIO(data))


def _descriptor(data: bytes) -> dict[str, object]:
    return {"mediaType": "application/octet-stream", "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def main(folder: pathlib.Path) -> None:
    """Writes all archives. The same bytes each time: the same ids on every host."""
    base = layer("base", random.Random(1).randbytes(BASE_BYTES))
    config = {"Cmd": ["/bin/app"], "Healthcheck": {"Test": ["CMD", "/bin/app"]}}
    images = {name: archive.Image(("localhost/it-image:" + name,), (base, layer("top", name.encode())), config) for name in ("1", "2", "3")}
    for name in ("4", "5"):
        images[name] = archive.Image(("localhost/it-image:" + name,), (layer("top", name.encode()),), config)
        archive.write(folder / (name + ".tar"), [images[name]])
    archive.write(folder / "one.tar", [images["1"]])
    archive.write(folder / "two.tar", [images["2"]])
    (folder / "two.tar.gz").write_bytes(gzip.compress((folder / "two.tar").read_bytes(), 1, mtime=0))
    oci(folder, images["3"])
    archive.write(folder / "foreign.tar", [Foreign(("localhost/it-image:foreign",), (layer("top", b"foreign"),), config)])
    (folder / "cut.tar").write_bytes((folder / "one.tar").read_bytes()[:1_000_000])
    sys.stdout.write(json.dumps({name: "sha256:" + image.id for name, image in images.items()}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
