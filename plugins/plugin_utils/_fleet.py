# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a rollout over many hosts comes to: batches, what became of each host, and whether the run goes on. Pure.

An outcome is a plain dict, because it is kept as a fact of its host:

    state        updated, unchanged, failed, unreachable, returned, stuck (should have gone back and did not)
    failed, unreachable   what it counts as, whatever became of it later
    touched      whether the run may have changed the host before it was lost
    changed      the services that got another version here, and have one to go back to
    before, after         service -> its live version; live: service -> the names of its live instances before
    lost         requests that the probe lost, None when nothing was probed
    reason       one line for people
"""

from __future__ import annotations

import json
import re
import typing as t

from ..module_utils._rollout.info_view import live_view

Json = t.Dict[str, t.Any]
ACTIONS = ("rollback", "pause", "continue")
_PART = re.compile(r"(\d+(?:\.\d+)?)(%?)")
_REASON_LENGTH = 300


class Wrong(ValueError):
    """A value that somebody wrote and that cannot be meant; the text names it, and what it may be."""


def words(name: str, value: t.Any) -> list[str]:
    """A list from a list, from a text with commas, or from the JSON text of a list; a blank text is []."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise Wrong("%s: %r is not a JSON list" % (name, value)) from None
    if value is None or isinstance(value, str):
        value = (value or "").split(",")
    found = value if isinstance(value, (list, tuple)) else [value]
    return [str(one).strip() for one in found if str(one).strip()]


def batches(value: t.Any) -> list[int | str]:
    """What `serial` takes, from whatever a person or a survey wrote; blank is one batch. Raises Wrong."""
    return [_batch(one) for one in words("rollout_batches", value)] or ["100%"]


def _batch(text: str) -> int | str:
    found = _PART.fullmatch(text)
    if not found or not float(found.group(1)) or ("." in text and not found.group(2)):
        raise Wrong("rollout_batches: %r is no size of a batch; write a number of hosts or a share such as 25%%" % text)
    return text if found.group(2) else int(text)


def ordered(hosts: t.Sequence[str], canary: t.Any) -> list[str]:
    """The hosts, the canary host first. Raises Wrong when it is none of them, or when there are none."""
    first = str(canary or "").strip()
    if not hosts:
        raise Wrong("rollout_hosts: no host of the inventory is meant by it")
    if not first:
        return list(hosts)
    if first not in hosts:
        raise Wrong("rollout_canary: %s is not among the hosts of this run (%s)" % (first, ", ".join(hosts[:5]) or "there are none"))
    return [first, *(host for host in hosts if host != first)]


def allowed(name: str, value: t.Any, hosts: int) -> int:
    """How many of `hosts` may fail, from a number or a share; a share is rounded down. Blank is none. Raises Wrong."""
    text = str("" if value is None else value).strip() or "0"
    found = _PART.fullmatch(text)
    if not found or ("." in text and not found.group(2)):
        raise Wrong("%s: %r is neither a number of hosts nor a share such as 10%%" % (name, text))
    return int(float(found.group(1)) * hosts / 100 + 1e-9) if found.group(2) else int(text)


NUMBERS = ("rollout_batch_delay", "rollout_reconnect_timeout", "rollout_lease_seconds")
SWITCHES = ("rollout_lease", "rollout_lease_break")
_YES_NO = ("true", "false", "yes", "no", "on", "off", "1", "0")


