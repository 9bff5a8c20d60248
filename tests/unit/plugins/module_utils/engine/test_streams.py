# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames, lines, limits."""

from __future__ import annotations

import struct
import threading
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine import streams


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


def test_frames_are_taken_off() -> None:
    assert streams.unframe(frame(1, b"out\n") + frame(2, b"err\n") + frame(1, b"")) == b"out\nerr\n"
    assert streams.unframe(b"") == b""


def test_a_cut_last_frame_keeps_what_is_there() -> None:
    assert streams.unframe(frame(1, b"one") + frame(1, b"two")[:-1]) == b"onetw"


@pytest.mark.parametrize("plain", [b"plain text\n", b"\x01\x02 short", frame(1, b"x") + b"and text that is no frame"])
def test_what_has_no_frames_stays(plain: bytes) -> None:
    assert streams.unframe(plain) == plain


def test_lines() -> None:
    assert streams.lines(b"one\r\ntwo\n\nfour") == ["one", "two", "", "four"]
    assert streams.lines(b"caf\xe9\n") == ["caf�"]
    assert streams.lines(b"") == []


def test_collect() -> None:
    assert streams.collect(lambda: [b"a", b"b"], 30) == b"ab"
    assert len(streams.collect(lambda: [b"x" * streams.KEEP_BYTES, b"more"], 30)) == streams.KEEP_BYTES


def test_collect_raises_what_reading_raised() -> None:
    def broken() -> t.Iterator[bytes]:
        yield b"a"
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        streams.collect(broken, 30)


def test_collect_ends_in_time() -> None:
    ended = threading.Event()

    def endless() -> t.Iterator[bytes]:
        yield b"a"
        ended.wait()

    with pytest.raises(TimeoutError):
        streams.collect(endless, 0.01)
    ended.set()


def test_pull_error() -> None:
    assert streams.pull_error([{"stream": "Trying"}, {"error": "refused", "errorDetail": {}}, {"id": "x"}]) == "refused"
    assert streams.pull_error([{"status": "Pulling"}, "text"]) == ""
