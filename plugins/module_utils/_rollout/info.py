# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Everything of ours on one engine, read only."""

from __future__ import annotations

import typing as t

from .._engine.types import LABEL_NETWORK, LABEL_SERVICE, LABEL_SPEC, Container, Engine
from .._errors import HotswapError
from .._switch.drivers import open_switch
from .._switch.folder import ProxyFolder
from .._switch.types import Serving, Switch
from . import info_drift, info_more
from .direct import DirectSwitch
from .host_proxy import HostProxy, host_proxies
from .info_view import Live, live_view, service_view, spec_label
from .means import means_of
from .memory import Memory
from .network import as_dict
from .paths import StateDir
from .proxy import proxies, run_in
from .proxy_plan import read_spec, shown
from .proxy_run import drift_of, presented_otherwise
from .route_spec import route_to_dict
from .validate import check_name


class _ProxyNow:
    """One proxy, read once: its view, and the weights that it gives."""

    def __init__(self, engine: Engine, state: StateDir, name: str, container: Container) -> None:
        self._spec = read_spec(container.labels.get(LABEL_SPEC, ""))
        self._folder = ProxyFolder(state.proxy(name))
        self._switch: Switch | None = None
        self.trouble: tuple[str, ...] = ()
        if self._spec:
            self._switch = open_switch(self._spec.driver, self._folder.root, run_in(engine, container.name))
        if container.state != "running":
            self.trouble = ("the container %s is %s" % (container.name, container.state),)
        elif self._switch:
            self.trouble = drift_of(self._switch) + self._presented(container.pid)
        if self._folder.bridge.exists():
            self.trouble += ("its replacement by a new container is under way, or was interrupted: run reverse_proxy again",)
        self.name = name
        self.container = container
        self.running = container.state == "running"

    def _presented(self, pid: int) -> tuple[str, ...]:
        """Where the process presents another certificate than written; what is wrong with the folder is told elsewhere."""
        try:
            settings = self._folder.stored_settings()
        except HotswapError:
            return ()
        return presented_otherwise(pid, settings) if settings else ()

    def weights(self, service: str, running: t.Sequence[str]) -> dict[str, int]:
        """Instance to weight from the running process; from the files when that does not answer.

        Of the `running` instances, one that gets nothing new and has requests open has the weight 0.
        """
        if self._switch is None:
            return {}
        if self.running:
            try:
                found = self._switch.current(service)
                rest = [name for name in running if name not in found]
                return {**found, **{name: 0 for name in rest if self._switch.in_flight(service, [name])}}
            except HotswapError as error:
                self.trouble += (str(error),)
        serving = self._files().get(service)
        return {one.name: one.weight for one in serving.targets} if serving else {}

    def _serving(self, service: str) -> dict[str, int]:
        """Instance to weight of those that get requests of the route, also those on other hosts."""
        return {name: weight for name, weight in sorted(self.weights(service, ()).items()) if weight}

    def _files(self) -> dict[str, Serving]:
        try:
            return self._folder.routes()
        except HotswapError as error:
            self.trouble += (str(error),)
            return {}

    def view(self) -> dict[str, t.Any]:
        """The proxy as the module returns it."""
        spec = self._spec.as_dict() if self._spec else {}
        return {
            "name": self.name,
            "where": "container",
            "container": self.container.name,
            "state": self.container.state,
            "driver": spec.get("driver"),
            "image": self.container.image,
            "network": spec.get("network"),
            "publish": spec.get("publish", []),
            **self._common(),
        }

    def _common(self) -> dict[str, t.Any]:
        try:
            settings = shown(self._folder.stored_settings())
        except HotswapError as error:
            settings = {}
            self.trouble += (str(error),)
        routes = {name: route_to_dict(serving.route) for name, serving in sorted(self._files().items())}
        return {
            "running": self.running,
            "listeners": settings.get("listeners", []),
            "routes": routes,
            "serving": {name: self._serving(name) for name in routes},
            "drift": list(dict.fromkeys(self.trouble)),
        }


