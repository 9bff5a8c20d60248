# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A closed-loop load on one port, counting every request: kept-alive, mostly idle, fresh, POST and slow ones."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import ssl
import threading

_POST = b"POST / HTTP/1.1\r\nHost: greet.test\r\nContent-Length: 4096\r\n\r\n" + b"x" * 4096
_GET = b"GET / HTTP/1.1\r\nHost: greet.test\r\n\r\n"
_FRESH = b"GET / HTTP/1.1\r\nHost: greet.test\r\nConnection: close\r\n\r\n"
_SLOW = b"GET /slow?s=0.5 HTTP/1.1\r\nHost: greet.test\r\n\r\n"


@dataclasses.dataclass
class Worker:
    """`count` clients of one kind: a request, a pause of `pause` seconds, again."""

    kind: str
    count: int
    request: bytes
    pause: float
    keep: bool = True
    body: bytes = b" 0"


MIX = (
    Worker("kept", 6, _GET, 0.03),
    Worker("idle", 12, _GET, 1.1),
    Worker("fresh", 2, _FRESH, 0.03, keep=False),
    Worker("post", 2, _POST, 0.04, body=b" 4096"),
    Worker("post fresh", 1, _POST, 0.05, keep=False, body=b" 4096"),
    Worker("slow", 4, _SLOW, 0.0),
)


CLIENTS = sum(worker.count for worker in MIX)


def anybody() -> ssl.SSLContext:
    """For a client that speaks TLS to whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Load:
    """Runs the mix in a thread from `with` to its end; `sent` and `lost` say what happened, by kind.

    `answered` holds the X-Once of every request that got an answer of 200, `waiting` how many have none yet.
    """

    def __init__(self, port: int, encrypted: bool = False) -> None:
        self._port = port
        self._tls = anybody() if encrypted else None
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.sent: collections.Counter[str] = collections.Counter()
        self.lost: collections.Counter[str] = collections.Counter()
        self.answers: collections.Counter[str] = collections.Counter()
        self.answered: list[str] = []
        self.waiting = 0

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "a request hangs"

    async def _run(self) -> None:
        await asyncio.gather(*[self._client(worker) for worker in MIX for _one in range(worker.count)])

    async def _client(self, worker: Worker) -> None:
        link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._over.is_set():
            # A connection that is seen closed before sending is opened again: nothing was asked, nothing is lost.
            if link is None or link[0].at_eof():
                link = await self._open(worker)
                if link is None:
                    continue
            self.sent[worker.kind] += 1
            self.waiting += 1
            try:
                keep = await asyncio.wait_for(self._ask(worker, str(sum(self.sent.values())), *link), 15)
            except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.lost["%s: %s" % (worker.kind, type(error).__name__)] += 1
                keep = False
            self.waiting -= 1
            if not (keep and worker.keep):
                link[1].close()
                link = None
            await asyncio.sleep(worker.pause)

    async def _open(self, worker: Worker) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        try:
            return await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
        except OSError as error:
            self.sent[worker.kind] += 1
            self.lost["%s: connect %s" % (worker.kind, type(error).__name__)] += 1
            await asyncio.sleep(0.05)
            return None

    async def _ask(self, worker: Worker, once: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(worker.request.replace(b"\r\n\r\n", b"\r\nX-Once: %s\r\n\r\n" % once.encode(), 1))
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
        status = head.split(b" ")[1]
        if status != b"200" or not body.endswith(worker.body):
            self.lost["%s: %s" % (worker.kind, status.decode())] += 1
        else:
            self.answered.append(once)
        self.answers[body.split(b" ")[0].decode()] += 1
        return fields.get(b"connection") != b"close"