def wrong(given: t.Mapping[str, t.Any], services: t.Sequence[str], hosts: int) -> list[str]:
    """What is wrong with the fleet's variables of a run, one sentence each; `given` has those of them that are set, `services` the names."""
    found = [] if services and all(services) else ["rollout_name: which service? Name it there, or several in rollout_services"]
    for check in (
        lambda: batches(given.get("rollout_batches")),
        lambda: allowed("rollout_max_failures", given.get("rollout_max_failures"), hosts),
        lambda: allowed("rollout_max_unreachable", given.get("rollout_max_unreachable"), hosts),
        lambda: verdict([], hosts, {"action": given.get("rollout_failure_action")}),
    ):
        try:
            check()
        except Wrong as error:
            found.append(str(error))
    texts = {name: str(given.get(name, "")).strip() for name in (*NUMBERS, *SWITCHES)}
    found += ["%s: %r is no whole number of seconds" % (name, texts[name]) for name in NUMBERS if texts[name] and not texts[name].isdecimal()]
    found += ["%s: %r is neither true nor false" % (name, texts[name]) for name in SWITCHES if texts[name] and texts[name].lower() not in _YES_NO]
    return found


def verdict(outcomes: t.Sequence[Json], hosts: int, budget: t.Mapping[str, t.Any], kept_out: str = "") -> Json:
    """Whether the run may go on, over the whole of it. `budget` has max_failures, max_unreachable, action, canary.

    stop: no further batch; go_back: what was updated returns; over: the run has failed; reason: one line. Raises Wrong.
    """
    action = str(budget.get("action") or "").strip() or "rollback"
    if action not in ACTIONS:
        raise Wrong("rollout_failure_action: %r is none of %s" % (action, ", ".join(ACTIONS)))
    if kept_out:
        return {"stop": True, "go_back": False, "over": True, "reason": kept_out}
    reasons = _exceeded(outcomes, hosts, budget)
    over = bool(reasons)
    return {"stop": over and action != "continue", "go_back": over and action == "rollback", "over": over, "reason": "; ".join(reasons)}


def _exceeded(outcomes: t.Sequence[Json], hosts: int, budget: t.Mapping[str, t.Any]) -> list[str]:
    reasons = []
    for flag, option in (("failed", "max_failures"), ("unreachable", "max_unreachable")):
        found = sorted(one["host"] for one in outcomes if one[flag])
        limit = allowed("rollout_" + option, budget.get(option), hosts)
        if len(found) > limit:
            reasons.append("%d of %d %s (%s), %d allowed" % (len(found), hosts, flag, shortened(found), limit))
    canary = str(budget.get("canary") or "").strip()
    if not reasons and any(one["host"] == canary and (one["failed"] or one["unreachable"]) for one in outcomes):
        reasons.append("the canary host %s failed" % canary)
    return reasons


def shortened(names: t.Sequence[str], most: int = 5) -> str:
    """Names for one line."""
    return ", ".join(names[:most]) + (" and %d more" % (len(names) - most) if len(names) > most else "")


def reason(result: t.Any) -> str:
    """Why a task failed, in one line: its message, or those of the items of its loop."""
    if not isinstance(result, t.Mapping) or not result:
        return ""
    items = [one for one in result.get("results") or [] if one.get("failed") or one.get("unreachable")]
    text = "; ".join(str(one.get("msg", "")) for one in items) or str(result.get("msg") or "a task failed without a message")
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else line[: _REASON_LENGTH - 3] + "..."


def live(info: t.Mapping[str, t.Any]) -> dict[str, tuple[str, list[str]]]:
    """Service -> its live version and the names of its live instances, from what plan or service_info returned."""
    found = info["live"] if "live" in info else map(live_view, info.get("services") or [])
    return {one["name"]: (one["version"], one["instances"]) for one in found}


def outcome(host: str, facts: t.Mapping[str, t.Any]) -> Json:
    """What became of a host: `facts` are the registered results `before`, `result`, `verified`, and `failure` (text), `names`, `check`."""
    before = live(facts.get("before") or {})
    done = {one["item_name"]: one for one in _items(facts.get("result") or {}, facts["names"])}
    away = _away(facts)
    touched = bool(done) or away == "during"
    changed = [name for name, one in done.items() if one.get("changed")]
    moved = changed if facts.get("check") else [name for name in changed if _moved(before.get(name), done[name])]
    state = "unreachable" if away else "failed" if facts.get("failure") else "updated" if changed or _all_new(facts) else "unchanged"
    return {
        "host": host,
        "state": state,
        "failed": state == "failed",
        "unreachable": state == "unreachable",
        "touched": touched,
        "changed": moved,
        "before": {name: before[name][0] for name in facts["names"] if name in before},
        "live": {name: before[name][1] for name in facts["names"] if name in before},
        "after": {name: _version(one, bool(facts.get("check"))) for name, one in done.items() if _succeeded(one)},
        "lost": None if facts.get("check") else (facts.get("verified") or {}).get("lost"),
        "seconds": round(sum(phase["seconds"] for one in done.values() for phase in one.get("phases") or []), 1),
        "reason": _why(away, facts),
    }


