# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result as a page for people. Pure: the same result gives the same page."""

from __future__ import annotations

import typing as t

from lossless.drivers import DRIVERS
from lossless.record import Row, middle, total
from lossless.settings import APART, OURS, PEER_WAYS, RECREATE, ROLLOUT, SEED, WEBSOCKETS

ENGINE_NAMES = {"docker": "Docker", "podman": "Podman", "rootless": "Podman, rootless"}
WAY_NAMES = {
    SEED: "alias, start the new, wait 2 s, stop the old",
    RECREATE: "recreate",
    ROLLOUT: "`docker rollout`, the proxy finds it by name",
}
RECREATE_MODULES = {"docker": "community.docker.docker_container", "podman": "containers.podman.podman_container"}
PAGE = """# What is lost while versions replace each other

%(facts)s

## This collection

%(ours)s

`switch` is the step that moves the traffic: files, the running process, and its confirmation; median and longest. `drained` are requests
that the old version still had when it left the traffic and answered all by itself (where the proxy has no such count: connections), `cut` those
that were still open at the end of `drain_timeout`. `gap` is the longest time without a good answer, all kinds of traffic together; it includes
what the busy machine adds, so read its order of magnitude only.%(client)s

## Lossy by nature

%(apart)s

A websocket has no end to wait for. It stays on the old version until `drain_timeout` (8 s here), then the old version is stopped. Requests beside them
are counted as above, and must not be lost either.

%(websockets)s

`opened` counts them again when the client comes back. `closed` got a close frame from the application, `broken` did not.

## What others do, in the same run

No proxy is in the way of `recreate`; it replaces the container by the module named. What is always in flight asks again 0.1 s after a
failure, so a long gap counts more requests than the rate would. These rows are not part of the last line.

%(peers)s

%(faults)s```
%(line)s
```
"""
_APART = """These ways of ours cannot promise it, so their rows are not part of the last line.

%s

%s"""


def page(facts: t.Mapping[str, str], rows: t.Sequence[Row], missing: t.Sequence[str] = ()) -> str:
    """The page; `facts` say about what and when, `missing` what could not be measured."""
    ours = [row for row in rows if row.way == OURS]
    faults = ["- %s: %s" % (" ".join((row.way, row.driver, row.engine, row.mode)), fault) for row in rows for fault in row.faults]
    faults += ["- not measured: %s" % problem for problem in missing]
    return PAGE % {
        "facts": "\n".join("- %s: %s" % item for item in facts.items()),
        "ours": our_table(ours),
        "client": _client(rows),
        "apart": _apart([row for row in rows if row.way == APART]),
        "websockets": websocket_table([row for row in rows if row.way == WEBSOCKETS]),
        "peers": peer_table([row for row in rows if row.way in PEER_WAYS]),
        "faults": "## What went wrong\n\n%s\n\n" % "\n".join(faults) if faults else "",
        "line": total(ours).line,
    }


def _client(rows: t.Sequence[Row]) -> str:
    most = max((row.client_cpu for row in rows), default=0.0)
    return " The client itself\nused at most %.0f %% of one core in any row." % (most * 100) if most else ""


def _apart(rows: t.Sequence[Row]) -> str:
    reasons = ["- %s: %s." % (DRIVERS[name].title, DRIVERS[name].apart) for name in dict.fromkeys(row.driver for row in rows)]
    return _APART % ("\n".join(reasons), our_table(rows)) if rows else ""


def our_table(rows: t.Sequence[Row]) -> str:
    """Our rows, and their sum."""
    head = ("driver", "engine", "app on SIGTERM", "cutovers", "sent", "lost", "gap ms", "switch ms p50", "max", "drained", "cut")
    body = [
        (
            *_who(row),
            str(row.cutovers),
            count(row.sent),
            lost_text(row.lost, row.lost_by_kind),
            "%.0f" % row.gap_ms,
            "%.0f" % middle(row.switch_ms),
            "%.0f" % max(row.switch_ms, default=0.0),
            str(row.drained),
            str(row.cut),
        )
        for row in rows
    ]
    found = total(rows)
    lost = lost_text(found.lost, found.lost_by_kind)
    last = ("**all**", "", "", str(found.cutovers), count(found.sent), lost, "", "", "", "", str(sum(row.cut for row in rows)))
    return table(head, [*body, last])


def websocket_table(rows: t.Sequence[Row]) -> str:
    """The rows with websockets open."""
    head = ("driver", "engine", "app on SIGTERM", "cutovers", "sent", "lost", "opened", "closed", "broken", "cut")
    body = [
        (
            *_who(row),
            str(row.cutovers),
            count(row.sent),
            lost_text(row.lost, row.lost_by_kind),
            str(row.websockets["opened"]),
            str(row.websockets["closed"]),
            str(sum(row.websockets["lost_by_kind"].values())),
            str(row.cut),
        )
        for row in rows
    ]
    return table(head, body)


def peer_table(rows: t.Sequence[Row]) -> str:
    """What others do."""
    head = ("way", "driver", "engine", "app on SIGTERM", "cutovers", "sent", "lost", "gap ms")
    body = [(way_name(row), *_who(row), str(row.cutovers), count(row.sent), lost_text(row.lost, row.lost_by_kind), "%.0f" % row.gap_ms) for row in rows]
    return table(head, body)


def way_name(row: Row) -> str:
    """What is done, with the module's name where it is one."""
    if row.way == RECREATE:
        return "recreate, `%s`" % RECREATE_MODULES["docker" if row.engine == "docker" else "podman"]
    return WAY_NAMES[row.way]


def lost_text(lost: int, kinds: t.Mapping[str, int]) -> str:
    """The number, and how many in which way."""
    if not lost:
        return "**0**"
    return "%s (%s)" % (count(lost), ", ".join("%s %d" % item for item in sorted(kinds.items(), key=lambda item: -item[1])))


def _who(row: Row) -> tuple[str, str, str]:
    return title(row), ENGINE_NAMES[row.engine], row.mode


def title(row: Row) -> str:
    """The name of the row's driver, "" without one."""
    return DRIVERS[row.driver].title if row.driver else ""


def count(number: int) -> str:
    """1,234,567."""
    return f"{number:,}"


def table(head: t.Sequence[str], body: t.Sequence[t.Sequence[str]]) -> str:
    """A table in Markdown."""
    if not body:
        return "Not measured in this run."
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| %s |" % " | ".join(line) for line in lines)
