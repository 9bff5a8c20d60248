# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The decision: plan(desired, observed) -> steps. Pure: no engine, no clock, no input or output.

Check mode returns the plan, apply walks it. What it is made of is in state.py.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InvalidInput
from .after import after
from .shares import EVEN, alike, weights
from .state import Desired, Instance, Names, Observed, Step, live_key, meaningful, traffic_to


def plan(desired: Desired, observed: Observed) -> list[Step]:
    """The steps from what is to what is asked; [] when it is so already. Raises InvalidInput for shares that cannot be given."""
    makers = {"live": _live, "canary": _canary, "candidate": _candidate, "absent": _absent}
    steps = meaningful(makers[desired.state](desired, observed))
    return meaningful([*steps, Step("boot", _wrong_at_boot(after(steps, observed, desired.key)))])


def _wrong_at_boot(then: Observed) -> Names:
    """What a boot would start without traffic, or not start with it: a crash came before, or a canary lost its share."""
    return tuple(one.name for one in then.instances if one.at_boot is not None and one.at_boot != (one.weight > 0))


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
    return [traffic_to(wanted, trial), Step("verify", tuple(wanted))]


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


def spare(desired: Desired, observed: Observed) -> Names:
    """Keys that could go for room, the longest retired first: kept for a rollback, and neither asked for, nor live, nor the last known
    good one, and no instance of theirs runs, has a share, or is on trial."""
    live = live_key(observed)
    safe = {desired.key, live, previous(observed, live)}
    safe |= {one.key for one in observed.instances if one.running or one.weight or one.name in observed.admitted + observed.previewed}
    present = {one.key for one in observed.instances}
    return tuple(key for key in observed.history if key in present and key not in safe)


def _serves(observed: Observed, key: str) -> bool:
    return any(one.serving and one.key == key for one in observed.instances)


def previous(observed: Observed, live: str) -> str:
    """The last known good key other than the live one that can be started again; "" when there is none."""
    return (retained(Desired("live", live, keep=1), observed) or ("",))[-1]


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
