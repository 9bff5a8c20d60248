# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The link module: a route of a proxy on this host leads to instances on other hosts. It starts and stops nothing."""

from __future__ import annotations

import contextlib
import ipaddress
import time
import typing as t

from .._engine.types import LABEL_SERVICE, Engine
from .._errors import HotswapError, InvalidInput, NotOurs
from .._switch.types import Serving, Target
from . import drain, gate, netns
from .gate_spec import gate_of_params
from .host_proxy import host_proxies
from .lock import held
from .look import ask_network
from .paths import StateDir
from .proxy import Proxy
from .public import confirm, host_for
from .reach import LOOPBACK
from .route_spec import route_of, route_to_dict
from .service import ways_into
from .validate import check_name, check_port, check_positive, check_texts, unset_blank

_VERIFY_SECONDS = 10.0
Params = t.Mapping[str, t.Any]
# Opens the engine that the task names, when it is needed.
Open = t.Callable[[], Engine]


def converge(state: StateDir, params: Params, check: bool, engine: Open) -> dict[str, t.Any]:
    """The whole module: parameters -> result. Raises HotswapError, everything put back."""
    params = unset_blank(params)
    refuse_unfit(params)
    name = params["name"]
    lock = contextlib.nullcontext() if check else held(state.service(name), "the link of %s" % name, params["lock_timeout"])
    with lock:
        link = Link(_proxy(state, params["proxy"], engine), engine, name)
        if params["state"] == "absent":
            return link.drop(check)
        if params["to"] is None:
            return link.result(link.now(), link.served, False)
        return link.put(params, check)


def refuse_unfit(params: Params) -> None:
    """Raises InvalidInput for what no proxy could take, before there is a lock or a folder."""
    check_texts(params)
    check_name("name", params["name"])
    check_name("proxy", params["proxy"])
    if params["state"] == "present" and params["to"] is not None:
        asked(params)


def asked(params: Params) -> tuple[Serving, gate.GateSpec, float]:
    """The route and who is linked to it, the gate, and how long to drain, in seconds. Raises InvalidInput by name."""
    wanted = Serving(route_of(params["name"], params["route"] or {}), targets_of(params["to"]))
    return wanted, gate_of_params(params["gate"] or {}, wanted.targets[0].port), check_positive("drain_timeout", params["drain_timeout"])


def _proxy(state: StateDir, name: str, engine: Open) -> Proxy:
    """The running proxy. One of the host needs no engine."""
    of_host = host_proxies(state)
    if name in of_host:
        return Proxy.of_host(of_host[name])
    try:
        opened = engine()
    except HotswapError as error:
        raise InvalidInput(
            "proxy: no service of this host is the proxy %s, and containers cannot be asked: %s" % (name, error.what),
            "Create it with hotswap.containers.reverse_proxy. " + error.fix,
        ) from error
    return Proxy.find(opened, state, name)


