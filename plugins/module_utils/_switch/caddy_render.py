# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Caddy's JSON configuration, and how instances are spread over upstream slots: pure, no file and no process.

Each service has a fixed number of upstreams whose address is a placeholder for a small file, read by Caddy for each
request. So a change of targets changes files only, and the configuration stays as it is.
"""

from __future__ import annotations

import json
import re
import typing as t

from .._errors import SwitchError
from . import safe
from .routing import Rule, rules
from .types import Places, ProxySettings, Route, Serving, Target

SLOTS = 12
SERVER = "public"
# Refuses every connection, so Caddy retries until its time is over: what a service without instances gets.
NOBODY = "127.0.0.1:1"

Json = t.Any


def spread(targets: t.Sequence[Target]) -> list[str]:
    """The address for each slot: shares by weight (largest remainder, nobody with a weight goes without), interleaved."""
    weighted = [target for target in targets if safe.target(target).weight > 0]
    if len(weighted) > SLOTS:
        raise SwitchError("%d instances are more than Caddy's %d slots" % (len(weighted), SLOTS), "Use fewer replicas, or the haproxy driver.")
    if not weighted:
        return [NOBODY] * SLOTS
    shares = _shares([target.weight for target in weighted])
    # Each instance's turns at equal distances; sorting by position interleaves them.
    turns = [((turn + 0.5) / share, index) for index, share in enumerate(shares) for turn in range(share)]
    return ["%s:%d" % (weighted[index].address, weighted[index].port) for _position, index in sorted(turns)]


def _shares(weights: t.Sequence[int]) -> list[int]:
    free = SLOTS - len(weights)
    total = sum(weights)
    exact = [max(0.0, SLOTS * weight / total - 1) for weight in weights]
    scale = free / sum(exact) if sum(exact) else 0.0
    shares = [int(scale * part) for part in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: (shares[index] - scale * exact[index], index))
    for index in by_remainder[: free - sum(shares)]:
        shares[index] += 1
    return [share + 1 for share in shares]


def slot_name(index: int) -> str:
    """The file name of a slot."""
    return "%02d" % index


def config(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> Json:
    """The whole configuration. Raises SwitchError for unsafe values and for clashing routes."""
    safe.settings(settings)
    table = rules(safe.serving(serving).route for serving in routes.values())
    server = {
        "listen": [":%d" % listener.port for listener in settings.listeners],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": _duration(settings.client_timeout),
        "idle_timeout": _duration(settings.client_timeout),
        "routes": [
            *[_rule(rule) for rule in table],
            _probe(settings),
            *[_service(settings, name, places) for name in sorted(routes)],
            {"handle": [{"handler": "static_response", "status_code": 404, "body": "hotswap: no route for this host and path\n"}]},
        ],
    }
    return {
        "admin": {"listen": "unix/%s/admin.sock|0600" % safe.place(places.run), "config": {"persist": False}},
        "apps": {"http": {"servers": {SERVER: server}}},
    }


def render(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """The configuration as the text of caddy.json."""
    return json.dumps(config(settings, routes, places), indent=2) + "\n"


def route_part(whole: Json, service: str) -> list[Json]:
    """What a configuration says of one service: its rules and its handler; [] when nothing (also of a foreign form)."""
    try:
        routes = whole["apps"]["http"]["servers"][SERVER]["routes"]
        return [route for route in routes if service in (_chosen(route), _handled(route))]
    except (KeyError, TypeError):
        return []


def expected_part(route: Route, settings: ProxySettings, places: Places) -> list[Json]:
    """What `route_part` gives when exactly this route runs."""
    return route_part(config(settings, {route.service: Serving(route, ())}, places), route.service)


def _chosen(route: Json) -> str | None:
    handler = route["handle"][0]
    return handler.get("hotswap_service") if handler["handler"] == "vars" else None


def _handled(route: Json) -> str | None:
    for match in route.get("match", []):
        for service in match.get("vars", {}).get("{http.vars.hotswap_service}", []):
            return str(service)
    return None


def _duration(seconds: float) -> str:
    return "%dms" % max(1, round(seconds * 1000))


def _probe(settings: ProxySettings) -> Json:
    instance = {"X-Hotswap-Instance": ["{http.reverse_proxy.upstream.hostport}"]}
    return {
        "match": [{"header": {"X-Hotswap-Probe": [settings.token]}, "vars_regexp": {"{http.vars.hotswap_service}": {"pattern": "."}}}],
        "handle": [{"handler": "headers", "response": {"deferred": True, "set": instance}}],
    }


def _rule(rule: Rule) -> Json:
    match: dict[str, Json] = {}
    if rule.wildcard:
        # Caddy's own "*." covers one label only.
        match["header_regexp"] = {"Host": {"pattern": r"(?i)[^.]" + re.escape(rule.host[1:]) + "(:[0-9]+)?$"}}
    elif rule.host:
        match["host"] = [rule.host]
    if rule.path != "/":
        match["path_regexp"] = {"pattern": "^" + re.escape(rule.path.rstrip("/")) + "(/|$)"}
    # Of the routes in one group, only the first that matches is taken.
    route: dict[str, Json] = {"group": "route", "handle": [{"handler": "vars", "hotswap_service": safe.name(rule.service)}]}
    if match:
        route["match"] = [match]
    return route


def _service(settings: ProxySettings, service: str, places: Places) -> Json:
    slots = "%s/up/%s/current" % (safe.place(places.conf), safe.name(service))
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": "{file.%s/%s}" % (slots, slot_name(index))} for index in range(SLOTS)],
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            # Only what failed to connect is repeated, or a GET: Caddy's default.
            "try_duration": _duration(settings.connect_timeout),
            "try_interval": "50ms",
        },
        "transport": {
            "protocol": "http",
            "dial_timeout": _duration(min(1.0, settings.connect_timeout)),
            "response_header_timeout": _duration(settings.server_timeout),
            # Short, so that an instance without requests soon has no connections: that is how its drain is seen.
            "keep_alive": {"idle_timeout": "1s"},
        },
        "headers": {"request": {"delete": ["X-Hotswap-Probe"]}, "response": {"delete": ["X-Hotswap-Instance"]}},
        # A new route must not close the websockets of the others.
        "stream_close_delay": "1h",
    }
    return {"match": [{"vars": {"{http.vars.hotswap_service}": [service]}}], "handle": [proxy], "terminal": True}
