# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""A proxy that is on this host: its container, its folder and its switch."""

from __future__ import annotations

import dataclasses
import typing as t

from .._engine.types import LABEL_PROXY, LABEL_SPEC, Container, Engine
from .._errors import HotswapError, InvalidInput, NotOurs, SwitchError
from .._switch import routing
from .._switch.drivers import open_switch
from .._switch.folder import ProxyFolder
from .._switch.types import ProxySettings, Route, RunInProxy, Serving, Switch
from .host_proxy import HostProxy, host_proxies
from .owner import owner
from .paths import StateDir
from .proxy_plan import Observed, ProxySpec, read_spec
from .proxy_run import drift_of, presented_otherwise

# One command of a client inside the container, in seconds; the switch has limits of its own for what it waits for.
_EXEC_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class Proxy:
    """A running proxy that services can use. `settings` hold the probe token: never into results.

    `container` is None, and `network` "", for one that the host runs as a service.
    """

    name: str
    container: Container | None
    driver: str
    network: str
    switch: Switch
    settings: ProxySettings

    @classmethod
    def find(cls, engine: Engine, state: StateDir, name: str) -> Proxy:
        """The running proxy of that name. Raises InvalidInput that names the existing ones, or says that it does not run."""
        found, of_host = proxies(engine), host_proxies(state)
        if name in of_host:
            return cls.of_host(of_host[name])
        ProxyFolder(state.proxy(name)).check_bridge()
        if name not in found:
            there = sorted({*found, *of_host})
            raise InvalidInput(
                "proxy: there is no proxy %s on %s (%s)" % (name, engine.kind, engine.endpoint),
                "Create it with hotswap.containers.reverse_proxy; %s." % (("there are " + ", ".join(there)) if there else "there is none yet"),
            )
        return cls._of_container(engine, state, name, found[name])

    @classmethod
    def of_host(cls, one: HostProxy) -> Proxy:
        """One that the host runs. Raises InvalidInput when it does not run."""
        if not one.running:
            raise InvalidInput(
                "proxy: %s does not run: its service %s is not active" % (one.spec.name, one.spec.service_unit),
                "Start it with: systemctl start %s." % one.spec.service_unit,
            )
        return cls(one.spec.name, None, one.spec.driver, "", one.switch(), one.folder.settings())

    @classmethod
    def _of_container(cls, engine: Engine, state: StateDir, name: str, container: Container) -> Proxy:
        if container.state != "running":
            raise InvalidInput(
                "proxy: %s does not run: its container %s is %s" % (name, container.name, container.state),
                "Start it with hotswap.containers.reverse_proxy.",
            )
        spec = read_spec(container.labels.get(LABEL_SPEC, ""))
        if spec is None:
            raise InvalidInput(
                "proxy: the label %s of %s is not ours" % (LABEL_SPEC, container.name),
                "Replace it with hotswap.containers.reverse_proxy and allow_downtime.",
            )
        folder = ProxyFolder(state.proxy(name))
        switch = open_switch(spec.driver, folder.root, run_in(engine, container.name))
        return cls(name, container, spec.driver, spec.network, switch, folder.settings())

    @staticmethod
    def names(engine: Engine, state: StateDir) -> list[str]:
        """The names of all proxies that services of this engine can use, also of stopped ones."""
        return sorted({*proxies(engine), *host_proxies(state)})

    @property
    def public(self) -> list[tuple[str, int, bool]]:
        """Address and port on this host for each published listener, by which a request comes in as a client's would; True: by TLS."""
        if self.container is None:
            return [("127.0.0.1", one.port, False) for one in self.settings.listeners]
        encrypted = {one.port for one in self.settings.listeners if one.certificates}
        every = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
        return [
            (every.get(one.host_ip, one.host_ip), one.host_port, one.container_port in encrypted) for one in self.container.publish if one.protocol == "tcp"
        ]

    def routes_conflict(self, route: Route, service: str) -> str | None:
        """Says which other service of this proxy claims a host and path of the route; None when none does."""
        known = self.switch.written(service)
        if known and known.route == route:
            # It was looked at when it was written.
            return None
        others = [serving.route for name, serving in self.switch.routes().items() if name != service]
        try:
            routing.rules([*others, route])
        except SwitchError as error:
            return error.what
        return None


def proxies(engine: Engine) -> dict[str, Container]:
    """Every proxy of this engine, by name, also the stopped ones."""
    return {one.labels[LABEL_PROXY]: one for one in engine.containers({LABEL_PROXY: ""})}


def run_in(engine: Engine, container: str) -> RunInProxy:
    """Runs commands in the container."""

    def run(argv: t.Sequence[str]) -> tuple[int, str]:
        done = engine.execute(container, argv, _EXEC_SECONDS)
        return done.exit_code, done.output

    return run


@dataclasses.dataclass(frozen=True)
class Found:
    """What there is of a proxy: container (or None), folder, and the switch of its driver where that is known."""

    container: Container | None
    folder: ProxyFolder
    observed: Observed
    switch: Switch | None
    served: t.Mapping[str, Serving]

    @property
    def routes(self) -> tuple[str, ...]:
        """The services that have a route."""
        return tuple(self.served)


def look(engine: Engine, state: StateDir, name: str) -> Found:
    """Observes a proxy that may be missing, stopped or damaged. Raises NotOurs for a container of its name without our label."""
    container = engine.container(name + "-proxy")
    folder = ProxyFolder(state.proxy(name))
    if container is None:
        return Found(None, folder, Observed(settings=folder.stored_settings()), None, folder.routes())
    if container.labels.get(LABEL_PROXY) != name:
        raise NotOurs(
            "container %s exists on %s and is not the proxy %s: %s" % (container.name, engine.kind, name, owner(container.labels)),
            "Use another name for the proxy, or remove that container.",
        )
    if container.state == "paused":
        raise HotswapError("container %s of the proxy is paused" % container.name, "Unpause it with: %s unpause %s." % (engine.kind, container.name))
    spec = read_spec(container.labels.get(LABEL_SPEC, ""))
    settings = folder.stored_settings()
    switch = open_switch(spec.driver, folder.root, run_in(engine, container.name)) if spec else None
    drift = drift_of(switch) if switch and settings and container.running else ()
    if settings and container.running:
        drift += presented_otherwise(container.pid, settings)
    return Found(container, folder, Observed(True, container.running, spec, settings, drift), switch, folder.routes())


def view(spec: ProxySpec, folder: ProxyFolder, settings: t.Mapping[str, t.Any], routes: t.Sequence[str]) -> dict[str, t.Any]:
    """The proxy as the module returns it."""
    values = spec.as_dict()
    values.update(container=spec.container, folder=str(folder.root), settings=dict(settings), routes=list(routes))
    return values