class Link:
    """One route of one proxy, and who is linked to it."""

    def __init__(self, proxy: Proxy, engine: Open, name: str) -> None:
        self._proxy = proxy
        self._engine = engine
        self._name = name
        self.served = proxy.switch.written(name)
        self._refuse_service()
        self._before = self.now()
        self._drained = drain.Drained(0, 0)
        self._counted = False

    def now(self) -> tuple[str, ...]:
        """Names of the instances that get new requests, as the running proxy has them."""
        return tuple(sorted(name for name, weight in self._proxy.switch.current(self._name).items() if weight))

    def put(self, params: Params, check: bool) -> dict[str, t.Any]:
        """Makes the route lead to exactly what the task names."""
        wanted, spec, seconds = asked(params)
        names = tuple(sorted(one.name for one in wanted.targets))
        self._check(wanted)
        changed = not self._settled(wanted)
        if changed and not check:
            self._pass_gate(spec, wanted)
            self._move(spec, wanted)
            self._let_go(tuple(name for name in self._before if name not in names), seconds)
        return self.result(names if check else self.now(), wanted if changed else self.served, changed)

    def drop(self, check: bool) -> dict[str, t.Any]:
        """Takes the route away; nothing is stopped."""
        changed = self.served is not None
        if changed and not check:
            self._proxy.switch.remove(self._name)
        return self.result((), None, changed)

    def result(self, live: t.Sequence[str], serving: Serving | None, changed: bool) -> dict[str, t.Any]:
        """The module's result."""
        return {
            "changed": changed,
            "live": list(live),
            "to": _shown(serving),
            "drained": self._drained.drained,
            "cut": self._drained.cut,
            "drain_observed": "requests" if self._counted else "none",
            "diff": {"before": _picture(self.served), "after": _picture(serving)},
        }

    def _refuse_service(self) -> None:
        """A service of this host is moved by the service module alone."""
        mine = self.served is not None and any(one.address == LOOPBACK for one in self.served.targets)
        if not mine and self._proxy.container is not None:
            mine = bool(self._engine().containers({LABEL_SERVICE: self._name}))
        if mine:
            raise NotOurs("name: %s is a service of this host" % self._name, "Its traffic is moved by hotswap.containers.service; give the link another name.")

    def _check(self, wanted: Serving) -> None:
        conflict = self._proxy.routes_conflict(wanted.route, self._name)
        if conflict:
            raise InvalidInput("route: %s" % conflict, "Give each service hosts or a path of its own.")
        most = self._proxy.switch.capabilities.max_instances
        if most and len(wanted.targets) > most:
            raise InvalidInput("to: %d are more than the driver %s can address, which is %d" % (len(wanted.targets), self._proxy.driver, most), "Name fewer.")

    def _settled(self, wanted: Serving) -> bool:
        there = self.served is not None and self.served.route == wanted.route and set(self.served.targets) == set(wanted.targets)
        return there and set(self._before) == {one.name for one in wanted.targets} and self._proxy.switch.matches(wanted.route)

    def _pass_gate(self, spec: gate.GateSpec, wanted: Serving) -> None:
        """Those that are new here pass the gate, asked from where the proxy's requests will leave."""
        known = self.served.targets if self.served else ()
        new = {one.name: one for one in wanted.targets if one not in known or one.name not in self._before}
        pid = self._proxy.container.pid if self._proxy.container else netns.HERE
        host = host_for(wanted.route)

        def look(name: str) -> gate.Sample:
            wrong = ask_network(spec, new[name], host, pid)
            return gate.Sample(time.monotonic(), not wrong, wrong or "good")

        gate.wait(spec, list(new), look)

    def _move(self, spec: gate.GateSpec, wanted: Serving) -> None:
        """The traffic to them, and the proof through the public route; back to where it was when that fails."""
        switch = self._proxy.switch
        try:
            switch.serve(wanted)
            for way in ways_into(self._engine, self._proxy, spec.timeout):
                confirm(way, wanted.route, wanted.route.path, wanted.targets, switch.identifies, _VERIFY_SECONDS)
        except HotswapError as error:
            if self.served:
                switch.serve(self.served)
            else:
                switch.remove(self._name)
            error.fix = ("Everything is back where it was. " + error.fix).strip()
            raise

    def _let_go(self, names: t.Sequence[str], seconds: float) -> None:
        """Waits until those that are no longer linked have answered what they had, where the proxy counts it, and forgets them."""
        switch = self._proxy.switch
        if names and switch.in_flight(self._name, names) is not None:
            self._counted = True
            self._drained = drain.wait(lambda: switch.in_flight(self._name, names) or 0, seconds)
        switch.forget(self._name, names)


def targets_of(given: t.Sequence[Params]) -> tuple[Target, ...]:
    """The parameter `to` -> targets, with equal shares. Raises InvalidInput by name."""
    if not given:
        raise InvalidInput("to: it names no instance", "Name one, or take the route away with state: absent.")
    found = tuple(Target(check_name("to.name", one["name"]), _address(one["address"]), check_port("to.port", one["port"])) for one in given)
    if len({one.name for one in found}) < len(found):
        raise InvalidInput("to: two instances have the same name", "Give each a name of its own.")
    return found


def _address(text: str) -> str:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise InvalidInput("to.address: %r is not an IPv4 address" % text, "Proxies do not look names up here: write the address of the host.") from None
    if address.is_loopback:
        raise InvalidInput("to.address: %s is this host itself" % text, "Services of this host are rolled out by hotswap.containers.service.")
    return text


def _shown(serving: Serving | None) -> list[dict[str, t.Any]]:
    return [{"name": one.name, "address": one.address, "port": one.port} for one in (serving.targets if serving else ())]


def _picture(serving: Serving | None) -> dict[str, t.Any]:
    return {"route": route_to_dict(serving.route) if serving else None, "to": _shown(serving)}
