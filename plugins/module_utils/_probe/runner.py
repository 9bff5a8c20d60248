# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""From a task's parameters to a load, and from its counts to a verdict."""

from __future__ import annotations

import asyncio
import math
import re
import typing as t

from .._errors import HotswapError, InvalidInput
from .client import KINDS, Load, Target, Traffic, report
from .mailbox import Mailbox
from .wire import Address

DEFAULT_SECONDS = 10.0
DEFAULT_TRAFFIC: tuple[t.Mapping[str, t.Any], ...] = ({"kind": "keepalive"}, {"kind": "fresh"})
MOST_CONNECTIONS = 1000
# How long a probe that was started in the background may take until it holds its lock. Seconds.
_START_TIMEOUT = 10.0
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

Params = t.Mapping[str, t.Any]


def load_of(params: Params, stopped: t.Callable[[], bool] | None = None) -> Load:
    """The load that the parameters ask for; raises InvalidInput naming the parameter."""
    traffic = _traffic(params)
    duration, requests = params["duration"], params["requests"]
    _check_end(duration, requests, traffic)
    if duration is None and requests is None:
        duration = DEFAULT_SECONDS
    return Load(_target(params), traffic, duration, requests, stopped)


def _check_end(duration: float | None, requests: int | None, traffic: t.Sequence[Traffic]) -> None:
    if duration is not None:
        _at_least("duration", duration, 0.1)
    if requests is not None:
        _at_least("requests", requests, 1)
    if duration is None and requests is not None and not any(KINDS[part.kind].paced for part in traffic):
        raise InvalidInput(
            "requests: nothing in traffic has a rate, so this number would never be reached",
            "Set duration, or add traffic of a kind with a rate, like keepalive.",
        )


def _target(params: Params) -> Target:
    _at_least("timeout", params["timeout"], 0.1)
    if not params["status"] or not all(200 <= status <= 599 for status in params["status"]):
        raise InvalidInput("status: %r are not HTTP statuses" % (params["status"],), "List one or more numbers from 200 to 599.")
    headers = _headers(params["headers"] or {})
    return Target(
        address=Address.of(params["url"], params["ca_file"] or "", name_of(headers)),
        method=params["method"],
        headers=headers,
        timeout=params["timeout"],
        connect_timeout=min(5.0, params["timeout"]),
        statuses=tuple(params["status"]),
        body=_body(params["body_regex"], params["method"]),
        version_header=params["version_header"],
    )


def name_of(headers: t.Mapping[str, str]) -> str:
    """The name in the header Host, without its port; "" without one."""
    host = next((value for name, value in headers.items() if name.lower() == "host"), "")
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def _headers(given: Params) -> dict[str, str]:
    headers = {str(name): str(value) for name, value in given.items()}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidInput("headers: %r: %r cannot be sent" % (name, value), "Use a name of letters, digits and '-', and a value on one line.")
        if name.lower() in ("content-length", "transfer-encoding", "connection", "upgrade"):
            raise InvalidInput("headers: %s belongs to the probe" % name, "Leave it out.")
    return headers


def _body(pattern: str | None, method: str) -> t.Pattern[str] | None:
    if not pattern:
        return None
    if method == "HEAD":
        raise InvalidInput("body_regex: an answer to HEAD has no body", "Use method: GET.")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidInput("body_regex: %r is not a regular expression: %s" % (pattern, error), "See the syntax of Python's re module.") from error


def _traffic(params: Params) -> list[Traffic]:
    _at_least("rate", params["rate"], 0.01)
    given = params["traffic"] or DEFAULT_TRAFFIC
    sharing = [part for part in given if KINDS[part["kind"]].paced and part.get("rate") is None]
    kinds = [part["kind"] for part in given]
    if len(set(kinds)) < len(kinds):
        raise InvalidInput("traffic: a kind is listed twice in %s" % ", ".join(kinds), "Give it one entry with the sum of the rates.")
    return [_part(part, params["rate"] / max(len(sharing), 1)) for part in given]


def _part(given: Params, share: float) -> Traffic:
    kind, rate, connections = given["kind"], given.get("rate"), given.get("connections")
    path = given.get("path") or ""
    if rate is not None and not KINDS[kind].paced:
        raise InvalidInput("traffic: %s has no rate" % kind, "Set connections: that many are always in flight.")
    if rate is not None:
        _at_least("traffic: rate of %s" % kind, rate, 0.01)
    if connections is not None and not 1 <= connections <= MOST_CONNECTIONS:
        raise InvalidInput("traffic: connections of %s: %d is out of range" % (kind, connections), "Use 1 to %d." % MOST_CONNECTIONS)
    if path:
        _check_path(path)
    return Traffic(kind, share if rate is None else rate, connections or 0, path)


def _check_path(path: str) -> None:
    if not path.startswith("/") or not all(33 <= ord(char) <= 126 for char in path):
        raise InvalidInput("traffic: path %r cannot be asked" % path, "Begin with '/' and quote everything but printable ASCII as %XX.")


def _at_least(parameter: str, value: float, least: float) -> None:
    if not least <= value < math.inf:
        raise InvalidInput("%s: %g is too small, or no number" % (parameter, value), "It must be %g or more." % least)


def run_load(load: Load) -> dict[str, t.Any]:
    """Runs it to its end and returns what it counted."""
    asyncio.run(load.run())
    return report(load)


def run_probe(params: Params, mailbox: Mailbox | None) -> dict[str, t.Any]:
    """Probes until the end that the parameters name; with a mailbox also until another task asks for the result."""
    if mailbox is None:
        return run_load(load_of(params))
    load = load_of(params, mailbox.asked_to_stop)
    with mailbox.running():
        result = run_load(load)
        mailbox.post(result)
    return result


def stop_probe(params: Params, mailbox: Mailbox) -> dict[str, t.Any]:
    """Ends the running probe of the mailbox and returns what it counted."""
    return mailbox.fetch(_START_TIMEOUT, 2 * params["timeout"] + _START_TIMEOUT)


def summary(result: Params) -> str:
    """One line for people."""
    kinds = ", ".join("%s %d" % item for item in sorted(result["lost_by_kind"].items()))
    versions = ", ".join("%s (%d)" % (name, seen["answers"]) for name, seen in result["versions"].items())
    return "sent %d in %.1f s, lost %d%s, longest gap %.3f s, answered by %s" % (
        result["sent"],
        result["seconds"],
        result["lost"],
        " (%s)" % kinds if kinds else "",
        result["longest_gap"],
        versions or "no known version",
    )


def judge(result: Params, max_lost: int) -> None:
    """Raises HotswapError with the counts when more requests were lost than allowed (-1: any number may be)."""
    if 0 <= max_lost < result["lost"]:
        raise HotswapError(
            "requests were lost: %s" % summary(result),
            "lost_by_kind says how, failures says when the first of them happened; max_lost allows %d." % max_lost,
            **result,
        )
