# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The way back after a failed rollout. Pure, as the plan is."""

from __future__ import annotations

import dataclasses
import typing as t

from .shares import EVEN, alike
from .state import Desired, Instance, Observed, Step, meaningful, traffic_to


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
    return meaningful([*order, Step("remove", new)])


def known_good(before: Observed, desired: Desired) -> Observed:
    """`before`, or where nothing served then what it was like when the last version did: a run may have been cut off in the gap of
    `stop_first`, and another version than that one is asked for now."""
    last = before.history[-1] if before.history else desired.key
    if before.serving or desired.state != "live" or last == desired.key or all(one.key != last for one in before.instances):
        return before

    def then(one: Instance) -> Instance:
        if one.key == last:
            return dataclasses.replace(one, running=True, weight=EVEN)
        return dataclasses.replace(one, running=one.running and desired.order == "start_first" and one.key != desired.key)

    return dataclasses.replace(before, instances=tuple(map(then, before.instances)), routed=True)


def _serve_again(before: Observed, now: Observed, back: t.Mapping[str, int]) -> list[Step]:
    if not before.routed and now.routed:
        return [Step("unroute")]
    trial = tuple(name for name in before.previewed if now.get(name))
    same = set(now.admitted) == set(before.admitted) and alike(before.weights, now.weights)
    if same and now.route_ok == before.route_ok and now.held == before.held and set(now.previewed) == set(trial):
        return []
    if back:
        return [traffic_to(back, trial)]
    # Nothing served before: what the failed run let in goes out again.
    return [Step("hold" if before.held else "withdraw", now.admitted)] if now.admitted else [Step("preview", trial)]
