# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What steps make of a state. Pure, as the plan is."""

from __future__ import annotations

import dataclasses
import typing as t

from .shares import EVEN
from .state import Instance, Observed, Step


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
    instances = tuple(_weighed(one, weight.get(one.name, 0)) for one in state.instances)
    return dataclasses.replace(state, instances=instances, admitted=tuple(weight))


def _weighed(one: Instance, weight: int) -> Instance:
    """What gets traffic is started at boot from then on."""
    return dataclasses.replace(one, weight=weight, at_boot=one.at_boot if one.at_boot is None or not weight else True)


def _instances_after(step: Step, state: Observed, key: str) -> tuple[Instance, ...]:
    found = [_touched(step.action, one) if one.name in step.names else one for one in state.instances]
    if step.action == "create":
        found += [Instance(name, key, running=False, weight=EVEN if name in state.admitted else 0) for name in step.names]
    return tuple(one for one in found if step.action != "remove" or one.name not in step.names)


def _touched(action: str, one: Instance) -> Instance:
    if action == "boot":
        return dataclasses.replace(one, at_boot=one.weight > 0)
    if action in ("start", "stop"):
        one = dataclasses.replace(one, at_boot=False) if action == "stop" and one.at_boot else one
        return dataclasses.replace(one, running=action == "start", gated=False)
    return dataclasses.replace(one, gated=True) if action == "gate" else one
