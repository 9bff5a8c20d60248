# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real servers that misbehave once, on purpose, and answer well otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import socket
import ssl
import struct
import typing as t

from ansible_collections.hotswap.containers.plugins.module_utils._probe.client import Load, Target, Traffic
from ansible_collections.hotswap.containers.plugins.module_utils._probe.wire import Address
from kit import tls

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class Server:
    """Answers every request well but number `bad_at` (from 1 on): that one `misbehaves`, on its open connection.

    `connections` counts the connections, `heads` keeps the first lines of the requests.
    """

    def __init__(self, misbehave: t.Callable[[Server, Reader, Writer], t.Awaitable[bool]], bad_at: int) -> None:
        self.misbehave = misbehave
        self.bad_at = bad_at
        self.connections = 0
        self.heads: list[str] = []
        self.port = 0

    async def serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self.serve_one(reader, writer):
                continue
        writer.close()

    async def serve_one(self, reader: Reader, writer: Writer) -> bool:
        """One request; false when the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        body = b"hello from A"
        if "Content-Length: " in head:
            body = await reader.readexactly(int(head.split("Content-Length: ")[1].split("\r\n")[0]))
        if len(self.heads) == self.bad_at:
            return await self.misbehave(self, reader, writer)
        writer.write(answer(body))
        return True

    @contextlib.asynccontextmanager
    async def up(self, secured: ssl.SSLContext | None = None) -> t.AsyncIterator[Server]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=secured)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


def answer(body: bytes, status: int = 200, *more: str) -> bytes:
    lines = ["HTTP/1.1 %d X" % status, "X-Version: A", "Content-Length: %d" % len(body), *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def with_tls(folder: pathlib.Path, name: str) -> tuple[ssl.SSLContext, pathlib.Path]:
    """A server's half of TLS with a certificate for this name, and the certificate."""
    pair = tls.self_signed(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context, pair.certificate


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def target(port: int, **settings: t.Any) -> Target:
    return Target(Address.of("http://127.0.0.1:%d/" % port), **settings)


def one_connection(kind: str, rate: float = 100.0) -> list[Traffic]:
    """Traffic of one kind on one connection, so that requests come in order."""
    return [Traffic(kind, rate=rate, connections=1)]


def load_on(server: Server, traffic: t.Sequence[Traffic], requests: int, **settings: t.Any) -> Load:
    """A load with `requests` requests that has run to its end against the server."""

    async def run() -> Load:
        async with server.up():
            load = Load(target(server.port, **settings), traffic, requests=requests)
            await load.run()
            return load

    return asyncio.run(run())


async def good(_server: Server, _reader: Reader, writer: Writer) -> bool:
    writer.write(answer(b"hello from A"))
    return True


async def close_unanswered(_server: Server, _reader: Reader, _writer: Writer) -> bool:
    return False


async def reset(_server: Server, _reader: Reader, writer: Writer) -> bool:
    """RST instead of an answer."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def truncate(_server: Server, _reader: Reader, writer: Writer) -> bool:
    writer.write(answer(b"hello from A")[:-3])
    return False


async def truncate_head(_server: Server, _reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 200 O")
    return False


async def truncate_chunks(_server: Server, _reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    return False


async def unavailable(_server: Server, _reader: Reader, writer: Writer) -> bool:
    writer.write(answer(b"no", 503))
    return True


async def wrong_body(_server: Server, _reader: Reader, writer: Writer) -> bool:
    writer.write(answer(b"another body"))
    return True


async def not_http(_server: Server, _reader: Reader, writer: Writer) -> bool:
    writer.write(b"SSH-2.0-hello\r\n\r\n")
    return True


async def hang(_server: Server, reader: Reader, _writer: Writer) -> bool:
    await reader.read()
    return False


async def close_politely(_server: Server, _reader: Reader, writer: Writer) -> bool:
    """A whole answer that says that the connection ends."""
    writer.write(answer(b"hello from A", 200, "Connection: close"))
    return False


async def close_silently(_server: Server, _reader: Reader, writer: Writer) -> bool:
    """A whole answer, and then the connection is closed: visible before the next request is sent."""
    writer.write(answer(b"hello from A"))
    return False


async def early_hints(_server: Server, _reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"hello from A"))
    return True
