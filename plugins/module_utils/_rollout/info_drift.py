# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Where a service is not as its last run left it, one sentence each. Pure, but for what the kernel is asked about redirects."""

from __future__ import annotations

import os
import typing as t

from .._engine.types import Container
from .._errors import HotswapError
from .._switch.port_redirect import Redirects
from .._switch.types import Traffic
from .info_view import Weights, spec_label
from .observe import policy_with_traffic
from .paths import StateDir
from .redirects import folder


def of_containers(containers: t.Sequence[Container], weights: Weights, made: t.Mapping[str, str]) -> list[str]:
    """Containers that were changed, that are too few, or that a boot would treat otherwise. `made`: what each was made with, by name."""
    said = []
    for one in containers:
        if made.get(one.name, one.settings) != one.settings:
            said.append("instance %s is not as it was when it passed its gate: somebody changed or replaced it" % one.name)
        if policy_with_traffic(one) and one.at_boot is not None and one.at_boot != bool(weights.get(one.name)):
            said.append("instance %s %s at boot" % (one.name, "would be started" if one.at_boot else "has traffic, and would not be started"))
    return said + _too_few(containers, weights)


def _too_few(containers: t.Sequence[Container], weights: Weights) -> list[str]:
    served = [one for one in containers if weights.get(one.name)]
    wanted: dict[str, int] = {}
    there: dict[str, int] = {}
    for one in containers:
        key = one.name.rpartition("-")[0]
        if any(key == other.name.rpartition("-")[0] for other in served):
            wanted[key] = int(spec_label(one).get("replicas") or 1)
            there[key] = there.get(key, 0) + 1
    return ["%d of %d instances of %s are there" % (there[key], wanted[key], key) for key in sorted(wanted) if there[key] < wanted[key]]


def of_traffic(traffic: Traffic, service: str, weights: Weights) -> list[str]:
    """A service without a proxy: what moves its traffic (the kernel, an alias, a file) against our note of it."""
    try:
        written = traffic.written(service)
    except HotswapError as error:
        return [str(error)]
    noted = sorted(one.name for one in written.targets if one.weight > 0) if written else []
    real = sorted(name for name, weight in weights.items() if weight > 0)
    if not written or noted == real:
        return []
    return ["its traffic goes to %s, and should go to %s" % (", ".join(real) or "nobody", ", ".join(noted) or "nobody")]


def of_redirects(state: StateDir) -> list[str]:
    """Redirects of the module port_redirect that the kernel does not have. Only root can ask."""
    place = folder(state)
    if os.geteuid() != 0 or not place.is_dir():
        return []
    try:
        active = {"%s.%s" % (one.redirect.name, one.redirect.family) for one in Redirects(place).active()}
    except HotswapError as error:
        return [str(error)]
    noted = sorted(path.stem for path in place.glob("port.*.json"))
    return ["the kernel has no redirect of port %s" % name.split(".")[1] for name in noted if name not in active]
