# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a rollout was, host by host, from the hosts' journals: the data of the picture. Pure.

A run is one entry of a journal, with times in seconds since 1970 by the clock of its host:

    service, version, before (the version that had most of the traffic), outcome, state, who, reason, error, logs
    began, ended, cutover (None when there was none)
    phases       name, seconds, at, names, back (whether it was on the way back)
    lives        for the version before and the new one: version, and pieces of `serving`, `waiting` and `draining`, each with from and to
"""

from __future__ import annotations

import calendar
import time
import typing as t

Json = t.Dict[str, t.Any]
_MARGIN = 0.03
# What is told of a run as its journal has it.
_KEPT = ("outcome", "state", "who", "reason", "image", "image_id", "drained", "cut", "drain_observed", "bake", "plan")
_OF_A_FAILURE = ("error", "phase", "restored", "logs")
_TAKES_FROM_OLD = ("serve", "withdraw", "hold")


def report(hosts: t.Mapping[str, t.Any], title: str = "", since: float = 0.0, minutes: float = 60.0) -> Json:
    """The data of a picture. `hosts`: name -> `journal` (by service, as service_info returns it) and `probe` (a probe's
    result), or `error` where it could not be read.

    `since`: seconds since 1970, nothing before it counts; without it, what began within `minutes` before the end of the last run.
    """
    entries = [(host, service, _timed(entry)) for host, facts in hosts.items() for service, lines in (facts.get("journal") or {}).items() for entry in lines]
    entries = [(host, service, entry) for host, service, entry in entries if entry["phases"]]
    last = max((entry["ended"] for _host, _service, entry in entries), default=0.0)
    start = since or last - minutes * 60
    runs: dict[str, list[Json]] = {host: [] for host in hosts}
    for host, service, entry in sorted(entries, key=lambda one: t.cast(float, one[2]["began"])):
        if entry["began"] >= start:
            runs[host].append(_run(service, entry))
    found = [
        {"host": host, "runs": runs[host], "probe": _probe(facts.get("probe") or {}), "error": str(facts.get("error") or "")} for host, facts in hosts.items()
    ]
    began, ended = _window([run for one in runs.values() for run in one])
    return {"title": title or _title(found), "began": began, "ended": ended, "hosts": _close(found, began, ended)}


def _timed(entry: t.Mapping[str, t.Any]) -> Json:
    """The entry with the times of each phase; one of an older release has only seconds, and the time of its end."""
    phases = [dict(one) for one in entry.get("phases") or [] if isinstance(one, t.Mapping)]
    end = _seconds(entry.get("time"))
    for one in reversed(phases):
        one["seconds"] = float(one.get("seconds") or 0.0)
        one["at"] = float(one.get("at") or end - one["seconds"])
        one["names"] = list(one.get("names") or [])
        end = one["at"]
    ended = phases[-1]["at"] + phases[-1]["seconds"] if phases else end
    return {**entry, "phases": phases, "began": phases[0]["at"] if phases else end, "ended": ended}


def _seconds(text: t.Any) -> float:
    try:
        return float(calendar.timegm(time.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return 0.0


def _run(service: str, entry: t.Mapping[str, t.Any]) -> Json:
    walked = int(entry.get("walked") or len(entry["phases"]))
    phases = [{**one, "back": number >= walked} for number, one in enumerate(entry["phases"])]
    version, before = str(entry.get("version") or ""), _most(entry.get("before") or {})
    if not before and "before" not in entry:
        before = str(entry.get("previous") or "")
    gone = entry.get("state") == "absent"
    failure = {name: entry.get(name) for name in _OF_A_FAILURE} if entry.get("outcome") == "failed" else {}
    moved = [one for one in phases if one["name"] == "serve" and not one["back"]]
    return {
        "service": service,
        "version": "" if gone else version,
        "before": before,
        **{name: entry.get(name) for name in _KEPT},
        **failure,
        "began": entry["began"],
        "ended": entry["ended"],
        "cutover": _end(moved[0]) if moved else None,
        "phases": phases,
        "lives": _lives(phases, version, before, set(entry.get("instances") or []), entry),
    }


def _most(shares: t.Mapping[str, t.Any]) -> str:
    return max(shares, key=lambda version: float(shares[version])) if shares else ""


def _end(phase: t.Mapping[str, t.Any]) -> float:
    return float(phase["at"]) + float(phase["seconds"])


def _lives(phases: t.Sequence[Json], version: str, before: str, new: set[str], entry: t.Mapping[str, t.Any]) -> list[Json]:
    """When the version before and the new one ran, and what for; an open end is None."""
    lives = [{"version": before, "new": False, "pieces": _old_pieces(phases, new, entry)}] if before and before != version else []
    if entry.get("state") != "absent":
        lives.append({"version": version, "new": True, "pieces": _new_pieces(phases, before == version, entry)})
    return lives


def _old_pieces(phases: t.Sequence[Json], new: set[str], entry: t.Mapping[str, t.Any]) -> list[Json]:
    """It serves until the traffic is taken from it, drains until it is stopped, and serves again after a way back."""
    pieces: list[Json] = []
    use, since = "serving", None
    shared = entry.get("state") in ("canary", "candidate")
    for one in phases:
        about_old = not (set(one["names"]) & new)
        then = use
        if one["name"] in _TAKES_FROM_OLD and not one["back"] and not shared:
            then = "draining"
        elif one["name"] == "stop" and about_old and use != "":
            then = ""
        elif one["name"] == "serve" and one["back"]:
            then = "serving"
        if then != use:
            if use:
                pieces.append({"use": use, "from": since, "to": _end(one)})
            use, since = then, _end(one)
    return [*pieces, {"use": use, "from": since, "to": None}] if use else pieces


def _new_pieces(phases: t.Sequence[Json], there: bool, entry: t.Mapping[str, t.Any]) -> list[Json]:
    """It waits for its gate, serves, and goes when it failed."""
    failed = entry.get("outcome") == "failed" and entry.get("restored") is not False
    started = next((one["at"] for one in phases if one["name"] in ("create", "start")), None)
    served = next((_end(one) for one in phases if one["name"] == "serve" and not one["back"]), None)
    back = [one for one in phases if one["back"]]
    taken = next((_end(one) for one in back if one["name"] in _TAKES_FROM_OLD), None)
    end = _end(back[-1]) if failed and back else None
    if there and started is None:
        return [{"use": "serving", "from": None, "to": None}]
    if served is None or (failed and _failed_in(phases) == "serve"):
        return [{"use": "waiting", "from": started, "to": end}] if started is not None else []
    pieces = [{"use": "waiting", "from": started, "to": served}] if started is not None else []
    pieces.append({"use": "serving", "from": served, "to": taken or end})
    return [*pieces, {"use": "draining", "from": taken, "to": end}] if taken and end and end > taken else pieces


def _failed_in(phases: t.Sequence[Json]) -> str:
    ahead = [one for one in phases if not one["back"]]
    return str(ahead[-1]["name"]) if ahead else ""


def _probe(result: t.Mapping[str, t.Any]) -> Json | None:
    """Requests and losses by time, and the counts; None without a probe that sent something."""
    if not result.get("sent"):
        return None
    line = result.get("timeline") or {}
    return {
        "sent": result["sent"],
        "lost": result.get("lost") or 0,
        "longest_gap": result.get("longest_gap"),
        "failures": [{"at": one.get("at"), "kind": one.get("kind")} for one in result.get("failures") or []],
        "timeline": {"from": line.get("from"), "step": line.get("step"), "ok": list(line.get("ok") or []), "lost": list(line.get("lost") or [])}
        if line
        else None,
    }


def _window(runs: t.Sequence[Json]) -> tuple[float, float]:
    """The time that the picture shows: all runs, and a little before and after them."""
    if not runs:
        return 0.0, 1.0
    began, ended = min(run["began"] for run in runs), max(run["ended"] for run in runs)
    margin = max((ended - began) * _MARGIN, 0.3)
    return began - margin, ended + margin


def _close(hosts: list[Json], began: float, ended: float) -> list[Json]:
    """Open ends of lives are those of the picture, or the runs of the same service before and after."""
    for host in hosts:
        for number, run in enumerate(host["runs"]):
            before = [one["ended"] for one in host["runs"][:number] if one["service"] == run["service"]]
            after = [one["began"] for one in host["runs"][number + 1 :] if one["service"] == run["service"]]
            for life in run["lives"]:
                life["pieces"] = [_closed(piece, max([began, *before]), min([ended, *after])) for piece in life["pieces"]]
    return hosts


def _closed(piece: Json, began: float, ended: float) -> Json:
    return {**piece, "from": began if piece["from"] is None else piece["from"], "to": ended if piece["to"] is None else piece["to"]}


def _title(hosts: t.Sequence[Json]) -> str:
    services = sorted({run["service"] for host in hosts for run in host["runs"]})
    count = sum(1 for host in hosts if host["runs"])
    return "Rollout of %s on %d host%s" % (", ".join(services), count, "" if count == 1 else "s") if services else "No rollout"


def shown(value: t.Any) -> str:
    """A version for people."""
    return str(value) if value else "nothing"


def durations(run: t.Mapping[str, t.Any]) -> dict[str, float]:
    """Seconds by phase, in order; the way back counts as one."""
    found: dict[str, float] = {}
    for one in run["phases"]:
        name = "way back" if one["back"] else one["name"]
        found[name] = round(found.get(name, 0.0) + one["seconds"], 3)
    return {name: seconds for name, seconds in found.items() if name != "record"}