def _items(result: t.Mapping[str, t.Any], names: t.Sequence[str]) -> list[Json]:
    """The results of the loop over the services, each with the name of its service."""
    return [{**one, "item_name": name} for name, one in zip(names, result.get("results") or []) if not one.get("skipped")]


def _all_new(facts: t.Mapping[str, t.Any]) -> bool:
    """Whether this is check mode on a host that lacks the network or the proxy: no service can be planned there, and all would be new."""
    results = (facts.get("result") or {}).get("results") or []
    return bool(facts.get("check") and results and all(one.get("skipped") for one in results))


def _succeeded(one: t.Mapping[str, t.Any]) -> bool:
    return not one.get("failed") and not one.get("unreachable")


def _away(facts: t.Mapping[str, t.Any]) -> str:
    """Whether and when the host was lost: before anything was done, or during the rollout."""
    if (facts.get("before") or {}).get("unreachable"):
        return "before"
    lost = any((facts.get(name) or {}).get("unreachable") for name in ("result", "verified"))
    return "during" if lost or _unreached(facts) else ""


def _unreached(facts: t.Mapping[str, t.Any]) -> bool:
    return any(one.get("unreachable") for one in (facts.get("result") or {}).get("results") or [])


def _version(one: t.Mapping[str, t.Any], check: bool) -> str:
    """What is live after the task: not what it was about, which may be a candidate. In check mode what would be."""
    live_ones = [instance["version"] for instance in one.get("instances") or [] if instance["phase"] == "live"]
    return str(one.get("version") or "") if check else str(live_ones[0]) if live_ones else ""


def _moved(before: tuple[str, list[str]] | None, one: t.Mapping[str, t.Any]) -> bool:
    """Whether a service has another version live than before, and one to go back to.

    By the instances' names, which carry the settings too: a change of the route or of the number of instances is none.
    """
    now = {instance["name"] for instance in one.get("instances") or [] if instance["phase"] == "live"}
    return bool(_succeeded(one) and before and before[1] and now and not now & set(before[1]))


def _why(away: str, facts: t.Mapping[str, t.Any]) -> str:
    if away:
        when = "before anything was done" if away == "before" else "during the rollout"
        return "unreachable %s: %s" % (when, reason(facts["before" if away == "before" else "result"]))
    return str(facts.get("failure") or "")


def differing(before: Json, info: t.Mapping[str, t.Any]) -> list[str]:
    """The services of an outcome whose live instances are others now than they were before the run."""
    now = live(info)
    return [name for name, names in before["live"].items() if names and not set(names) & set(now.get(name, ("", []))[1])]


def problems(info: t.Mapping[str, t.Any], after: t.Mapping[str, str]) -> list[str]:
    """What is wrong with the services that were rolled out to the versions `after`, by what service_info returned; one sentence each."""
    if info.get("unreachable"):
        return ["unreachable: %s" % reason(info)]
    said = [problem for service in info.get("services") or [] if service["name"] in after for problem in service["problems"]]
    now = live(info)
    other = {name: now.get(name, ("", []))[0] for name in after}
    return said + ["%s has %s live and not %s" % (name, other[name] or "nothing", after[name]) for name in sorted(after) if other[name] != after[name]]


