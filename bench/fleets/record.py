# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured, and sums over it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

ENGINES = ("docker", "podman")
# Both ways are measured in both cases: another version for every host, and the same once more.
OURS, THEIRS = "ours", "theirs"
ROLLOUT, AGAIN = "rollout", "again"
CASES = (ROLLOUT, AGAIN)


class Unusable(Exception):
    """The environment asks for what there is not; the text says what there is."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the environment asks for; `out` is the folder of the result, "" is the committed one, `more`: keep its other rows."""

    hosts: tuple[int, ...]
    engines: tuple[str, ...]
    rounds: int
    forks: int
    out: str = ""
    more: bool = False


@dataclasses.dataclass(frozen=True)
class Cost:
    """One run of a playbook: seconds of wall time, CPU seconds of the controller, and of all hosts together."""

    wall: float
    controller: float
    hosts: float

    @property
    def cpu(self) -> float:
        """All CPU seconds."""
        return self.controller + self.hosts


@dataclasses.dataclass(frozen=True)
class Row:
    """One fleet: pairs of runs, ours and theirs, one right after the other, in turn first. `commit` is the state of the collection."""

    engine: str
    hosts: int
    case: str
    ours: list[Cost]
    theirs: list[Cost]
    commit: str

    def ratio(self, what: str) -> float:
        """Ours to theirs, the median of the pairs; `what`: wall or cpu."""
        return median([getattr(ours, what) / getattr(theirs, what) for ours, theirs in zip(self.ours, self.theirs)])


def read(env: t.Mapping[str, str]) -> Settings:
    """The settings of an environment; raises Unusable naming the variable."""
    engines = tuple(env.get("ENGINES", "").replace(",", " ").split()) or ENGINES
    if unknown := [engine for engine in engines if engine not in ENGINES]:
        raise Unusable("ENGINES: there is no %s; known are: %s" % (", ".join(unknown), " ".join(ENGINES)))
    hosts = tuple(_number("HOSTS", word) for word in (env.get("HOSTS") or "1 10 20 50").replace(",", " ").split())
    rounds, forks = _number("ROUNDS", env.get("ROUNDS") or "3"), _number("FORKS", env.get("FORKS") or "10")
    return Settings(hosts, engines, rounds, forks, env.get("OUT", ""), bool(env.get("MORE")))


def _number(name: str, word: str) -> int:
    if not word.isdecimal() or not int(word):
        raise Unusable("%s: %r is no number above 0" % (name, word))
    return int(word)


def median(values: t.Sequence[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def per_host(row: Row, side: str, what: str) -> float:
    """The median of a side's cost for one host, in seconds; `what`: wall, cpu, controller or hosts."""
    return median([getattr(cost, what) for cost in getattr(row, side)]) / row.hosts


def growth(rows: t.Sequence[Row], engine: str, case: str, what: str) -> float | None:
    """What one more host costs us between the two largest fleets, to what it costs between the two smallest: 1 is linear.

    The start of Ansible itself is in neither. None with fewer than three sizes.
    """
    points = sorted((row.hosts, per_host(row, OURS, what) * row.hosts) for row in rows if (row.engine, row.case) == (engine, case))
    steps = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in zip(points, points[1:])]
    return steps[-1] / steps[0] if len(steps) > 1 and steps[0] > 0 else None


def merged(old: t.Sequence[Row], new: t.Sequence[Row]) -> list[Row]:
    """The new rows, and of the old ones those that were not measured again; in their order."""
    known = {(row.engine, row.case, row.hosts): row for row in [*old, *new]}
    return [known[key] for key in sorted(known)]


def row_of(record: t.Mapping[str, t.Any]) -> Row:
    """A row from the result's JSON."""
    sides = {side: [Cost(**cost) for cost in record[side]] for side in (OURS, THEIRS)}
    return Row(**{**record, **sides})
