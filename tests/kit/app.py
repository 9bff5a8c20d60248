# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service that tests and the demo roll out: a small HTTP/1.1 server on asyncio, the standard library only.

    GET /              "GREETING from APP_VERSION", also in the header X-Version; 503 with BROKEN=yes
    GET /health        200 {"status": "UP"}; 503 with HEALTHY=no, and for READY_DELAY seconds after the start
    GET /slow?s=3      the answer comes after s seconds
    GET /stream?s=3    chunked, two ticks a second for s seconds, then END
    GET /ws            websocket echo
    GET /assets/NAME   the file NAME below ASSETS (/app/public/assets); 404 where there is none
    GET /headers       the request's headers as JSON
    GET /exit?code=1   ends the process at once
    POST /echo         the request's body
    GET /count         how many POSTs this process has answered; it prints that on SIGTERM too. With SQLITE=/data/app.db each POST is a
                       row of that file, which one process at a time may have, and the rows are counted

A datagram to the same port, over UDP, is answered with "VERSION DATAGRAM".

On SIGTERM, MODE=graceful (the default) closes the listener and idle connections and ends after the last answer, MODE=rude dies at
once, MODE=ignore goes on. START_DELAY seconds pass before it listens on PORT; CRASH_AFTER seconds after the start it dies.
`app.py get URL` ends 0 if URL answers 2xx, else 1: a health check for images that have no curl.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import json
import os
import signal
import socket
import sqlite3
import sys
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request

