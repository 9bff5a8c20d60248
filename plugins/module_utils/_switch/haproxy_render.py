# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""haproxy.cfg from settings and routes: pure text, no file and no process.

The structure (everything but the servers) is named by its hash in the global description, so that `show info` of the
running process proves which structure it has. Servers are changed at run time and written here for the next start.
Which services are held is a map, changed at run time and written for the next start too.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from . import safe, tls
from .routing import Rule, digest, rules
from .types import Listener, Maintenance, Places, ProxySettings, Route, Serving, Target

BACKEND_PREFIX = "service:"
PREVIEW_PREFIX = "preview:"
RELAY_MAP = "relay.map"
HELD_MAP = "held.map"
HOLD_LUA = "hold.lua"

_GLOBAL = """\
# Written by hotswap.containers: changes are overwritten.
global
    description {description}
    stats socket {run}/admin.sock mode 600 level admin expose-fd listeners
    maxconn {maxconn}
    # A low limit of open files must not keep the proxy from starting.
    no strict-limits
{lua}
defaults
    mode http
    # After a reload, an idle client is told to reconnect with its next answer instead of being cut.
    option idle-close-on-response
    # Only what never reached an instance is repeated, so no request is ever sent twice.
    option redispatch 1
    retries 3
    retry-on conn-failure
    http-reuse safe
    timeout connect {connect}ms
    timeout client {client}ms
    timeout server {server}ms
    # Websockets may be silent for long.
    timeout tunnel 1h
    http-error status 503 content-type text/plain string "hotswap: no instance of this service answers\\n"

frontend public
{binds}
    bind unix@{run}/relay.sock mode 600 accept-proxy name relayed
    http-request set-var(txn.hotswap_host) req.hdr(host),host_only,lower
    http-request set-var(txn.hotswap_path) path,concat(/)
    # The first that matches decides.
{rules}
    # The mark on a worker that a reload has replaced: its kept-alive clients' requests are decided by the new one.
    use_backend relay if {{ str(on),map({conf}/{relay_map}) -m found }} !{{ so_name relayed }}
    use_backend %[var(txn.hotswap_backend)] if {{ var(txn.hotswap_backend) -m found }}
    default_backend no-route

backend relay
    # Never reused: the worker at the other end may itself be replaced.
    option http-server-close
    http-reuse never
    server new-worker unix@{run}/relay.sock send-proxy-v2

backend no-route
    http-request return status 404 content-type text/plain string "hotswap: no route for this host and path\\n"
"""

_UNNAMED = "    description \n"

# The route's digest: it tells of the whole route, whose rules stand elsewhere.
_OPENED = """
backend {name}
    # route {route}
"""

_BACKEND = """\
    balance roundrobin
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    http-request set-var(txn.hotswap_probe) bool(true) if {{ req.fhdr(X-Hotswap-Probe) -m str -- '{token}' }}
    http-request del-header X-Hotswap-Probe
{options}    http-response del-header X-Hotswap-Instance
    http-response set-header X-Hotswap-Instance %s if {{ var(txn.hotswap_probe) -m bool }}
"""

# By the port: what a replaced worker hands over has come in by TLS too, and the new one sees none.
_HTTPS = "    http-request set-header X-Forwarded-Proto https if { dst_port %s }\n"

_STICKY = """\
    # The value is made of address and port, so that a server that is added at run time has one too.
    cookie {name} insert indirect nocache httponly dynamic
    dynamic-cookie-key {key}
"""

_CLOSED = '    http-request return status 503 content-type "text/plain; charset=utf-8" string %s%s if !{ var(txn.hotswap_probe) -m bool }\n'
_NO_TRIAL = '    http-error status 503 content-type text/plain string "hotswap: no version of this service is on trial\\n"\n'

_HOLD = """\
-- Written by hotswap.containers: changes are overwritten.
-- A request waits while its service is held, unless this worker was replaced: then the new one lets it wait.
local held = Map.new("{conf}/{held_map}", Map._str)
local replaced = Map.new("{conf}/{relay_map}", Map._str)

local function milliseconds()
    local now = core.now()
    return now.sec * 1000 + now.usec / 1000
end

core.register_action("hotswap_hold", {{ "http-req" }}, function(_, service, longest)
    local ends = milliseconds() + tonumber(longest)
    while held:lookup(service) and not replaced:lookup("on") and milliseconds() < ends do
        core.msleep(50)
    end
end, 2)
"""