def returned(before: Json, info: t.Mapping[str, t.Any], went: t.Sequence[str], failure: str) -> Json:
    """The outcome after the way back of the services `went`: `info` is what service_info returned then, `failure` why a step of it failed."""
    if info.get("unreachable"):
        return {**before, "state": "unreachable", "reason": _both(before["reason"], "still unreachable, and it may serve the new version")}
    wrong = [] if failure else differing(before, info)
    if failure or wrong:
        return {**before, "state": "stuck", "reason": _both(before["reason"], failure or "%s did not go back" % ", ".join(wrong))}
    after = {name: version for name, (version, _names) in live(info).items() if name in before["before"]}
    state = "failed" if before["failed"] else "returned" if went else "unchanged"
    return {**before, "state": state, "after": after}


def _both(first: str, second: str) -> str:
    return "; ".join(text for text in (first, second) if text)


def services(items: t.Any, name: str, only: t.Sequence[str] | None = None) -> list[Json]:
    """The items of rollout_services, each with its name; `only` these."""
    found = [{**one, "name": one.get("name") or name} for one in items or [{}]]
    return [one for one in found if only is None or one["name"] in only]


COLUMNS = ("host", "before", "after", "outcome", "lost", "reason")


def table(rows: t.Sequence[t.Sequence[str]], columns: t.Sequence[str] = COLUMNS) -> list[str]:
    """Aligned lines; columns that are empty everywhere are left out."""
    used = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    cells = [[row[number] for number in used] for row in [columns, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(used))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]


def _versions(found: t.Mapping[str, str]) -> str:
    several = len(found) > 1
    return " ".join("%s=%s" % (name, version or "-") if several else version or "-" for name, version in sorted(found.items()))


def _row(one: Json, check: bool) -> tuple[str, ...]:
    state = "would be updated" if check and one["state"] == "updated" else one["state"]
    lost = "" if one["lost"] is None else str(one["lost"])
    after = {**one["before"], **one["after"]} if one["state"] in ("failed", "unchanged") else one["after"]
    return (one["host"], _versions(one["before"]), _versions(after), state, lost, one["reason"])


def report(outcomes: t.Sequence[Json], hosts: t.Sequence[str], verdict_: Json, more: t.Mapping[str, t.Any]) -> Json:
    """The end of a run: `lines` for people, `stats` (flat, for set_stats) and `summary` (the whole, as JSON could hold it)."""
    known = {one["host"]: one for one in outcomes}
    begun = [known[host] for host in hosts if host in known]
    waiting = [(host, "", "", "not begun", "", "") for host in hosts if host not in known]
    counts = {state: sorted(one["host"] for one in begun if one["state"] == state) for state in STATES}
    status = "failed" if verdict_["over"] else "checked" if more.get("check") else "done"
    probed = [one["lost"] for one in begun if one["lost"] is not None]
    totals = {"status": status, "reason": verdict_["reason"], "hosts": len(hosts), "not_begun": len(waiting), "lost": sum(probed) if probed else None}
    stats = {"rollout_run_" + name: value for name, value in totals.items()}
    stats.update({"rollout_run_" + state: names for state, names in counts.items()})
    stats["rollout_run_versions"] = sorted({version for one in begun for version in one["after"].values() if version})
    lines = table([*(_row(one, bool(more.get("check"))) for one in begun), *waiting])
    said = " ".join("%s=%d" % (state, len(names)) for state, names in counts.items() if names)
    closing = "rollout %s: hosts=%d %s" % (status, len(hosts), said or "nothing begun")
    summary = {**totals, **more, "outcomes": [_public(one) for one in begun]}
    return {"lines": [*lines, closing + (" (%s)" % verdict_["reason"] if verdict_["reason"] else "")], "stats": stats, "summary": summary}


STATES = ("updated", "unchanged", "failed", "unreachable", "returned", "stuck")


def _public(one: Json) -> Json:
    return {name: one[name] for name in ("host", "state", "before", "after", "lost", "seconds", "reason")}
