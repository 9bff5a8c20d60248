# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a plan is made of: a service on this host as it is (Observed) and as it is asked (Desired), and the steps in between.

A *key* names one state of a service: its version and the hash of its container settings, so that a changed environment
under the same version is rolled out like a new version.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .shares import EVEN, shares

Names = t.Tuple[str, ...]

# What each kind of step does, for people. A step that only looks is not a change.
CHANGING = frozenset(["create", "start", "serve", "preview", "hold", "withdraw", "unroute", "stop", "remove", "boot"])
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
    version before stays), drain, stop, remove, unroute, boot (a boot of the host starts exactly those of these that have traffic).

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
    """One container of the service as it is now. `weight` is its share in the RUNNING proxy, 0: gets no new request.

    `at_boot`: whether a boot of the host starts it; None where nothing is to be said of that.
    """

    name: str
    key: str
    running: bool
    weight: int = 0
    gated: bool = False
    at_boot: bool | None = None

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


def changes(steps: t.Iterable[Step]) -> bool:
    """True when walking these steps would change something that people see."""
    return any(step.action in CHANGING for step in steps)


def meaningful(steps: t.Iterable[Step]) -> list[Step]:
    """Without the steps that would touch nothing."""
    return [step for step in steps if step.names or step.action in _NAMELESS]


def traffic_to(wanted: t.Mapping[str, int], trial: Names) -> Step:
    """The step that gives the traffic to exactly these, name to weight, and the trial to those."""
    even = set(wanted.values()) == {EVEN}
    return Step("serve", tuple(wanted), () if even else tuple(wanted.values()), trial)


def live_key(observed: Observed) -> str:
    """The key that the traffic is for: the latest of history that still has some, else of those that run that with the
    largest share; "" for none."""
    given = observed.shares
    past = [key for key in observed.history if key in given]
    serving = sorted({one.key for one in observed.instances if one.serving})
    return past[-1] if past else max(serving, key=lambda key: given[key], default="")


def phase(one: Instance, live: str) -> str:
    """The word for an instance: live, canary (a share of the traffic), down (should have some, but does not run), candidate, retired.

    `live`: the live key.
    """
    if one.weight:
        return "down" if not one.running else "live" if one.key == live else "canary"
    return "candidate" if one.running else "retired"
