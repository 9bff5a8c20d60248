# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""One HTTP/1.1 connection of the honest client: it says exactly how a request ended and retries nothing.

A standard HTTP library would hide what this one must count: whether a reused connection was closed before an
answer byte, and whether an answer ended early.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import select
import ssl
import typing as t
import urllib.parse

from .._errors import InvalidInput

REFUSED = "refused"
CONNECT_TIMEOUT = "conn_timeout"
CONNECT_RESET = "conn_reset"
UNREACHABLE = "unreachable"
CLOSED_FRESH = "closed_fresh"
CLOSED_REUSED = "closed_reused"
TRUNCATED = "truncated"
BAD_BODY = "bad_body"
TIMEOUT = "timeout"


_PORTS = {"http": 80, "https": 443}


class Lost(Exception):
    """A request that got no good answer; `kind` is one of the words above, or http_NNN."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a URL points: host and port to connect to, and the path with its query.

    `tls`: whom to trust, None for plain HTTP. `name`: what the server's certificate must be for.
    """

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None = None
    name: str = ""

    @classmethod
    def of(cls, url: str, ca_file: str = "", name: str = "") -> Address:
        """Takes http[s]://HOST[:PORT][/PATH]; raises InvalidInput for anything else.

        `ca_file`: certificates to trust, "" for those that the host trusts. `name`: the certificate's, "" for HOST.
        """
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in _PORTS or parts.username or not _plain(url) or port == 0:
            raise InvalidInput("url: %r is not an address that a probe can ask" % url, "Write http://HOST[:PORT][/PATH], or https://.")
        tls = _trusting(ca_file) if parts.scheme == "https" else None
        return cls(host, port or _PORTS[parts.scheme], (parts.path or "/") + ("?" + parts.query if parts.query else ""), tls, name or host)

    @property
    def authority(self) -> str:
        """The Host header that belongs to this address."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.tls else "http"] else "%s:%d" % (host, self.port)


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise InvalidInput("ca_file: %s: %s" % (ca_file, error), "Name a file with certificates in PEM form.") from error


def _plain(text: str) -> bool:
    """True for printable ASCII without spaces: nothing that could end a request line early."""
    return all(33 <= ord(char) <= 126 for char in text)


@dataclasses.dataclass(frozen=True)
class Answer:
    """A complete answer: status, headers with lower-case names (the last of a name wins), body."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes


def connect_failure(error: BaseException) -> str:
    """The failure kind of an error that connect() ended with."""
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    if isinstance(error, ConnectionError):
        return CONNECT_RESET
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return CONNECT_TIMEOUT
    return UNREACHABLE


def request_bytes(method: str, path: str, headers: t.Mapping[str, str], body: bytes | None) -> bytes:
    """The request as it goes over the wire."""
    lines = ["%s %s HTTP/1.1" % (method, path)]
    lines += ["%s: %s" % item for item in headers.items()]
    if body is not None:
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class Connection:
    """A connection to one address that is opened when needed; times in seconds."""

    def __init__(self, address: Address, connect_timeout: float) -> None:
        self._address = address
        self._connect_timeout = connect_timeout
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._used = False

    async def ready(self) -> None:
        """Opens the connection unless it is open and nobody closed it meanwhile; raises Lost.

        A close that is visible before anything is sent loses no request: every HTTP client opens a new one then.
        """
        if self._reader is not None and self._still_open():
            return
        self.close()
        where = self._address
        opening = asyncio.open_connection(where.host, where.port, ssl=where.tls, server_hostname=where.name if where.tls else None)
        try:
            self._reader, self._writer = await asyncio.wait_for(opening, self._connect_timeout)
        except (OSError, asyncio.TimeoutError) as error:
            raise Lost(connect_failure(error)) from error
        self._used = False

    def _still_open(self) -> bool:
        """False once the peer has closed; asks the kernel, because the event loop may not have looked yet."""
        if self._reader is None or self._writer is None:
            return False
        if self._reader.at_eof() or self._reader.exception() is not None or self._writer.is_closing():
            return False
        poll = select.poll()
        poll.register(self._writer.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Closes at once; what is still unsent is dropped. Closing twice is no error."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def ask(self, method: str, path: str, headers: t.Mapping[str, str], body: bytes | None = None) -> Answer:
        """Sends one request on the open connection and reads the whole answer; raises Lost.

        Needs ready() before. The connection is closed when the answer asks for it.
        """
        reader, writer = self.streams()
        closed = CLOSED_REUSED if self._used else CLOSED_FRESH
        self._used = True
        writer.write(request_bytes(method, path, headers, body))
        head = await _read_head(reader, closed)
        try:
            answer = await _read_answer(reader, head, method)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Lost(TRUNCATED) from error
        except (ValueError, asyncio.LimitOverrunError) as error:
            raise Lost(BAD_BODY) from error
        if _closes(head, answer):
            self.close()
        return answer

    def streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Both ends of the open connection (a websocket reads and writes frames itself); raises Lost when closed."""
        if self._reader is None or self._writer is None:
            raise Lost(CLOSED_FRESH)
        return self._reader, self._writer


async def _read_head(reader: asyncio.StreamReader, closed: str) -> bytes:
    """The first head of an answer; `closed` is the failure kind when not one byte of it came."""
    try:
        first = await reader.readexactly(1)
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Lost(closed) from error
    try:
        return first + await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Lost(TRUNCATED) from error
    except asyncio.LimitOverrunError as error:
        raise Lost(BAD_BODY) from error


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer's head; raises ValueError when it is not HTTP/1."""
    first, _newline, rest = head.decode("latin-1").partition("\r\n")
    if not first.startswith("HTTP/1."):
        raise ValueError("not an HTTP/1 answer: %r" % first[:60])
    headers = {}
    for line in rest.split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return int(first.split(" ")[1]), headers


async def _read_answer(reader: asyncio.StreamReader, head: bytes, method: str) -> Answer:
    status, headers = parse_head(head)
    while 100 <= status < 200 and status != 101:
        status, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
    if method == "HEAD" or status in (101, 204, 304):
        return Answer(status, headers, b"")
    return Answer(status, headers, await _read_body(reader, headers))


async def _read_body(reader: asyncio.StreamReader, headers: t.Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read(-1)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        parts.append((await reader.readexactly(size + 2))[:-2])
    while await reader.readuntil(b"\r\n") != b"\r\n":
        continue  # trailer lines
    return b"".join(parts)


def _closes(head: bytes, answer: Answer) -> bool:
    """Whether this connection cannot carry another request."""
    told = answer.headers.get("connection", "").lower()
    if "close" in told or (head.startswith(b"HTTP/1.0") and "keep-alive" not in told):
        return True
    framed = "content-length" in answer.headers or "transfer-encoding" in answer.headers
    return not framed and bool(answer.body)


def websocket_frame(opcode: int, payload: bytes) -> bytes:
    """A masked client frame (RFC 6455 section 5.2) of at most 125 bytes."""
    mask = os.urandom(4)
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


async def read_websocket_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of the next unmasked server frame of at most 125 bytes."""
    first, length = await reader.readexactly(2)
    return first & 0x0F, await reader.readexactly(length & 0x7F)
