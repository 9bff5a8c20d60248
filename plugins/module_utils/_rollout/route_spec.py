# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The route parameter -> Route and back. Pure."""

from __future__ import annotations

import re
import typing as t

from .._errors import InvalidInput
from .._switch.types import Maintenance, Preview, Route
from . import validate

# Names of headers and cookies, and a header's value: what every proxy's configuration carries literally.
_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VALUE = re.compile(r"[A-Za-z0-9_.~:/@=+-]{1,128}")
_TEXT = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]{1,2000}")
_LONGEST_HOLD = 3600


def route_of(service: str, value: t.Mapping[str, t.Any]) -> Route:
    """The route parameter -> Route; no hosts means every host, no path means all of them. Raises InvalidInput by name."""
    return Route(
        service,
        tuple(dict.fromkeys(validate.check_host("route.hosts", host) for host in value.get("hosts") or ())),
        validate.check_path("route.path", value.get("path") or "/"),
        _preview(value["preview"]) if value.get("preview") else None,
        _matching("route.sticky", _FIELD, value["sticky"], "the name of a cookie") if value.get("sticky") else "",
        _hold(value["hold"]) if value.get("hold") is not None else 0.0,
        _maintenance(value["maintenance"]) if value.get("maintenance") else None,
    )


def route_to_dict(route: Route) -> dict[str, t.Any]:
    """The inverse of route_of, as JSON values; only what is set."""
    trial, closed = route.preview, route.maintenance
    shown: dict[str, t.Any] = {"hosts": list(route.hosts), "path": route.path}
    shown.update({"preview": {"host": trial.host} if trial.host else {"header": trial.header, "value": trial.value}} if trial else {})
    shown.update({"sticky": route.sticky} if route.sticky else {})
    shown.update({"hold": route.hold} if route.hold else {})
    shown.update({"maintenance": {"text": closed.text, "retry_after": closed.retry_after}} if closed else {})
    return shown


def _preview(value: t.Mapping[str, t.Any]) -> Preview:
    host, header, wanted = (value.get(name) or "" for name in ("host", "header", "value"))
    if bool(host) == bool(header) or bool(header) != bool(wanted):
        raise InvalidInput("route.preview: it takes a host, or a header and its value", "Give one of the two.")
    if host:
        return Preview(host=validate.check_host("route.preview.host", host))
    _matching("route.preview.header", _FIELD, header, "the name of a header")
    return Preview(header=header, value=_matching("route.preview.value", _VALUE, wanted, "a plain header value"))


def _matching(parameter: str, pattern: t.Pattern[str], value: str, kind: str) -> str:
    if not pattern.fullmatch(value):
        raise InvalidInput("%s: %r is not %s" % (parameter, value, kind), "Use letters, digits, '_' and '-'.")
    return value


def _hold(value: float) -> float:
    if not 0 < value <= _LONGEST_HOLD:
        raise InvalidInput("route.hold: %g is not a time of more than 0 and at most %d seconds" % (value, _LONGEST_HOLD), "Leave it out to hold nothing.")
    return float(value)


def _maintenance(value: t.Mapping[str, t.Any]) -> Maintenance:
    text, retry_after = str(value["text"]), value.get("retry_after") or 0
    if not _TEXT.fullmatch(text):
        raise InvalidInput("route.maintenance.text: it is not a text of 1 to 2000 characters without control characters", "Give a short text.")
    if retry_after < 0:
        raise InvalidInput("route.maintenance.retry_after: %d is less than 0 seconds" % retry_after, "Leave it out to say nothing of the time.")
    return Maintenance(text, retry_after)
