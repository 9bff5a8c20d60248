# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""The drivers by name: the one door into this package."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

from .._errors import InvalidInput
from .types import Capabilities, ContainerParts, Places, RunInProxy, Switch


@dataclasses.dataclass(frozen=True)
class Driver:
    """One kind of proxy."""

    capabilities: Capabilities
    container_parts: t.Callable[[Places], ContainerParts]
    open: t.Callable[[pathlib.Path, RunInProxy, Places], Switch]


NAMES = ("apache", "caddy", "haproxy", "nginx")


def driver(name: str) -> Driver:
    """A driver by name; InvalidInput names those that exist."""
    # Each imported only where it is used: a module's files are compiled anew in each run, and the drivers are many of them.
    if name == "apache":
        from . import apache

        return _driver(apache)
    if name == "caddy":
        from . import caddy

        return _driver(caddy)
    if name == "haproxy":
        from . import haproxy

        return _driver(haproxy)
    if name == "nginx":
        from . import nginx

        return _driver(nginx)
    raise InvalidInput("driver: %r is unknown" % name, "Use one of: %s." % ", ".join(NAMES))


def _driver(of: t.Any) -> Driver:
    return Driver(of.CAPABILITIES, of.container_parts, of.open_switch)


def container_parts(name: str) -> ContainerParts:
    """What the driver wants of the proxy's container: default image, command, capabilities, stop signal."""
    return driver(name).container_parts(Places())


def open_switch(name: str, folder: pathlib.Path, run_in_proxy: RunInProxy, places: Places | None = None) -> Switch:
    """The switch of the proxy whose state folder is `folder`; nothing is read or contacted yet.

    `run_in_proxy` runs a command in the proxy's container. `prepare` on the result makes the first files.
    """
    return driver(name).open(folder, run_in_proxy, places or Places())
