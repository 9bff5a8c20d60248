# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a certificate says, read from its DER bytes (RFC 5280, 4.1): the standard library shows it of a peer only. Pure."""

from __future__ import annotations

import calendar
import dataclasses
import re
import time
import typing as t

_EXPLICIT_VERSION, _EXTENSIONS = 0xA0, 0xA3
_OBJECT, _UTC_TIME = 0x06, 0x17
_DNS_NAME = 0x82
# 2.5.29.17, subjectAltName.
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"
_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")


@dataclasses.dataclass(frozen=True)
class Says:
    """`expires` is in seconds since 1970; `names` are those of hosts, lower case, some beginning with "*."."""

    expires: int
    names: tuple[str, ...]


def read(data: bytes) -> Says:
    """What the certificate says. Raises ValueError for bytes that are none."""
    try:
        fields = list(_parts(_inside(_inside(data))))
        if fields[0][0] == _EXPLICIT_VERSION:
            del fields[0]
        _serial, _algorithm, _issuer, validity = fields[:4]
        _begins, ends = _parts(validity[1])
        extensions = [value for tag, value in fields if tag == _EXTENSIONS]
        return Says(_time(*ends), tuple(dict.fromkeys(name for one in extensions for name in _names(one))))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("not a certificate") from error


def _parts(data: bytes) -> t.Iterator[tuple[int, bytes]]:
    """Tag and value of what stands one after the other (X.690, 8.1); only the short tags that certificates have."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("cut off")
        yield tag, data[at : at + length]
        at += length


def _inside(data: bytes) -> bytes:
    """The value of the first part."""
    ((_tag, value), *_others) = _parts(data)
    return value


def _time(tag: int, value: bytes) -> int:
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280, 4.1.2.5.1: years from 50 on are of the last century.
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ"))


def _names(extensions: bytes) -> t.Iterator[str]:
    for _tag, extension in _parts(_inside(extensions)):
        parts = list(_parts(extension))
        if parts[0] == (_OBJECT, _ALTERNATIVE_NAMES):
            for tag, name in _parts(_inside(parts[-1][1])):
                text = name.decode("latin-1").lower() if tag == _DNS_NAME else ""
                if _HOST.fullmatch(text):
                    yield text
