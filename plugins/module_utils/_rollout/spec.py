# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a task asks for, checked and typed: module parameters (or a retired version's label) -> ServiceSpec. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from .._engine.types import (
    LABEL_ADDRESS,
    LABEL_HASH,
    LABEL_INSTANCE,
    LABEL_SERVICE,
    LABEL_SPEC,
    LABEL_VERSION,
    ContainerSpec,
)
from .._errors import InvalidInput
from .._switch.types import Route
from . import validate
from .container_options import container_spec, env_of_files, env_of_params
from .gate import GateSpec
from .gate_spec import gate_of_params, gate_to_dict

PREVIOUS = "previous"


@dataclasses.dataclass(frozen=True)
class ServiceSpec:
    """A service as asked for. `port` 0: none. Times in seconds. `container` is shared by all instances.

    `network` and `proxy` are names; "" means not given (see `located`).
    """

    name: str
    version: str
    image: str
    port: int
    network: str
    proxy: str
    route: Route
    replicas: int
    gate: GateSpec
    drain_timeout: float
    keep: int
    order: str
    container: ContainerSpec

    @property
    def hash(self) -> str:
        """Twelve hex digits over everything that needs a new container when it changes. The image counts as the version.

        replicas, route, gate and the like do not count: they change without a new container.
        """
        fields = dataclasses.asdict(dataclasses.replace(self.container, name="", image=""))
        fields.update(port=self.port, network=self.network)
        return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()[:12]

    @property
    def key(self) -> str:
        """The planner's key: version and hash."""
        return key_of(self.version, self.hash)

    @property
    def names(self) -> tuple[str, ...]:
        """The container names of all instances."""
        return tuple("%s-%s-%d" % (self.name, self.key, index + 1) for index in range(self.replicas))

    def located(self, proxy: str, network: str) -> ServiceSpec:
        """The same with proxy and network filled in where the task left them out."""
        return dataclasses.replace(self, proxy=self.proxy or proxy, network=self.network or network)

    def instance(self, name: str, address: str) -> ContainerSpec:
        """The container of one instance, with our labels."""
        labels = {
            LABEL_SERVICE: self.name,
            LABEL_VERSION: self.version,
            LABEL_INSTANCE: name.rpartition("-")[2],
            LABEL_HASH: self.hash,
            LABEL_SPEC: json.dumps(self.to_label(), sort_keys=True),
            LABEL_ADDRESS: address,
        }
        return dataclasses.replace(
            self.container,
            name=name,
            network=self.network,
            address=address,
            labels={**self.container.labels, **labels},
        )

    def to_label(self) -> dict[str, t.Any]:
        """What a rollback needs to know again, kept on each container. Neither env nor command: they may hold secrets."""
        return {
            "image": self.image,
            "port": self.port,
            "network": self.network,
            "proxy": self.proxy,
            "route": {"hosts": list(self.route.hosts), "path": self.route.path},
            "replicas": self.replicas,
            "gate": gate_to_dict(self.gate),
            "drain_timeout": self.drain_timeout,
            "keep": self.keep,
            "order": self.order,
        }


def key_of(version: str, spec_hash: str) -> str:
    """The key of a version with that spec hash, as container names carry it."""
    return "%s-%s" % (version, spec_hash[:6])


def from_params(params: t.Mapping[str, t.Any]) -> ServiceSpec:
    """The module's parameters, defaults applied. Raises InvalidInput naming the parameter."""
    env = {**env_of_files(params["env_file"] or ()), **env_of_params(params["env"])}
    container = container_spec(params, env)
    port = validate.check_port("port", params["port"]) if params["port"] is not None else 0
    spec = ServiceSpec(
        name=validate.check_name("name", params["name"]),
        version=_version(params["version"], container.image),
        image=container.image,
        port=port,
        network=validate.check_name("network", params["network"]) if params["network"] else "",
        proxy=validate.check_name("proxy", params["proxy"]) if params["proxy"] else "",
        route=route_of(params["name"], params["route"] or {}),
        replicas=_at_least("replicas", params["replicas"], 1),
        gate=gate_of_params(params["gate"] or {}, port),
        drain_timeout=validate.check_positive("drain_timeout", params["drain_timeout"]),
        keep=_at_least("keep", params["keep"], 1),
        order=params["order"],
        container=container,
    )
    _check_together(spec, params)
    return spec


_BLANK_LABEL: t.Mapping[str, t.Any] = {
    "image": "",
    "port": 0,
    "network": "",
    "proxy": "",
    "route": {},
    "replicas": 1,
    "gate": {},
    "order": "start_first",
}


def from_label(name: str, version: str, label: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any]) -> ServiceSpec:
    """A version as its containers describe it; gate, route, drain_timeout and keep of the task win where given."""
    label = {**_BLANK_LABEL, **label}
    port = label["port"]
    return ServiceSpec(
        name=name,
        version=version,
        image=label["image"],
        port=port,
        network=label["network"],
        proxy=label["proxy"],
        route=route_of(name, params["route"] or label["route"]),
        replicas=label["replicas"],
        gate=gate_of_params(params["gate"] or label["gate"], port),
        drain_timeout=validate.check_positive("drain_timeout", params["drain_timeout"]),
        keep=_at_least("keep", params["keep"], 1),
        order=label["order"],
        container=ContainerSpec(name="", image=label["image"]),
    )


def route_of(service: str, value: t.Mapping[str, t.Any]) -> Route:
    """The route parameter -> Route; no hosts means every host, no path means all of them."""
    hosts = tuple(dict.fromkeys(validate.check_host("route.hosts", host) for host in value.get("hosts") or ()))
    return Route(service, hosts, validate.check_path("route.path", value.get("path") or "/"))


def _version(asked: str | None, image: str) -> str:
    if asked == PREVIOUS:
        return PREVIOUS
    if asked:
        return validate.check_version("version", asked)
    if not image:
        raise InvalidInput("image: not given", "Name the image to run; only version: previous and state: absent go without.")
    return validate.check_version("version", version_of_image(image))


def version_of_image(image: str) -> str:
    """An image reference's tag, else twelve digits of its digest, else "latest"."""
    name, _at, digest = image.partition("@")
    if digest:
        return digest.partition(":")[2][:12]
    last = name.rpartition("/")[2]
    return last.partition(":")[2] or "latest"


def _at_least(parameter: str, value: int, least: int) -> int:
    if value < least:
        raise InvalidInput("%s: %d is too small" % (parameter, value), "It must be %d or more." % least)
    return value


def _check_together(spec: ServiceSpec, params: t.Mapping[str, t.Any]) -> None:
    """Parameters that exclude each other."""
    mode = spec.container.network_mode
    if mode and (spec.network or spec.proxy):
        raise InvalidInput(
            "network_mode: %s cannot go with network or proxy" % mode,
            "A proxy reaches instances by their address on its network: leave network_mode out.",
        )
    if mode and params["route"]:
        raise InvalidInput("route: a service with network_mode %s has no proxy" % mode, "Leave route or network_mode out.")
    if params["route"] and not spec.port:
        raise InvalidInput("port: not given, but there is a route", "Say on which port the service listens.")
    if mode == "host" and spec.order == "start_first" and spec.port:
        raise InvalidInput(
            "network_mode: two versions cannot listen on host port %d at once" % spec.port,
            "Use order: stop_first, or a network and a proxy.",
        )
