# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application of the scenario: the test app, which is told its port as Spring's are, and keeps its visits in PostgreSQL.

GET /actuator/health    200 {"status": "UP"}, 503 when it is not healthy or its database is not reached
GET /visits             a number, by a query
"""

from __future__ import annotations

import asyncio
import os
import struct
import typing as t
import urllib.parse

from kit.app import App, Request, Response

_PROTOCOL = 196608  # 3.0
_TRUSTED = 0


async def query(url: str, sql: str) -> str:
    """The first field of the first row, by PostgreSQL's own protocol, for a user who needs no password. Raises OSError."""
    place = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        words = ["user", place.username or "", "database", place.path.strip("/"), ""]
        send(writer, b"", struct.pack("!i", _PROTOCOL) + "\0".join(words).encode() + b"\0")
        send(writer, b"Q", sql.encode() + b"\0")
        ready, row = 0, b""
        while ready < 2:
            kind, body = await message(reader)
            if kind == b"E" or (kind == b"R" and struct.unpack("!i", body[:4])[0] != _TRUSTED):
                raise ConnectionRefusedError(body.decode("utf-8", "replace"))
            ready += kind == b"Z"
            row = row or (body if kind == b"D" else b"")
        return row[6:].decode()
    finally:
        writer.close()


def send(writer: asyncio.StreamWriter, kind: bytes, body: bytes) -> None:
    """One message: kind, length, body."""
    writer.write(kind + struct.pack("!i", len(body) + 4) + body)


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message of the server."""
    kind, size = struct.unpack("!ci", await reader.readexactly(5))
    return kind, await reader.readexactly(size - 4)


class Adara(App):
    """The test app with two more pages."""

    async def answer(self, request: Request) -> Response:
        """Every page but those that take over the connection."""
        if request.path not in ("/actuator/health", "/visits"):
            return await super().answer(request)
        try:
            visits = await query(self.env["DATABASE_URL"], "SELECT count(*) FROM visits")
        except (OSError, asyncio.IncompleteReadError) as error:
            return Response(503, ("no database: %s\n" % error).encode())
        return self.health() if request.path == "/actuator/health" else Response(200, visits.encode())


if __name__ == "__main__":
    settings: t.Mapping[str, str] = {**os.environ, "PORT": os.environ["SERVER_PORT"]}
    asyncio.run(Adara(settings).run())
