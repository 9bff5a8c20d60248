# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/how-it-stays-lossless.md says of the result, between its two marks. Pure: the same result gives the same text."""

from __future__ import annotations

import itertools
import typing as t

from lossless.drivers import DRIVERS
from lossless.record import Row, total
from lossless.settings import APART, OURS, PEER_WAYS, WEBSOCKETS
from lossless.table import ENGINE_NAMES, count, table, title, way_name

BEGIN, END = "<!-- from bench/results/lossless.json -->\n", "<!-- end -->\n"
TEXT = """
By `./dev bench-lossless`, %(date)s, on %(machine)s; hosts: %(hosts)s. The module `service` over ssh, and a client outside the
host: %(load)s. "Rude" is an application that dies at once on SIGTERM, "ignore" one that does not react to it and is killed.
Zero means "none of so many".

%(ours)s

%(sentence)s

%(apart)sIn the same run, what others do:

%(peers)s

The whole result, with kinds of loss, versions and the command, is in `bench/results/lossless.md`; `CUTOVERS=` and `RATE=` make it longer or harder.

"""


def fill(text: str, facts: t.Mapping[str, str], rows: t.Sequence[Row]) -> str:
    """The page with the result's part made anew. Raises ValueError when its marks are missing."""
    before, rest = text.split(BEGIN)
    _old, after = rest.split(END)
    return before + BEGIN + part(facts, rows) + END + after


def part(facts: t.Mapping[str, str], rows: t.Sequence[Row]) -> str:
    """The result's part of the page."""
    ours = [row for row in rows if row.way == OURS]
    apart = [row for row in rows if row.way == APART]
    return TEXT % {
        **{name: facts[name] for name in ("date", "machine", "hosts")},
        "load": facts["load"].partition(";")[0],
        "ours": our_table(ours),
        "sentence": _sentence(ours, [row for row in rows if row.way == WEBSOCKETS]),
        "apart": "".join(_apart(apart)),
        "peers": peer_table([row for row in rows if row.way in PEER_WAYS]),
    }


def our_table(rows: t.Sequence[Row]) -> str:
    """A line for each driver and engine, the kinds of application added up."""
    head = ("way", "engine", "application on SIGTERM", "cutovers", "requests", "lost")
    groups = itertools.groupby(sorted(rows, key=_place), key=lambda row: (row.driver, row.engine))
    body = [_line(list(group)) for _key, group in groups]
    found = total(rows)
    return table(head, [*body, ("**all**", "", "", count(found.cutovers), count(found.sent), _lost(found.lost))])


def _place(row: Row) -> tuple[int, int]:
    return list(DRIVERS).index(row.driver), list(ENGINE_NAMES).index(row.engine)


def _line(rows: t.Sequence[Row]) -> tuple[str, ...]:
    found = total(rows)
    return title(rows[0]), ENGINE_NAMES[rows[0].engine], ", ".join(row.mode for row in rows), count(found.cutovers), count(found.sent), _lost(found.lost)


def _lost(number: int) -> str:
    return count(number) if number else "**0**"


def _sentence(ours: t.Sequence[Row], sockets: t.Sequence[Row]) -> str:
    text = "The longest time without any good answer in these rows was %.0f ms; read it as an order of magnitude." % max(
        (row.gap_ms for row in ours), default=0
    )
    if not sockets:
        return text
    found = total(sockets)
    opened, cut = (sum(values) for values in ([row.websockets["opened"] for row in sockets], [row.cut for row in sockets]))
    closed = sum(row.websockets["closed"] for row in sockets)
    words = (count(found.cutovers), count(found.lost), count(found.sent), count(opened), count(cut), count(closed))
    return text + (
        " With four WebSockets open\nbeside the same load, %s cutovers lost %s of %s requests; of the %s WebSockets opened, %s were open until `drain_timeout`"
        " and then\ncounted in `cut`, and %s got a close frame from the application." % words
    )


def _apart(rows: t.Sequence[Row]) -> t.Iterator[str]:
    if rows:
        yield "Ways that are lossy by nature, and not part of the sum:\n\n%s\n\n" % our_table(rows)
        yield from ("- %s: %s.\n" % (DRIVERS[name].title, DRIVERS[name].apart) for name in dict.fromkeys(row.driver for row in rows))
        yield "\n"


def peer_table(rows: t.Sequence[Row]) -> str:
    """What others do."""
    head = ("way", "engine", "application", "cutovers", "requests", "lost", "longest gap")
    body = [
        (
            way_name(row) + (" (%s)" % title(row) if row.driver else ""),
            ENGINE_NAMES[row.engine],
            row.mode,
            count(row.cutovers),
            count(row.sent),
            _lost(row.lost),
            "%.1f s" % (row.gap_ms / 1000),
        )
        for row in rows
    ]
    return table(head, body)