class _HostProxyNow(_ProxyNow):
    """The same of one that the host runs as a service."""

    def __init__(self, one: HostProxy) -> None:
        self._host_spec = one.spec
        self._folder = one.folder
        self._switch = one.switch()
        self.name = one.spec.name
        self.running = one.running
        self.trouble = drift_of(self._switch) if self.running else ("the service %s is not active" % one.spec.service_unit,)

    def view(self) -> dict[str, t.Any]:
        """The proxy as the module returns it."""
        spec = self._host_spec
        return {
            "name": self.name,
            "where": "host",
            "service_unit": spec.service_unit,
            "include": str(spec.include or ""),
            "state": "running" if self.running else "stopped",
            "driver": spec.driver,
            **self._common(),
        }


def gather(engine: Engine, state: StateDir, name: str | None, disk: bool = False) -> dict[str, t.Any]:
    """Services (all, or the named one), proxies and networks; the module's result.

    `disk`: also the space that is taken, which costs a look at every image.
    """
    if name is not None:
        check_name("name", name)
    look = _Look(engine, state, name or "")
    return {
        "changed": False,
        "engine": {"kind": engine.kind, "endpoint": engine.endpoint, "rootless": engine.rootless},
        "services": look.services(),
        "proxies": [proxy.view() for proxy in look.found.values()],
        "networks": [as_dict(one) for one in engine.networks() if one.labels.get(LABEL_NETWORK) == one.name],
        "drift": info_drift.of_redirects(state),
        **({"disk": info_more.disk(engine, state)} if disk else {}),
    }


def live(engine: Engine, state: StateDir, name: str) -> Live | None:
    """What is live of a service; None when nothing of it is there."""
    return next((live_view(one) for one in _Look(engine, state, name).services()), None)


def _stood_in_for(folder: ProxyFolder, service: str) -> dict[str, int]:
    """Instance to weight behind what stands in for a proxy that has no container for now: as written, since nobody may change it."""
    serving = folder.route(service) if folder.bridge.exists() else None
    return {one.name: one.weight for one in serving.targets} if serving else {}


class _Look:
    """One look at the services of an engine (`name` "" is all), with its proxies."""

    def __init__(self, engine: Engine, state: StateDir, name: str) -> None:
        self._engine = engine
        self._state = state
        self._name = name
        self.found = {proxy: _ProxyNow(engine, state, proxy, container) for proxy, container in sorted(proxies(engine).items())}
        self.found.update((proxy, _HostProxyNow(one)) for proxy, one in sorted(host_proxies(state).items()))

    def services(self) -> list[dict[str, t.Any]]:
        """Each service as the module returns it, by name."""
        services: dict[str, list[Container]] = {}
        for container in self._engine.containers({LABEL_SERVICE: self._name}):
            services.setdefault(container.labels[LABEL_SERVICE], []).append(container)
        return [self.service(service, containers) for service, containers in sorted(services.items())]

    def service(self, service: str, containers: t.Sequence[Container]) -> dict[str, t.Any]:
        """One service as the module returns it."""
        memory = Memory(self._state.service(service))
        weights, drift = self._weights(service, containers)
        view = service_view(service, containers, weights, memory.history)
        view["drift"] = [*drift, *info_drift.of_containers(containers, weights, memory.settings)]
        return view

    def _weights(self, service: str, containers: t.Sequence[Container]) -> tuple[dict[str, int], list[str]]:
        """Instance to weight, and where what moves the traffic differs from our note (a proxy tells that itself)."""
        names = {str(spec_label(one).get("proxy") or "") for one in containers} - {""}
        if not names:
            label = spec_label(containers[0])
            other = means_of(service, label).traffic(self._engine, self._state, service, str(label.get("network") or ""))
            traffic = other or DirectSwitch(self._state.service(service))
            weights = traffic.current(service)
            return weights, info_drift.of_traffic(traffic, service, weights)
        weights = {}
        for name in sorted(names & set(self.found)):
            weights.update(self.found[name].weights(service, [one.name for one in containers if one.running]))
        for name in sorted(names - set(self.found)):
            weights.update(_stood_in_for(ProxyFolder(self._state.proxy(name)), service))
        return weights, []
