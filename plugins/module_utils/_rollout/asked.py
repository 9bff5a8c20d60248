# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a task means on this host: its parameters, completed by the proxies and containers that are there."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from .._engine.types import LABEL_SERVICE, LABEL_SPEC, LABEL_VERSION, Container, Engine
from .._errors import InvalidInput
from .._switch.types import Traffic
from . import assets, means, secret_files
from .direct import DirectSwitch
from .host_proxy import host_proxies
from .means import NO_MEANS, Means, means_of
from .memory import Memory
from .observe import key_of_container, observe
from .paths import SELINUX, StateDir
from .plan import previous
from .proxy import Proxy, proxies
from .spec import PREVIOUS, ServiceSpec, from_label, from_params
from .state import live_key


@dataclasses.dataclass(frozen=True)
class Asked:
    """The service as asked for, the names of its instances and its key; `returning`: this is a rollback to `previous`."""

    spec: ServiceSpec
    names: tuple[str, ...]
    key: str
    returning: bool = False


class Host:
    """One service's surroundings: engine, state folder, memory, and the proxies, each looked up once."""

    def __init__(self, engine: Engine, state: StateDir, memory: Memory, service: str) -> None:
        self.engine = engine
        self.state = state
        self.memory = memory
        self.service = service
        self._proxies: dict[str, Proxy] = {}

    def proxy(self, name: str) -> Proxy:
        """The running proxy of that name. Raises InvalidInput that names those that exist."""
        if name not in self._proxies:
            self._proxies[name] = Proxy.find(self.engine, self.state, name)
        return self._proxies[name]

    def proxy_names(self) -> list[str]:
        """All proxies that the service could be behind."""
        return Proxy.names(self.engine, self.state)

    def traffic(self, proxy: str, other: Means = NO_MEANS, network: str = "") -> Traffic:
        """What moves the service's traffic: the proxy's switch, that of another means, or our note of who is live."""
        if proxy:
            return self.proxy(proxy).switch
        return other.traffic(self.engine, self.state, self.service, network) or DirectSwitch(self.memory.folder)

    def containers(self) -> list[Container]:
        """The service's containers."""
        return self.engine.containers({LABEL_SERVICE: self.service})


def resolve(host: Host, params: t.Mapping[str, t.Any]) -> Asked:
    """Parameters -> Asked. Raises InvalidInput naming the parameter; touches nothing."""
    if params["state"] == "absent":
        return Asked(_gone(host, params), (), "")
    if params["version"] == PREVIOUS:
        return _previous(host, params)
    spec = from_params(params)
    proxy = _proxy_name(host, spec, params)
    network = host.proxy(proxy).network if proxy and not spec.network else ""
    spec = spec.located(proxy, network, (bool(proxy) and host.proxy(proxy).container is None) or bool(spec.means.template))
    spec = dataclasses.replace(
        spec,
        secrets=secret_files.placed(host.engine, host.memory.folder, spec.secrets),
        assets=assets.placed(spec.assets, host.engine, host.memory.folder, SELINUX.exists()),
    )
    return Asked(spec, spec.names, spec.key)


def _proxy_name(host: Host, spec: ServiceSpec, params: t.Mapping[str, t.Any]) -> str:
    """The named proxy, else the only one on this host; "" for a service without."""
    alone = spec.container.network_mode and not spec.reach.port_env
    if spec.proxy or not spec.port or alone or spec.means.name:
        return spec.proxy
    found = host.proxy_names()
    if len(found) > 1:
        raise InvalidInput("proxy: not given, and this host has %s" % " and ".join(found), "Name one of them in proxy.")
    if not found and params["route"]:
        raise InvalidInput("proxy: there is a route, but no proxy on this host", "Create one with hotswap.containers.reverse_proxy.")
    return found[0] if found else ""


def _previous(host: Host, params: t.Mapping[str, t.Any]) -> Asked:
    """The last known good version, exactly as its containers are; the live one when it was returned to already."""
    if params["state"] != "live":
        raise InvalidInput("version: previous goes with state: live only", "Name the version.")
    containers = host.containers()
    current = next((one for one in containers if one.running), None) or next(iter(containers), None)
    traffic = _traffic_of(host, read_label(current)) if current else host.traffic("")
    observed = observe(host.engine, host.service, traffic, host.memory, None).observed
    live = live_key(observed)
    key = live if live and host.memory.returned_to == live else previous(observed, live)
    if not key:
        raise InvalidInput(
            "version: service %s has no previous version on this host" % host.service,
            "Name the version to go to. Only versions that have been live stay on the host (see keep).",
        )
    kept = [one for one in containers if key_of_container(one) == key]
    spec = from_label(host.service, kept[0].labels[LABEL_VERSION], read_label(kept[0]), params)
    return Asked(spec, tuple(sorted(one.name for one in kept)), key, returning=True)


def _traffic_of(host: Host, label: t.Mapping[str, t.Any]) -> Traffic:
    return host.traffic(label["proxy"], means_of(host.service, label), str(label.get("network") or ""))


def _gone(host: Host, params: t.Mapping[str, t.Any]) -> ServiceSpec:
    """For state absent only how the service is reached matters, and its containers know it best."""
    containers = host.containers()
    label = read_label(containers[0]) if containers else {"proxy": _routed_by(host), **means.noted(host.state, host.service)}
    proxy = params["proxy"] or label["proxy"]
    return from_label(host.service, "", {**label, "proxy": proxy}, {**params, "gate": None, "route": None})


def _routed_by(host: Host) -> str:
    """The running proxy that has a route of this service, "" for none: containers may be gone, and the route left."""
    running = [name for name, one in proxies(host.engine).items() if one.running]
    running += [name for name, one in host_proxies(host.state).items() if one.running]
    return next((name for name in sorted(running) if host.proxy(name).switch.written(host.service)), "")


def read_label(one: Container) -> dict[str, t.Any]:
    """Our note on one of our containers. Raises InvalidInput for one that we did not write."""
    try:
        label: dict[str, t.Any] = json.loads(one.labels.get(LABEL_SPEC, ""))
        if isinstance(label["proxy"], str) and isinstance(label["route"], dict):
            return label
    except (ValueError, KeyError, TypeError):
        pass
    raise InvalidInput(
        "container %s has the label %s, but its label %s is not ours" % (one.name, LABEL_SERVICE, LABEL_SPEC),
        "It is left alone. Remove it, or its label.",
    )
