# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was counted for one combination, and sums over several. Pure."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from lossless.settings import Combo

Counts = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Row:
    """One combination: what the client counted, and what each cutover reported.

    `gap_ms` is the longest time without any good answer, `p99_ms` the time since it was due within which 99 % of the paced requests were
    answered (seconds say that the machine could not keep the rate), `switch_ms` the step that moves the traffic, `cutover_s` a whole
    module run's steps (both for our cutovers only). `client_cpu` is the client's own share of one core: near 1 it would have been the
    bottleneck. `commit` is the state of the collection. `faults` says in words why the row cannot count.
    """

    way: str
    driver: str
    engine: str
    mode: str
    cutovers: int
    sent: int
    lost: int
    lost_by_kind: dict[str, int]
    gap_ms: float
    p99_ms: float
    switch_ms: list[float]
    cutover_s: list[float]
    drained: int
    cut: int
    websockets: dict[str, t.Any]
    seconds: float
    losses: list[str]
    faults: list[str]
    client_cpu: float = 0.0
    commit: str = ""


def row_of(combo: Combo, counted: Counts, cutovers: t.Sequence[Counts], commit: str = "") -> Row:
    """The row of a combination from the client's report and the cutovers' notes."""
    good = [one for one in cutovers if one["ok"]]
    return Row(
        way=combo.way,
        driver=combo.driver,
        engine=combo.engine,
        mode=combo.mode,
        cutovers=len(good),
        sent=counted["sent"],
        lost=counted["lost"],
        lost_by_kind=dict(counted["lost_by_kind"]),
        gap_ms=round(counted["longest_gap"] * 1000),
        p99_ms=counted["p99_ms"],
        switch_ms=[phase["seconds"] * 1000 for one in good for phase in one["phases"] if phase["name"] == "serve"],
        cutover_s=[round(sum(phase["seconds"] for phase in one["phases"]), 2) for one in good if one["phases"]],
        drained=sum(one["drained"] for one in good),
        cut=sum(one["cut"] for one in good),
        websockets=dict(counted["websockets"]),
        seconds=counted["seconds"],
        losses=["%s %s %s" % (loss["traffic"], loss["kind"], when(loss["at"], cutovers)) for loss in counted["failures"]],
        faults=_faults(combo, counted, cutovers),
        client_cpu=round(counted["cpu"] / max(counted["seconds"], 0.001), 3),
        commit=commit,
    )


def _faults(combo: Combo, counted: Counts, cutovers: t.Sequence[Counts]) -> list[str]:
    faults = ["cutover %d to %s failed: %s" % (number, one["version"], one["msg"]) for number, one in enumerate(cutovers, 1) if not one["ok"]]
    if len(cutovers) != combo.cutovers:
        faults.append("%d of %d cutovers were tried" % (len(cutovers), combo.cutovers))
    if set(counted["versions"]) != {"A", "B"}:
        faults.append("answers came from %s, not from A and B" % (", ".join(sorted(counted["versions"])) or "nobody"))
    if counted["sent"] != counted["ok"] + counted["lost"]:
        faults.append("%d requests are neither answered nor lost" % (counted["sent"] - counted["ok"] - counted["lost"]))
    return faults


def when(at: float, cutovers: t.Sequence[Counts]) -> str:
    """The step of a cutover that a moment (seconds since 1970) fell into, to about a second: a note is taken after its module ended."""
    for number, one in enumerate(cutovers, 1):
        if at <= one["ended"]:
            return "%s cutover %d to %s, %.2f s before its end" % (_step(at, one), number, one["version"], one["ended"] - at)
    return "after the last cutover"


def _step(at: float, cutover: Counts) -> str:
    begin = cutover["ended"]
    for phase in reversed(cutover["phases"]):
        begin -= phase["seconds"]
        if at >= begin:
            return "in %s of" % phase["name"]
    return "before the steps of" if cutover["phases"] else "in"


def middle(values: t.Sequence[float]) -> float:
    """The median, the upper one of two; 0.0 of nothing."""
    return sorted(values)[len(values) // 2] if values else 0.0


@dataclasses.dataclass(frozen=True)
class Total:
    """The sum of rows."""

    combos: int
    cutovers: int
    sent: int
    lost: int
    lost_by_kind: dict[str, int]

    @property
    def line(self) -> str:
        return "lossless: combos=%d cutovers=%d sent=%d lost=%d" % (self.combos, self.cutovers, self.sent, self.lost)


def total(rows: t.Sequence[Row]) -> Total:
    """Adds rows up."""
    kinds: collections.Counter[str] = collections.Counter()
    for row in rows:
        kinds.update(row.lost_by_kind)
    return Total(len(rows), sum(row.cutovers for row in rows), sum(row.sent for row in rows), sum(row.lost for row in rows), dict(kinds))
