# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The decision: plan(desired, observed) -> steps. Pure: no engine, no clock, no input or output.

Check mode returns the plan, apply walks it. A *key* names one state of a service: its version and the hash of its
container settings, so that a changed environment under the same version is rolled out like a new version.
"""

from __future__ import annotations

import dataclasses
import typing as t

Names = t.Tuple[str, ...]

# What each kind of step does, for people. A step that only looks is not a change.
CHANGING = frozenset(["create", "start", "serve", "withdraw", "unroute", "stop", "remove"])
# A failure up to and including these steps puts everything back; later ones are finished by the next run.
UNDOABLE = frozenset(["create", "start", "gate", "withdraw", "serve", "verify"])


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing to do, to these instances (for `record`: to these keys).

    Actions: record (note as having been live), create, start, gate, serve (the route's traffic goes to exactly
    these), withdraw (these get no new request, the others stay), verify (through the public route), drain, stop,
    remove, unroute.
    """

    action: str
    names: Names = ()

    def __str__(self) -> str:
        return "%s %s" % (self.action, " ".join(self.names)) if self.names else self.action


@dataclasses.dataclass(frozen=True)
class Instance:
    """One container of the service as it is now. `weight` is its share in the RUNNING proxy, 0: gets no new request."""

    name: str
    key: str
    running: bool
    weight: int = 0
    gated: bool = False

    @property
    def serving(self) -> bool:
        return self.running and self.weight > 0


@dataclasses.dataclass(frozen=True)
class Observed:
    """The service on this host now.

    `history`: keys that have been live, the latest last. `route_ok`: the running proxy has the asked route.
    `routed`: the proxy has some route of this service. `admitted`: every name in the running proxy, also of
    containers that are gone.
    """

    instances: tuple[Instance, ...] = ()
    history: Names = ()
    route_ok: bool = True
    routed: bool = False
    admitted: Names = ()

    def get(self, name: str) -> Instance | None:
        return next((one for one in self.instances if one.name == name), None)

    @property
    def serving(self) -> Names:
        """Names that get traffic and run."""
        return tuple(one.name for one in self.instances if one.serving)


@dataclasses.dataclass(frozen=True)
class Desired:
    """What is asked: `state` candidate, live or absent; `names` of all instances of `key`; how many keys to keep retired."""

    state: str
    key: str = ""
    names: Names = ()
    keep: int = 1
    order: str = "start_first"


def plan(desired: Desired, observed: Observed) -> list[Step]:
    """The steps from what is to what is asked; [] when it is so already."""
    makers = {"live": _live, "candidate": _candidate, "absent": _absent}
    return [step for step in makers[desired.state](desired, observed) if step.names or step.action == "unroute"]


def changes(steps: t.Iterable[Step]) -> bool:
    """True when walking these steps would change something that people see."""
    return any(step.action in CHANGING for step in steps)


def _live(desired: Desired, observed: Observed) -> list[Step]:
    bring_up = _stop_first if desired.order == "stop_first" else _start_first
    return [
        Step("record", _unrecorded(observed)),
        *bring_up(desired, observed),
        *_clean_up(desired, observed),
        *_record_live(desired, observed),
    ]


def _start_first(desired: Desired, observed: Observed) -> list[Step]:
    others = _running(_others(desired, observed))
    return [
        *_raise(desired, observed),
        Step("gate", tuple(name for name in desired.names if name not in observed.serving)),
        *_switch(desired, observed),
        Step("drain", others),
        Step("stop", others),
    ]


def _stop_first(desired: Desired, observed: Observed) -> list[Step]:
    """Never two keys at once: traffic away, the old ones gone, only then the new ones started."""
    others = _running(_others(desired, observed))
    creating, starting = _raise(desired, observed)
    return [
        creating,
        Step("withdraw", tuple(name for name in observed.serving if name in others)),
        Step("drain", others),
        Step("stop", others),
        starting,
        Step("gate", tuple(name for name in desired.names if name not in observed.serving)),
        *_switch(desired, observed),
    ]


def _candidate(desired: Desired, observed: Observed) -> list[Step]:
    if any(name in observed.admitted for name in desired.names):
        return []  # it has the traffic already: a candidate would take that away
    superseded = [one for one in _others(desired, observed) if not one.weight and one.key not in _was_live(observed)]
    return [
        *_raise(desired, observed),
        Step("gate", tuple(name for name in desired.names if not _is_gated(observed, name))),
        Step("stop", _running(superseded)),
        Step("remove", tuple(one.name for one in superseded)),
    ]


def _absent(desired: Desired, observed: Observed) -> list[Step]:
    running = _running(observed.instances)
    return [
        *([Step("unroute")] if observed.routed else []),
        Step("drain", running),
        Step("stop", running),
        Step("remove", tuple(one.name for one in observed.instances)),
    ]


def _raise(desired: Desired, observed: Observed) -> list[Step]:
    found = {one.name: one for one in observed.instances}
    return [
        Step("create", tuple(name for name in desired.names if name not in found)),
        Step("start", tuple(name for name in desired.names if name not in found or not found[name].running)),
    ]


