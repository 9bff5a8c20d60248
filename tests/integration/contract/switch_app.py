# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance as a process: python3 switch_app.py NAME ADDRESS PORT SEEN. It ends at once when it is killed.

GET /slow?s=N answers after N seconds, /status/N with that status, POST answers the length of the body, /headers answers
the request's head, an Upgrade request becomes an echo. Every answer carries its own X-Hotswap-Instance, which a proxy
must not let through. What a request's X-Once says is a line of the file SEEN before the request is answered.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sys


def _accept(head: bytes) -> bytes:
    """The proof that RFC 6455 wants of a websocket server; HAProxy looks at it."""
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


async def _echo(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n" % _accept(head))
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


def _remember(head: bytes, seen: str) -> None:
    found = re.search(rb"\r\nx-once: (\S+)", head, re.IGNORECASE)
    if found:
        # One write of one line at the end of the file: several instances share it.
        with open(seen, "ab", buffering=0) as file:
            file.write(found[1] + b"\n")


async def _answer(name: bytes, head: bytes, reader: asyncio.StreamReader) -> bytes:
    target = head.split(b" ", 2)[1]
    if target.startswith(b"/slow?s="):
        await asyncio.sleep(float(target[8:]))
    if target == b"/headers":
        return head
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = await reader.readexactly(length)
    return b"%s %d" % (name, len(body))


async def serve(name: str, address: str, port: int, seen: str) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"\r\nupgrade:" in head.lower():
                    return await _echo(head, reader, writer)
                body = await _answer(name.encode(), head, reader)
                _remember(head, seen)
                status = re.match(rb"\S+ /status/(\d+) ", head)
                fields = (status[1] if status else b"200", len(body), body)
                writer.write(b"HTTP/1.1 %s OK\r\nX-Hotswap-Instance: forged\r\nContent-Length: %d\r\n\r\n%s" % fields)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(client, address, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
