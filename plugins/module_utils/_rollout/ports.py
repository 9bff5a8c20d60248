# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Is a port of this host free? Sockets (whoever holds them) and what the engine publishes."""

from __future__ import annotations

import ipaddress
import pathlib
import sys
import typing as t

from .._engine.types import Engine, Publish

_TABLES = (pathlib.Path("/proc/net/tcp"), pathlib.Path("/proc/net/tcp6"))
_UDP_TABLES = (pathlib.Path("/proc/net/udp"), pathlib.Path("/proc/net/udp6"))
# TCP_LISTEN in include/net/tcp_states.h; a UDP socket without a peer has TCP_CLOSE.
_LISTEN, _UNCONNECTED = "0A", "07"


def listening(tables: t.Iterable[pathlib.Path] = _TABLES) -> set[tuple[str, int]]:
    """(address, port) of every TCP socket that listens on this host, "" as address for all of them (proc(5))."""
    return _sockets(tables, _LISTEN)


def receiving(tables: t.Iterable[pathlib.Path] = _UDP_TABLES) -> set[tuple[str, int]]:
    """The same of every UDP socket that takes datagrams from anybody."""
    return _sockets(tables, _UNCONNECTED)


def _sockets(tables: t.Iterable[pathlib.Path], state: str) -> set[tuple[str, int]]:
    found = set()
    for table in tables:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if len(fields) > 3 and fields[3] == state:
                address, port = fields[1].split(":")
                found.add((_address(address), int(port, 16)))
    return found


def _address(text: str) -> str:
    """The kernel prints an address as numbers of 32 bits in its own byte order."""
    words = [int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)]
    return plain(str(ipaddress.ip_address(b"".join(words))))


def plain(address: str) -> str:
    """The address with "every address" as "" and an IPv4 address inside IPv6 as IPv4."""
    if address in ("", "0.0.0.0", "::"):
        return ""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def clash(wanted: tuple[str, int], taken: t.Iterable[tuple[str, int]]) -> tuple[str, int] | None:
    """The first of `taken` that would not let `wanted` be opened; "" covers every address."""
    address, port = plain(wanted[0]), wanted[1]
    for other, other_port in sorted(taken):
        if port == other_port and (not address or not other or address == other):
            return other, other_port
    return None


def who_holds(engine: Engine, wanted: t.Iterable[Publish], own: str, own_publish: t.Iterable[Publish]) -> str:
    """Says who holds the first of the wanted host ports that is taken; "" when all are free.

    `own` is the container that may have them already, and whose ports count as free.
    """
    mine = {(plain(one.host_ip), one.host_port) for one in own_publish}
    sockets = listening() - mine
    published = [(name, one) for name, one in engine.published() if name != own and one.protocol == "tcp"]
    for one in wanted:
        place = "%s:%d" % (one.host_ip or "*", one.host_port)
        for name, other in published:
            if clash((one.host_ip, one.host_port), [(plain(other.host_ip), other.host_port)]):
                return "%s is published by the container %s" % (place, name)
        if clash((one.host_ip, one.host_port), sockets):
            return "%s is held by another process of this host" % place
    return ""
