# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Walks a plan: one method for each kind of step. Decides nothing."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._engine.types import LABEL_SERVICE, Container, Engine, Network
from .._errors import EngineError, HotswapError
from .._switch.types import Route, Serving, Target, Traffic
from . import drain, gate, netns
from .addresses import allocate
from .lock import held
from .look import Looker, Vantage
from .memory import Memory
from .observe import target_of
from .paths import StateDir
from .plan import Step
from .public import PublicRoute, confirm, host_for
from .spec import ServiceSpec

_VERIFY_TIMEOUT = 10.0
_ADDRESS_LOCK_TIMEOUT = 30.0


@contextlib.contextmanager
def _files_written(step: Step, state: StateDir) -> t.Iterator[None]:
    """Turns a file that could not be written (no space, no permission) into an error that a rollout goes back from."""
    try:
        yield
    except OSError as error:
        raise HotswapError("%s: %s" % (step, error), "Look at the space and the permissions of %s." % state.root) from error


class Place:
    """Where a service runs: engine, what moves its traffic, the ways in, and our memory of it."""

    def __init__(self, engine: Engine, state: StateDir, traffic: Traffic, memory: Memory, proxy: str, ways: t.Sequence[PublicRoute]) -> None:
        self.engine = engine
        self.state = state
        self.traffic = traffic
        self.memory = memory
        self.proxy = proxy
        self.ways = ways


class Runner:
    """One run over one service. After it: `phases` (name, seconds), `drained` and `cut` requests."""

    def __init__(self, place: Place, spec: ServiceSpec, before: Serving | None) -> None:
        self.phases: list[dict[str, t.Any]] = []
        self.drained = 0
        self.cut = 0
        self.place = place
        self._engine = place.engine
        self._spec = spec
        self._before = before
        self._route: Route = spec.route

    def walk(self, steps: t.Iterable[Step]) -> None:
        """Each step in turn; the one that failed is the last of `phases`. Raises HotswapError, also when the disk is full."""
        for step in steps:
            with self.phase(step.action), _files_written(step, self.place.state):
                getattr(self, "_" + step.action)(step.names)

    def back(self, steps: t.Iterable[Step]) -> None:
        """The same towards where traffic was: `serve` takes the route as it was before."""
        self._route = self._before.route if self._before else self._spec.route
        self.walk(steps)

    @contextlib.contextmanager
    def phase(self, name: str) -> t.Iterator[None]:
        """Times one phase into `phases`, also when it fails."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases.append({"name": name, "seconds": round(time.monotonic() - began, 3)})

    def _record(self, keys: tuple[str, ...]) -> None:
        self.place.memory.record_live(keys)

    def _create(self, names: tuple[str, ...]) -> None:
        if not self._spec.network:
            for name in names:
                self._engine.create(self._spec.instance(name, ""))
            return
        # Two services may look for free addresses at the same time.
        with held(self.place.state.root / "addresses", "addresses of %s" % self._spec.name, _ADDRESS_LOCK_TIMEOUT):
            network = self._network()
            taken = self._engine.all_addresses(network.name)
            for name, address in zip(names, allocate(network, taken, len(names))):
                self._engine.create(self._spec.instance(name, address))

    def _network(self) -> Network:
        network = self._engine.network(self._spec.network)
        if network is None:
            raise EngineError("network %s disappeared" % self._spec.network, "Create it with hotswap.containers.network.")
        return network

    def _start(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._engine.start(name)

    def _gate(self, names: tuple[str, ...]) -> None:
        vantage = Vantage(self._seen_from, host_for(self._spec.route), self._spec.port, lambda one: self._target(one).address)
        gate.wait(self._spec.gate, names, Looker(self._engine, self._spec.gate, vantage))
        started = {name: self._container(name).started_at for name in names}
        ours = {one.name for one in self._engine.containers({LABEL_SERVICE: self._spec.name})}
        self.place.memory.record_gated(started, ours)

    def _seen_from(self, one: Container) -> int:
        """The process whose network an instance is asked from: the proxy's of now, for it may die and come back; without one its own."""
        return (self._container(self.place.proxy) if self.place.proxy else one).pid

    def _serve(self, names: tuple[str, ...]) -> None:
        self.place.traffic.serve(Serving(self._route, tuple(self._targets(names))))

    def _withdraw(self, names: tuple[str, ...]) -> None:
        rest = [name for name in self.place.traffic.current(self._spec.name) if name not in names]
        route = self._before.route if self._before else self._spec.route
        self.place.traffic.serve(Serving(route, tuple(self._targets(rest))))

    def _verify(self, names: tuple[str, ...]) -> None:
        path = self._verify_path()
        for way in self.place.ways:
            confirm(way, self._route, path, self._targets(names), self.place.traffic.identifies, _VERIFY_TIMEOUT)

    def _verify_path(self) -> str:
        """The gate's path where the public route covers it, else the route's own."""
        below = self._route.path.rstrip("/") + "/"
        check = self._spec.gate.http
        return check.path if check and (check.path + "/").startswith(below) else self._route.path

    def _drain(self, names: tuple[str, ...]) -> None:
        pids = [one.pid for one in map(self._engine.container, names) if one and one.pid]
        found = drain.wait(lambda: self._open(names, pids), self._spec.drain_timeout)
        self.drained += found.drained
        self.cut += found.cut

    def _open(self, names: tuple[str, ...], pids: t.Sequence[int]) -> int:
        """What these instances still have to answer: by the proxy's own count, else by their established connections."""
        counted = self.place.traffic.in_flight(self._spec.name, names)
        if counted is not None:
            return counted
        return sum(netns.established(pid, self._spec.port) for pid in pids) if self._spec.port else 0

    def _stop(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._engine.stop(name, None)
        self.place.traffic.forget(self._spec.name, names)

    def _remove(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._engine.remove(name)

    def _unroute(self, _names: tuple[str, ...]) -> None:
        self.place.traffic.remove(self._spec.name)

    def _targets(self, names: t.Iterable[str]) -> list[Target]:
        return [self._target(self._container(name)) for name in names]

    def _target(self, one: Container) -> Target:
        return target_of(one, self._spec.network, self._spec.port)

    def _container(self, name: str) -> Container:
        found = self._engine.container(name)
        if found is None:
            raise EngineError("container %s disappeared" % name, "Something else removes containers here: run again.")
        return found
