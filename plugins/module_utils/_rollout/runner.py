# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Walks a plan: one method for each kind of step. Decides nothing."""

from __future__ import annotations

import contextlib
import functools
import time
import typing as t

from .._engine.types import LABEL_SERVICE, Container, Engine, Network
from .._errors import EngineError, HotswapError
from .._switch.types import Answers, Route, Serving, Target, Traffic
from . import bake, drain, gate, progress, reach
from .addresses import allocate
from .gate_spec import gate_of_label
from .info_view import spec_label
from .lock import held
from .look import Looker, Vantage
from .memory import Memory
from .observe import at_rest, key_of_container, policy_with_traffic, target_of
from .paths import StateDir
from .public import PublicRoute, confirm, host_for
from .shares import EVEN
from .spec import ServiceSpec
from .state import Step

_VERIFY_TIMEOUT = 10.0
_ADDRESS_LOCK_TIMEOUT = 30.0


@contextlib.contextmanager
def files_written(what: object, state: StateDir, **details: t.Any) -> t.Iterator[None]:
    """Turns a file that could not be written (no space, no permission) into a HotswapError with these details, `what` before it."""
    try:
        yield
    except OSError as error:
        raise HotswapError("%s: %s" % (what, error), "Look at the space and the permissions of %s." % state.root, **details) from error


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
    """One run over one service. After it: `phases` (name, seconds, at, names), `drained` and `cut` requests, by what they were counted
    (`drain_observed`: requests, connections or none), instances that were `left` with open requests, and what was `baked`."""

    def __init__(self, place: Place, spec: ServiceSpec, before: Serving | None, route: Route | None = None) -> None:
        """`before`: what the proxy had for the service; `route`: the one to serve, where it is not the specification's."""
        self.phases: list[dict[str, t.Any]] = []
        self.drained = 0
        self.cut = 0
        self.drain_observed = "none"
        self.left: tuple[str, ...] = ()
        self.baked: bake.Baked | None = None
        # Of each instance that was looked at, for the journal.
        self.images: dict[str, str] = {}
        self._old_answers: Answers | None = None
        # As the drain has found them, which comes before every stop.
        self._draining: dict[str, Container] = {}
        self._may_leave = spec.after_drain_timeout == "leave"
        self._going_back = False
        self.place = place
        self._engine = place.engine
        self._spec = spec
        self._before = before
        self._route: Route = route or spec.route

    def walk(self, steps: t.Iterable[Step]) -> None:
        """Each step in turn; the one that failed is the last of `phases`. Raises HotswapError, also when the disk is full."""
        for step in steps:
            with self.phase(step.action, step.names), files_written(step, self.place.state):
                self._act(step)

    def _act(self, step: Step) -> None:
        if step.action == "serve":
            self._serve(step)
        else:
            getattr(self, "_" + step.action)(step.names)

    def back(self, steps: t.Iterable[Step]) -> None:
        """The same towards where traffic was: `serve` takes the route as it was before, and nothing is left running."""
        self._may_leave = False
        self._going_back = True
        self._route = self._before.route if self._before else self._spec.route
        self.walk(steps)

    @contextlib.contextmanager
    def phase(self, name: str, names: t.Sequence[str] = ()) -> t.Iterator[None]:
        """Times one phase into `phases`, also when it fails; `names`: the instances (or keys, or images) that it is about."""
        began, at = time.monotonic(), time.time()
        progress.note(self.place.memory.folder, name, names)
        try:
            yield
        finally:
            self.phases.append({"name": name, "seconds": round(time.monotonic() - began, 3), "at": round(at, 3), "names": list(names)})

    def _record(self, keys: tuple[str, ...]) -> None:
        self.place.memory.record_live(keys)

    def _create(self, names: tuple[str, ...]) -> None:
        if not self._spec.network and not self._spec.reach.from_host:
            for name in names:
                self._engine.create(self._spec.instance(name, ""))
            return
        # Two services may look for free addresses and ports at the same time.
        with held(self.place.state.root / "addresses", "addresses of %s" % self._spec.name, _ADDRESS_LOCK_TIMEOUT):
            for name, address in zip(names, self._addresses(len(names))):
                self._engine.create(reach.instance(self._engine, self._spec, name, address))

    def _addresses(self, count: int) -> list[str]:
        if not self._spec.network:
            return [""] * count
        network = self._network()
        return allocate(network, self._engine.all_addresses(network.name), count)

    def _network(self) -> Network:
        network = self._engine.network(self._spec.network)
        if network is None:
            raise EngineError("network %s disappeared" % self._spec.network, "Create it with hotswap.containers.network.")
        return network

    def _start(self, names: tuple[str, ...]) -> None:
        if self._spec.order == "stop_first":
            self._prove_alone(names)
        for name in names:
            reach.start(self._engine, self._container(name), lambda one: self._create((one,)))

    def _prove_alone(self, names: tuple[str, ...]) -> None:
        """By the engine's word of now, not by what stop said: never two versions of a singleton."""
        starting = {key_of_container(self._container(name)) for name in names}
        for one in self._engine.containers({LABEL_SERVICE: self._spec.name}):
            if not at_rest(one) and key_of_container(one) not in starting:
                raise EngineError(
                    "instance %s is %s, and with order: stop_first no other version may be started" % (one.name, one.state),
                    "Look at why the engine does not stop it, or at what starts it again.",
                )

    def _looker(self, asked: gate.GateSpec) -> Looker:
        vantage = Vantage(self._seen_from, host_for(self._spec.route), self._target)
        return Looker(self._engine, asked, vantage)

    def _gate_of(self, name: str) -> gate.GateSpec:
        """On the way back that of the version itself: what is asked of the new one, the old one may not have."""
        return gate_of_label(spec_label(self._container(name)), self._spec.gate) if self._going_back else self._spec.gate

    def _gate(self, names: tuple[str, ...]) -> None:
        asked = [self._gate_of(name) for name in names]
        for number, one in enumerate(asked):
            if one not in asked[:number]:
                gate.wait(one, tuple(name for name, own in zip(names, asked) if own == one), self._looker(one))
        ours = {one.name: one for one in self._engine.containers({LABEL_SERVICE: self._spec.name})}
        passed = {name: self._container(name) for name in names}
        started = {name: one.started_at for name, one in passed.items()}
        self.place.memory.record_gated(started, ours, {name: one.settings for name, one in passed.items()})

    def _seen_from(self, one: Container) -> int:
        """The process whose network an instance is asked from: the proxy's of now, for it may die and come back; without one its own."""
        here = reach.seen_from(one)
        return (self._container(self.place.proxy) if self.place.proxy else one).pid if here is None else here

    def _serve(self, step: Step) -> None:
        self._note_old(step.names)
        given = dict(zip(step.names, step.weights or (EVEN,) * len(step.names)))
        # Before the traffic: a power cut in between must not leave nothing that a boot starts.
        found = {name: self._container(name) for name in given}
        self._start_at_boot(found.values(), True)
        targets = tuple(self._target(found[name], weight) for name, weight in given.items())
        self.place.traffic.serve(Serving(self._route, targets, tuple(self._targets(step.preview))))

    def _preview(self, names: tuple[str, ...]) -> None:
        held = self._before is not None and self._before.held
        self.place.traffic.serve(Serving(self._route, self._weighed(self._present(())), tuple(self._targets(names)), held))

    def _hold(self, names: tuple[str, ...]) -> None:
        self._note_old(())
        self.place.traffic.serve(Serving(self._route, (), held=True))

    def _withdraw(self, names: tuple[str, ...]) -> None:
        self._note_old(())
        route = self._before.route if self._before else self._spec.route
        self.place.traffic.serve(Serving(route, self._weighed(self._present(names))))

    def _present(self, without: t.Container[str]) -> dict[str, int]:
        """Who has traffic now, as far as its container is there."""
        now = self.place.traffic.current(self._spec.name)
        return {name: weight for name, weight in now.items() if name not in without and self._engine.container(name)}

    def _weighed(self, given: t.Mapping[str, int]) -> tuple[Target, ...]:
        return tuple(self._target(self._container(name), weight) for name, weight in given.items())

    def _note_old(self, new: t.Container[str]) -> None:
        """Before the first move of traffic: how the version before has answered, for the bake to compare."""
        if self._spec.bake and self._old_answers is None:
            traffic, service = self.place.traffic, self._spec.name
            old = [name for name in traffic.current(service) if name not in new]
            self._old_answers = (traffic.answers(service, old) if old else None) or Answers(0, 0)

    def _bake(self, names: tuple[str, ...]) -> None:
        if self._spec.bake:
            count = functools.partial(self.place.traffic.answers, self._spec.name, names)
            watch = bake.Watch(self._looker(self._spec.gate), count, self._old_answers or Answers(0, 0), self._spec.gate.successes)
            self.baked = bake.wait(self._spec.bake, names, watch)

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
        self._draining = {one.name: one for one in map(self._engine.container, names) if one}
        running = {name: one for name, one in self._draining.items() if one.pid}
        found = drain.wait(lambda: self._open(names, running), self._spec.drain_timeout)
        self.drained += found.drained
        if found.cut and self._may_leave:
            self.left += tuple(name for name in names if self._open((name,), running))
        else:
            self.cut += found.cut

    def _open(self, names: tuple[str, ...], running: t.Mapping[str, Container]) -> int:
        """What these instances still have to answer: by the proxy's own count, else by their established connections."""
        counted = self.place.traffic.in_flight(self._spec.name, names)
        if counted is not None:
            self.drain_observed = "requests"
            return counted
        if not self._spec.port:
            return 0
        self.drain_observed = "connections"
        return sum(reach.connections(running[name], self._spec.port) for name in names if name in running)

    def _stop(self, names: tuple[str, ...]) -> None:
        self._start_at_boot([self._draining[name] for name in names if name in self._draining], False)
        stopping = [name for name in names if name not in self.left]
        for name in stopping:
            self._engine.stop(name, None)
        self.place.traffic.forget(self._spec.name, stopping)

    def _boot(self, names: tuple[str, ...]) -> None:
        given = self.place.traffic.current(self._spec.name)
        for name in names:
            self._start_at_boot([self._container(name)], bool(given.get(name)))

    def _start_at_boot(self, containers: t.Iterable[Container], wanted: bool) -> None:
        for one in containers:
            policy = policy_with_traffic(one) if one.at_boot not in (None, wanted) else ""
            if policy:
                self._engine.start_at_boot(one.name, policy if wanted else "no")

    def _remove(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name not in self.left:
                self._engine.remove(name)

    def _unroute(self, _names: tuple[str, ...]) -> None:
        self.place.traffic.remove(self._spec.name)

    def _targets(self, names: t.Iterable[str]) -> list[Target]:
        return [self._target(self._container(name)) for name in names]

    def _target(self, one: Container, weight: int = EVEN) -> Target:
        return target_of(one, self._spec.network, self._spec.port, weight)

    def _container(self, name: str) -> Container:
        found = self._engine.container(name)
        if found is None:
            raise EngineError("container %s disappeared" % name, "Something else removes containers here: run again.")
        self.images[name] = found.image_id
        return found