WEBSOCKET_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TEXT_FRAME, CLOSE_FRAME, PING_FRAME, PONG_FRAME = 1, 8, 9, 10
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclasses.dataclass
class Request:
    """One parsed request; header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


@dataclasses.dataclass
class Response:
    """What is sent back."""

    status: int
    body: bytes
    content_type: str = "text/plain"


class App:
    """The server's state: which connections are open, and which of them wait for a request."""

    def __init__(self, env: t.Mapping[str, str]) -> None:
        self.env = env
        self.version = env.get("APP_VERSION", "none")
        self.mode = env.get("MODE", "graceful")
        self.started = time.monotonic()
        self.stopping = asyncio.Event()
        self.open: set[Writer] = set()
        self.idle: set[Writer] = set()
        self.posts = 0
        self.database = database(env["SQLITE"]) if env.get("SQLITE") else None

    async def run(self) -> None:
        """Serves until SIGTERM, as MODE says."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.terminate)
        loop.add_signal_handler(signal.SIGINT, self.terminate)
        if float(self.env.get("CRASH_AFTER", 0)):
            loop.call_later(float(self.env["CRASH_AFTER"]), os._exit, 1)
        await asyncio.sleep(float(self.env.get("START_DELAY", 0)))
        port = int(self.env.get("PORT", 8282))
        server = await asyncio.start_server(self.serve, None, port, backlog=1024)
        await loop.create_datagram_endpoint(lambda: Datagrams(self.version), ("0.0.0.0", port))
        print("version %s serves" % self.version, flush=True)
        await self.stopping.wait()
        server.close()
        for writer in list(self.idle):
            writer.close()
        while self.open:
            await asyncio.sleep(0.02)

    def terminate(self) -> None:
        """What SIGTERM does."""
        print("version %s got SIGTERM, mode %s" % (self.version, self.mode), flush=True)
        print("version %s answered posts: %d" % (self.version, self.posts), flush=True)
        if self.mode == "rude":
            os._exit(128 + signal.SIGTERM)
        if self.mode != "ignore":
            self.stopping.set()

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """One connection, request after request."""
        self.open.add(writer)
        try:
            while not self.stopping.is_set() and await self.serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # the client went away or talks no HTTP
        finally:
            self.open.discard(writer)
            self.idle.discard(writer)
            writer.close()

    async def serve_one(self, reader: Reader, writer: Writer) -> bool:
        """Answers one request; false when the connection is to be closed."""
        self.idle.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        self.idle.discard(writer)
        request = await read_request(head, reader)
        if request.path == "/stream":
            return await self.stream(request, writer)
        if request.path == "/ws" and "sec-websocket-key" in request.headers:
            return await self.websocket(request, reader, writer)
        response = await self.answer(request)
        keep = request.keep_alive and not self.stopping.is_set()
        body = b"" if request.method == "HEAD" else response.body
        writer.write(self.head(response.status, response.content_type, keep, "Content-Length: %d" % len(response.body)) + body)
        await writer.drain()
        return keep

    def head(self, status: int, content_type: str, keep: bool, *more: str) -> bytes:
        """The status line and headers of an answer."""
        lines = [
            "HTTP/1.1 %d %s" % (status, {200: "OK", 404: "Not Found", 503: "Service Unavailable"}[status]),
            "X-Version: " + self.version,
            "X-Instance: " + socket.gethostname(),
            "Content-Type: " + content_type,
            "Connection: " + ("keep-alive" if keep else "close"),
            *more,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def answer(self, request: Request) -> Response:
        """Every route but those that take over the connection."""
        if request.path == "/":
            return Response(503 if self.env.get("BROKEN") == "yes" else 200, ("%s from %s\n" % (self.env.get("GREETING", "Hi"), self.version)).encode())
        if request.path == "/health":
            return self.health()
        if request.path == "/slow":
            await asyncio.sleep(float(request.query.get("s", 3)))
            return Response(200, ("slow from %s\n" % self.version).encode())
        if request.path == "/count":
            return Response(200, b"%d" % self.count())
        if request.path == "/echo" and request.method == "POST":
            self.note()
            return Response(200, request.body, request.headers.get("content-type", "application/octet-stream"))
        if request.path.startswith("/assets/"):
            return self.asset(request.path[len("/assets") :])
        if request.path == "/headers":
            return Response(200, json.dumps(request.headers, sort_keys=True).encode(), "application/json")
        if request.path == "/exit":
            os._exit(int(request.query.get("code", 1)))
        return Response(404, b"no such page\n")

    def asset(self, path: str) -> Response:
        """A static file."""
        # Joined after it was made absolute, it stays below the folder.
        name = self.env.get("ASSETS", "/app/public/assets") + os.path.normpath(path)
        try:
            with open(name, "rb") as file:
                return Response(200, file.read(), "application/octet-stream")
        except OSError:
            return Response(404, b"no such file\n")

    def note(self) -> None:
        """Counts a POST; in the database it has reached the disk."""
        self.posts += 1
        if self.database:
            with self.database:
                self.database.execute("INSERT INTO posts DEFAULT VALUES")

    def count(self) -> int:
        """How many were counted."""
        return int(self.database.execute("SELECT count(*) FROM posts").fetchone()[0]) if self.database else self.posts

    def health(self) -> Response:
        """UP, or DOWN when the environment asks for it."""
        ready = time.monotonic() - self.started >= float(self.env.get("READY_DELAY", 0))
        healthy = ready and self.env.get("HEALTHY", "yes") != "no"
        body = {"status": "UP" if healthy else "DOWN", "version": self.version}
        return Response(200 if healthy else 503, json.dumps(body).encode(), "application/json")

    async def stream(self, request: Request, writer: Writer) -> bool:
        """Chunked ticks; a stream that was cut lacks the line END."""
        writer.write(self.head(200, "text/plain", request.keep_alive, "Transfer-Encoding: chunked"))
        end = time.monotonic() + float(request.query.get("s", 3))
        while time.monotonic() < end:
            writer.write(chunk(b"tick from %s\n" % self.version.encode()))
            await writer.drain()
            await asyncio.sleep(min(0.5, max(0.0, end - time.monotonic())))
        writer.write(chunk(b"END\n") + chunk(b""))
        await writer.drain()
        return request.keep_alive

    async def websocket(self, request: Request, reader: Reader, writer: Writer) -> bool:
        """Echoes frames until the client closes, or until we stop (close code 1001)."""
        digest = hashlib.sha1((request.headers["sec-websocket-key"] + WEBSOCKET_MAGIC).encode()).digest()
        upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nX-Version: %s\r\n\r\n"
        writer.write((upgrade % (base64.b64encode(digest).decode(), self.version)).encode())
        stop = asyncio.ensure_future(self.stopping.wait())
        try:
            while True:
                incoming = asyncio.ensure_future(read_frame(reader))
                await asyncio.wait({incoming, stop}, return_when=asyncio.FIRST_COMPLETED)
                if not incoming.done():
                    incoming.cancel()
                    writer.write(frame(CLOSE_FRAME, (1001).to_bytes(2, "big")))
                    return False
                opcode, data = incoming.result()
                writer.write(frame(PONG_FRAME if opcode == PING_FRAME else opcode, data))
                await writer.drain()
                if opcode == CLOSE_FRAME:
                    return False
        finally:
            stop.cancel()


def database(path: str) -> sqlite3.Connection:
    """The file, locked for as long as this process lives. Raises sqlite3.OperationalError when another process has it."""
    opened = sqlite3.connect(path, timeout=0)
    opened.execute("PRAGMA locking_mode=EXCLUSIVE")
    with opened:
        opened.execute("BEGIN EXCLUSIVE")
        opened.execute("CREATE TABLE IF NOT EXISTS posts (id INTEGER PRIMARY KEY)")
    return opened


class Datagrams(asyncio.DatagramProtocol):
    """Answers each datagram with the version and what it said."""

    def __init__(self, version: str) -> None:
        self.prefix = version.encode() + b" "

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = t.cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: t.Any) -> None:
        self.transport.sendto(self.prefix + data, addr)


async def read_request(head: bytes, reader: Reader) -> Request:
    """Parses a head and reads the body that belongs to it (by length or chunked)."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, protocol = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    url = urllib.parse.urlsplit(target)
    if "100-continue" in headers.get("expect", "").lower():
        raise ValueError("Expect is not supported")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join([part async for part in read_chunks(reader)])
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    wish = headers.get("connection", "").lower()
    keep = "close" not in wish and (protocol == "HTTP/1.1" or "keep-alive" in wish)
    return Request(method, url.path, dict(urllib.parse.parse_qsl(url.query)), headers, body, keep)


async def read_chunks(reader: Reader) -> t.AsyncIterator[bytes]:
    """The parts of a chunked body, without its trailers."""
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        if not size:
            break
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readline() not in (b"\r\n", b""):
        pass


def chunk(data: bytes) -> bytes:
    """`data` as one chunk; empty data ends the body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def read_frame(reader: Reader) -> tuple[int, bytes]:
    """One masked frame of a client: (opcode, data). Fragments are not joined."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


def frame(opcode: int, data: bytes) -> bytes:
    """One frame to a client: final, not masked."""
    size = len(data)
    if size < 126:
        return bytes([0x80 | opcode, size]) + data
    if size < 1 << 16:
        return bytes([0x80 | opcode, 126]) + size.to_bytes(2, "big") + data
    return bytes([0x80 | opcode, 127]) + size.to_bytes(8, "big") + data


def get(url: str) -> int:
    """0 if `url` answers 2xx within 5 s, else 1."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return 0 if 200 <= response.status < 300 else 1
    except (OSError, urllib.error.URLError) as error:
        print("%s: %s" % (url, error), file=sys.stderr)
        return 1


async def main() -> None:
    """Runs the server with the environment's settings."""
    await App(os.environ).run()


if __name__ == "__main__":
    if sys.argv[1:2] == ["get"]:
        sys.exit(get(sys.argv[2]))
    asyncio.run(main())
