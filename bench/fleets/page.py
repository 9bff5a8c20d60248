# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result as a page for people. Pure."""

from __future__ import annotations

import typing as t

from lossless.table import table

from fleets.record import AGAIN, OURS, ROLLOUT, THEIRS, Row, growth, per_host

TITLES = {ROLLOUT: "Another version for every host", AGAIN: "The same version again: nothing to do"}
PAGE = """# What a fleet costs

%(facts)s

Both do the same steps on the same hosts, in one batch: the network and a HAProxy in a container are as asked, the new version is started beside the old
one, answers its health check, gets the traffic, answers through the public port, and the old version is stopped and removed. *Ours* is
`hotswap.containers.rollout`, with its lease, journal, table and record. *Theirs* is [a playbook](../fleets/plays/peer.yml) of
`community.docker` or `containers.podman`, as well as we could write it; it has no lock, no way back and no drain. Two runs that are compared ran one right
after the other. The ratio is the median of those pairs; seconds are medians for **one host**, CPU is controller and hosts together.

%(tables)s
%(growth)s
%(judged)s

```
%(line)s
```
"""
BOUND = 0.5


def page(facts: t.Mapping[str, str], rows: t.Sequence[Row]) -> str:
    """The page; `facts` say about what and when."""
    tables = ["## %s\n\n%s\n" % (TITLES[case], _table([row for row in rows if row.case == case])) for case in TITLES]
    return PAGE % {
        "facts": "\n".join("- %s: %s" % item for item in facts.items()),
        "tables": "\n".join(tables),
        "growth": _growth(rows),
        "judged": _judged(rows),
        "line": closing(rows),
    }


def _table(rows: t.Sequence[Row]) -> str:
    head = ("engine", "hosts", "pairs", "ours: wall", "CPU", "of it controller", "theirs: wall", "CPU", "of it controller", "ratio of wall", "ratio of CPU")
    return table(head, [_line(row) for row in rows])


def _line(row: Row) -> tuple[str, ...]:
    costs = ["%.2f s" % per_host(row, side, what) for side in (OURS, THEIRS) for what in ("wall", "cpu", "controller")]
    return (row.engine, str(row.hosts), str(len(row.ours)), *costs, "**%.2f**" % row.ratio("wall"), "**%.2f**" % row.ratio("cpu"))


def _growth(rows: t.Sequence[Row]) -> str:
    found = {(row.engine, row.case): growth(rows, row.engine, row.case, "cpu") for row in rows}
    lines = ["- %s, %s: %.2f" % (engine, TITLES[case].split(":")[0].lower(), value) for (engine, case), value in found.items() if value is not None]
    if not lines:
        return ""
    told = "CPU that one more host costs us between the two largest fleets, to that between the two smallest (1 is linear):"
    return "## Growth\n\n%s\n\n%s\n" % (told, "\n".join(lines))


def _judged(rows: t.Sequence[Row]) -> str:
    within = sum(max(row.ratio("wall"), row.ratio("cpu")) <= BOUND for row in rows)
    return "What we want is half of theirs, a ratio of %.2f. %d of %d rows reach it." % (BOUND, within, len(rows))


def closing(rows: t.Sequence[Row]) -> str:
    """The last line: the largest of the ratios, which the bound is for."""
    if not rows:
        return "bench-fleet: nothing was measured"
    worst = [max(row.ratio(what) for row in rows) for what in ("wall", "cpu")]
    return "bench-fleet: rows=%d hosts=%d ratio wall<=%.2f cpu<=%.2f (bound %.2f)" % (len(rows), max(row.hosts for row in rows), *worst, BOUND)
