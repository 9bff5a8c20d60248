# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The certificates that a task names: files of this host, checked before anything is touched, and kept in the proxy's folder.

A key is in the memory of this process, in a file of the proxy's folder (0600), and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import getpass
import hashlib
import os
import re
import ssl
import stat
import time
import typing as t

from .._errors import InvalidInput
from .._switch.types import Certificate
from . import der

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----((?:(?!-----).)*)-----END \1-----", re.DOTALL)
_KEY = "PRIVATE KEY"
# What OpenSSL says of a key that belongs to another certificate, of the same kind and of another one.
_STRANGERS = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
_MOST = 1024 * 1024
_DAY = 86400
_SOON = 7 * _DAY


@dataclasses.dataclass(frozen=True)
class Loaded:
    """One certificate with its key. `pem` is chain and key as the proxy reads them: never into results."""

    certificate: Certificate
    pem: str = dataclasses.field(repr=False)
    warning: str = ""


def of_listeners(listen: t.Sequence[t.Mapping[str, t.Any]]) -> dict[int, tuple[Loaded, ...]]:
    """Port to certificates for each listener with TLS. Raises InvalidInput naming option and file."""
    return {entry["port"]: _of_listener(entry["tls"]) for entry in listen if entry.get("tls")}


def _of_listener(asked: t.Mapping[str, t.Any]) -> tuple[Loaded, ...]:
    found = [_load("listen.tls", asked), *(_load("listen.tls.others", one) for one in asked.get("others") or ())]
    seen: set[str] = set(found[0].certificate.names)
    for one in found[1:]:
        if seen.issuperset(one.certificate.names):
            raise InvalidInput(
                "listen.tls.others: no client would get the certificate for %s" % (", ".join(one.certificate.names) or "no name"),
                "Each must be for a name (subjectAltName) that those before it are not for.",
            )
        seen.update(one.certificate.names)
    return tuple(found)


def _load(option: str, asked: t.Mapping[str, t.Any]) -> Loaded:
    path = asked["certificate"]
    blocks = _blocks("%s.certificate" % option, path)
    keys = blocks if not asked.get("key") else _blocks("%s.key" % option, asked["key"])
    chain = [text for kind, text in blocks if kind == "CERTIFICATE"]
    if not chain:
        raise InvalidInput("%s.certificate: %s holds no certificate" % (option, path), "Name a file in PEM form (BEGIN CERTIFICATE), the server's own first.")
    pem = "".join(chain) + _key(option, asked.get("key") or path, keys)
    _check_pair(option, path, pem)
    try:
        bodies = [_bytes(text) for text in chain]
        says = der.read(bodies[0])
    except ValueError as error:
        raise InvalidInput("%s.certificate: %s cannot be read: %s" % (option, path, error), "Issue it again.") from error
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(says.expires))
    named = Certificate(hashlib.sha256(bodies[0]).hexdigest(), hashlib.sha256(b"".join(bodies)).hexdigest()[:16], says.names, ends)
    return Loaded(named, pem, _warning(path, says.expires, ends))


def _warning(path: str, expires: int, ends: str) -> str:
    left = expires - time.time()
    if left > _SOON:
        return ""
    return "%s %s on %s" % (path, "has expired" if left <= 0 else "expires", ends)


def _blocks(option: str, path: str) -> list[tuple[str, str]]:
    """Kind and text of each PEM block of the file."""
    found = [(match.group(1), match) for match in _BLOCK.finditer(_read(option, path))]
    if any(_encrypted(kind, match.group(2)) for kind, match in found):
        raise InvalidInput(
            "%s: the key in %s is encrypted" % (option, path), "Nobody is there to type its password: write it without one, readable by its owner only."
        )
    try:
        return [(kind, _normal(kind, match.group(2))) for kind, match in found]
    except binascii.Error as error:
        raise InvalidInput("%s: %s is not in PEM form" % (option, path), "Look at it with: openssl x509 -in FILE.") from error


def _encrypted(kind: str, body: str) -> bool:
    return kind.startswith("ENCRYPTED ") or "ENCRYPTED" in body


def _normal(kind: str, body: str) -> str:
    """The block as everybody writes it, whatever stood around it."""
    text = base64.b64encode(base64.b64decode("".join(body.split()), validate=True)).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n" % (kind, "\n".join(lines), kind)


def _bytes(block: str) -> bytes:
    return base64.b64decode("".join(block.splitlines()[1:-1]))


def _read(option: str, path: str) -> str:
    try:
        # A pipe would never end.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InvalidInput("%s: %s is not a file" % (option, path), "Name a file in PEM form.")
            return os.read(handle, _MOST).decode("latin-1")
        finally:
            os.close(handle)
    except PermissionError as error:
        raise InvalidInput("%s: %s cannot read %s" % (option, _user(), path), "The task runs as the engine's user: let that user read it.") from error
    except (OSError, ValueError) as error:
        raise InvalidInput("%s: %s cannot be read: %s" % (option, path, getattr(error, "strerror", None) or error), "Name a file on the host.") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user %d" % os.geteuid()


def _key(option: str, path: str, blocks: t.Sequence[tuple[str, str]]) -> str:
    found = [text for kind, text in blocks if kind.endswith(_KEY)]
    if len(found) == 1:
        return found[0]
    raise InvalidInput(
        "%s.key: %s holds %s private key" % (option, path, "no" if not found else "more than one"),
        "Name the file with the one key of the certificate; without key it is looked for in the file of the certificate.",
    )


def _check_pair(option: str, path: str, pem: str) -> None:
    """The TLS library itself is asked, from memory: what is tried here is what the proxy gets."""
    handle = os.memfd_create("hotswap-certificate")
    with os.fdopen(handle, "wb") as file:
        file.write(pem.encode("ascii"))
        file.flush()
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain("/proc/self/fd/%d" % handle, password=lambda: "")
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or str(error)
            said = "its key belongs to another certificate" if why in _STRANGERS else "it cannot be used: %s" % why
            fix = "Name the pair that belongs together; the server's certificate stands first."
            raise InvalidInput("%s.certificate: %s: %s" % (option, path, said), fix) from error
