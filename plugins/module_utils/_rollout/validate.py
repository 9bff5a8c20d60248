# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Checks of what people write, before anything is touched. Each error names the parameter and what it may hold.

A value that passed here can be carried by both engines and by every proxy configuration that we render:
drivers may rely on it, and must not accept values from elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .._errors import InvalidInput
from .._references import NAME_AND_TAG

_OPTION = re.compile(r"[a-z_]{2,30}")
# The common subset of container names (both engines), HAProxy proxy and server names, and file names.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
# The tag grammar of the OCI distribution spec, a little shorter.
_VERSION = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,100}")
_HOST_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# RFC 3986 pchar without what configuration grammars use for quoting ("'", "(", ")", ";", "%", "\\", "#", "{", "}").
_PATH = re.compile(r"/[A-Za-z0-9._~!$&*+,=:@/-]{0,255}")
_IMAGE = re.compile(NAME_AND_TAG + "(?:@sha256:[0-9a-f]{8,64})?")


def check_name(parameter: str, value: str | None) -> str:
    """A name of a service, proxy or network: letters, digits, "_", ".", "-", two to 63 characters. A blank one arrives as None."""
    if not value or len(value) < 2 or not _NAME.fullmatch(value):
        raise InvalidInput(
            "%s: %r is not a name that engines and proxies can carry" % (parameter, (value or "")[:80]),
            "Use 2 to 63 letters, digits, '_', '.' or '-', beginning with a letter or digit.",
        )
    return value


def check_version(parameter: str, value: str) -> str:
    """A version: what an image tag may be, at most 101 characters."""
    if not _VERSION.fullmatch(value):
        raise InvalidInput(
            "%s: %r is not a version" % (parameter, value),
            "Use up to 101 letters, digits, '_', '.' or '-', as in an image tag.",
        )
    return value


def check_image(parameter: str, value: str) -> str:
    """A name with a tag or digest, or an id; "" for none. Nothing that an engine would read as another place of its API."""
    if value and not _IMAGE.fullmatch(value):
        raise InvalidInput("%s: %r is not an image" % (parameter, value[:80]), "Write it like registry.example.com/team/app:1.2.3, or with @sha256:DIGEST.")
    return value


def check_port(parameter: str, value: int) -> int:
    """A TCP or UDP port, 1 to 65535."""
    if not 1 <= value <= 65535:
        raise InvalidInput("%s: %d is not a port" % (parameter, value), "Ports are 1 to 65535.")
    return value


def check_host(parameter: str, value: str) -> str:
    """A host name to route on, lower-cased; "*.example.com" covers every name below example.com."""
    host = value.lower()
    labels = host[2:].split(".") if host.startswith("*.") else host.split(".")
    if len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise InvalidInput(
            "%s: %r is not a host name" % (parameter, value),
            "Use a name like greet.example.com or *.example.com, without port and scheme.",
        )
    return host


def check_path(parameter: str, value: str) -> str:
    """An absolute URL path prefix without query."""
    if not _PATH.fullmatch(value) or "//" in value:
        raise InvalidInput(
            "%s: %r is not a URL path" % (parameter, value),
            "Begin with '/', and use letters, digits and ._~!$&*+,=:@- only.",
        )
    return value if value == "/" else value.rstrip("/")


def check_publish(parameter: str, value: str) -> tuple[str, int]:
    """ "PORT", "ADDRESS:PORT" or "[IPv6]:PORT" -> (address or "", port)."""
    address, colon, port = value.rpartition(":")
    address = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    if not re.fullmatch("[0-9]{1,5}", port) or (colon and not _is_address(address)):
        raise InvalidInput(
            "%s: %r is not a place to publish a port" % (parameter, value),
            "Write PORT or ADDRESS:PORT, for example 127.0.0.1:8080.",
        )
    return address, check_port(parameter, int(port))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check_positive(parameter: str, value: float, least: float = 0.0, most: float = 1e9) -> float:
    """A number from `least` to `most`."""
    if not least <= value <= most:
        wrong = "too large" if value > most else "too small, or no number"
        raise InvalidInput("%s: %.20s is %s" % (parameter, value, wrong), "It must be %g or more, and at most %g." % (least, most))
    return value


def check_line(parameter: str, value: str) -> str:
    """One line of text without control characters, as engines and command lines take it."""
    if not value.isprintable():
        raise InvalidInput("%s: %r has a line break or another control character" % (parameter, value[:80]), "Write it on one line.")
    return value


def check_place(parameter: str, value: str) -> str:
    """An absolute path of the host, on one line."""
    if not check_line(parameter, value).startswith("/"):
        raise InvalidInput("%s: %r is not an absolute path" % (parameter, value[:80]), "Begin with '/'.")
    return value


def check_texts(params: t.Mapping[str, t.Any]) -> None:
    """No text in any parameter has what no process can be given: a zero byte, or half a character. Values are never repeated."""
    for parameter, text in _texts("", params):
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise InvalidInput("%s: a text has a zero byte or an incomplete character" % parameter, "No program can be given that: take it out.")


def _texts(where: str, value: t.Any) -> t.Iterator[tuple[str, str]]:
    """All texts with the parameter that they are in, "route.maintenance.text"."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, t.Mapping):
        for key, inner in value.items():
            below = "%s.%s" % (where, key) if where and _OPTION.fullmatch(str(key)) else where or str(key)
            yield below, str(key)
            yield from _texts(below, inner)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(where, one)


def unset_blank(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Top-level empty texts become None: survey answers that were left blank arrive as ""."""
    return {key: None if value == "" else value for key, value in params.items()}
