# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""TLS towards our own listeners: which certificate the running process presents, and a client's side of the public route.

Nothing is verified but the fingerprint: who is asked is known by where it listens, and a certificate may be anybody's.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import typing as t

from .._errors import HotswapError
from .._switch import tls
from .._switch.sockets import until
from .._switch.types import ProxySettings
from . import netns

_SECONDS = 10.0


def client(sock: socket.socket, name: str) -> ssl.SSLSocket:
    """The client's side on a connected socket, asking for this host name ("" for none). Raises OSError; the socket is closed then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(sock, server_hostname=name or None)
    except BaseException:
        sock.close()
        raise


def presented(pid: int, port: int, name: str) -> str:
    """The fingerprint of what the process presents for that name on a port of its network. Raises HotswapError."""
    place = "port %d of the proxy%s" % (port, " for %s" % name if name else "")
    try:
        with client(netns.connect(pid, "127.0.0.1", port, _SECONDS), name) as link:
            return hashlib.sha256(link.getpeercert(True) or b"").hexdigest()
    except OSError as error:
        raise HotswapError("%s: no TLS: %s" % (place, getattr(error, "reason", None) or error), "Look at the proxy's log.") from error


def otherwise(pid: int, settings: ProxySettings, patience: float = 0.0) -> list[str]:
    """Sentences on listeners whose process presents another certificate than written, after `patience` seconds at most."""
    found: list[str] = []

    def asked() -> bool | None:
        found[:] = [said for said in _differences(pid, settings) if said]
        return None if found else True

    until(asked, patience)
    return found


def _differences(pid: int, settings: ProxySettings) -> t.Iterator[str]:
    for listener in tls.encrypted(settings):
        for number, (one, names) in enumerate(zip(listener.certificates, tls.names_by_certificate(listener))):
            name = names[0].replace("*.", "hotswap-any.") if number else ""
            try:
                if presented(pid, listener.port, name) != one.fingerprint:
                    yield "port %d presents another certificate%s than written." % (listener.port, " for %s" % name if name else "")
            except HotswapError as error:
                yield "%s." % error.what
