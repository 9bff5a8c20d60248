# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the demo: a table for people and one last line for machines."""

from __future__ import annotations

import typing as t

from rich.console import Console
from rich.table import Table

from .acts import Outcome

CUTOVERS = 2
REJECTED = 1
# How the steps of the service module are called in the table, in this order.
PHASES = (("start", ("create", "start")), ("gate", ("gate",)), ("switch", ("serve", "verify")), ("drain", ("drain",)), ("stop", ("stop", "remove")))


def cutovers(outcomes: t.Iterable[Outcome]) -> int:
    """Completed changes from one version to another under load: A to B, and B back to A."""
    return sum(1 for one in outcomes if one.ok and not one.act.refused and one.act.before)


def rejected(outcomes: t.Iterable[Outcome]) -> int:
    """Versions that were refused as they should be, the old one serving on."""
    return sum(1 for one in outcomes if one.ok and one.act.refused)


def last_line(report: t.Mapping[str, t.Any], outcomes: t.Sequence[Outcome]) -> str:
    """What scripts read."""
    return "demo: sent=%d lost=%d cutovers=%d rejected=%d" % (report["sent"], report["lost"], cutovers(outcomes), rejected(outcomes))


def good(report: t.Mapping[str, t.Any], outcomes: t.Sequence[Outcome]) -> bool:
    """Whether everything happened as it should, and nothing was lost."""
    as_expected = cutovers(outcomes) == CUTOVERS and rejected(outcomes) == REJECTED
    return as_expected and report["sent"] > 0 and report["lost"] == 0


def show(report: t.Mapping[str, t.Any], outcomes: t.Sequence[Outcome]) -> None:
    """Prints the table and what the client saw."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=120, no_color=True)
    console.print(table(outcomes))
    for text in sentences(report, outcomes):
        console.print(text, highlight=False, soft_wrap=True)


def table(outcomes: t.Iterable[Outcome]) -> Table:
    """One row for each act."""
    result = Table(box=None, padding=(0, 2, 0, 0), title="what happened under load (seconds)", title_justify="left")
    result.add_column("act", no_wrap=True)
    for name in (*(phase for phase, _steps in PHASES), "all", "drained", "cut", "requests", "lost"):
        result.add_column(name, justify="right", no_wrap=True)
    for one in outcomes:
        result.add_row(*_row(one))
    return result


def _row(one: Outcome) -> list[str]:
    spent: dict[str, float] = {}
    for phase in one.result.get("phases", []):
        spent[phase["name"]] = spent.get(phase["name"], 0.0) + phase["seconds"]
    phases = [_seconds([spent[step] for step in steps if step in spent]) for _name, steps in PHASES]
    name = "%s, not %s" % (one.act.after, one.act.offered) if one.act.refused else "%s -> %s" % (one.act.before, one.act.after)
    open_requests = [str(one.result.get(key, "-")) for key in ("drained", "cut")]
    return [name, *phases, "%.1f" % one.seconds, *open_requests, str(one.requests), str(one.lost)]


def _seconds(spent: t.Sequence[float]) -> str:
    return "%.2f" % sum(spent) if spent else "-"


def sentences(report: t.Mapping[str, t.Any], outcomes: t.Sequence[Outcome]) -> t.Iterator[str]:
    """What the client saw, and what went wrong if something did."""
    yield "The client sent %(sent)d requests in %(seconds).0f s (%(requests_per_second).0f a second) and retried none." % report
    yield "Half were answered within %(p50_ms).1f ms, 99 %% within %(p99_ms).0f ms." % report
    yield "Traffic: %s." % ", ".join("%s %d" % (kind, tally["sent"]) for kind, tally in report["traffic"].items())
    yield "Longest time without an answer: %.0f ms. Cutovers under load: %d (A to B, B to A)." % (report["longest_gap"] * 1000, cutovers(outcomes))
    if report["lost"]:
        yield "LOST %d: %s" % (report["lost"], report["lost_by_kind"])
        for failure in report["failures"]:
            yield "  %(at).3f %(traffic)s %(kind)s %(version)s" % failure
    for one in outcomes:
        if not one.ok:
            yield "NOT AS IT SHOULD BE, %s: %s" % (one.act.title, one.why)
