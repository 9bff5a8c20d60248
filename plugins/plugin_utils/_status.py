# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs where: what service_info returned on each host, as a table for people and as one record. Pure."""

from __future__ import annotations

import typing as t

from . import _fleet

Json = t.Dict[str, t.Any]
COLUMNS = ("host", "service", "version", "phase", "share", "instances", "restarts", "last run", "to look at")
_RUNS = 5
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_PHASES = ("live", "canary", "draining", "candidate", "retired")


def report(found: t.Mapping[str, t.Any], hosts: t.Sequence[str]) -> Json:
    """`lines` for people, `summary` as JSON could hold it, and `ok`: every host answered, and there is nothing to look at.

    `found`: host -> what service_info returned there, or how it failed; `hosts`: all that were asked, in their order.
    """
    records = [record(host, found.get(host) or {"unreachable": True, "msg": "it was not asked"}) for host in hosts]
    rows = [row for one in records for row in _rows(one)]
    wrong = [one["host"] for one in records if not one["ok"]]
    closing = "status: hosts=%d services=%d to look at=%d" % (len(records), sum(len(one["services"]) for one in records), len(wrong))
    lines = _fleet.table(rows, COLUMNS) + [line for one in records for line in _disk_line(one)] + [closing]
    return {"lines": lines, "ok": not wrong, "summary": {"ok": not wrong, "hosts": {one["host"]: one for one in records}}}


def record(host: str, info: t.Mapping[str, t.Any]) -> Json:
    """One host: `services`, `proxies`, `drift` and `disk` as service_info has them, the last runs of each service, and `ok`."""
    trouble = _fleet.reason(info) if info.get("failed") or info.get("unreachable") else ""
    journal = info.get("journal") or {}
    services = [{**one, "history": list(reversed(journal.get(one["name"]) or []))[:_RUNS]} for one in info.get("services") or []]
    one: Json = {
        "host": host,
        "reachable": not info.get("unreachable"),
        "failed": trouble,
        "engine": info.get("engine"),
        "services": services,
        "proxies": list(info.get("proxies") or []),
        "drift": list(info.get("drift") or []),
        "disk": info.get("disk"),
    }
    look = [text for part in (*services, *one["proxies"]) for text in (*part.get("problems", ()), *part.get("drift", ()))]
    return {**one, "ok": not trouble and not look and not one["drift"]}


def _rows(one: Json) -> list[tuple[str, ...]]:
    blank = ("",) * (len(COLUMNS) - 2)
    if one["failed"]:
        return [(one["host"], *blank, "%s: %s" % ("failed" if one["reachable"] else "unreachable", one["failed"]))]
    rows = [row for service in one["services"] for row in _service_rows(service)]
    rows += [_trouble_row("proxy " + proxy["name"], text) for proxy in one["proxies"] for text in proxy["drift"]]
    rows += [_trouble_row("", text) for text in one["drift"]]
    return [(one["host"], *row) for row in rows or [("nothing runs here", *blank)]]


def _trouble_row(name: str, text: str) -> tuple[str, ...]:
    return (name, *("",) * (len(COLUMNS) - 3), text)


def _service_rows(service: Json) -> list[tuple[str, ...]]:
    """A row for each version, the live one first, then one for each further thing that is to be looked at."""
    told = [*service["problems"], *service["drift"]]
    versions = sorted(service["versions"], key=lambda one: _PHASES.index(one["phase"]) if one["phase"] in _PHASES else len(_PHASES))
    last = _last_run(service["history"])
    rows = []
    for number, version in enumerate(versions):
        first = number == 0
        rows.append((service["name"], *_version_cells(version), last if first else "", told[0] if first and told else ""))
    return rows + [_trouble_row(service["name"], text) for text in told[1:]]


def _version_cells(version: Json) -> tuple[str, str, str, str, str]:
    instances = version["instances"]
    running = [one for one in instances if one["state"] == "running"]
    states = sorted({one["health"] for one in running if one["health"]})
    count = "%d of %d%s" % (len(running), len(instances), " " + ", ".join(states) if states else "")
    share = "%d %%" % version["share"] if version["share"] else ""
    return version["version"], version["phase"], share, count, str(sum(one["restarts"] for one in instances) or "")


def _last_run(history: t.Sequence[Json]) -> str:
    return "%s %s" % (history[0].get("time") or "?", history[0].get("outcome") or "?") if history else ""


def _disk_line(one: Json) -> list[str]:
    disk = one["disk"]
    if not disk:
        return []
    room = ", %s of %s free" % (_size(disk["free"]), _size(disk["total"])) if disk["total"] else ""
    return ["%s: %d images, %s; state folder %s%s" % (one["host"], disk["images"], _size(disk["images_size"]), _size(disk["state"]), room)]


def _size(count: int) -> str:
    """Bytes in the largest unit that leaves a number of 1 or more."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return "%.*f %s" % (1 if unit else 0, value, _UNITS[unit])
