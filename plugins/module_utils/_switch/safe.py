# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Refuses, once more, whatever a proxy configuration or a runtime command could not carry literally.

The modules check what people write and say it kindly; this is the last door before text becomes configuration.
"""

from __future__ import annotations

import ipaddress
import re

from .._errors import SwitchError
from .types import Certificate, Preview, ProxySettings, Route, Serving, Target

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,199}")
_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251})?")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&*+,=:@/-]{0,255}")
# Names of headers and cookies (RFC 9110, 5.1), without the characters that a configuration could read otherwise.
_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELD_VALUE = re.compile(r"[A-Za-z0-9_.~:/@=+-]{1,128}")
_TEXT = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]{1,2000}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")
_HEX = re.compile(r"[0-9a-f]{16,64}")
_PLACE = re.compile(r"/[A-Za-z0-9_./-]{1,200}")


def _refuse(kind: str, value: object) -> SwitchError:
    return SwitchError("%s %r cannot stand in a proxy configuration" % (kind, value), "Remove it, or report how it came past the parameter checks.")


def _match(kind: str, pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise _refuse(kind, value)
    return value


def name(value: str) -> str:
    """The name of a service, proxy or instance, unchanged."""
    return _match("name", _NAME, value)


def host(value: str) -> str:
    """A lower-case host name, or "*." and one, unchanged."""
    return _match("host", _HOST, value)


def path(value: str) -> str:
    """An absolute path prefix without quoting characters, unchanged."""
    return _match("path", _PATH, value)


def token(value: str) -> str:
    """The probe token, unchanged."""
    return _match("probe token", _TOKEN, value)


def place(value: str) -> str:
    """The absolute path of a folder, unchanged."""
    return _match("folder", _PLACE, value)


def port(value: int) -> int:
    """A TCP port, unchanged."""
    if not 1 <= value <= 65535:
        raise _refuse("port", value)
    return value


def target(value: Target) -> Target:
    """A target with an IPv4 address and a weight of 0 to 256, unchanged."""
    name(value.name)
    port(value.port)
    try:
        ipaddress.IPv4Address(value.address)
    except ValueError:
        raise _refuse("address", value.address) from None
    if not 0 <= value.weight <= 256:
        raise _refuse("weight", value.weight)
    return value


def route(value: Route) -> Route:
    """A route whose every part is safe, unchanged."""
    name(value.service)
    path(value.path)
    for one in value.hosts:
        host(one)
    if value.preview:
        _preview(value.preview)
    if value.sticky:
        _match("cookie", _FIELD, value.sticky)
    if not 0 <= value.hold <= 3600:
        raise _refuse("hold", value.hold)
    if value.maintenance:
        _match("maintenance text", _TEXT, value.maintenance.text)
    return value


def _preview(value: Preview) -> None:
    if bool(value.host) == bool(value.header):
        raise _refuse("preview (a host or a header)", value)
    if value.host:
        host(value.host)
    else:
        _match("header", _FIELD, value.header)
        _match("header value", _FIELD_VALUE, value.value)


def serving(value: Serving) -> Serving:
    """A route with targets whose names are all different, unchanged."""
    route(value.route)
    for group in (value.targets, value.preview):
        names = [target(one).name for one in group]
        if len(set(names)) != len(names):
            raise _refuse("list of instances with a repeated name", names)
    return value


def certificate(value: Certificate) -> Certificate:
    """A certificate whose names and hashes are safe, unchanged."""
    _match("fingerprint", _HEX, value.fingerprint)
    _match("hash of a chain", _HEX, value.chain)
    for one in value.names:
        host(one)
    return value


def settings(value: ProxySettings) -> ProxySettings:
    """Proxy settings whose every part is safe, unchanged."""
    name(value.name)
    token(value.token)
    for listener in value.listeners:
        port(listener.port)
        for one in listener.certificates:
            certificate(one)
    limits = (value.connect_timeout, value.client_timeout, value.server_timeout, float(value.max_connections))
    if not value.listeners or not all(0.001 <= limit <= 2000000 for limit in limits):
        raise _refuse("proxy setting (no listener, or a time or limit out of range)", value.name)
    return value
