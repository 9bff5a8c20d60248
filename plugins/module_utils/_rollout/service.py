# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Brings one service on one host from any state to the asked one: look, decide, walk, and go back when it fails."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing as t

from .._engine.types import LABEL_VERSION, Engine
from .._errors import HotswapError, InvalidInput
from .._switch.types import Route, Serving
from . import abilities, redirects
from .asked import Asked, Host, resolve
from .asset_spec import Version
from .assets import Bridge
from .images import Images
from .info_view import spec_label
from .lock import held, owner
from .memory import Memory
from .observe import Sight, key_of_container, observe
from .paths import StateDir
from .plan import plan
from .preflight import check_image, check_memory, check_names, check_network, check_pinned, check_reach
from .proxy import Proxy
from .public import PublicRoute, inside, published
from .report import Report, Walked
from .restore import known_good, restore
from .runner import Place, Runner, files_written
from .secret_files import Copies, used_by
from .spec import ServiceSpec, refuse_unfit
from .state import UNDOABLE, Desired, Step
from .validate import check_name, unset_blank

if t.TYPE_CHECKING:
    from .making_room import Making, Room

_LOG_LINES = 30


def converge(engine: Engine, state: StateDir, params: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """The whole module: parameters -> result. `check`: only looks. Raises HotswapError, everything put back."""
    params = unset_blank(params)
    name = check_name("name", params["name"])
    refuse_unfit(params)
    memory = Memory(state.service(name))
    wait = params["lock_timeout"]
    lock = contextlib.nullcontext() if check else held(memory.folder, "%s of %s" % (params["state"], name), wait)
    with lock:
        return Rollout(Host(engine, state, memory, name), params).run(check)


def plan_only(engine: Engine, state: StateDir, params: t.Mapping[str, t.Any]) -> tuple[bool, dict[str, t.Any]]:
    """Whether the service needs any step, also one that only takes notes, and the module's result in check mode. Raises HotswapError."""
    params = unset_blank(params)
    name = check_name("name", params["name"])
    decided = Rollout(Host(engine, state, Memory(state.service(name)), name), params).decide()
    return bool(decided.report.steps or decided.report.changed), decided.result()


@dataclasses.dataclass(frozen=True)
class Decided:
    """What one task comes to, before anything is touched."""

    asked: Asked
    place: Place
    served: Serving | None
    report: Report

    def result(self) -> dict[str, t.Any]:
        """The module's result while nothing is done."""
        return self.report.result(self.report.sight, Walked())


class Rollout:
    """One task over one service."""

    def __init__(self, host: Host, params: t.Mapping[str, t.Any]) -> None:
        self._host = host
        self._engine = host.engine
        self._memory = host.memory
        self._images = Images(host.engine, host.state, host.memory)
        self._copies = Copies(host.memory.folder, host.engine.kind)
        self._bridge = Bridge(host.engine, host.service, host.memory.folder)
        self._params = params

    def run(self, check: bool) -> dict[str, t.Any]:
        """Plans, and walks the plan unless `check`."""
        decided = self.decide()
        asked, place, report = decided.asked, decided.place, decided.report
        if check:
            return decided.result()
        if not report.steps:
            with files_written("the copies of the secrets of %s" % asked.spec.name, self._host.state):
                self._write_secrets(report)
            with files_written("the assets of %s" % asked.spec.name, self._host.state):
                self._bridge_assets(asked, report)
            now, report = self._prune(report, report.sight)
            with self._noting(asked.spec):
                self._note_content(asked.spec, now)
            return report.result(now, Walked(), self._shown(asked, now))
        runner = Runner(place, asked.spec, decided.served, report.wanted)
        self._walk(runner, asked, report)
        with self._noting(asked.spec, phases=runner.phases):
            self._journal(runner, report, "done")
            if report.desired.state == "live":
                self._memory.record_returned(asked.key if asked.returning else "")
        after, report = self._prune(report, self._look(place, report.wanted))
        with self._noting(asked.spec, phases=runner.phases):
            self._note_content(asked.spec, after)
        return report.result(after, _walked(runner), self._shown(asked, after))

    def _noting(self, spec: ServiceSpec, **details: t.Any) -> t.ContextManager[None]:
        """Around the notes of what is done: when they cannot be written, that alone is said, and nothing goes back."""
        what = "%s is as it was asked for, and only the note of it could not be written" % spec.name
        return files_written(what, self._host.state, phase="record", version=spec.version, **details)

    def _noted(self, spec: ServiceSpec) -> str:
        """The image id that the version ran as here; engines have ids of their own for the same content."""
        return self._memory.contents.get(_content(self._engine, spec.version), "")

    def _note_content(self, spec: ServiceSpec, sight: Sight) -> None:
        if self._params["state"] == "absent":
            self._memory.forget_contents()
        for one in sight.containers.values():
            if one.labels.get(LABEL_VERSION) == spec.version:
                self._memory.record_content(_content(self._engine, spec.version), one.image_id)

    def decide(self) -> Decided:
        """Looks and plans; touches nothing."""
        asked = resolve(self._host, self._params)
        spec = asked.spec
        place = self._place(spec)
        self._check_abilities(spec, place)
        served = place.traffic.written(spec.name)
        route = self._route(spec, served)
        sight = self._look(place, route)
        desired = self._desired(asked)
        steps, making = self._steps(spec, desired, sight)
        abilities.check_steps(steps, place.traffic.capabilities, self._where(spec))
        # What comes back, or goes, is there already: its image's name may meanwhile mean something else.
        settled = asked.returning or desired.state == "absent"
        pull = [] if settled else self._preflight(spec, steps, sight)
        if pull and making:
            making.check(spec.name)
        before = served.route if served else None
        report = Report(desired, spec, steps, pull, sight, before, route, self._redirected(spec), self._unneeded(spec, steps, sight), making=making)
        return Decided(asked, place, served, self._with_assets(asked, self._with_secrets(asked, report)))

    def _steps(self, spec: ServiceSpec, desired: Desired, sight: Sight) -> tuple[list[Step], Making | None]:
        """The plan, with what goes for room."""
        if not spec.room or desired.state == "absent":
            return plan(desired, sight.observed), None
        return self._room(spec).plan(desired, sight)

    def _room(self, spec: ServiceSpec) -> Room:
        # Imported here: most tasks set no bound.
        from .making_room import Room

        return Room(self._engine, self._images, spec.room, functools.partial(self._needed, spec))

    def _with_secrets(self, asked: Asked, report: Report) -> Report:
        """Which copies of secrets are to be written, and which nobody will need."""
        gone = {name for step in report.steps if step.action == "remove" for name in step.names}
        used = used_by(one for name, one in report.sight.containers.items() if name not in gone)
        if not asked.names or asked.returning:
            return dataclasses.replace(report, stale=self._copies.unused(used))
        missing = self._copies.missing(asked.spec.secrets, asked.spec.hash)
        return dataclasses.replace(report, secrets=missing, stale=self._copies.unused({*used, asked.spec.hash}))

    def _write_secrets(self, report: Report) -> None:
        if report.secrets:
            self._copies.write(report.spec.secrets, report.spec.hash)

    def _with_assets(self, asked: Asked, report: Report) -> Report:
        """Which static files are to be copied, shown by which version, and kept no longer."""
        gone = {name for step in report.steps if step.action == "remove" for name in step.names}
        return dataclasses.replace(report, assets=self._bridge.plan(asked.spec.assets, self._version(asked, report.sight), report.sight, gone))

    def _version(self, asked: Asked, sight: Sight) -> Version | None:
        """The version that the task is about, as it will be; None for one that only goes."""
        made_of = next((one.image_id for one in sight.containers.values() if key_of_container(one) == asked.key), asked.spec.image)
        return Version(asked.key, made_of, asked.spec.assets, True) if asked.names else None

    def _bridge_assets(self, asked: Asked, report: Report) -> None:
        version = self._version(asked, report.sight)
        if version and report.assets.first:
            self._bridge.walk(report.assets, asked.spec.assets, version, report.sight)

    def _shown(self, asked: Asked, sight: Sight) -> dict[str, t.Any] | None:
        return self._bridge.shown(asked.key, asked.spec.assets, sight)

    def _unneeded(self, spec: ServiceSpec, steps: t.Sequence[Step], sight: Sight) -> tuple[str, ...]:
        """References of images that no container uses after the plan."""
        gone = {name for step in steps if step.action == "remove" for name in step.names}
        return self._images.unneeded(self._needed(spec, sight, gone), gone)

    def _needed(self, spec: ServiceSpec, sight: Sight, gone: t.Container[str] = ()) -> set[str]:
        """References that the service uses: those of its containers, and the one that was asked for, also when it failed."""
        there = {str(spec_label(one).get("image") or "") for name, one in sight.containers.items() if name not in gone}
        return there | ({spec.image} if self._params["state"] != "absent" else set())

    def _prune(self, report: Report, now: Sight, unseen: t.Collection[str] = ()) -> tuple[Sight, Report]:
        """Removes what nobody needs, and retired versions while the disk has too little room; what is there then."""
        self._tidy(report.spec, now, unseen)
        with contextlib.suppress(HotswapError):
            while report.making:
                left, making = self._room(report.spec).shrink(report.desired, now, report.making)
                report = dataclasses.replace(report, making=making)
                if left == now:
                    break
                now = left
                self._tidy(report.spec, now, unseen)
        return now, report

    def _tidy(self, spec: ServiceSpec, now: Sight, unseen: t.Collection[str]) -> None:
        """Removes images, copies of secrets and assets that nobody needs; those of `unseen` keys at once. What comes in between stays for the next run."""
        self._copies.remove_unused(used_by(now.containers.values()))
        self._bridge.settle(spec.assets, now, self._params["state"] == "absent", unseen)
        with contextlib.suppress(HotswapError):
            self._images.remove_unneeded(self._needed(spec, now))

    @property
    def _weight(self) -> int:
        return (self._params["weight"] or 0) if self._params["state"] == "canary" else 0

    def _check_abilities(self, spec: ServiceSpec, place: Place) -> None:
        if self._params["state"] != "absent":
            abilities.check(spec, self._params["state"], self._weight, place.traffic.capabilities, self._where(spec))

    def _desired(self, asked: Asked) -> Desired:
        spec = asked.spec
        return Desired(
            self._params["state"],
            asked.key,
            asked.names,
            spec.keep,
            spec.order,
            weight=self._weight,
            preview=bool(spec.route.preview),
            hold=bool(spec.route.hold),
            bake=bool(spec.bake),
        )

    def _route(self, spec: ServiceSpec, served: Serving | None) -> Route | None:
        """The route as it shall be, None for a service without. A candidate only brings its preview into the one that is there."""
        if not spec.port or (self._params["state"] == "absent" and not served):
            return None
        if self._params["state"] == "candidate" and served:
            return dataclasses.replace(served.route, preview=spec.route.preview)
        return spec.route

    def _redirected(self, spec: ServiceSpec) -> dict[str, t.Any]:
        return redirects.without_tool(redirects.noted(self._host.state, spec.name))

    def _where(self, spec: ServiceSpec) -> str:
        """The switch in words."""
        return abilities.place_of(spec, self._host.proxy(spec.proxy).driver if spec.proxy else spec.means.name)

    def _place(self, spec: ServiceSpec) -> Place:
        host = self._host
        if not spec.proxy:
            if self._params["state"] != "absent":
                spec.means.check(host.engine, host.state, spec.name, spec.network)
            return Place(host.engine, host.state, host.traffic("", spec.means.aimed_at(spec.names), spec.network), host.memory, "", ())
        proxy = host.proxy(spec.proxy)
        if self._params["state"] != "absent":
            check_reach(proxy.name, proxy.container.networks if proxy.container else None, spec)
            _check_route(proxy, spec)
        container = proxy.container.name if proxy.container else ""
        return Place(host.engine, host.state, proxy.switch, host.memory, container, ways_into(lambda: host.engine, proxy, spec.gate.timeout))

    def _preflight(self, spec: ServiceSpec, steps: t.Sequence[Step], sight: Sight) -> list[str]:
        """Everything that can be known before anything is touched. Returns the images to pull."""
        new = [name for step in steps if step.action == "create" for name in step.names]
        pull = check_image(self._engine, spec, bool(new), self._params["pull"], sight.containers.values(), self._noted(spec))
        if new:
            check_network(self._engine, spec)
            check_names(self._engine, new)
            check_memory(spec, len(new))
        return pull

    def _look(self, place: Place, route: Route | None) -> Sight:
        return observe(self._engine, self._host.service, place.traffic, self._memory, route)

    def _walk(self, runner: Runner, asked: Asked, report: Report) -> None:
        """The plan, and the way back when a step fails that can be undone."""
        try:
            self._make_room(runner, report)
            for image in report.pull:
                with runner.phase("pull", [image]):
                    self._pull(image, report)
            if report.secrets:
                with runner.phase("write", report.secrets), files_written("write", self._host.state):
                    self._write_secrets(report)
            if report.assets.first:
                with runner.phase("bridge", [asked.spec.version]), files_written("bridge", self._host.state):
                    self._bridge_assets(asked, report)
            if any(step.action == "create" for step in report.steps):
                self._images.use(report.spec.image)
            runner.walk(report.steps[len(report.first) :])
        except HotswapError as error:
            self._failed(runner, report, error)
            raise

    def _make_room(self, runner: Runner, report: Report) -> None:
        """What goes before a pull, with its images."""
        if report.first:
            runner.walk(report.first)
            with contextlib.suppress(HotswapError):
                self._images.remove_unneeded(self._needed(report.spec, self._look(runner.place, report.wanted)))

    def _pull(self, image: str, report: Report) -> None:
        found = self._engine.pull(image).id
        self._images.pulled(image, found)
        check_pinned(report.spec, found, report.sight.containers.values(), self._noted(report.spec))

    def _failed(self, runner: Runner, report: Report, error: HotswapError) -> None:
        """Logs of what failed into the error, then everything back to where it was."""
        failed = runner.phases[-1]["name"] if runner.phases else ""
        error.details.update(phase=failed, plan=report.texts, version=report.spec.version)
        error.details["logs"] = self._logs(report.desired.names)
        walked = len(runner.phases)
        if failed in UNDOABLE or (failed in ("drain", "stop") and report.desired.order == "stop_first"):
            error.details["restored"] = self._restore(runner, report, error)
        error.details["phases"] = runner.phases
        with contextlib.suppress(HotswapError):
            self._prune(report, self._look(runner.place, report.wanted), _unseen(runner, report))
        # What failed may be the very disk that the journal is on: that error must not hide this one.
        with contextlib.suppress(OSError):
            more = {name: error.details.get(name) for name in ("phase", "restored", "logs")}
            self._journal(runner, report, "failed", error=error.what, walked=walked, **more)

    def _restore(self, runner: Runner, report: Report, error: HotswapError) -> bool:
        before = report.sight.observed
        good = known_good(before, report.desired)
        try:
            now = self._look(runner.place, report.wanted)
            runner.back(restore(good, now.observed))
        except HotswapError as second:
            error.doing.append("and going back failed too: %s" % second)
            return False
        back = "Everything is back where it was." if good is before else "The version that served last serves again."
        error.fix = "%s %s" % (back, error.fix)
        return True

    def _logs(self, names: t.Iterable[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in names:
            with contextlib.suppress(HotswapError):
                found[name] = self._engine.logs(name, _LOG_LINES)
        return found

    def _journal(self, runner: Runner, report: Report, outcome: str, **more: t.Any) -> None:
        self._memory.journal(
            outcome=outcome,
            who=owner(),
            reason=self._params.get("reason") or "",
            state=report.desired.state,
            version=report.spec.version,
            previous=report.previous_version(),
            plan=report.texts,
            shares=report.shares(report.expected),
            before=report.shares(report.sight.observed),
            image=report.spec.image,
            image_id=next((runner.images[name] for name in report.desired.names if name in runner.images), ""),
            instances=list(report.desired.names),
            **_walked(runner).as_dict(),
            **more,
        )


def _unseen(runner: Runner, report: Report) -> set[str]:
    """The key whose assets this run copied, where no client can have been told of them."""
    shown = any(one["name"] in ("serve", "preview") for one in runner.phases)
    return set() if shown else {one.key for one in report.assets.copies} & {report.desired.key}


def _content(engine: Engine, version: str) -> str:
    return "%s %s" % (engine.kind, version)


def _walked(runner: Runner) -> Walked:
    return Walked(runner.phases, runner.drained, runner.cut, runner.left, runner.drain_observed, runner.baked)


def ways_into(engine: t.Callable[[], Engine], proxy: Proxy, timeout: float) -> list[PublicRoute]:
    """How clients come in: each published listener, or the listeners themselves where none is published."""
    token = proxy.settings.token

    def pid_now() -> int:
        container = engine().container(proxy.container.name) if proxy.container else None
        return container.pid if container else 0

    ways = [published(address, port, token, timeout, encrypted) for address, port, encrypted in proxy.public]
    return ways or [inside(pid_now, one.port, token, timeout, bool(one.certificates)) for one in proxy.settings.listeners]


def _check_route(proxy: Proxy, spec: ServiceSpec) -> None:
    taken = proxy.routes_conflict(spec.route, spec.name)
    if taken:
        raise InvalidInput("route: %s" % taken, "Give each service hosts or a path of its own.")
