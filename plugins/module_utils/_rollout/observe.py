# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What is: containers, the running proxy and our memory -> the planner's Observed."""

from __future__ import annotations

import dataclasses
import typing as t

from .._engine.types import LABEL_ADDRESS, LABEL_HASH, LABEL_RESTART, LABEL_SERVICE, LABEL_VERSION, Container, Engine
from .._switch.types import Route, Serving, Target, Traffic
from . import reach
from .memory import Memory
from .shares import EVEN
from .state import Instance, Observed, key_of

_AT_REST = frozenset(["created", "exited", "dead", "stopped", "configured", "initialized"])


@dataclasses.dataclass(frozen=True)
class Sight:
    """The planner's view, and the containers behind it by name."""

    observed: Observed
    containers: t.Mapping[str, Container]

    def version_of(self, key: str) -> str:
        """The version of a key that is on this host, "" for none."""
        found = (one for one in self.containers.values() if key_of_container(one) == key)
        return next((one.labels[LABEL_VERSION] for one in found), "")


def observe(engine: Engine, service: str, switch: Traffic, memory: Memory, route: Route | None) -> Sight:
    """Looks once. `route` None: any route will do."""
    containers = {one.name: one for one in engine.containers({LABEL_SERVICE: service})}
    admitted = {name: weight for name, weight in switch.current(service).items() if weight > 0}
    previewed, written = switch.previewed(service), switch.written(service)
    gated = memory.gated
    instances = tuple(_instance(one, admitted, gated) for one in sorted(containers.values(), key=lambda one: one.name))
    observed = Observed(
        instances=instances,
        history=memory.history,
        route_ok=route is None or (switch.matches(route) and _as_written(written, admitted, previewed)),
        routed=bool(admitted) or written is not None,
        admitted=tuple(sorted(admitted)),
        previewed=tuple(sorted(previewed)),
        held=written is not None and written.held and not admitted,
    )
    return Sight(observed, containers)


def _as_written(written: Serving | None, admitted: t.Collection[str], previewed: t.Collection[str]) -> bool:
    """False when a crash came between the files and the running process: a restarted proxy would serve something else."""
    if written is None:
        return True
    targets = {one.name for one in written.targets if one.weight}
    return targets == set(admitted) and {one.name for one in written.preview} == set(previewed)


def _instance(one: Container, admitted: t.Mapping[str, int], gated: t.Mapping[str, str]) -> Instance:
    return Instance(
        name=one.name,
        key=key_of_container(one),
        running=not at_rest(one),
        weight=admitted.get(one.name, 0),
        gated=bool(one.started_at) and gated.get(one.name) == one.started_at,
        at_boot=one.at_boot if policy_with_traffic(one) else None,
    )


def policy_with_traffic(one: Container) -> str:
    """The restart policy for as long as it has traffic; "" for one that is never to be started by the engine, or whose maker did not say."""
    policy = one.labels.get(LABEL_RESTART, "")
    return "" if policy == "no" else policy


def at_rest(one: Container) -> bool:
    """True when it does not run, nor is about to: one that the engine will restart still has to be stopped when it is not wanted."""
    return one.state in _AT_REST


def key_of_container(one: Container) -> str:
    """The planner's key of one of our containers."""
    return key_of(one.labels.get(LABEL_VERSION, ""), one.labels.get(LABEL_HASH, ""))


def address_of(one: Container, network: str) -> str:
    """The fixed address that we gave it, else the one it has; loopback where it has no network of its own."""
    return one.labels.get(LABEL_ADDRESS) or one.networks.get(network) or "127.0.0.1"


def target_of(one: Container, network: str, port: int, weight: int = EVEN) -> Target:
    """The container as the proxy addresses it."""
    return reach.target(one, weight) or Target(one.name, address_of(one, network), port, weight)
