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

from .._errors import InvalidInput
from .shares import EVEN, alike, shares, weights

Names = t.Tuple[str, ...]

# What each kind of step does, for people. A step that only looks is not a change.
CHANGING = frozenset(["create", "start", "serve", "preview", "hold", "withdraw", "unroute", "stop", "remove"])
# A failure up to and including these steps puts everything back; later ones are finished by the next run.
UNDOABLE = frozenset(["create", "start", "gate", "withdraw", "hold", "serve", "preview", "verify", "bake"])
# These mean something without a name too.
_NAMELESS = frozenset(["unroute", "preview"])


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing to do, to these instances (for `record`: to these keys).

    Actions: record (note as having been live), create, start, gate, serve (the route's traffic goes to exactly
    these), preview (exactly these are on trial), withdraw (these get no new request, the others stay), hold (these
    get no new request, which wait at the proxy instead), verify (through the public route), bake (watch while the
    version before stays), drain, stop, remove, unroute.

    Of `serve`: `weights`, one for each name (empty: all the same), and `preview`, who is on trial afterwards.
    """

    action: str
    names: Names = ()
    weights: tuple[int, ...] = ()
    preview: Names = ()

    def __str__(self) -> str:
        given = ["%s=%d" % pair for pair in zip(self.names, self.weights)] or list(self.names)
        trial = ["preview", *self.preview] if self.preview else []
        if self.action == "preview" and not given:
            given = ["nobody"]
        return " ".join([self.action, *given, *trial])


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
    containers that are gone. `previewed`: names on trial there. `held`: nothing serves on purpose, requests wait.
    """

    instances: tuple[Instance, ...] = ()
    history: Names = ()
    route_ok: bool = True
    routed: bool = False
    admitted: Names = ()
    previewed: Names = ()
    held: bool = False

    def get(self, name: str) -> Instance | None:
        return next((one for one in self.instances if one.name == name), None)

    @property
    def serving(self) -> Names:
        """Names that get traffic and run."""
        return tuple(one.name for one in self.instances if one.serving)

    @property
    def weights(self) -> dict[str, int]:
        """Name to weight of the instances that the proxy has, running or not."""
        return {one.name: one.weight for one in self.instances if one.weight}

    @property
    def shares(self) -> dict[str, int]:
        """Key to percent of the traffic."""
        given: dict[str, list[int]] = {}
        for one in self.instances:
            given.setdefault(one.key, []).append(one.weight)
        return shares(given)


@dataclasses.dataclass(frozen=True)
class Desired:
    """What is asked: `state` candidate, canary, live or absent; `names` of all instances of `key`; how many keys to keep retired.

    `weight`: the canary's share in percent. `preview`: the route has a way to the version on trial. `hold`: requests
    wait while a stop_first order has nothing to serve them. `bake`: the cutover is watched before the old version goes.
    """

    state: str
    key: str = ""
    names: Names = ()
    keep: int = 1
    order: str = "start_first"
    weight: int = 0
    preview: bool = False
    hold: bool = False
    bake: bool = False


def key_of(version: str, spec_hash: str) -> str:
    """The key of a version with that hash of its container settings, as container names carry it."""
    return "%s-%s" % (version, spec_hash[:6])


def plan(desired: Desired, observed: Observed) -> list[Step]:
    """The steps from what is to what is asked; [] when it is so already. Raises InvalidInput for shares that cannot be given."""
    makers = {"live": _live, "canary": _canary, "candidate": _candidate, "absent": _absent}
    return _meaningful(makers[desired.state](desired, observed))


def _meaningful(steps: t.Iterable[Step]) -> list[Step]:
    return [step for step in steps if step.names or step.action in _NAMELESS]


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
        *_all_to(desired, observed),
        *_bake(desired, observed),
        Step("drain", others),
        Step("stop", others),
    ]


def _stop_first(desired: Desired, observed: Observed) -> list[Step]:
    """Never two keys at once: traffic away, the old ones gone, only then the new ones started."""
    others = _running(_others(desired, observed))
    creating, starting = _raise(desired, observed)
    leaving = tuple(name for name in observed.serving if name in others)
    # What serves already keeps serving: there is no need to let anybody wait.
    waits = desired.hold and len(leaving) == len(observed.serving)
    return [
        creating,
        Step("hold" if waits else "withdraw", leaving),
        Step("drain", others),
        Step("stop", others),
        starting,
        Step("gate", tuple(name for name in desired.names if name not in observed.serving)),
        *_all_to(desired, observed),
        *_bake(desired, observed),
    ]


def _bake(desired: Desired, observed: Observed) -> list[Step]:
    """Also for a run that goes on after a crash: what was not recorded as live was not watched to the end."""
    back = any(one.running or one.key in observed.history for one in _others(desired, observed))
    return [Step("bake", desired.names)] if desired.bake and back and observed.history[-1:] != (desired.key,) else []


