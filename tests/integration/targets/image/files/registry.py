# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry with three small images on one layer, 1 to 3, whatever their name is.

python registry.py PORT KEY CERTIFICATE    # answers until it is ended
"""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import platform
import ssl
import sys
import tarfile

_TYPE = "application/vnd.docker.%s"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
BASE_BYTES = 2_000_000
# The last part of a path, which is a tag or a digest, -> type and body.
CONTENT: dict[str, tuple[str, bytes]] = {"": ("application/json", b"{}")}


def keep(kind: str, data: bytes) -> dict[str, object]:
    """Answers for its digest from now on. Returns what a manifest says of it."""
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    CONTENT[digest] = (_TYPE % kind, data)
    return {"mediaType": _TYPE % kind, "size": len(data), "digest": digest}


def layer(name: str, data: bytes) -> dict[str, object]:
    """With one file."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as files:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        files.addfile(entry, io.BytesIO(data))
    return keep("image.rootfs.diff.tar", tar.getvalue())


def add(tag: str) -> None:
    """An image with a layer of its own."""
    layers = [layer("base", bytes(BASE_BYTES)), layer("top", tag.encode())]
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in layers]},
        # Podman cannot tell the history of the first, which has no times.
        "history": [{} if tag == "1" else {"created": "1970-01-01T00:00:00Z"} for _one in layers],
    }
    shown = keep("container.image.v1+json", json.dumps(config).encode())
    kind = "distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": _TYPE % kind, "config": shown, "layers": layers}).encode()
    CONTENT[tag] = CONTENT[str(keep(kind, manifest)["digest"])]


class Handler(http.server.BaseHTTPRequestHandler):
    """What an engine asks to pull."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A manifest, a config or a layer."""
        last = self.path.rpartition("/")[2]
        kind, data = CONTENT.get(last, ("application/json", b"{}"))
        self.send_response(200 if last in CONTENT else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(data).hexdigest())
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET


def main(port: int, key: str, certificate: str) -> None:
    """Answers until it is ended."""
    for tag in ("1", "2", "3"):
        add(tag)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
