# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Queries to a name server, over UDP and TCP, each counted.

python -m scenarios.names_load ADDRESS NAME: asks for the text record NAME until stdin ends, and prints the counts as a JSON line ten
times a second. A query over UDP is repeated once, as resolvers do it; that is counted. One over TCP never is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import socket
import struct
import sys
import threading
import time
import typing as t

PAUSE = 0.02
FIRST, REST = 1.0, 5.0
TICK = 0.1
SHOWN = 5
TXT = struct.pack("!HH", 16, 1)


@dataclasses.dataclass
class Counts:
    """Of one kind of client. `versions`: how many answers had this text; `last` is the latest of them; `errors`: the first few."""

    sent: int = 0
    ok: int = 0
    repeated: int = 0
    lost: int = 0
    last: str = ""
    versions: dict[str, int] = dataclasses.field(default_factory=dict)
    errors: list[str] = dataclasses.field(default_factory=list)


def query(number: int, name: str) -> bytes:
    """A question for text records (RFC 1035, section 4)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + TXT


def text_of(question: bytes, answer: bytes) -> str:
    """The text of the first answer.

    Raises:
        ValueError: it is no good answer to the question.
    """
    if answer[:2] != question[:2] or len(answer) < len(question) + 13 or answer[3] & 15 or struct.unpack("!H", answer[6:8]) == (0,):
        raise ValueError("not an answer: %r" % answer)
    # The name is a pointer to the question's; type, class, time to live and length come before the text with its own length.
    start = len(question) + 12
    return answer[start + 1 : start + 1 + answer[start]].decode()


class Udp:
    """Over UDP; `kept`: all queries from one socket, else each from one of its own."""

    def __init__(self, place: tuple[str, int], kept: bool) -> None:
        self._place = place
        self._kept = self._socket() if kept else None

    def _socket(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.connect(self._place)
        return made

    def ask(self, question: bytes, counts: Counts) -> bytes:
        """The answer. Raises OSError when there was none to the repeated question either."""
        with contextlib.ExitStack() as stack:
            used = self._kept or stack.enter_context(self._socket())
            used.send(question)
            try:
                return self._answer(used, question, FIRST)
            except OSError:
                counts.repeated += 1
            used.send(question)
            return self._answer(used, question, REST)

    def _answer(self, used: socket.socket, question: bytes, seconds: float) -> bytes:
        end = time.monotonic() + seconds
        while True:
            used.settimeout(max(0.001, end - time.monotonic()))
            answer = used.recv(4096)
            if answer[:2] == question[:2]:
                return answer


class Tcp:
    """Over TCP, each query on a connection of its own."""

    def __init__(self, place: tuple[str, int]) -> None:
        self._place = place

    def ask(self, question: bytes, counts: Counts) -> bytes:
        """The answer. Raises OSError."""
        with socket.create_connection(self._place, REST) as used, used.makefile("rb") as stream:
            used.sendall(struct.pack("!H", len(question)) + question)
            length = stream.read(2)
            answer = stream.read(struct.unpack("!H", length)[0]) if len(length) == 2 else b""
        if not answer:
            raise OSError("the connection ended without an answer")
        return answer


def ask_on(client: Udp | Tcp, name: str, counts: Counts, stop: threading.Event) -> None:
    """One query after the other until `stop`."""
    for number in itertools.cycle(range(1, 65536)):
        if stop.wait(PAUSE):
            return
        question = query(number, name)
        counts.sent += 1
        try:
            text = text_of(question, client.ask(question, counts))
        except (OSError, ValueError) as error:
            counts.lost += 1
            counts.errors = [*counts.errors, "%s: %s" % (type(error).__name__, error)][:SHOWN]
            continue
        counts.ok += 1
        counts.last = text
        counts.versions[text] = counts.versions.get(text, 0) + 1


def tell(found: t.Mapping[str, Counts]) -> None:
    """How it goes, by client."""
    sys.stdout.write(json.dumps({kind: dataclasses.asdict(counts) for kind, counts in found.items()}) + "\n")
    sys.stdout.flush()


def main(address: str, name: str) -> None:
    """Until stdin ends."""
    place = (address, 53)
    clients: dict[str, Udp | Tcp] = {"UDP": Udp(place, False), "UDP from one socket": Udp(place, True), "TCP": Tcp(place)}
    found = {kind: Counts() for kind in clients}
    stop = threading.Event()
    threads = [threading.Thread(target=ask_on, args=(client, name, found[kind], stop)) for kind, client in clients.items()]
    for thread in threads:
        thread.start()
    ended = threading.Thread(target=sys.stdin.read, daemon=True)
    ended.start()
    while ended.is_alive():
        tell(found)
        ended.join(TICK)
    stop.set()
    for thread in threads:
        thread.join()
    tell(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
