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
    LABEL_RESTART,
    LABEL_SERVICE,
    LABEL_SPEC,
    LABEL_VERSION,
    ContainerSpec,
)
from .._errors import InvalidInput
from .._switch.types import Route
from . import validate
from .asset_spec import NO_ASSETS, Assets, assets_of, assets_of_label
from .bake import BakeSpec, bake_of_params, bake_to_dict
from .container_options import NO_BOUND, Bound, bound_of, container_spec, env_of_files, env_of_params
from .gate import GateSpec
from .gate_spec import gate_of_params, gate_to_dict
from .means import NAMES as MEANS
from .means import NO_MEANS, Means, means_of
from .reach import NO_REACH, Reach, reach_of_label, reach_of_params
from .route_spec import route_of, route_to_dict
from .secret_spec import NO_SECRETS, Secrets, secrets_of
from .state import key_of

PREVIOUS = "previous"
_MOST_REPLICAS = 1000


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
    means: Means = NO_MEANS
    bake: BakeSpec | None = None
    after_drain_timeout: str = "cut"
    reach: Reach = NO_REACH
    secrets: Secrets = NO_SECRETS
    assets: Assets = NO_ASSETS
    room: Bound = NO_BOUND

    @property
    def hash(self) -> str:
        """Twelve hex digits over everything that needs a new container when it changes. The image counts as the version.

        replicas, route, gate and the like do not count: they change without a new container.
        """
        fields = dataclasses.asdict(dataclasses.replace(self.container, name="", image=""))
        # They are put into the container by their hash, see `instance`.
        del fields["secrets"]
        fields.update(port=self.port, network=self.network, **self.reach.hashed(), **self.secrets.hashed(), **self.assets.hashed())
        return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()[:12]

    @property
    def key(self) -> str:
        """The planner's key: version and hash."""
        return key_of(self.version, self.hash)

    @property
    def names(self) -> tuple[str, ...]:
        """The container names of all instances."""
        return tuple("%s-%s-%d" % (self.name, self.key, index + 1) for index in range(self.replicas))

    def located(self, proxy: str, network: str, from_host: bool = False) -> ServiceSpec:
        """The same with proxy and network filled in where the task left them out. `from_host`: the proxy runs on the host."""
        reach = dataclasses.replace(self.reach, from_host=from_host or self.reach.from_host)
        return dataclasses.replace(self, proxy=self.proxy or proxy, network=self.network or network, reach=reach)

    def instance(self, name: str, address: str) -> ContainerSpec:
        """The container of one instance, with our labels."""
        labels = {
            LABEL_SERVICE: self.name,
            LABEL_VERSION: self.version,
            LABEL_INSTANCE: name.rpartition("-")[2],
            LABEL_HASH: self.hash,
            LABEL_SPEC: json.dumps(self.to_label(), sort_keys=True),
            LABEL_ADDRESS: address,
            LABEL_RESTART: self.container.restart_policy,
        }
        return dataclasses.replace(
            self.assets.given_to(self.secrets.given_to(self.container, self.hash), self.key),
            name=name,
            restart_policy="no",
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
            # A maintenance is of the moment: going back to this version must not bring it back.
            "route": route_to_dict(dataclasses.replace(self.route, maintenance=None)),
            "replicas": self.replicas,
            "gate": gate_to_dict(self.gate),
            "drain_timeout": self.drain_timeout,
            "keep": self.keep,
            "order": self.order,
            "bake": bake_to_dict(self.bake),
            "after_drain_timeout": self.after_drain_timeout,
            **self.means.to_label(),
            **self.reach.to_label(),
            **self.assets.to_label(),
        }


def from_params(params: t.Mapping[str, t.Any]) -> ServiceSpec:
    """The module's parameters, defaults applied. Raises InvalidInput naming the parameter."""
    validate.check_texts(params)
    env = {**env_of_files(params["env_file"] or ()), **env_of_params(params["env"])}
    container = container_spec(params, env)
    reach = reach_of_params(params)
    port = validate.check_port("port", params["port"]) if params["port"] is not None else reach.own_port
    means = means_of(params["name"], params)
    secrets = secrets_of(params["secrets"], container.mounts)
    spec = ServiceSpec(
        name=validate.check_name("name", params["name"]),
        version=_version(params["version"], validate.check_image("image", container.image)),
        image=container.image,
        port=port,
        network=validate.check_name("network", params["network"]) if params["network"] else "",
        proxy=validate.check_name("proxy", params["proxy"]) if params["proxy"] else "",
        route=route_of(params["name"], params["route"] or {}),
        replicas=_replicas(params["replicas"]),
        gate=gate_of_params(params["gate"] or {}, port if means.has_tcp else 0),
        drain_timeout=validate.check_positive("drain_timeout", params["drain_timeout"]),
        keep=_at_least("keep", params["keep"], 1),
        room=bound_of(params["min_free_disk"]),
        order=params["order"],
        container=container,
        means=means,
        bake=bake_of_params(params["bake"]),
        after_drain_timeout=params["after_drain_timeout"],
        reach=reach,
        secrets=secrets,
        assets=assets_of(params["assets"], [*(one.target for one in container.mounts), *(one.target for one in secrets.entries)]),
    )
    _check_together(spec, params)
    _check_state(spec, params["state"], params["weight"])
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
    "bake": None,
}


