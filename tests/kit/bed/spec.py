# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host of the bed is: its name, its engine, its Debian."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .shell import BedError

ENGINES = ("docker", "podman", "rootless")
SUITES = ("trixie", "bookworm")
BARE_SUITES = ("trixie-bare", "bookworm-bare")
NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")


@dataclasses.dataclass(frozen=True)
class HostSpec:
    """One host as asked for.

    `socket` says whether podman.socket is enabled (rootful: the system's, rootless: the user's); `disk` is the size of
    the file system under /home and the engines' storage ("200M"), empty for the machine's own.
    """

    name: str
    engine: str
    suite: str = "trixie"
    socket: bool = False
    disk: str = ""

    @property
    def user(self) -> str:
        """The account that works with the engine."""
        return "deploy" if self.engine == "rootless" and not self.bare else "root"

    @property
    def program(self) -> str:
        """The engine's command line program."""
        return "docker" if self.engine == "docker" else "podman"

    @property
    def python(self) -> str:
        """The interpreter that has the SDKs: Debian's own, except where Debian has no podman SDK."""
        return "/opt/hotswap/venv/bin/python" if self.suite == "bookworm" else "/usr/bin/python3"

    @property
    def bare(self) -> bool:
        """Without any engine yet, for the role that installs one."""
        return self.suite.endswith("-bare")


def parse(text: str, suite: str = "trixie") -> HostSpec:
    """Reads "NAME:ENGINE[:OPTION]...", options: a suite, socket, nosocket, disk=SIZE.

    >>> parse("p01:podman:nosocket")
    HostSpec(name='p01', engine='podman', suite='trixie', socket=False, disk='')

    Raises:
        BedError: an unknown engine or option, or a name that is no host name.
    """
    name, _colon, rest = text.partition(":")
    engine, *options = rest.split(":")
    if not NAME.fullmatch(name):
        raise BedError("host name %r: 2 to 31 of a-z, 0-9 and -, a letter first" % name)
    if engine not in ENGINES:
        raise BedError("%s: engine %r is not one of %s" % (name, engine, ", ".join(ENGINES)))
    values: dict[str, t.Any] = {"suite": suite, "socket": engine == "podman"}
    for option in options:
        values.update(_option(name, option))
    return HostSpec(name, engine, **values)


def _option(name: str, option: str) -> dict[str, t.Any]:
    if option in ("socket", "nosocket"):
        return {"socket": option == "socket"}
    if option in (*SUITES, *BARE_SUITES):
        return {"suite": option}
    if re.fullmatch(r"disk=\d+[MG]", option):
        return {"disk": option[5:]}
    raise BedError("%s: option %r is not a suite (%s), socket, nosocket or disk=SIZE" % (name, option, ", ".join((*SUITES, *BARE_SUITES))))
