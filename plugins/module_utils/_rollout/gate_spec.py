# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The gate parameter -> GateSpec and back. Pure."""

from __future__ import annotations

import re
import typing as t

from .._errors import InvalidInput
from . import validate
from .container_options import duration
from .gate import GateSpec, HttpCheck

# Without anything to ask an instance, this many seconds of running without a restart must do.
UPTIME_WITHOUT_CHECK = 5.0


def gate_of_params(value: t.Mapping[str, t.Any], port: int) -> GateSpec:
    """Checks as asked; without any: tcp on the service port, or min_healthy_time where there is no port."""
    http = _http(value["http"]) if value.get("http") is not None else None
    command = tuple(str(word) for word in value.get("exec") or ())
    engine = bool(value.get("engine"))
    checked = http is not None or bool(command) or engine
    tcp = bool(value["tcp"]) if value.get("tcp") is not None else bool(port) and not checked
    if (http or tcp) and not port:
        raise InvalidInput("gate: http and tcp need a port", "Give the service's port, or use exec or engine.")
    least = 0.0 if checked or tcp else UPTIME_WITHOUT_CHECK
    return _checked(GateSpec(http=http, tcp=tcp, exec=command, engine=engine, **_times(value, least)))


def _times(value: t.Mapping[str, t.Any], min_healthy_time: float) -> dict[str, t.Any]:
    defaults = GateSpec()
    healthy = value.get("min_healthy_time")
    times = {key: _seconds(value, key, getattr(defaults, key)) for key in ("interval", "timeout", "deadline")}
    successes = value.get("successes")
    return {
        **times,
        "successes": defaults.successes if successes is None else int(successes),
        "min_healthy_time": min_healthy_time if healthy is None else duration("gate.min_healthy_time", healthy),
    }


def _seconds(value: t.Mapping[str, t.Any], key: str, default: float) -> float:
    return default if value.get(key) is None else duration("gate." + key, value[key])


def _checked(gate: GateSpec) -> GateSpec:
    if gate.successes < 1:
        raise InvalidInput("gate.successes: %d is too small" % gate.successes, "It must be 1 or more.")
    validate.check_positive("gate.interval", gate.interval, 0.05)
    validate.check_positive("gate.timeout", gate.timeout, 0.05)
    if gate.deadline <= gate.min_healthy_time:
        raise InvalidInput(
            "gate.deadline: %g s is not longer than min_healthy_time, %g s" % (gate.deadline, gate.min_healthy_time),
            "No instance could ever pass: raise deadline.",
        )
    return gate


def _http(value: t.Mapping[str, t.Any]) -> HttpCheck:
    path, question, query = (value.get("path") or "/").partition("?")
    validate.check_path("gate.http.path", path)
    if any(char <= " " or char > "~" for char in query):
        raise InvalidInput("gate.http.path: the query has blanks or non-ASCII characters", "Percent-encode them.")
    return HttpCheck(
        path=path + question + query,
        status=tuple(int(code) for code in value.get("status") or (200,)),
        method=(value.get("method") or "GET").upper(),
        host=validate.check_host("gate.http.host", value["host"]) if value.get("host") else "",
        header={str(name): str(text) for name, text in (value.get("header") or {}).items()},
        body=_pattern(value.get("body") or ""),
        json={str(field): _text(wanted) for field, wanted in (value.get("json") or {}).items()},
    )


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise InvalidInput("gate.http.body: %r is not a regular expression: %s" % (text, error)) from error
    return text


def _text(value: t.Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return "null" if value is None else str(value)


def gate_of_label(label: t.Mapping[str, t.Any], other: GateSpec) -> GateSpec:
    """The gate that a version was started with, from its label; `other` where the label has none that can be read."""
    try:
        return gate_of_params(label["gate"], int(label.get("port") or 0))
    except (KeyError, TypeError, ValueError, InvalidInput):
        return other


def gate_to_dict(gate: GateSpec) -> dict[str, t.Any]:
    """The inverse of gate_of_params, as JSON values."""
    http = gate.http
    return {
        "http": http and {**http.__dict__, "status": list(http.status), "header": dict(http.header), "json": dict(http.json)},
        "tcp": gate.tcp,
        "exec": list(gate.exec),
        "engine": gate.engine,
        "successes": gate.successes,
        "min_healthy_time": gate.min_healthy_time,
        "interval": gate.interval,
        "timeout": gate.timeout,
        "deadline": gate.deadline,
    }
