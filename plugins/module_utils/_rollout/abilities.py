# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What is asked, against what the driver can do: refused before anything is touched. Pure."""

from __future__ import annotations

import typing as t

from .._errors import InvalidInput
from .._switch.types import Capabilities, Route, Serving
from .spec import ServiceSpec
from .state import Step


def check(spec: ServiceSpec, state: str, weight: int, can: Capabilities, where: str) -> None:
    """Raises InvalidInput naming the parameter and `where`, the switch in words."""
    for parameter, able in _needed(spec, state, can):
        if not able:
            raise InvalidInput("%s: %s cannot do it" % (parameter, where), "Leave %s out, or use a proxy whose driver can." % parameter)
    if state == "canary" and weight:
        _check_share(weight, can.shares, where)
    if can.max_instances and spec.replicas > can.max_instances:
        raise _too_many(spec.replicas, where, can)


def _needed(spec: ServiceSpec, state: str, can: Capabilities) -> t.Iterator[tuple[str, bool]]:
    """Each asked parameter that not every driver has, and whether this one has it."""
    route = spec.route
    if state == "canary":
        yield "state: canary", can.shares > 1 or can.preview
    yield from _of_route(route, can)
    if spec.bake and spec.bake.max_error_rate is not None:
        yield "bake.max_error_rate", can.answers


def _of_route(route: Route, can: Capabilities) -> t.Iterator[tuple[str, bool]]:
    if route.preview:
        yield "route.preview", can.preview
    if route.sticky:
        yield "route.sticky", can.sticky
    if route.hold:
        yield "route.hold", can.hold
    if route.maintenance:
        yield "route.maintenance", can.maintenance


def _check_share(weight: int, parts: int, where: str) -> None:
    if parts < 2 or min(weight, 100 - weight) * parts < 100:
        least = "It can only give all of the traffic to one version" if parts < 2 else "It splits traffic into %d equal parts" % parts
        raise InvalidInput("weight: %s cannot give a share of %d percent" % (where, weight), "%s: use another weight or driver." % least)


def check_steps(steps: t.Iterable[Step], can: Capabilities, where: str) -> None:
    """The plan's instances fit into the proxy together: a canary's stand beside the live ones. Raises InvalidInput."""
    for step in steps:
        if can.max_instances and step.action == "serve" and len(step.names) > can.max_instances:
            raise _too_many(len(step.names), where, can)


def _too_many(instances: int, where: str, can: Capabilities) -> InvalidInput:
    return InvalidInput(
        "replicas: %d are more than %s can address, which is %d" % (instances, where, can.max_instances),
        "Use fewer replicas, or a proxy with the haproxy driver.",
    )


def check_served(routes: t.Mapping[str, Serving], can: Capabilities, driver: str) -> None:
    """The routes that a proxy has are ones that another driver can carry out too. Raises InvalidInput that names service and option."""
    for name, serving in sorted(routes.items()):
        for parameter, able in _of_route(serving.route, can):
            if not able:
                raise InvalidInput(
                    "driver: %s cannot do %s, which the service %s has" % (driver, parameter, name),
                    "Roll that service out without it first, or keep the driver.",
                )
        if can.max_instances and len(serving.targets) > can.max_instances:
            raise InvalidInput(
                "driver: %s can address %d instances, and the service %s has %d" % (driver, can.max_instances, name, len(serving.targets)),
                "Roll that service out with fewer replicas first, or keep the driver.",
            )


def place_of(spec: ServiceSpec, driver: str) -> str:
    """The switch in words, for messages; `driver` "" is a service without one."""
    return "the driver %s%s" % (driver, " of proxy " + spec.proxy if spec.proxy else "") if driver else "a service without a proxy"