def from_label(name: str, version: str, label: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any]) -> ServiceSpec:
    """A version as its containers describe it; gate, route, bake, drain_timeout and keep of the task win where given."""
    label = {**_BLANK_LABEL, **label}
    port = label["port"]
    means = means_of(name, {**label, **{key: params[key] for key in MEANS if params.get(key)}})
    return ServiceSpec(
        name=name,
        version=version,
        image=label["image"],
        port=port,
        network=label["network"],
        proxy=label["proxy"],
        route=route_of(name, params["route"] or label["route"]),
        replicas=label["replicas"],
        gate=gate_of_params(params["gate"] or label["gate"], port if means.has_tcp else 0),
        drain_timeout=validate.check_positive("drain_timeout", params["drain_timeout"]),
        keep=_at_least("keep", params["keep"], 1),
        room=bound_of(params["min_free_disk"]),
        order=label["order"],
        container=ContainerSpec(name="", image=label["image"]),
        means=means,
        bake=bake_of_params(params["bake"] or label["bake"]),
        after_drain_timeout=params["after_drain_timeout"],
        reach=reach_of_label(label),
        assets=assets_of_label(label),
    )


def refuse_unfit(params: t.Mapping[str, t.Any]) -> None:
    """Raises InvalidInput for what no host could take, before there is a lock or a folder."""
    validate.check_texts(params)
    if params["state"] != "absent" and params["version"] != PREVIOUS:
        from_params(params)


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


def _replicas(value: int) -> int:
    if value > _MOST_REPLICAS:
        raise InvalidInput("replicas: it is more than one host can have", "It must be %d or less." % _MOST_REPLICAS)
    return _at_least("replicas", value, 1)


def _at_least(parameter: str, value: int, least: int) -> int:
    if value < least:
        raise InvalidInput("%s: %d is too small" % (parameter, value), "It must be %d or more." % least)
    return value


def _check_together(spec: ServiceSpec, params: t.Mapping[str, t.Any]) -> None:
    """Parameters that exclude each other."""
    mode = spec.container.network_mode
    if mode and (spec.network or (spec.proxy and not spec.reach.port_env)):
        raise InvalidInput(
            "network_mode: %s cannot go with network or proxy" % mode,
            "A proxy reaches instances by their address on its network: leave network_mode out. "
            "One that runs on the host reaches those with network_mode: host and port_env.",
        )
    if mode and params["route"] and not spec.reach.port_env:
        raise InvalidInput("route: a service with network_mode %s has no proxy" % mode, "Leave route or network_mode out.")
    if params["route"] and not spec.port:
        raise InvalidInput("port: not given, but there is a route", "Say on which port the service listens.")
    if mode == "host" and spec.order == "start_first" and spec.port and not spec.reach.port_env:
        raise InvalidInput(
            "network_mode: two versions cannot listen on host port %d at once" % spec.port,
            "Tell each instance a port of its own with port_env, use order: stop_first, or a network and a proxy.",
        )


def _check_state(spec: ServiceSpec, state: str, weight: int | None) -> None:
    """What the asked state needs, and what cannot be with it."""
    if weight is None and state == "canary":
        raise InvalidInput("weight: not given, and state: canary needs it", "Say how many percent of the traffic it gets.")
    if weight is not None and not 0 <= weight <= 99:
        raise InvalidInput("weight: %d is not a share of 0 to 99 percent" % weight, "All of the traffic is state: live.")
    if state == "canary" and not weight and not spec.route.preview:
        raise InvalidInput("weight: 0 percent, and no other way to the canary", "Give it a share, or a way with route.preview.")
    if spec.order == "stop_first" and state in ("canary", "candidate"):
        raise InvalidInput("state: a %s runs beside the live version, and order: stop_first never runs two" % state, "Use start_first, or state: live.")
    if spec.order == "stop_first" and spec.after_drain_timeout == "leave":
        raise InvalidInput("after_drain_timeout: with order: stop_first the old version must be gone", "Use cut, and a longer drain_timeout.")
