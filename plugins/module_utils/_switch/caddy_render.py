# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Caddy's JSON configuration, and what the files say that it reads at each request: pure, no file and no process.

Each pool of a service (its public traffic, and the requests for its version on trial) has a fixed number of upstreams
whose address is a placeholder for a small file. So a change of targets, holding requests and maintenance change files
only, and the configuration stays as it is. What most requests need not do costs them nothing: of a closed pool the
addresses are none, and only a request that fails on that looks for the text to answer; probes have addresses of their own.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import re
import typing as t

from .._errors import SwitchError
from . import routing, safe, tls
from .routing import Rule, rules
from .slots import turns
from .types import Listener, Maintenance, Places, Preview, ProxySettings, Route, Serving, Target

SLOTS = 12
SERVER = "public"
# Before the name of a slot: its file for probes, which maintenance does not stop.
PROBE = "probe-"
# No single socket: Caddy fails at once, without another try. Clients never see it, a closed pool answers them.
NOBODY = "127.0.0.1:1-2"
# Refuses every connection, so that Caddy tries again until its time is over.
HOLD = "127.0.0.1:1"
EMPTY = "hotswap: nothing serves this"
_PROBE_HEADER = "X-Hotswap-Probe"
_PROBED = {"vars": {"{http.vars.hotswap_probe}": ["yes"]}}
# No name of a service has a colon.
TRIAL = ":trial"
_NAMED = re.compile(r'\{"@id": "(hotswap-[0-9a-f]{12})", ')
# Server, pool, and what it is.
_PART = "%s:%s:%s"
# Seconds for which a Caddy that was told to stop goes on as before, but for closing connections with their next answer.
LEAVING = 3.0

Json = t.Any


@dataclasses.dataclass(frozen=True)
class Pool:
    """What the files of one pool say. `held` matters only where no target has a weight."""

    targets: tuple[Target, ...] = ()
    held: bool = False
    maintenance: Maintenance | None = None


def pools(serving: Serving) -> dict[str, Pool]:
    """Folder below conf/ to pool: the public traffic, and the version on trial where the route has a way to it."""
    route = serving.route
    found = {_folder(route.service): Pool(serving.targets, serving.held, route.maintenance)}
    if route.preview:
        found[_folder(route.service + TRIAL)] = Pool(serving.preview, maintenance=route.maintenance)
    return found


def _folder(pool: str) -> str:
    name, _colon, trial = pool.partition(":")
    return "%s/%s" % (trial or "up", safe.name(name))


def files(pool: Pool) -> dict[str, str]:
    """File name to text for one pool. `pool.json` says it all to us, the others are what Caddy reads."""
    probed = spread(pool.targets, HOLD if pool.held else NOBODY)
    public = [NOBODY] * SLOTS if pool.maintenance else probed
    texts = {side + slot_name(index): one for side, addresses in (("", public), (PROBE, probed)) for index, one in enumerate(addresses)}
    if pool.maintenance:
        texts["closed"] = pool.maintenance.text
        if pool.maintenance.retry_after:
            texts["retry_after"] = "%d" % pool.maintenance.retry_after
    elif NOBODY in texts.values():
        texts["closed"] = EMPTY
    if HOLD in texts.values():
        texts["held"] = EMPTY
    return {**texts, "pool.json": json.dumps(dataclasses.asdict(pool)) + "\n"}


def spread(targets: t.Sequence[Target], nowhere: str = NOBODY) -> list[str]:
    """The address for each slot: shares by weight (largest remainder, nobody with a weight goes without), interleaved."""
    weighted = [target for target in targets if safe.target(target).weight > 0]
    if len(weighted) > SLOTS:
        raise SwitchError("%d instances are more than Caddy's %d slots" % (len(weighted), SLOTS), "Use fewer replicas, or the haproxy driver.")
    if not weighted:
        return [nowhere] * SLOTS
    addresses = ["%s:%d" % (target.address, target.port) for target in weighted]
    return [addresses[index] for index in turns([target.weight for target in weighted], SLOTS)]


def slot_name(index: int) -> str:
    """The file name of a slot."""
    return "%02d" % index


