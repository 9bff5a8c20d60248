# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Which route wins: the same table for every driver."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from .._errors import SwitchError
from .types import Route


@dataclasses.dataclass(frozen=True)
class Rule:
    """Requests for `host` ("": any, "*.x": every name below x) below `path` go to `service`; `preview`: to its version on trial."""

    host: str
    path: str
    service: str
    preview: bool = False

    @property
    def wildcard(self) -> bool:
        """True for a host of the form *.x."""
        return self.host.startswith("*.")


def _precedence(rule: Rule) -> tuple[int, int, int, str, str]:
    kind = 2 if not rule.host else 1 if rule.wildcard else 0
    return (kind, -len(rule.host) if rule.wildcard else 0, -len(rule.path), rule.host, rule.path)


def digest(route: Route, *elsewhere: str) -> str:
    """What tells one route from another, but for the fields that a driver has elsewhere than in its configuration: 12 hex digits."""
    record = {name: value for name, value in dataclasses.asdict(route).items() if name not in elsewhere}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]


def rules(routes: t.Iterable[Route]) -> list[Rule]:
    """The table, first match wins: exact hosts, then wildcards (longest first), then any host; longer paths first.

    Raises SwitchError when two services claim the same host and path.
    """
    found: dict[tuple[str, str], Rule] = {}
    for route in routes:
        for rule in _claims(route):
            other = found.setdefault((rule.host, rule.path), rule)
            if (other.service, other.preview) != (rule.service, rule.preview):
                raise SwitchError(
                    "services %s and %s both claim host %s, path %s" % (other.service, rule.service, rule.host or "(any)", rule.path),
                    "Give one of them another host or path.",
                )
    return sorted(found.values(), key=_precedence)


def _claims(route: Route) -> list[Rule]:
    public = [Rule(host, route.path, route.service) for host in route.hosts or ("",)]
    trial = route.preview.host if route.preview else ""
    return [*public, Rule(trial, route.path, route.service, preview=True)] if trial else public
