# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Compression as layers, archives and the wire have it: gzip by the standard library, zstd where its program or module is."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import subprocess
import threading
import typing as t
import zlib

from .._errors import HotswapError, InvalidInput
from .._processes import Process

NONE = "none"
GZIP = "gzip"
ZSTD = "zstd"
CHUNK = 1024 * 1024
_MAGIC = ((GZIP, b"\x1f\x8b"), (ZSTD, b"\x28\xb5\x2f\xfd"), ("bzip2", b"BZh"), ("xz", b"\xfd7zXZ"))
# The bits that zlib wants for a gzip header.
_GZIP_BITS = 31
# Measured on layers of programs: higher levels cost several times the seconds and save few per cent.
_GZIP_LEVEL = 4


def sniff(head: bytes) -> str:
    """What the first bytes say that follows: none, gzip or zstd.

    Raises:
        InvalidInput: a compression that engines do not use either.
    """
    for name, magic in _MAGIC:
        if head.startswith(magic):
            if name not in (GZIP, ZSTD):
                raise InvalidInput("it is compressed with %s" % name, "Use no compression, gzip or zstd.")
            return name
    return NONE


def has_zstd() -> bool:
    """Whether this Python or this machine can read and write zstd."""
    return _zstd_module() is not None or shutil.which("zstd") is not None


def pack(data: bytes, encoding: str) -> bytes:
    """One piece, compressed by itself: pieces one after the other are again one stream. The same bytes give the same piece."""
    if encoding == NONE:
        return data
    if encoding == GZIP:
        packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_BITS)
        return packer.compress(data) + packer.flush()
    module = _zstd_module()
    if module is not None:
        return t.cast(bytes, module.compress(data))
    return _pack_by_program([_zstd_program(), "-q", "-c", "-3", "--single-thread"], data)


def _pack_by_program(argv: list[str], data: bytes) -> bytes:
    with Process(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        packed = process.communicate(data)[0]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return packed


def unpack(chunks: t.Iterable[bytes], encoding: str) -> t.Iterator[bytes]:
    """The content of a compressed stream, chunk by chunk.

    Raises:
        HotswapError: it is damaged or ends in the middle.
    """
    if encoding == NONE:
        return (chunk for chunk in chunks)
    return _gunzip(chunks) if encoding == GZIP else _unzstd(chunks)


def checked(chunks: t.Iterable[bytes], digest: str, size: int, what: str) -> t.Iterator[bytes]:
    """The chunks as they come; at their end, the certainty that they are what `digest` ("sha256:...") names, `size` bytes.

    Raises:
        HotswapError: they are something else. Raised before the stream seems to be at its end.
    """
    found, seen = hashlib.sha256(), 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > size:
            raise _damaged(what)
        found.update(chunk)
        yield chunk
    if seen != size or "sha256:" + found.hexdigest() != digest:
        raise _damaged(what)


def measured(chunks: t.Iterable[bytes]) -> tuple[str, int]:
    """Digest ("sha256:...") and size in bytes of a stream, read to its end."""
    found, seen = hashlib.sha256(), 0
    for chunk in chunks:
        seen += len(chunk)
        found.update(chunk)
    return "sha256:" + found.hexdigest(), seen


def _damaged(what: str) -> HotswapError:
    return HotswapError("%s is damaged: its content is not what its digest says" % what, "Save the image again, and run this again.")


def _gunzip(chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    reader: t.Any = None
    for chunk in chunks:
        while chunk:
            reader = reader or zlib.decompressobj(_GZIP_BITS)
            try:
                out = reader.decompress(chunk, CHUNK)
            except zlib.error as error:
                raise HotswapError("what should be gzip is damaged (%s)" % error, "Save the image again, and run this again.") from error
            if out:
                yield out
            chunk = reader.unconsumed_tail or reader.unused_data
            if reader.eof:
                # Padding after the last member is not another member.
                reader, chunk = None, chunk.lstrip(b"\0")
    if reader is not None:
        yield from _rest(reader)


def _rest(reader: t.Any) -> t.Iterator[bytes]:
    out = reader.flush()
    if out:
        yield out
    if not reader.eof:
        raise HotswapError("what should be gzip ends in the middle", "Save the image again, and run this again.")


def _unzstd(chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    module = _zstd_module()
    return _unzstd_module(module, chunks) if module is not None else _unzstd_program(chunks)


def _unzstd_module(module: t.Any, chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    reader: t.Any = None
    for chunk in chunks:
        while chunk or (reader is not None and not reader.needs_input):
            reader = reader or module.ZstdDecompressor()
            try:
                out = reader.decompress(chunk, CHUNK)
            except module.ZstdError as error:
                raise HotswapError("what should be zstd is damaged (%s)" % error, "Save the image again, and run this again.") from error
            chunk = b""
            if out:
                yield out
            if reader.eof:
                reader, chunk = None, reader.unused_data
    if reader is not None:
        raise HotswapError("what should be zstd ends in the middle", "Save the image again, and run this again.")


def _unzstd_program(chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    process = Process([_zstd_program(), "-q", "-d", "-c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out: t.Any = process.stdout
    failed: list[BaseException] = []
    feeder = threading.Thread(target=_feed, args=(process.stdin, chunks, failed), daemon=True)
    feeder.start()
    try:
        yield from iter(lambda: out.read(CHUNK), b"")
        feeder.join()
        if failed:
            raise failed[0]
        if process.wait() != 0:
            raise HotswapError("what should be zstd is damaged or ends in the middle", "Save the image again, and run this again.")
    finally:
        process.kill()
        process.wait()
        out.close()
        feeder.join()


def _feed(pipe: t.IO[bytes], chunks: t.Iterable[bytes], failed: list[BaseException]) -> None:
    try:
        with pipe:
            for chunk in chunks:
                pipe.write(chunk)
    except BrokenPipeError:
        # zstd has ended: its exit code says why.
        return
    except Exception as error:  # raised where the content is read
        failed.append(error)


def _zstd_module() -> t.Any:
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        return None


def _zstd_program() -> str:
    found = shutil.which("zstd")
    if not found:
        raise InvalidInput("something is compressed with zstd, and this machine cannot read it", "Install zstd on it, or use gzip.")
    return found