def backend(service: str) -> str:
    """The name of the backend of a service's live and canary instances."""
    return BACKEND_PREFIX + safe.name(service)


def trial(service: str) -> str:
    """The name of the backend of a service's instances on trial."""
    return PREVIEW_PREFIX + safe.name(service)


def backends(service: str) -> tuple[str, str]:
    """Every backend that instances of the service can be in."""
    return backend(service), trial(service)


def pools(serving: Serving) -> dict[str, tuple[Target, ...]]:
    """Backend to the servers that it must have: the service's own and, for a route with one, that of the trial."""
    found = {backend(serving.route.service): serving.targets}
    if serving.route.preview:
        found[trial(serving.route.service)] = serving.preview
    return found


def holds(route: Route) -> bool:
    """True when requests of the route can be held: maintenance answers them at once."""
    return route.hold > 0 and route.maintenance is None


def held(routes: t.Mapping[str, Serving]) -> list[str]:
    """The services whose new requests wait."""
    return sorted(name for name, serving in routes.items() if serving.held and holds(serving.route))


def cookie_key(settings: ProxySettings, name: str) -> str:
    """What the cookies of a backend are made with, so that nobody else can tell an instance's cookie."""
    return hashlib.sha256(("%s %s" % (settings.token, name)).encode()).hexdigest()[:32]


def files(routes: t.Mapping[str, Serving], places: Places) -> dict[str, str]:
    """The other files beside the configuration, name to text."""
    waiting = "".join("%s on\n" % safe.name(name) for name in held(routes))
    return {RELAY_MAP: "", HELD_MAP: waiting, HOLD_LUA: _hold(places)}


