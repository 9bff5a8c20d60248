# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""haproxy.cfg from settings and routes: pure text, no file and no process.

The structure (everything but the servers) is named by its hash in the global description, so that `show info` of the
running process proves which structure it has. Servers are changed at run time and written here for the next start.
"""

from __future__ import annotations

import hashlib
import typing as t

from . import safe
from .routing import Rule, rules
from .types import Places, ProxySettings, Serving, Target

BACKEND_PREFIX = "service:"
RELAY_MAP = "relay.map"

_GLOBAL = """\
# Written by hotswap.containers: changes are overwritten.
global
    description {description}
    stats socket {run}/admin.sock mode 600 level admin expose-fd listeners
    maxconn {maxconn}
    # A low limit of open files must not keep the proxy from starting.
    no strict-limits

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
    # The mark on a worker that a reload has replaced: its kept-alive clients' requests are decided by the new one.
    use_backend relay if {{ str(on),map({conf}/{relay_map}) -m found }} !{{ so_name relayed }}
{rules}
    default_backend no-route

backend relay
    # Never reused: the worker at the other end may itself be replaced.
    option http-server-close
    http-reuse never
    server new-worker unix@{run}/relay.sock send-proxy-v2

backend no-route
    http-request return status 404 content-type text/plain string "hotswap: no route for this host and path\\n"
"""

_BACKEND = """
backend {name}
    balance roundrobin
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    http-request set-var(txn.hotswap_probe) bool(true) if {{ req.fhdr(X-Hotswap-Probe) -m str -- '{token}' }}
    http-request del-header X-Hotswap-Probe
    http-response del-header X-Hotswap-Instance
    http-response set-header X-Hotswap-Instance %s if {{ var(txn.hotswap_probe) -m bool }}
"""


def backend(service: str) -> str:
    """The name of a service's backend."""
    return BACKEND_PREFIX + safe.name(service)


def description(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """The name of the structure: hotswap- and 12 hex digits."""
    text = _head(settings, routes, places, "") + "".join(_backend(settings, name) for name in sorted(routes))
    return "hotswap-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def render(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """The whole configuration file. Raises SwitchError for unsafe values and for clashing routes."""
    parts = [_head(settings, routes, places, description(settings, routes, places))]
    for name in sorted(routes):
        parts.append(_backend(settings, name))
        parts += ["    server %s %s\n" % (target.name, server_arguments(target)) for target in routes[name].targets]
    return "".join(parts)


def server_arguments(target: Target) -> str:
    """What stands behind a server's name, in the file and in `add server`."""
    safe.target(target)
    return "%s:%d weight %d" % (target.address, target.port, target.weight)


def _head(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places, name: str) -> str:
    safe.settings(settings)
    table = rules(safe.serving(serving).route for serving in routes.values())
    return _GLOBAL.format(
        description=name,
        run=safe.place(places.run),
        conf=safe.place(places.conf),
        relay_map=RELAY_MAP,
        maxconn=int(settings.max_connections),
        connect=_milliseconds(settings.connect_timeout),
        client=_milliseconds(settings.client_timeout),
        server=_milliseconds(settings.server_timeout),
        binds="\n".join("    bind :%d" % listener.port for listener in settings.listeners),
        rules="\n".join(_rule(rule) for rule in table) or "    # no route yet",
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _rule(rule: Rule) -> str:
    conditions = []
    if rule.wildcard:
        conditions.append("{ var(txn.hotswap_host) -m end -- '%s' }" % rule.host[1:])
    elif rule.host:
        conditions.append("{ var(txn.hotswap_host) -m str -- '%s' }" % rule.host)
    if rule.path != "/":
        conditions.append("{ var(txn.hotswap_path) -m beg -- '%s/' }" % rule.path.rstrip("/"))
    if not conditions:
        return "    use_backend %s" % backend(rule.service)
    return "    use_backend %s if %s" % (backend(rule.service), " ".join(conditions))


def _backend(settings: ProxySettings, service: str) -> str:
    return _BACKEND.format(name=backend(service), token=settings.token)
