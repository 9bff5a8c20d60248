# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Output of containers: frames taken apart, bytes to lines, and reading with a limit in time and size."""

from __future__ import annotations

import concurrent.futures
import struct
import threading
import typing as t

# One check's output that is kept; what comes after is read and dropped, so that the command is not blocked.
KEEP_BYTES = 256 * 1024
_HEADER = struct.Struct(">B3xI")


def unframe(data: bytes) -> bytes:
    """Merged output without the 8-byte stream headers (Docker's "attach" format) where there are any.

    Podman's API sends frames or plain bytes, depending on its version and on the terminal: the whole of the data
    must be well-formed frames, only the last may be cut, or it is returned as it is.
    """
    kept = []
    at = 0
    while at < len(data):
        if len(data) - at < _HEADER.size or data[at] > 2 or data[at + 1 : at + 4] != b"\0\0\0":
            return data
        size = _HEADER.unpack_from(data, at)[1]
        at += _HEADER.size
        kept.append(data[at : at + size])
        at += size
    return b"".join(kept)


def lines(data: bytes) -> list[str]:
    """Decoded lines without line ends; bytes that are not UTF-8 are replaced."""
    found = [line.rstrip("\r") for line in data.decode("utf-8", "replace").split("\n")]
    return found[:-1] if found[-1] == "" else found


def collect(chunks: t.Callable[[], t.Iterable[bytes]], timeout: float) -> bytes:
    """All bytes of a stream, the first KEEP_BYTES of them, read for at most `timeout` seconds.

    Read in a thread: the sockets of both SDKs know a limit for one read only, not for the whole.

    Raises:
        TimeoutError: the stream did not end in time. The reader ends when the stream does.
        Exception: what reading raised.
    """
    future: concurrent.futures.Future[bytes] = concurrent.futures.Future()
    threading.Thread(target=_read, args=(future, chunks), daemon=True).start()
    try:
        return future.result(timeout)
    except concurrent.futures.TimeoutError:
        if future.done():
            raise
        raise TimeoutError("no end of output within %g s" % timeout) from None


def _read(future: concurrent.futures.Future[bytes], chunks: t.Callable[[], t.Iterable[bytes]]) -> None:
    kept = bytearray()
    try:
        for chunk in chunks():
            kept += chunk[: max(0, KEEP_BYTES - len(kept))]
    except Exception as error:  # handed to the thread that waits
        future.set_exception(error)
    else:
        future.set_result(bytes(kept))


def pull_error(events: t.Iterable[t.Any]) -> str:
    """The registry's words if a pull's stream of events holds an error, else "". Reads the stream to its end."""
    said = ""
    for event in events:
        if isinstance(event, dict) and event.get("error"):
            said = str(event["error"])
    return said
