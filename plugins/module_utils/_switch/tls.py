# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""TLS on our listeners: the one profile that every driver puts into its own words, and where the certificates are.

The profile is "intermediate" of Mozilla's Server Side TLS 6.0: TLS 1.2 and 1.3, the client's order of ciphers, no session
tickets. Its groups are what the proxy's TLS library offers by itself: older ones know no X25519MLKEM768 and refuse its name.
"""

from __future__ import annotations

import os
import pathlib
import typing as t

from .folder import sync_folder, write
from .types import Certificate, Listener, ProxySettings

CIPHERS_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
# The same as IANA and Go call them.
IANA_1_2 = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
CIPHERS_1_3 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
# A version that moves traffic by connections has to tell a client of HTTP/2 to leave: not measured, so not offered.
PROTOCOL = "http/1.1"

FOLDER = "tls"
# Inside it, one link for each certificate of a listener: PORT-NUMBER, to the file that is presented now.
AT = "at"


def file_name(one: Certificate) -> str:
    """The file in conf/tls that holds chain and key: named by what it presents, so that it never changes."""
    return one.chain + ".pem"


def of_port(settings: ProxySettings) -> dict[str, Certificate]:
    """PORT-NUMBER to certificate, for every listener with TLS."""
    return {"%d-%d" % (listener.port, number): one for listener in settings.listeners for number, one in enumerate(listener.certificates)}


def encrypted(settings: ProxySettings) -> tuple[Listener, ...]:
    """The listeners with TLS."""
    return tuple(one for one in settings.listeners if one.certificates)


def names_by_certificate(listener: Listener) -> list[tuple[str, ...]]:
    """For each certificate the names for which it is the first that has them."""
    seen: set[str] = set()
    found = []
    for one in listener.certificates:
        found.append(tuple(name for name in dict.fromkeys(one.names) if name not in seen))
        seen.update(one.names)
    return found


def missing(conf: pathlib.Path, settings: ProxySettings) -> list[str]:
    """Sentences on certificates that a restarted proxy would not find."""
    return ["%s is missing." % path for path in sorted({conf / FOLDER / file_name(one) for one in of_port(settings).values()}) if not path.is_file()]


def keep(conf: pathlib.Path, texts: t.Mapping[Certificate, str]) -> None:
    """Writes the files that the proxy reads, before its settings name them; `texts`: chain and key of each."""
    if texts:
        (conf / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    for one, text in texts.items():
        write(conf / FOLDER / file_name(one), text)


def carry(conf: pathlib.Path, other: pathlib.Path, settings: ProxySettings) -> None:
    """Writes the files that the proxy reads into another folder of configuration, as they are in this one."""
    keep(other, {one: (conf / FOLDER / file_name(one)).read_text(encoding="utf-8") for one in of_port(settings).values()})


def sweep(conf: pathlib.Path, *settings: ProxySettings | None) -> None:
    """Removes what none of these settings name: an old key is of no use to anybody."""
    known = [of_port(one) for one in settings if one]
    wanted = {name for named in known for name in named}
    files = {file_name(one) for named in known for one in named.values()}
    old = [path for path in (conf / FOLDER).glob("*.pem") if path.name not in files]
    for path in [*old, *(path for path in (conf / FOLDER / AT).glob("*") if path.name not in wanted)]:
        path.unlink()


class Links:
    """For a proxy that reads certificates at each handshake: links that name the files, each replaced by a rename."""

    def __init__(self, conf: pathlib.Path) -> None:
        self._folder = conf / FOLDER / AT

    def wrong(self, settings: ProxySettings) -> list[str]:
        """Sentences on links that name another file than the settings do."""
        return ["%s names another certificate than written." % (self._folder / name) for name, to in self._wanted(settings).items() if self._names(name) != to]

    def point(self, settings: ProxySettings) -> None:
        """Makes every link name its file."""
        wanted = self._wanted(settings)
        if not wanted:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, to in wanted.items():
            if self._names(name) != to:
                self._turn(name, to)
        sync_folder(self._folder)

    @staticmethod
    def _wanted(settings: ProxySettings) -> dict[str, str]:
        return {name: "../" + file_name(one) for name, one in of_port(settings).items()}

    def _names(self, name: str) -> str:
        try:
            return os.readlink(str(self._folder / name))
        except OSError:
            return ""

    def _turn(self, name: str, to: str) -> None:
        link = self._folder / ("next-" + name)
        if link.is_symlink():
            link.unlink()
        link.symlink_to(to)
        os.replace(str(link), str(self._folder / name))


def chosen_by_name(listener: Listener) -> t.Iterator[tuple[str, int]]:
    """Names that a client may ask for and the number of the certificate that it gets: plain ones before "*." ones.

    Only of the second certificate on: the first is for everything else.
    """
    pairs = [(name, number) for number, names in enumerate(names_by_certificate(listener)) for name in names]
    if any(number for _name, number in pairs):
        # With a wildcard among the others, the first one's own names come before it.
        yield from sorted(pairs, key=lambda pair: (pair[0].startswith("*."), pair))