def _switch(desired: Desired, observed: Observed) -> list[Step]:
    if observed.route_ok and set(observed.admitted) == set(desired.names) == set(observed.serving):
        return []
    return [Step("serve", desired.names), Step("verify", desired.names)]


def _clean_up(desired: Desired, observed: Observed) -> list[Step]:
    kept = retained(desired, observed)
    return [Step("remove", tuple(one.name for one in _others(desired, observed) if one.key not in kept))]


def _record_live(desired: Desired, observed: Observed) -> list[Step]:
    return [] if _was_live(observed)[-1:] == (desired.key,) else [Step("record", (desired.key,))]


def retained(desired: Desired, observed: Observed) -> Names:
    """Keys that stay on the host, stopped, for a rollback: the last `keep` that were live, other than the asked one."""
    present = {one.key for one in observed.instances}
    past = [key for key in _was_live(observed) if key != desired.key and key in present]
    return tuple(past[-desired.keep :])


def previous(observed: Observed, live_key: str) -> str:
    """The last known good key other than the live one that can be started again; "" when there is none."""
    return (retained(Desired("live", live_key, keep=1), observed) or ("",))[-1]


def after(steps: t.Iterable[Step], observed: Observed, key: str) -> Observed:
    """What the steps make of the state when nothing goes wrong; new instances get `key`."""
    for step in steps:
        observed = _after_one(step, observed, key)
    return observed


def _after_one(step: Step, state: Observed, key: str) -> Observed:
    change = dataclasses.replace
    if step.action == "record":
        past = tuple(one for one in state.history if one not in step.names)
        return change(state, history=past + step.names)
    admitted = state.admitted
    if step.action == "serve":
        admitted, state = step.names, change(state, route_ok=True, routed=True)
    elif step.action == "withdraw":
        admitted = tuple(name for name in admitted if name not in step.names)
    elif step.action == "unroute":
        admitted, state = (), change(state, route_ok=False, routed=False)
    instances = _instances_after(step, state.instances, key)
    weighed = tuple(change(one, weight=100 if one.name in admitted else 0) for one in instances)
    return change(state, instances=weighed, admitted=admitted)


def _instances_after(step: Step, instances: t.Iterable[Instance], key: str) -> list[Instance]:
    found = [_touched(step.action, one) if one.name in step.names else one for one in instances]
    if step.action == "create":
        found += [Instance(name, key, running=False) for name in step.names]
    return [one for one in found if step.action != "remove" or one.name not in step.names]


def _touched(action: str, one: Instance) -> Instance:
    if action in ("start", "stop"):
        return dataclasses.replace(one, running=action == "start", gated=False)
    return dataclasses.replace(one, gated=True) if action == "gate" else one


def phase(one: Instance) -> str:
    """The word for an instance: live (gets traffic), down (should, but does not run), candidate, retired."""
    if one.weight:
        return "live" if one.running else "down"
    return "candidate" if one.running else "retired"


def restore(before: Observed, now: Observed) -> list[Step]:
    """The way back after a failed rollout: traffic where it was, nothing of the candidate left behind (I5)."""
    was = {one.name: one for one in before.instances}
    is_ = {one.name: one for one in now.instances}
    new = tuple(name for name in is_ if name not in was)
    extra = tuple(one.name for one in now.instances if one.running and not (one.name in was and was[one.name].running))
    fallen = tuple(name for name in before.serving if name in is_ and not is_[name].running)
    back = tuple(name for name in before.serving if name in is_)
    down = [Step("drain", extra), Step("stop", extra)]
    up = [Step("start", fallen), Step("gate", fallen), *_serve_again(before, now, back)]
    # Old ones that had been stopped (stop_first) may only start when the new ones are gone (I2).
    order = down + up if fallen else up + down
    return [step for step in [*order, Step("remove", new)] if step.names or step.action == "unroute"]


def _serve_again(before: Observed, now: Observed, back: Names) -> list[Step]:
    if not before.routed and now.routed:
        return [Step("unroute")]
    moved = set(now.admitted) != set(before.admitted) or now.route_ok != before.route_ok
    return [Step("serve", back)] if back and moved else []


def _others(desired: Desired, observed: Observed) -> list[Instance]:
    return [one for one in observed.instances if one.name not in desired.names]


def _running(instances: t.Iterable[Instance]) -> Names:
    return tuple(one.name for one in instances if one.running)


def _is_gated(observed: Observed, name: str) -> bool:
    one = observed.get(name)
    return one is not None and one.running and one.gated


def _was_live(observed: Observed) -> Names:
    """Recorded keys, and those that serve now: a crash may have come before their record was written."""
    return observed.history + _unrecorded(observed)


def _unrecorded(observed: Observed) -> Names:
    serving = dict.fromkeys(one.key for one in observed.instances if one.serving)
    return tuple(key for key in serving if key not in observed.history)
