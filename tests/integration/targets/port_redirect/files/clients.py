# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clients.py ADDRESS PORT FOLDER: four clients, TCP and UDP, each with one socket kept and with a fresh one every time.

They ask until FOLDER/stop exists (300 s at most), then say on standard output, as JSON, what each sent, lost and got.
FOLDER/VERSION appears when that version has first answered a fresh client of TCP. A kept connection that is closed is
counted as lost, and opened again.
"""

from __future__ import annotations

import collections
import json
import pathlib
import socket
import sys
import threading
import time
import typing as t

SECONDS = 300.0
PAUSE = 0.02
TIMEOUT = 3.0


class Count:
    """What one client sent, lost (by reason), and who answered."""

    def __init__(self) -> None:
        self.sent = 0
        self.lost: collections.Counter[str] = collections.Counter()
        self.versions: collections.Counter[str] = collections.Counter()

    def view(self) -> dict[str, t.Any]:
        return {"sent": self.sent, "lost": sum(self.lost.values()), "reasons": dict(self.lost), "versions": dict(self.versions)}


def ask_tcp(sock: socket.socket, number: int) -> str:
    """One HTTP request; the version that answered."""
    sock.sendall(b"GET / HTTP/1.1\r\nHost: it\r\n\r\n")
    data = b""
    while b"\r\n\r\n" not in data or b" from " not in data.partition(b"\r\n\r\n")[2]:
        got = sock.recv(4096)
        if not got:
            raise ConnectionError("closed")
        data += got
    return data.rpartition(b" from ")[2].strip().decode()


def ask_udp(sock: socket.socket, number: int) -> str:
    """One datagram and its answer; the version that answered. Late answers to earlier ones are passed over."""
    text = b"%d" % number
    sock.send(text)
    while True:
        version, _blank, said = sock.recv(4096).partition(b" ")
        if said == text:
            return version.decode()


def run(kind: str, kept: bool, place: tuple[str, int], folder: pathlib.Path, count: Count) -> None:
    """One client."""
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    ask, style = (ask_tcp, socket.SOCK_STREAM) if kind == "tcp" else (ask_udp, socket.SOCK_DGRAM)
    end = time.monotonic() + SECONDS
    sock: socket.socket | None = None
    while time.monotonic() < end and not (folder / "stop").exists():
        count.sent += 1
        try:
            if sock is None:
                sock = socket.socket(family, style)
                sock.settimeout(TIMEOUT)
                sock.connect(place)
            version = ask(sock, count.sent)
            if not kept and kind == "tcp" and version not in count.versions:
                (folder / version).touch()
            count.versions[version] += 1
        except OSError as error:
            count.lost[type(error).__name__] += 1
            if sock and (kind == "tcp" or not kept):
                sock.close()
                sock = None
        if sock and not kept:
            sock.close()
            sock = None
        time.sleep(PAUSE)
    if sock:
        sock.close()


def main() -> None:
    """All four at once."""
    place, folder = (sys.argv[1], int(sys.argv[2])), pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    counts = {"%s_%s" % (kind, style): Count() for kind in ("tcp", "udp") for style in ("fresh", "kept")}
    threads = [threading.Thread(target=run, args=(name[:3], name.endswith("kept"), place, folder, count)) for name, count in counts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({name: count.view() for name, count in counts.items()}))


if __name__ == "__main__":
    main()