def description(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """The name of the structure: hotswap- and 12 hex digits."""
    return _named(_head(settings, routes, places), _backends(settings, routes), places)


def render(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """The whole configuration file. Raises SwitchError for unsafe values and for clashing routes."""
    head, backends = _head(settings, routes, places), _backends(settings, routes)
    parts = [head.replace(_UNNAMED, "%s%s\n" % (_UNNAMED[:-1], _named(head, backends, places)), 1)]
    return "".join([*parts, *_lines(backends)])


def _lines(backends: t.Iterable[tuple[str, tuple[Target, ...]]]) -> t.Iterator[str]:
    for backend_text, targets in backends:
        yield backend_text
        yield from ("    server %s %s\n" % (target.name, server_arguments(target)) for target in targets)


def _named(head: str, backends: t.Iterable[tuple[str, t.Any]], places: Places) -> str:
    """The servers do not count: they come and go at run time."""
    text = head + _hold(places) + "".join(backend_text for backend_text, _targets in backends)
    return "hotswap-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _backends(settings: ProxySettings, routes: t.Mapping[str, Serving]) -> list[tuple[str, tuple[Target, ...]]]:
    """Each backend's own lines, and its servers."""
    known = [serving for _name, serving in sorted(routes.items())]
    return [(_backend(settings, serving.route, pool), targets) for serving in known for pool, targets in pools(serving).items()]


def moved(text: str, settings: ProxySettings, before: Serving, after: Serving) -> str:
    """A configuration of ours with other servers for one service; "" when other things change, or when it was not written for `before`."""
    old, new = ("".join(_lines(_backends(settings, {one.route.service: one}))) for one in (before, after))
    head, same, tail = text.partition(old)
    alone = (before.route, before.held) == (after.route, after.held)
    return head + new + tail if alone and same and tail[:9] in ("", "\nbackend ") else ""


def described(text: str) -> str:
    """The description that a configuration has, "" for none."""
    found = re.search(r"^    description (hotswap-[0-9a-f]{12})$", text, re.MULTILINE)
    return found.group(1) if found else ""


def tells(text: str, route: Route) -> bool:
    """True when a configuration of ours has exactly this route."""
    return _OPENED.format(name=backend(route.service), route=digest(route)) in text


def server_arguments(target: Target) -> str:
    """What stands behind a server's name, in the file and in `add server`."""
    safe.target(target)
    return "%s:%d weight %d" % (target.address, target.port, target.weight)


def _head(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """Everything before the backends, with a description that is empty yet."""
    safe.settings(settings)
    known = [safe.serving(serving).route for serving in routes.values()]
    waiting = [route for route in sorted(known, key=lambda one: one.service) if holds(route)]
    table = [line for rule in rules(known) for line in _rules(rule, routes[rule.service].route)]
    table += [_hold_rule(route, places) for route in waiting]
    return _GLOBAL.format(
        description="",
        run=safe.place(places.run),
        conf=safe.place(places.conf),
        relay_map=RELAY_MAP,
        lua="    lua-load-per-thread %s/%s\n" % (places.conf, HOLD_LUA) if waiting else "",
        maxconn=int(settings.max_connections),
        connect=_milliseconds(settings.connect_timeout),
        client=_milliseconds(settings.client_timeout),
        server=_milliseconds(settings.server_timeout),
        binds="\n".join(_bind(listener, places) for listener in settings.listeners),
        rules="\n".join(table) or "    # no route yet",
    )


def _bind(listener: Listener, places: Places) -> str:
    """The listener; what it presents is part of its line, so that a renewed certificate is another structure."""
    line = "    bind :%d" % listener.port
    if not listener.certificates:
        return line
    files = "".join(" crt %s/%s/%s" % (places.conf, tls.FOLDER, tls.file_name(one)) for one in listener.certificates)
    ciphers = "ciphers %s ciphersuites %s prefer-client-ciphers" % (":".join(tls.CIPHERS_1_2), ":".join(tls.CIPHERS_1_3))
    return "%s ssl%s alpn %s ssl-min-ver TLSv1.2 no-tls-tickets %s" % (line, files, tls.PROTOCOL, ciphers)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _hold(places: Places) -> str:
    return _HOLD.format(conf=safe.place(places.conf), held_map=HELD_MAP, relay_map=RELAY_MAP)


def _rules(rule: Rule, route: Route) -> list[str]:
    """The lines of one rule: requests that ask for the trial by a header are taken out before the others."""
    if rule.preview:
        return [_rule(rule, trial(rule.service))]
    public = [_rule(rule, backend(rule.service))]
    if not route.preview or not route.preview.header:
        return public
    return [_rule(rule, trial(rule.service), "{ req.fhdr(%s) -m str -- '%s' }" % (route.preview.header, route.preview.value)), *public]


def _rule(rule: Rule, goes_to: str, *more: str) -> str:
    conditions = ["!{ var(txn.hotswap_backend) -m found }"]
    if rule.wildcard:
        conditions.append("{ var(txn.hotswap_host) -m end -- '%s' }" % rule.host[1:])
    elif rule.host:
        conditions.append("{ var(txn.hotswap_host) -m str -- '%s' }" % rule.host)
    if rule.path != "/":
        conditions.append("{ var(txn.hotswap_path) -m beg -- '%s/' }" % rule.path.rstrip("/"))
    return "    http-request set-var(txn.hotswap_backend) str(%s) if %s" % (goes_to, " ".join([*conditions, *more]))


def _hold_rule(route: Route, places: Places) -> str:
    conditions = "{ var(txn.hotswap_backend) -m str -- '%s' } { str(%s),map(%s/%s) -m found }" % (backend(route.service), route.service, places.conf, HELD_MAP)
    return "    http-request lua.hotswap_hold %s %d if %s" % (route.service, _milliseconds(route.hold), conditions)


def _backend(settings: ProxySettings, route: Route, name: str) -> str:
    ports = " ".join("%d" % one.port for one in tls.encrypted(settings))
    options = _HTTPS % ports if ports else ""
    options += _closed(route.maintenance) if route.maintenance else ""
    if name.startswith(PREVIEW_PREFIX):
        options += _NO_TRIAL
    elif route.sticky:
        options += _STICKY.format(name=route.sticky, key=cookie_key(settings, name))
    return _OPENED.format(name=name, route=digest(route)) + _BACKEND.format(token=settings.token, options=options)


def _closed(maintenance: Maintenance) -> str:
    retry = ' hdr Retry-After "%d"' % maintenance.retry_after if maintenance.retry_after > 0 else ""
    return _CLOSED % (_quoted(maintenance.text), retry)


def _quoted(text: str) -> str:
    """The text as one word of a configuration line: everything that HAProxy could read otherwise is written as its bytes."""
    return '"%s"' % "".join(one if one.isascii() and (one.isalnum() or one in " .,:-") else _bytes(one) for one in text)


def _bytes(character: str) -> str:
    return "".join("\\x%02x" % byte for byte in character.encode())
