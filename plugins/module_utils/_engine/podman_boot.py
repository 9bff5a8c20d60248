# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a boot starts of Podman's containers: one unit of systemd for each, of the system or of the user.

Podman itself starts at boot what has the policy `always`, also what was stopped; and before 5.1 a policy is for ever. So no container
of ours has that policy, and the unit alone says what starts. It only starts a container that is there, hence no quadlet, which would make
one of its own and remove it when it stops.
"""

from __future__ import annotations

import os

from .._errors import EngineError
from .._units import BootUnits
from . import sockets
from .podman_service import find_podman

_POLICIES = frozenset(["always", "unless-stopped", "on-failure"])

_SYSTEM_ORDER = """\
Wants=network-online.target
After=network-online.target
RequiresMountsFor=/var/lib/containers
"""
# A container that is gone is no failure. Twenty attempts: its image or its addresses may be on a disk or a network that comes late.
_UNIT = """\
# Written by hotswap.containers: this container has traffic. It goes when the container is stopped for another version.
[Unit]
Description=Start the container %(name)s
%(order)sStartLimitIntervalSec=600
StartLimitBurst=20

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
ExecCondition=%(podman)s container exists %(name)s
ExecStart=%(podman)s start %(name)s
Restart=on-failure
RestartSec=5

[Install]
WantedBy=%(target)s
"""


class PodmanBoot:
    """The units of one user's containers; for a Podman that is not this user's own, or without systemd, there is nothing to say."""

    def __init__(self, path: str, own_service: bool) -> None:
        """`path` is the socket of the engine; `own_service`: we started what listens there."""
        own = own_service or path == sockets.podman_socket(os.environ)
        self._units = BootUnits() if own and BootUnits.there() else None

    def starts(self, name: str) -> bool | None:
        """Whether a boot starts the container; None where that cannot be said."""
        return None if self._units is None else self._units.enabled(_unit(name))

    def set(self, name: str, policy: str) -> None:
        """Writes the unit, or removes it. Raises EngineError for a folder that cannot be written."""
        if self._units is None:
            return
        try:
            if policy.partition(":")[0] in _POLICIES:
                self._units.put(_unit(name), _text(name, self._units))
            else:
                self._units.drop(_unit(name))
        except OSError as error:
            raise EngineError(
                "what the host starts at boot cannot be written: %s" % error,
                "Give %s to the user who runs Podman." % self._units.folder,
            ) from error


def _unit(name: str) -> str:
    return "hotswap-" + name


def _text(name: str, units: BootUnits) -> str:
    order = _SYSTEM_ORDER if units.system else ""
    return _UNIT % {"name": name, "order": order, "podman": find_podman() or "/usr/bin/podman", "target": units.target}


def policy_of(policy: str) -> str:
    """The policy that Podman gets: while the host is up `always` and `unless-stopped` are the same, and our unit is for the boot."""
    return "unless-stopped" if policy == "always" else policy
