# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What brings a redirect back after a reboot, as the kernel forgets it: a script beside its note, and a unit of systemd that runs it."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

from .._errors import SwitchError
from .._units import BootUnits
from . import port_redirect_flows as flows
from .port_redirect_types import IPV4, Redirect

# The line for Docker goes behind everything that the host's owner wrote, as in port_redirect_flows.
_SCRIPT = """\
#!/bin/sh
# Written by hotswap.containers: the redirect %(name)s, after a reboot.
set -e
nft -f %(nft)s
test ! -e %(mark)s || echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
allow() {
    now=$(iptables -w -S DOCKER-USER 2>/dev/null) || return 0
    ! iptables -w -C DOCKER-USER "$@" 2>/dev/null || return 0
    case $now in
    *"-A DOCKER-USER -j RETURN") iptables -w -I DOCKER-USER "$(echo "$now" | grep -c '^-A')" "$@" ;;
    *) iptables -w -A DOCKER-USER "$@" ;;
    esac
}
%(allow)s"""
_UNIT = """\
# Written by hotswap.containers. It goes with the redirect.
[Unit]
Description=Redirect %(name)s
After=network-pre.target docker.service
StartLimitIntervalSec=600
StartLimitBurst=20

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh %(script)s
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def script(wanted: Redirect, nft: pathlib.Path, mark: pathlib.Path) -> str:
    """The shell script; `nft` is the redirect's transaction, `mark` the file that says that route_localnet is ours to set."""
    lines = ["allow %s\n" % rule for rule in flows.allowing(wanted)] if wanted.family == IPV4 else []
    return _SCRIPT % {"name": wanted.name, "nft": shlex.quote(str(nft)), "mark": shlex.quote(str(mark)), "allow": "".join(lines)}


def put(name: str, path: pathlib.Path) -> None:
    """Has a boot run the script at `path`; nothing on a host without systemd. Raises SwitchError."""
    _written(lambda units: units.put(_unit(path), _UNIT % {"name": name, "script": _word(path)}))


def drop(path: pathlib.Path) -> None:
    """The opposite. Gone already is no error. Raises SwitchError."""
    _written(lambda units: units.drop(_unit(path)))


def _unit(path: pathlib.Path) -> str:
    return "hotswap-redirect-" + path.stem


def _word(path: pathlib.Path) -> str:
    """The path as one word of a unit's command line (systemd.service, "Command lines")."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return '"%s"' % text


def _written(work: t.Callable[[BootUnits], None]) -> None:
    if BootUnits.there():
        units = BootUnits()
        try:
            work(units)
        except OSError as error:
            raise SwitchError("what the host does at boot cannot be written: %s" % error, "Look at the permissions of %s." % units.folder) from error
