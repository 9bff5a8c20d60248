# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result as a page for people. Pure: the same result gives the same page."""

from __future__ import annotations

import typing as t

from lossless.record import Row, middle, total
from lossless.settings import OURS, RECREATE, SEED, WEBSOCKETS

ENGINE_NAMES = {"docker": "Docker", "podman": "Podman", "rootless": "Podman, rootless"}
DRIVER_NAMES = {"haproxy": "HAProxy", "caddy": "Caddy", "": ""}
WAY_NAMES = {
    SEED: "alias, start the new, wait 2 s, stop the old",
    RECREATE: "recreate",
}
RECREATE_MODULES = {"docker": "community.docker.docker_container", "podman": "containers.podman.podman_container"}
PAGE = """# What is lost while versions replace each other

%(facts)s

## This collection

%(ours)s

`switch` is the step that moves the traffic: files, the running process, and its confirmation; median and longest. `drained` are requests
that the old version still had when it left the traffic and answered all by itself (Caddy: connections), `cut` those that were
still open at the end of `drain_timeout`. `gap` is the longest time without a good answer, all kinds of traffic together; it includes
what the busy machine adds, so read its order of magnitude only.

## Lossy by nature: websockets

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


def page(facts: t.Mapping[str, str], rows: t.Sequence[Row]) -> str:
    """The page; `facts` say about what and when."""
    ours = [row for row in rows if row.way == OURS]
    faults = ["- %s: %s" % (" ".join((row.way, row.driver, row.engine, row.mode)), fault) for row in rows for fault in row.faults]
    return PAGE % {
        "facts": "\n".join("- %s: %s" % item for item in facts.items()),
        "ours": our_table(ours),
        "websockets": websocket_table([row for row in rows if row.way == WEBSOCKETS]),
        "peers": peer_table([row for row in rows if row.way in (SEED, RECREATE)]),
        "faults": "## What went wrong\n\n%s\n\n" % "\n".join(faults) if faults else "",
        "line": total(ours).line,
    }


def our_table(rows: t.Sequence[Row]) -> str:
    """Our rows, and their sum."""
    head = ("driver", "engine", "app on SIGTERM", "cutovers", "sent", "lost", "gap ms", "switch ms p50", "max", "drained", "cut")
    body = [
        (
            *_who(row),
            str(row.cutovers),
            _count(row.sent),
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
    last = ("**all**", "", "", str(found.cutovers), _count(found.sent), lost, "", "", "", "", str(sum(row.cut for row in rows)))
    return _table(head, [*body, last])


def websocket_table(rows: t.Sequence[Row]) -> str:
    """The rows with websockets open."""
    head = ("driver", "engine", "app on SIGTERM", "cutovers", "sent", "lost", "opened", "closed", "broken", "cut")
    body = [
        (
            *_who(row),
            str(row.cutovers),
            _count(row.sent),
            lost_text(row.lost, row.lost_by_kind),
            str(row.websockets["opened"]),
            str(row.websockets["closed"]),
            str(sum(row.websockets["lost_by_kind"].values())),
            str(row.cut),
        )
        for row in rows
    ]
    return _table(head, body)


def peer_table(rows: t.Sequence[Row]) -> str:
    """What others do."""
    head = ("way", "driver", "engine", "app on SIGTERM", "cutovers", "sent", "lost", "gap ms")
    body = [(way_name(row), *_who(row), str(row.cutovers), _count(row.sent), lost_text(row.lost, row.lost_by_kind), "%.0f" % row.gap_ms) for row in rows]
    return _table(head, body)


def way_name(row: Row) -> str:
    """What is done, with the module's name where it is one."""
    if row.way == RECREATE:
        return "recreate, `%s`" % RECREATE_MODULES["docker" if row.engine == "docker" else "podman"]
    return WAY_NAMES[row.way]


def lost_text(lost: int, kinds: t.Mapping[str, int]) -> str:
    """The number, and how many in which way."""
    if not lost:
        return "**0**"
    return "%s (%s)" % (_count(lost), ", ".join("%s %d" % item for item in sorted(kinds.items(), key=lambda item: -item[1])))


def _who(row: Row) -> tuple[str, str, str]:
    return DRIVER_NAMES[row.driver], ENGINE_NAMES[row.engine], row.mode


def _count(number: int) -> str:
    return f"{number:,}"


def _table(head: t.Sequence[str], body: t.Sequence[t.Sequence[str]]) -> str:
    if not body:
        return "Not measured in this run."
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| %s |" % " | ".join(line) for line in lines)