def _canary(desired: Desired, observed: Observed) -> list[Step]:
    live = live_key(observed)
    if not _serves(observed, live):
        raise InvalidInput("state: a canary shares the traffic with a live version, and nothing serves here", "Make a version live first.")
    if live == desired.key:
        raise InvalidInput("state: %s is live: it has what the canaries leave" % live, "Make another version live first, or name another one.")
    fresh = observed.serving if desired.weight else tuple(one.name for one in observed.instances if _is_gated(observed, one.name))
    return [
        Step("record", _unrecorded(observed)),
        *_raise(desired, observed),
        Step("gate", tuple(name for name in desired.names if name not in fresh)),
        *_serve(desired, observed, _shared(desired, observed, live), _trial(desired)),
        *_supersede(desired, observed),
    ]


def _candidate(desired: Desired, observed: Observed) -> list[Step]:
    live = live_key(observed)
    in_traffic = any(name in observed.admitted for name in desired.names) or desired.key in observed.shares
    if live == desired.key or (in_traffic and not _serves(observed, live)):
        return []  # nothing else is live: a candidate would take that away
    return [
        Step("record", _unrecorded(observed)),
        *_raise(desired, observed),
        Step("gate", tuple(name for name in desired.names if not _is_gated(observed, name))),
        *_on_trial(desired, observed, live),
        *_supersede(desired, observed),
    ]


def _on_trial(desired: Desired, observed: Observed, live: str) -> list[Step]:
    """The version out of the public traffic, if it was a canary, and on trial, if the route has a way to it."""
    trial = _trial(desired)
    if desired.key in observed.shares:
        out = dataclasses.replace(desired, weight=0)
        return _serve(out, observed, _shared(out, observed, live), trial)
    if set(trial) == set(observed.previewed) and (observed.route_ok or not trial):
        return []
    return [Step("preview", trial)]


def _trial(desired: Desired) -> Names:
    return desired.names if desired.preview else ()


def _supersede(desired: Desired, observed: Observed) -> list[Step]:
    """Earlier candidates, and surplus instances of this version, go."""
    past = _was_live(observed)
    gone = [one for one in _others(desired, observed) if (not one.weight or one.key == desired.key) and one.key not in past]
    return [Step("drain", _running(gone)), Step("stop", _running(gone)), Step("remove", tuple(one.name for one in gone))]


def _shared(desired: Desired, observed: Observed, live: str) -> dict[str, int]:
    """Name to weight: the asked share, the other canaries as they are, and what is left to the live version."""
    asked = {key: max(1, share) for key, share in observed.shares.items() if key not in (live, desired.key)}
    if desired.weight:
        asked[desired.key] = desired.weight
    rest = 100 - sum(asked.values())
    if rest < 1:
        raise InvalidInput(
            "weight: %d percent, with the other canaries' shares, leaves nothing to the live version" % desired.weight,
            "Use less than %d, or make an end of another canary." % (rest + desired.weight),
        )
    members = {key: tuple(one.name for one in observed.instances if one.key == key and one.weight) for key in (live, *asked)}
    members.update({desired.key: desired.names} if desired.weight else {})
    each = weights({live: rest, **asked}, {key: len(names) for key, names in members.items()})
    return {name: each[key] for key, names in members.items() for name in names}


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


def _all_to(desired: Desired, observed: Observed) -> list[Step]:
    return _serve(desired, observed, dict.fromkeys(desired.names, EVEN), ())


def _serve(desired: Desired, observed: Observed, wanted: t.Mapping[str, int], trial: Names) -> list[Step]:
    """Traffic and trial to exactly these, and the proof; nothing where it is so."""
    as_written = observed.route_ok and not observed.held and set(observed.previewed) == set(trial)
    given = set(observed.admitted) == set(wanted) and alike(wanted, observed.weights)
    up = all(name in observed.serving for name in desired.names if name in wanted)
    if as_written and given and up:
        return []
    return [_to(wanted, trial), Step("verify", tuple(wanted))]


def _to(wanted: t.Mapping[str, int], trial: Names) -> Step:
    even = set(wanted.values()) == {EVEN}
    return Step("serve", tuple(wanted), () if even else tuple(wanted.values()), trial)


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


def live_key(observed: Observed) -> str:
    """The key that the traffic is for: the latest of history that still has some, else of those that run that with the
    largest share; "" for none."""
    given = observed.shares
    past = [key for key in observed.history if key in given]
    serving = sorted({one.key for one in observed.instances if one.serving})
    return past[-1] if past else max(serving, key=lambda key: given[key], default="")


def _serves(observed: Observed, key: str) -> bool:
    return any(one.serving and one.key == key for one in observed.instances)


def previous(observed: Observed, live: str) -> str:
    """The last known good key other than the live one that can be started again; "" when there is none."""
    return (retained(Desired("live", live, keep=1), observed) or ("",))[-1]


def after(steps: t.Iterable[Step], observed: Observed, key: str) -> Observed:
    """What the steps make of the state when nothing goes wrong; new instances get `key`."""
    for step in steps:
        observed = _after_one(step, observed, key)
    return observed


