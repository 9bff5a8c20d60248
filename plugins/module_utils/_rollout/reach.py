# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Instances that a proxy on the host reaches: each on a port of 127.0.0.1 of its own, noted in a label of its container.

Either the engine publishes the service's port there, or the instance uses the host's network and is told its port by an
environment variable. The label stays with the container, so an instance that the engine restarts keeps its port.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._engine.types import LABEL_PORT, Container, ContainerSpec, Engine, Publish
from .._errors import EngineError, InvalidInput
from .._switch.types import Target
from . import netns, validate
from .info_view import spec_label
from .ports import listening

LOOPBACK = "127.0.0.1"
# Below the range that the kernel takes for outgoing connections (ip_local_port_range begins at 32768).
FIRST_PORT = 20000
# So often somebody may take a port between our look at it and the start.
_ATTEMPTS = 5
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclasses.dataclass(frozen=True)
class Reach:
    """How instances are reached. `from_host`: on a port of the host, searched from `ports_from` on.

    `port_env`: the variable that tells an instance on the host's network its port; "" where the engine publishes it.
    """

    from_host: bool = False
    port_env: str = ""
    ports_from: int = FIRST_PORT

    @property
    def own_port(self) -> int:
        """Stands for the service's port where each instance is told one of its own; 0 where not."""
        return self.ports_from if self.port_env else 0

    def to_label(self) -> dict[str, t.Any]:
        """What a rollback needs to know again, {} for instances that a proxy reaches on their network."""
        return {"port_env": self.port_env, "ports_from": self.ports_from} if self.from_host else {}

    def hashed(self) -> dict[str, str]:
        """What needs a new container when it changes; the port itself does not count."""
        return {"port_env": self.port_env} if self.port_env else {}

    def instance(self, spec: ContainerSpec, port: int, taken: t.Container[int]) -> ContainerSpec:
        """The container with the first port of the host that is not taken; the same for one that needs none. Raises InvalidInput."""
        if not self.from_host:
            return spec
        free = next((one for one in range(self.ports_from, 65536) if one not in taken), 0)
        if not free:
            raise InvalidInput("ports_from: no port from %d to 65535 is free on this host" % self.ports_from, "Begin lower, or stop what holds them.")
        labels = {**spec.labels, LABEL_PORT: str(free)}
        if self.port_env:
            return dataclasses.replace(spec, labels=labels, env={**spec.env, self.port_env: str(free)})
        return dataclasses.replace(spec, labels=labels, publish=(Publish(LOOPBACK, free, port),))


NO_REACH = Reach()


def reach_of_params(params: t.Mapping[str, t.Any]) -> Reach:
    """The module's parameters -> Reach. Raises InvalidInput naming the parameter."""
    variable = params["port_env"] or ""
    if variable and params["network_mode"] != "host":
        raise InvalidInput("port_env: only an instance on the host's network is told its port", "Set network_mode: host, or leave port_env out.")
    if variable and not _VARIABLE.fullmatch(variable):
        raise InvalidInput("port_env: %r is not the name of a variable" % variable, "Name one like SERVER_PORT.")
    return Reach(bool(variable), variable, validate.check_port("ports_from", params["ports_from"]))


def reach_of_label(label: t.Mapping[str, t.Any]) -> Reach:
    """What `to_label` wrote -> Reach."""
    if "ports_from" not in label:
        return NO_REACH
    return Reach(True, str(label["port_env"]), int(label["ports_from"]))


class Asked(t.Protocol):
    """What is needed of a service to make its instances."""

    @property
    def reach(self) -> Reach:
        """Where its instances listen."""

    @property
    def port(self) -> int:
        """The port of its image."""

    def instance(self, name: str, address: str) -> ContainerSpec:
        """The container of one instance, without a port of the host."""


def instance(engine: Engine, spec: Asked, name: str, address: str) -> ContainerSpec:
    """The container of one instance, with a free port of the host where it needs one."""
    taken = taken_ports(engine) if spec.reach.from_host else frozenset()
    return spec.reach.instance(spec.instance(name, address), spec.port, taken)


def taken_ports(engine: Engine) -> set[int]:
    """Ports of this host that something listens on, that the engine publishes, or that one of our containers comes back to."""
    open_now = {port for _address, port in listening()}
    published = {one.host_port for _name, one in engine.published()}
    return open_now | published | {host_port(one) for one in engine.containers({LABEL_PORT: ""})}


def host_port(one: Container) -> int:
    """The port of 127.0.0.1 on which the host reaches it; 0 for one that is reached on its network."""
    text = one.labels.get(LABEL_PORT, "")
    return int(text) if text.isdigit() else 0


def target(one: Container, weight: int) -> Target | None:
    """The instance as a proxy on the host addresses it, None for one that is reached on its network."""
    port = host_port(one)
    return Target(one.name, LOOPBACK, port, weight) if port else None


def start(engine: Engine, one: Container, create: t.Callable[[str], None]) -> None:
    """Starts it; a new one whose port somebody took meanwhile is made again, on the next. Raises EngineError."""
    for _attempt in range(_ATTEMPTS):
        try:
            return engine.start(one.name)
        except EngineError:
            # What ran before keeps its port, and whatever it is made of.
            if one.started_at or not _lost(engine, one):
                raise
        engine.remove(one.name)
        create(one.name)
    return engine.start(one.name)


def _lost(engine: Engine, one: Container) -> bool:
    """True when the port that the engine was to publish for it is somebody else's."""
    others = {other.host_port for name, other in engine.published() if name != one.name}
    return host_port(one) in others | {port for _address, port in listening()}


def seen_from(one: Container) -> int | None:
    """The namespace from which it is asked: the host's own; None for one that is reached on its network."""
    return netns.HERE if host_port(one) else None


def connections(one: Container, port: int) -> int:
    """Its established connections; `port` is the service's where the container does not say it itself."""
    label = spec_label(one)
    if not host_port(one):
        return netns.established(one.pid, port)
    inside = host_port(one) if label.get("port_env") else int(label.get("port") or port)
    # Also those from the same address: on the host's network the proxy's are, and rootless Podman passes them on like that.
    return netns.established(one.pid, inside, everyone=True)
