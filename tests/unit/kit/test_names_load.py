# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of the name server's scenario: what it takes for an answer, and what it counts as lost."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from scenarios.names_load import Counts, Tcp, Udp, query, text_of

QUESTION = query(7, "version.example.com")


def answer(question: bytes, text: str, code: int = 0, count: int = 1) -> bytes:
    """An answer with one text record, whose name is a pointer to the question's."""
    data = bytes([len(text)]) + text.encode()
    record = struct.pack("!HHHIH", 0xC00C, 16, 1, 60, len(data)) + data
    return question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, count, 0, 0) + question[12:] + record


def test_the_text_is_read() -> None:
    assert text_of(QUESTION, answer(QUESTION, "1.0")) == "1.0"


@pytest.mark.parametrize(
    "wrong", [b"", answer(query(8, "version.example.com"), "1.0"), answer(QUESTION, "1.0", code=5), answer(QUESTION, "1.0", count=0), answer(QUESTION, "")[:-2]]
)
def test_anything_else_is_no_answer(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        text_of(QUESTION, wrong)


@pytest.mark.parametrize("kept", [False, True])
def test_a_query_without_an_answer_is_repeated_once(monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    monkeypatch.setattr("scenarios.names_load.FIRST", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            server.recv(4096)
            question, client = server.recvfrom(4096)
            # What is late for an earlier query is not taken for this one's answer.
            server.sendto(answer(query(6, "version.example.com"), "0.9"), client)
            server.sendto(answer(question, "1.0"), client)

        thread = threading.Thread(target=serve)
        thread.start()
        counts = Counts()
        assert text_of(QUESTION, Udp(server.getsockname(), kept).ask(QUESTION, counts)) == "1.0"
        thread.join()
    assert counts.repeated == 1


def test_a_connection_that_ends_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def end_one() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=end_one)
        thread.start()
        with pytest.raises(OSError, match="onnection"):
            Tcp(server.getsockname()).ask(QUESTION, Counts())
        thread.join()