def _after_one(step: Step, state: Observed, key: str) -> Observed:
    if step.action == "record":
        past = tuple(one for one in state.history if one not in step.names)
        return dataclasses.replace(state, history=past + step.names)
    state = dataclasses.replace(state, instances=_instances_after(step, state, key))
    move = _MOVES.get(step.action)
    return move(step, state) if move else state


def _after_serve(step: Step, state: Observed) -> Observed:
    given = step.weights or (EVEN,) * len(step.names)
    state = _given(state, dict(zip(step.names, given)))
    return dataclasses.replace(state, route_ok=True, routed=True, held=False, previewed=step.preview)


def _after_withdraw(step: Step, state: Observed) -> Observed:
    rest = {name: state.weights.get(name, EVEN) for name in state.admitted if name not in step.names}
    return dataclasses.replace(_given(state, rest), previewed=())


def _after_hold(_step: Step, state: Observed) -> Observed:
    return dataclasses.replace(_given(state, {}), route_ok=True, routed=True, held=True, previewed=())


def _after_preview(step: Step, state: Observed) -> Observed:
    return dataclasses.replace(state, route_ok=True, routed=True, previewed=step.names)


def _after_unroute(_step: Step, state: Observed) -> Observed:
    return dataclasses.replace(_given(state, {}), route_ok=False, routed=False, held=False, previewed=())


_MOVES: t.Mapping[str, t.Callable[[Step, Observed], Observed]] = {
    "serve": _after_serve,
    "withdraw": _after_withdraw,
    "hold": _after_hold,
    "preview": _after_preview,
    "unroute": _after_unroute,
}


def _given(state: Observed, weight: t.Mapping[str, int]) -> Observed:
    instances = tuple(dataclasses.replace(one, weight=weight.get(one.name, 0)) for one in state.instances)
    return dataclasses.replace(state, instances=instances, admitted=tuple(weight))


def _instances_after(step: Step, state: Observed, key: str) -> tuple[Instance, ...]:
    found = [_touched(step.action, one) if one.name in step.names else one for one in state.instances]
    if step.action == "create":
        found += [Instance(name, key, running=False, weight=EVEN if name in state.admitted else 0) for name in step.names]
    return tuple(one for one in found if step.action != "remove" or one.name not in step.names)


def _touched(action: str, one: Instance) -> Instance:
    if action in ("start", "stop"):
        return dataclasses.replace(one, running=action == "start", gated=False)
    return dataclasses.replace(one, gated=True) if action == "gate" else one


def phase(one: Instance, live: str) -> str:
    """The word for an instance: live, canary (a share of the traffic), down (should have some, but does not run), candidate, retired.

    `live`: the live key.
    """
    if one.weight:
        return "down" if not one.running else "live" if one.key == live else "canary"
    return "candidate" if one.running else "retired"


def restore(before: Observed, now: Observed) -> list[Step]:
    """The way back after a failed rollout: traffic where it was, nothing of the candidate left behind (I5)."""
    was = {one.name: one for one in before.instances}
    is_ = {one.name: one for one in now.instances}
    new = tuple(name for name in is_ if name not in was)
    extra = tuple(one.name for one in now.instances if one.running and not (one.name in was and was[one.name].running))
    fallen = tuple(name for name in before.serving if name in is_ and not is_[name].running)
    back = {name: was[name].weight for name in before.serving if name in is_}
    down = [Step("drain", extra), Step("stop", extra)]
    up = [Step("start", fallen), Step("gate", fallen), *_serve_again(before, now, back)]
    # Old ones that had been stopped (stop_first) may only start when the new ones are gone (I2).
    order = down + up if fallen else up + down
    return _meaningful([*order, Step("remove", new)])


def _serve_again(before: Observed, now: Observed, back: t.Mapping[str, int]) -> list[Step]:
    if not before.routed and now.routed:
        return [Step("unroute")]
    trial = tuple(name for name in before.previewed if now.get(name))
    same = set(now.admitted) == set(before.admitted) and alike(before.weights, now.weights)
    if same and now.route_ok == before.route_ok and now.held == before.held and set(now.previewed) == set(trial):
        return []
    if back:
        return [_to(back, trial)]
    # Nothing served before: what the failed run let in goes out again.
    return [Step("hold" if before.held else "withdraw", now.admitted)] if now.admitted else [Step("preview", trial)]


def _others(desired: Desired, observed: Observed) -> list[Instance]:
    return [one for one in observed.instances if one.name not in desired.names]


def _running(instances: t.Iterable[Instance]) -> Names:
    return tuple(one.name for one in instances if one.running)


def _is_gated(observed: Observed, name: str) -> bool:
    one = observed.get(name)
    return one is not None and one.running and one.gated


def _was_live(observed: Observed) -> Names:
    """Recorded keys, the one that is live now the latest: a crash may have come before its record was written."""
    now = _unrecorded(observed)
    return tuple(key for key in observed.history if key not in now) + now


def _unrecorded(observed: Observed) -> Names:
    """The live key, where it serves and is not recorded as the latest. A canary is not live, and what is down was recorded."""
    live = live_key(observed)
    return (live,) if _serves(observed, live) and observed.history[-1:] != (live,) else ()