def config(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> Json:
    """The whole configuration, with its hash as its name. Raises SwitchError for unsafe values and for clashing routes."""
    whole = _config(settings, routes, places)
    return {"@id": _name(_text(whole)), **whole}


def _config(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> Json:
    safe.settings(settings)
    table = rules(safe.serving(serving).route for serving in routes.values())
    server = {
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": _duration(settings.client_timeout),
        "idle_timeout": _duration(settings.client_timeout),
        "routes": [
            _leaving(),
            *[_rule(rule) for rule in table],
            *[_trial(serving.route) for _name, serving in sorted(routes.items()) if serving.route.preview and serving.route.preview.header],
            _probe(settings),
            *[_pool(settings, _digest(serving.route), *pool) for _name, serving in sorted(routes.items()) for pool in _pools(serving.route, places)],
            {"handle": [{"handler": "static_response", "status_code": 404, "body": "hotswap: no route for this host and path\n"}]},
        ],
        "errors": {"routes": [*[part for _name, serving in sorted(routes.items()) for part in _failed(settings, serving.route, places)], _waited(places)]},
    }
    return {
        "admin": {"listen": "unix/%s/admin.sock|0600" % safe.place(places.run), "config": {"persist": False}},
        "apps": {"http": {"shutdown_delay": _duration(LEAVING), "servers": _servers(settings, server)}, **_tls(settings, places)},
    }


def _servers(settings: ProxySettings, server: Json) -> dict[str, Json]:
    """One for all plain listeners, and one for each with TLS: to Caddy, a server has TLS everywhere or nowhere."""
    plain = [":%d" % one.port for one in settings.listeners if not one.certificates]
    found = {SERVER: {"listen": plain, **server}} if plain else {}
    for one in tls.encrypted(settings):
        found["%s-%d" % (SERVER, one.port)] = {"listen": [":%d" % one.port], **server, "tls_connection_policies": _policies(one)}
    return {name: _named(name, one) for name, one in found.items()}


def _named(server: str, whole: Json) -> Json:
    """The same, with a name on all that is of a service: by it the running process is asked for that alone."""
    count: t.Counter[str] = collections.Counter()

    def named_part(part: Json, kind: str) -> Json:
        pool = _chosen(part) or _handled(part)
        if pool is None:
            return part
        of = _PART % (server, pool, kind if _handled(part) == pool else "choice")
        count[of] += 1
        return {"@id": "%s-%d" % (of, count[of]), **part}

    failed = [named_part(part, "failed") for part in whole["errors"]["routes"]]
    return {**whole, "routes": [named_part(part, "pool") for part in whole["routes"]], "errors": {"routes": failed}}


def pool_ids(settings: ProxySettings, pool: str) -> list[str]:
    """The names of the handlers that the pool has: in all servers, or in none."""
    return [_PART % (server, pool, "pool-1") for server in _servers(settings, {"routes": [], "errors": {"routes": []}})]


def _policies(listener: Listener) -> list[Json]:
    """The first that matches is taken; the last one is for everybody."""
    return [*(_policy(listener, number, (name,)) for name, number in tls.chosen_by_name(listener)), _policy(listener, 0, ())]


def _policy(listener: Listener, number: int, names: t.Sequence[str]) -> Json:
    return {
        **({"match": {"sni": list(names)}} if names else {}),
        "certificate_selection": {"any_tag": ["%d-%d" % (listener.port, number)]},
        "alpn": [tls.PROTOCOL],
        "cipher_suites": list(tls.IANA_1_2),
        "protocol_min": "tls1.2",
    }


def _tls(settings: ProxySettings, places: Places) -> dict[str, Json]:
    """The certificates; nothing where no listener has one. No authority is asked about them."""
    held = tls.of_port(settings)
    if not held:
        return {}
    files = [("%s/%s/%s" % (places.conf, tls.FOLDER, tls.file_name(one)), tag) for tag, one in held.items()]
    loaded = [{"certificate": path, "key": path, "tags": [tag]} for path, tag in files]
    return {"tls": {"certificates": {"load_files": loaded}, "session_tickets": {"disabled": True}, "disable_ocsp_stapling": True}}


def render(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """The configuration as the text of caddy.json."""
    return _text(config(settings, routes, places))


def _text(whole: Json) -> str:
    """An object to a line: indented it would be three times as long, and is read at each move. No value has `}, {` (safe.py)."""
    return json.dumps(whole).replace("}, {", "},\n{") + "\n"


def _name(text: str) -> str:
    return "hotswap-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def named(text: str) -> str:
    """The name of a configuration, by which the running process proves that it loaded it; "" for a text that is not as we wrote it."""
    found = _NAMED.match(text)
    return found.group(1) if found and _name("{" + text[found.end() :]) == found.group(1) else ""


def tells(text: str, route: Route) -> bool:
    """True when a configuration of ours has exactly this route, but for what the files say."""
    return '"group": "%s"' % _group(route.service, _digest(route)) in text


def route_part(whole: Json, service: str) -> list[Json]:
    """What a configuration says of one service, in all servers: rules, handlers and those of errors; [] when nothing (also of a foreign form)."""
    names = {service, service + TRIAL}
    try:
        found = [part for server in whole["apps"]["http"]["servers"].values() for part in [*server["routes"], *server["errors"]["routes"]]]
        return [part for part in found if names & {_chosen(part), _handled(part)}]
    except (LookupError, TypeError, AttributeError):
        return []


def handles(whole: Json, pool: str) -> bool:
    """True when every server has a handler for the pool: a service's name, with TRIAL behind it for its version on trial."""
    try:
        found = [[_handled(part) for part in server["routes"] if not _chosen(part)] for server in whole["apps"]["http"]["servers"].values()]
    except (LookupError, TypeError, AttributeError):
        return False
    return bool(found) and all(pool in pools for pools in found)


def expected_part(route: Route, settings: ProxySettings, places: Places) -> list[Json]:
    """What `route_part` gives when exactly this route runs. Each has an "@id", to ask for it alone."""
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


def _leaving() -> Json:
    """A WebSocket's answer has a Connection of its own."""
    stopping = {"vars": {"{http.shutting_down}": ["true"]}, "not": [{"header": {"Upgrade": []}}]}
    return {"match": [stopping], "handle": [{"handler": "headers", "response": {"set": {"Connection": ["close"]}}}]}


def _probe(settings: ProxySettings) -> Json:
    """Whose header has the token is a probe, where there is a route. No instance sees the header."""
    proof = {"header": {_PROBE_HEADER: [settings.token]}, "vars_regexp": {"{http.vars.hotswap_service}": {"pattern": "."}}}
    instance = {"X-Hotswap-Instance": ["{http.reverse_proxy.upstream.hostport}"]}
    known = [{"handler": "vars", "hotswap_probe": "yes"}, {"handler": "headers", "response": {"deferred": True, "set": instance}}]
    parts = [{"match": [proof], "handle": known}, {"handle": [{"handler": "headers", "request": {"delete": [_PROBE_HEADER]}}]}]
    return {"match": [{"header": {_PROBE_HEADER: []}}], "handle": [{"handler": "subroute", "routes": parts}]}


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
    route: dict[str, Json] = {"group": "route", "handle": [_choose(safe.name(rule.service) + (TRIAL if rule.preview else ""))]}
    if match:
        route["match"] = [match]
    return route


def _choose(pool: str) -> Json:
    return {"handler": "vars", "hotswap_service": pool}


def _chose(pool: str) -> Json:
    return {"vars": {"{http.vars.hotswap_service}": [pool]}}


def _trial(route: Route) -> Json:
    """Requests of the service that carry the preview header change the pool."""
    preview = t.cast(Preview, safe.route(route).preview)
    return {"match": [{**_chose(route.service), "header": {preview.header: [preview.value]}}], "handle": [_choose(route.service + TRIAL)]}


def _pools(route: Route, places: Places) -> list[tuple[str, float, str]]:
    """Name, seconds to hold and folder of the service's pools."""
    names = [route.service, *([route.service + TRIAL] if route.preview else [])]
    return [(name, 0.0 if name.endswith(TRIAL) else route.hold, "%s/%s/current" % (safe.place(places.conf), _folder(name))) for name in names]


def _pool(settings: ProxySettings, of: str, name: str, hold: float, folder: str) -> Json:
    slots = range(SLOTS)
    parts = [{"match": [_PROBED], "handle": [_proxy(settings, hold, folder + "/" + PROBE, slots)]}]
    parts += [{"handle": [_proxy(settings, hold, folder + "/", slots)]}]
    # A group of its own changes nothing: it says which route this is.
    return {"group": _group(name, of), "match": [_chose(name)], "handle": [{"handler": "subroute", "routes": parts}], "terminal": True}


def _digest(route: Route) -> str:
    return routing.digest(route, "maintenance")


def _group(pool: str, of: str) -> str:
    return "%s=%s" % (pool, of)


def _failed(settings: ProxySettings, route: Route, places: Places) -> list[Json]:
    """What becomes of a request that had no address to go to: 503 with the text of `closed`.

    That is read once: when maintenance ends just then, there is no text, and the request, which has reached nobody, goes to an instance.
    """
    return [
        {"match": [_chose(name)], "handle": [{"handler": "subroute", "routes": [_met("", HOLD, then=_closed(folder)), _met("", then=again)]}]}
        for name, hold, folder in _pools(route, places)
        for again in [_proxy(settings, hold, folder + "/", range(1))]
    ]


def _met(*addresses: str, then: Json) -> Json:
    """What is done with a client's request whose last try was at one of the addresses; "" for none."""
    return {"match": [{"not": [_PROBED], "vars": {"{http.reverse_proxy.upstream.hostport}": [*addresses]}}], "handle": [then]}


def _closed(folder: str) -> Json:
    """The answer while the file `closed` is there."""
    later = {"handler": "headers", "response": {"set": {"Retry-After": ["{http.vars.hotswap_later}"]}}}
    answer = [{"match": [_filled("hotswap_later")], "handle": [later]}, {"handle": [_unavailable("{http.vars.hotswap_text}")]}]
    parts = [
        {"match": [_exists(folder, "retry_after")], "handle": [{"handler": "vars", "hotswap_later": "{file.%s/retry_after}" % folder}]},
        {"handle": [{"handler": "vars", "hotswap_text": "{file.%s/closed}" % folder}]},
        {"match": [_filled("hotswap_text")], "handle": [{"handler": "subroute", "routes": answer}]},
    ]
    return {"handler": "subroute", "routes": [{"match": [_exists(folder, "closed")], "handle": [{"handler": "subroute", "routes": parts}]}]}


def _filled(name: str) -> Json:
    # Not by a regular expression, for which Caddy would first replace what looks like a placeholder in the value.
    return {"not": [{"vars": {"{http.vars.%s}" % name: [""]}}]}


def _exists(folder: str, name: str) -> Json:
    return {"file": {"root": folder, "try_files": [name]}}


def _unavailable(body: str) -> Json:
    headers = {"Content-Type": ["text/plain; charset=utf-8"], "Cache-Control": ["no-store"]}
    return {"handler": "static_response", "status_code": 503, "headers": headers, "body": body}


def _waited(places: Places) -> Json:
    """What a request gets that was held until its time was over; by itself Caddy says that the gateway is bad."""
    return {"match": [_exists("%s/up/{http.vars.hotswap_service}/current" % safe.place(places.conf), "held")], "handle": [_unavailable(EMPTY)]}


def _proxy(settings: ProxySettings, hold: float, files: str, slots: t.Iterable[int]) -> Json:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": "{file.%s%s}" % (files, slot_name(index))} for index in slots],
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            # Only what failed to connect is tried again. Without a matcher, which this one never is, Caddy repeats GETs too.
            "retry_match": [{"not": [{}]}],
            "try_duration": _duration(hold or settings.connect_timeout),
            # Many may wait while requests are held, and each try costs the reading of a file.
            "try_interval": "200ms" if hold else "50ms",
        },
        "transport": {
            "protocol": "http",
            "dial_timeout": _duration(min(1.0, settings.connect_timeout)),
            "response_header_timeout": _duration(settings.server_timeout),
            "keep_alive": _keep_alive(hold),
        },
        # Nothing of the request's: for that Caddy copies all of its headers.
        "headers": {"response": {"delete": ["X-Hotswap-Instance"]}},
        # A new route must not close the websockets of the others.
        "stream_close_delay": "1h",
    }


def _keep_alive(hold: float) -> Json:
    """Short, so that an instance without requests soon has no connections: that is how its drain is seen.

    None where requests are held: Go's client repeats a request without a body when a connection that was used before
    ends without an answer, and two versions of such a service must never both get it.
    """
    return {"enabled": False} if hold else {"idle_timeout": "1s"}
