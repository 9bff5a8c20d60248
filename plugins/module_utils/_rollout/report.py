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
from . import plan as planner
from .observe import Sight, address_of
from .spec import ServiceSpec


@dataclasses.dataclass(frozen=True)
class Report:
    """One run: what was asked, decided, and seen before. `route` is the one that the proxy had."""

    desired: planner.Desired
    spec: ServiceSpec
    steps: t.Sequence[planner.Step]
    pull: t.Sequence[str]
    sight: Sight
    route: Route | None

    @property
    def texts(self) -> list[str]:
        """The plan as people read it; what only takes notes is left out."""
        return ["pull " + image for image in self.pull] + [str(step) for step in self.steps if step.action != "record"]

    @property
    def changed(self) -> bool:
        return bool(self.pull) or planner.changes(self.steps)

    @property
    def expected(self) -> planner.Observed:
        """The state after the plan."""
        return planner.after(self.steps, self.sight.observed, self.desired.key)

    def previous_version(self) -> str | None:
        """The last known good version that a rollback would go to after this run."""
        key = planner.previous(self.expected, self.desired.key)
        return self.sight.version_of(key) or None

    def result(self, now: Sight, phases: t.Sequence[t.Mapping[str, t.Any]], drained: int, cut: int) -> dict[str, t.Any]:
        """The module's result; `now` is what was seen last."""
        return {
            "changed": self.changed,
            "version": None if self.desired.state == "absent" else self.spec.version,
            "previous_version": self.previous_version(),
            "plan": self.texts,
            "phases": list(phases),
            "drained": drained,
            "cut": cut,
            "instances": self._instances(now),
            "diff": self.diff(),
        }

    def diff(self) -> dict[str, t.Any]:
        """Instances by phase and the route, before and after; environment and command never appear."""
        wanted = self.spec.route if self.spec.port and self.desired.state == "live" else self.route
        gone = self.desired.state == "absent"
        return {
            "before": _picture(self.sight.observed, self.route),
            "after": _picture(self.expected, None if gone else wanted),
        }

    def _instances(self, now: Sight) -> list[dict[str, t.Any]]:
        return [
            {
                "name": one.name,
                "version": now.containers[one.name].labels.get(LABEL_VERSION, ""),
                "phase": planner.phase(one),
                "weight": one.weight,
                "address": address_of(now.containers[one.name], self.spec.network),
                "state": now.containers[one.name].state,
            }
            for one in now.observed.instances
        ]


def _picture(observed: planner.Observed, route: Route | None) -> dict[str, t.Any]:
    return {
        "instances": {one.name: planner.phase(one) for one in sorted(observed.instances, key=lambda one: one.name)},
        "route": {"hosts": list(route.hosts), "path": route.path} if route else None,
    }
