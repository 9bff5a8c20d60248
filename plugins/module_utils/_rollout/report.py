# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What the service module says: the plan in words, the difference, and what is there now. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._engine.types import LABEL_VERSION
from .._switch.types import Route
from .after import after
from .asset_spec import NOTHING, Bridging
from .bake import Baked
from .observe import Sight, address_of
from .plan import previous
from .redirects import ask_to_dict, without_tool
from .route_spec import route_to_dict
from .spec import ServiceSpec
from .state import Desired, Observed, Step, changes, live_key, phase

if t.TYPE_CHECKING:
    from .making_room import Making


@dataclasses.dataclass(frozen=True)
class Walked:
    """What became of the plan, see runner.Runner; the defaults are for a plan that was not walked."""

    phases: t.Sequence[t.Mapping[str, t.Any]] = ()
    drained: int = 0
    cut: int = 0
    left: t.Sequence[str] = ()
    drain_observed: str = "none"
    baked: Baked | None = None

    def as_dict(self) -> dict[str, t.Any]:
        """As result and journal have it."""
        return {
            "phases": list(self.phases),
            "drained": self.drained,
            "cut": self.cut,
            "left": list(self.left),
            "drain_observed": self.drain_observed,
            "bake": dataclasses.asdict(self.baked) if self.baked else None,
        }


@dataclasses.dataclass(frozen=True)
class Report:
    """One run: what was asked, decided, and seen before. `route` is the one that the proxy had, `wanted` the one it shall have.

    `redirect` is the kernel's redirect that there was, as redirects.ask_to_dict has it without the tool; {} for none.
    `unneeded` are references of images that nothing will use when the plan is walked. `secrets` are names of those whose copies are
    to be written, `stale` generations of copies that no container will use. `assets` is what is to be done for static files.
    `making`: what goes for room on the disk, None without a bound; `steps` begin with what goes first.
    """

    desired: Desired
    spec: ServiceSpec
    steps: t.Sequence[Step]
    pull: t.Sequence[str]
    sight: Sight
    route: Route | None
    wanted: Route | None
    redirect: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    unneeded: t.Sequence[str] = ()
    secrets: t.Sequence[str] = ()
    stale: t.Sequence[str] = ()
    assets: Bridging = NOTHING
    making: Making | None = None

    @property
    def texts(self) -> list[str]:
        """The plan as people read it; what only takes notes is left out."""
        steps = [str(step) for step in self.steps if step.action != "record"]
        written = [" ".join(["write", *self.secrets])] if self.secrets else []
        pruned = ["prune " + image for image in self.unneeded] + ["prune secrets " + generation for generation in self.stale]
        cut = len(self.first)
        return steps[:cut] + ["pull " + image for image in self.pull] + written + self.assets.first + steps[cut:] + self.assets.last + pruned

    @property
    def first(self) -> t.Sequence[Step]:
        """The steps that make room before anything else."""
        return self.steps[:1] if self.making and self.making.first else ()

    @property
    def changed(self) -> bool:
        noted = (self.pull, self.unneeded, self.secrets, self.stale, self.assets.first, self.assets.last, self.making and self.making.last)
        return any(noted) or changes(self.steps)

    @property
    def expected(self) -> Observed:
        """The state after the plan."""
        return after(self.steps, self.sight.observed, self.desired.key)

    def previous_version(self) -> str | None:
        """The last known good version that a rollback would go to after this run."""
        key = previous(self.expected, self.desired.key)
        return self.sight.version_of(key) or None

    def result(self, now: Sight, walked: Walked, assets: t.Mapping[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The module's result; `now` is what was seen last, and `assets` what the version then had of static files."""
        return {
            "changed": self.changed,
            "version": None if self.desired.state == "absent" else self.spec.version,
            "previous_version": self.previous_version(),
            "plan": self.texts,
            **walked.as_dict(),
            "shares": self.shares(now.observed),
            "instances": self._instances(now, walked.left),
            **({"assets": dict(assets)} if assets else {}),
            "diff": self.diff(),
            **({"disk": self.making.as_dict(), "warnings": self.making.warnings} if self.making else {}),
        }

    def shares(self, observed: Observed) -> dict[str, int]:
        """Percent of the traffic by version; by key where two of a version have some."""
        version = {key: self.sight.version_of(key) or self.spec.version for key in observed.shares}
        several = {one for one in version.values() if list(version.values()).count(one) > 1}
        return {key if version[key] in several else version[key]: share for key, share in observed.shares.items()}

    def diff(self) -> dict[str, t.Any]:
        """Instances by phase and the route, before and after; environment and command never appear."""
        moved = any(step.action in ("serve", "preview", "hold") for step in self.steps)
        gone = self.desired.state == "absent"
        wanted = without_tool(ask_to_dict(self.spec.means.redirect))
        after_ = (None, {}) if gone else (self.wanted, wanted) if moved else (self.route, self.redirect)
        return {
            "before": {**self._picture(self.sight.observed, self.route, self.redirect), **self._kept(self.assets.before)},
            "after": {**self._picture(self.expected, *after_), **self._kept(self.assets.after)},
        }

    def _kept(self, versions: t.Sequence[str]) -> dict[str, t.Any]:
        return {"assets": list(versions)} if self.assets.before or self.assets.after else {}

    def _instances(self, now: Sight, left: t.Container[str]) -> list[dict[str, t.Any]]:
        live = live_key(now.observed)
        return [
            {
                "name": one.name,
                "version": now.containers[one.name].labels.get(LABEL_VERSION, ""),
                "phase": "draining" if one.name in left else phase(one, live),
                "weight": one.weight,
                "address": address_of(now.containers[one.name], self.spec.network),
                "state": now.containers[one.name].state,
            }
            for one in now.observed.instances
        ]

    def _picture(self, observed: Observed, route: Route | None, redirect: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        live = live_key(observed)
        return {
            "instances": {one.name: phase(one, live) for one in sorted(observed.instances, key=lambda one: one.name)},
            "shares": self.shares(observed),
            "route": route_to_dict(route) if route else None,
            **({"redirect": dict(redirect)} if redirect else {}),
        }
