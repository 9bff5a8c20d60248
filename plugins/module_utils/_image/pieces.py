# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What goes over the wire: layers cut into pieces that are named by their content, so that a cut transfer goes on where it was."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import typing as t

from . import codec
from .archive import Archive, Blob, Source

# Bytes of a layer in one piece: large enough that the start of a transfer does not count, small enough to be sent again.
PIECE_BYTES = 16 * 1024 * 1024
Json = t.Dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Piece:
    """One file to send: its name is the sha256 of its content; size in bytes."""

    name: str
    size: int


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of the image: its digest and size unpacked, and the pieces that make it up (none: the host has the layer)."""

    diff_id: str
    size: int
    encoding: str = codec.NONE
    pieces: tuple[Piece, ...] = ()

    def as_json(self) -> Json:
        """As module parameters carry it."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, data: Json) -> Layer:
        """Back from `as_json`."""
        pieces = tuple(Piece(str(piece["name"]), int(piece["size"])) for piece in data["pieces"])
        return cls(str(data["diff_id"]), int(data["size"]), str(data["encoding"]), pieces)


def unsent(archive: Archive, source: Source) -> list[Layer]:
    """The layers of an image without their pieces. One that is compressed in the archive is read for its size."""
    sizes = (blob.size if blob.encoding == codec.NONE else codec.measured(archive.content(blob))[1] for blob in source.blobs)
    return [Layer(diff_id, size) for diff_id, size in zip(source.diff_ids, sizes)]


def cut(archive: Archive, source: Source, layers: t.Sequence[Layer], known: int, folder: str, zstd: bool) -> list[Layer]:
    """Writes the pieces of all layers but the first `known` into the folder, and checks those layers against their digests.

    A layer that is compressed in the archive is sent as it is, unless the host cannot read it (`zstd`).

    Raises:
        HotswapError: a layer is damaged.
    """
    done: dict[str, Layer] = {layer.diff_id: layer for layer in layers[:known]}
    for layer, blob in zip(layers[known:], source.blobs[known:]):
        if layer.diff_id not in done:
            done[layer.diff_id] = _layer(archive, layer, blob, folder, zstd)
    return [done[layer.diff_id] for layer in layers]


def _layer(archive: Archive, layer: Layer, blob: Blob, folder: str, zstd: bool) -> Layer:
    content = codec.checked(archive.content(blob), layer.diff_id, layer.size, "layer %s" % layer.diff_id)
    best = codec.ZSTD if zstd and codec.has_zstd() else codec.GZIP
    if blob.encoding == codec.NONE or (blob.encoding == codec.ZSTD and not zstd):
        return dataclasses.replace(layer, encoding=best, pieces=tuple(_write(folder, codec.pack(part, best)) for part in _parts(content)))
    for _chunk in content:
        pass
    return dataclasses.replace(layer, encoding=blob.encoding, pieces=tuple(_write(folder, part) for part in _parts(archive.stored(blob))))


def _parts(chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    part = bytearray()
    for chunk in chunks:
        part += chunk
        while len(part) >= PIECE_BYTES:
            yield bytes(part[:PIECE_BYTES])
            del part[:PIECE_BYTES]
    if part:
        yield bytes(part)


def _write(folder: str, data: bytes) -> Piece:
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)
    return Piece(name, len(data))


def to_send(layers: t.Iterable[Layer], there: t.Mapping[str, int]) -> list[Piece]:
    """The pieces that are not on the host yet, each once. `there`: names and sizes of what an earlier transfer left."""
    wanted = {piece.name: piece for layer in layers for piece in layer.pieces}
    return [piece for piece in wanted.values() if there.get(piece.name) != piece.size]


def damaged(layers: t.Iterable[Layer], folder: str) -> list[str]:
    """The names of pieces in the host's folder that are missing or have other content."""
    names = {piece.name for layer in layers for piece in layer.pieces}
    return sorted(name for name in names if _digest(os.path.join(folder, name)) != name)


def content(layer: Layer, folder: str) -> t.Iterator[bytes]:
    """The layer's tar out of its pieces, checked against its digest at its end."""
    stored = (chunk for piece in layer.pieces for chunk in _read(os.path.join(folder, piece.name)))
    return codec.checked(codec.unpack(stored, layer.encoding), layer.diff_id, layer.size, "layer %s" % layer.diff_id)


def _digest(path: str) -> str:
    found = hashlib.sha256()
    try:
        for chunk in _read(path):
            found.update(chunk)
    except OSError:
        return ""
    return found.hexdigest()


def _read(path: str) -> t.Iterator[bytes]:
    with open(path, "rb") as file:
        yield from iter(lambda: file.read(codec.CHUNK), b"")
