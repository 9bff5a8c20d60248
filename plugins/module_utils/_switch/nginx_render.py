# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""nginx's configuration from settings and routes: pure text, no file and no process.

It names no instance: each request resolves a link (nginx_links) by `root` and `$realpath_root`, and goes to the address
in the name of the file at its end. So it changes with the routes only, and is named by its hash: the running process
answers on a unix socket of that name, RUN/HASH.sock, for as long as it takes connections with this configuration.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from . import nginx_hold, routing, safe, tls
from .nginx_links import AGAIN, CLOSED, HELD, SLOTS, slot_name
from .routing import Rule, rules
from .types import Places, ProxySettings, Route, Serving

HASH = "{structure}"
SOCKET = "%s.sock"
# While this file is in run/, each answer closes its connection: an idle one is left open, for its client to use once more.
LEAVING = "leaving"

_MAIN = """\
# Written by hotswap.containers: changes are overwritten.
daemon off;
# The files belong to the user who runs the engine, who is root inside the container.
user root;
pid {run}/nginx.pid;
error_log stderr warn;
worker_processes auto;
worker_rlimit_nofile {files};

events {{
    worker_connections {connections};
}}

http {{
    access_log off;
    client_body_temp_path {run}/body-temp;
    proxy_temp_path {run}/proxy-temp;
    fastcgi_temp_path {run}/fastcgi-temp;
    uwsgi_temp_path {run}/uwsgi-temp;
    scgi_temp_path {run}/scgi-temp;
{http}}}
"""

# Everything that clients see, as it stands in a server block.
_SERVER = """\
    server_tokens off;
    default_type text/plain;
    client_header_timeout {client}ms;
    client_body_timeout {client}ms;
    send_timeout {client}ms;
    keepalive_timeout {client}ms;
    client_max_body_size 0;
    large_client_header_buffers 4 32k;
    underscores_in_headers on;
    # Connects at once: an instance with a request that is still being sent is not idle, so it is not stopped.
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_buffer_size 32k;
    proxy_buffers 4 32k;
    proxy_busy_buffers_size 64k;
    proxy_http_version 1.1;
    proxy_connect_timeout {connect}ms;
    proxy_send_timeout {server}ms;
    proxy_read_timeout {server}ms;
    proxy_next_upstream off;
    proxy_redirect off;
    proxy_pass_header Server;
    proxy_pass_header Date;
    proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
    proxy_hide_header X-Hotswap-Instance;
    # A request that was held, or whose connection ends, comes to an end in a location of its own too.
    recursive_error_pages on;
"""
_FORWARDED = """\
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
"""
_OURS = """\
    proxy_set_header X-Hotswap-Probe "";
    proxy_set_header Cookie $hotswap_cookies;
"""
# Certificate and key are one file, and the link to it is resolved once for both.
_ENCRYPTED = """\
    root %s/%s/%s/$hotswap_certificate;
    ssl_certificate $hotswap_met;
    ssl_certificate_key $hotswap_met;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers %s;
    ssl_prefer_server_ciphers off;
    ssl_session_tickets off;
    ssl_session_cache shared:hotswap:10m;
"""
_TOLD = """\
    add_header X-Hotswap-Instance $hotswap_proof always;
    add_header Set-Cookie $hotswap_cookie always;
"""
_NO_ROUTE = r"""
    if ($hotswap_rule = "") {
        return 404 "hotswap: no route for this host and path\n";
    }
"""
_NO_INSTANCE = r"""        if ($hotswap_none) {
            return 503 "hotswap: no instance of this service answers\n";
        }
"""
_CONTROL = r"""server {
    listen unix:%s;
    access_log off;
    default_type text/plain;

    location = / {
        return 200 "%s\n";
    }
%s}
"""
_TELLS = r"""
    location = /up/%s {
        root %s/up/%s/current;
        return 200 "%s $realpath_root\n";
    }
"""


def render(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """The whole configuration of an nginx that is ours alone."""
    most = int(settings.max_connections)
    # Each client's request has a connection to an instance too.
    connections = 2 * most + 64
    http = _deeper(render_http(settings, routes, places, leaves=True))
    return _MAIN.format(run=safe.place(places.run), files=2 * connections, connections=connections, http=http)


def render_http(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places, leaves: bool = False) -> str:
    """What stands inside `http { }`, also of an nginx that serves other things too.

    `leaves`: it can be told to close each connection with an answer. Raises SwitchError for unsafe values and for clashing routes.
    """
    safe.settings(settings)
    asked = {name: safe.serving(serving).route for name, serving in sorted(routes.items())}
    held = [route for route in asked.values() if route.hold]
    rooms = [part for route in held for part in (nginx_hold.upstream(route, places), _room(settings, route, places))]
    parts = [*_maps(settings, rules(asked.values()), asked), *_presented(settings), _public(settings, asked, places, leaves), *rooms, _control(asked, places)]
    text = "\n".join(parts)
    return text.replace(HASH, hashlib.sha256(text.encode()).hexdigest()[:12])


def structure(text: str) -> str:
    """The hash by which the running process proves that it has this configuration."""
    found = re.search(r"listen unix:\S*/([0-9a-f]{12})\.sock;", text)
    return found.group(1) if found else ""


def digest(route: Route) -> str:
    """What tells one route from another, but for what the links say."""
    return routing.digest(route, "maintenance")


def tells(text: str, route: Route) -> bool:
    """True when a configuration has exactly this route, but for what the links say."""
    return re.search(r'location = /up/%s \{\s+root [^;]+;\s+return 200 "%s ' % (re.escape(route.service), digest(route)), text) is not None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _map(source: str, name: str, rows: t.Iterable[tuple[str, str]], default: str = '""', volatile: bool = False) -> str:
    lines = ["map %s $hotswap_%s {" % (source, name), *(["    volatile;"] if volatile else []), "    default %s;" % default]
    # Strings would be compared without regard to case: a regular expression is not.
    lines += ['    "~%s" %s;' % row for row in rows]
    return "\n".join([*lines, "}", ""])


def _maps(settings: ProxySettings, table: t.Sequence[Rule], asked: t.Mapping[str, Route]) -> list[str]:
    share = 100.0 / SLOTS
    slots = "".join("    %g%% %s;\n" % (share, slot_name(index)) for index in range(SLOTS - 1))
    trials = [(re.escape(name), one.preview) for name, one in asked.items() if one.preview and one.preview.header]
    sticky = [(re.escape(name), one.sticky) for name, one in asked.items() if one.sticky]
    return [
        _map("$request_uri", "path", [("^([^?]*)", "$1")]),
        _map('"$host $hotswap_path/"', "rule", [_rule(rule) for rule in table]),
        _map("$hotswap_rule", "service", [("/(.+)$", "$1")]),
        _map("$http_x_hotswap_probe", "probe", [("^%s$" % safe.token(settings.token), "-probe")]),
        _map("$hotswap_rule", "trial", [("^public/%s$" % name, "$http_" + one.header.lower().replace("-", "_")) for name, one in trials]),
        _map(
            '"$hotswap_rule=$hotswap_trial"',
            "side",
            [("^preview/", "preview"), *(("^public/%s=%s$" % (name, re.escape(one.value)), "preview") for name, one in trials)],
            "public",
        ),
        "split_clients $request_id $hotswap_slot {\n%s    * %s;\n}\n" % (slots, slot_name(SLOTS - 1)),
        _map('"$hotswap_service=$http_cookie"', "key", [("^%s=(?:.*; *)?%s=([0-9a-f]{16})(?:;|$)" % one, "$1") for one in sticky], "none"),
        *_ends(sticky, asked),
        _map('"$hotswap_service=$http_cookie"', "cookies", [row for one in sticky for row in _without(*one)], "$http_cookie"),
    ]


def _without(service: str, cookie: str) -> list[tuple[str, str]]:
    """The client's other cookies: ours is no business of the instances."""
    start, ours = "^%s=" % service, "%s=[^;]*" % cookie
    return [
        (start + ours + ";? *$", '""'),
        (start + ours + "; *(.+)$", "$1"),
        (start + "(.*); *" + ours + "; *(.+)$", '"$1; $2"'),
        (start + "(.*); *" + ours + ";? *$", "$1"),
    ]


def _ends(sticky: t.Sequence[tuple[str, str]], asked: t.Mapping[str, Route]) -> list[str]:
    """What the end of the resolved link says.

    The link is resolved once for each try: nginx measures a value and copies it in two steps, between which it must not
    change, so these are not volatile. What follows from them is, because a second try has another end.
    """
    instance = "^([^=]+)=([0-9a-f]{16})=([0-9.]+:[0-9]+)$"
    answered = "(?:.*[, ])?[0-9.]+:"
    return [
        _map("$realpath_root", "met", [("^(.+)$", "$1")]),
        _map("$hotswap_met", "end", [("/([^/]+)$", "$1")]),
        _map("$realpath_root", "other", [("/([^/]+)$", "$1")]),
        _map("$hotswap_at", "up", [(instance, "$3")], volatile=True),
        _map("$hotswap_at", "none", [("^[^=]+=.*=", '""'), ("^%s$" % HELD, '""')], "1", volatile=True),
        _map("$hotswap_at", "wait", [("^%s$" % HELD, "held")], "off", volatile=True),
        _map("$hotswap_service", "room", [("^%s$" % re.escape(name), nginx_hold.room(name)) for name, one in asked.items() if one.hold]),
        _map("$hotswap_at", "later", [("^%s=([1-9][0-9]*)$" % CLOSED, "$1")]),
        # Only an instance's own answer names it.
        _map('"$hotswap_probe:$upstream_header_time:$hotswap_at"', "proof", [("^-probe:%s([^=]+)=" % answered, "$1")]),
        _map('"$hotswap_pick:$upstream_header_time:$hotswap_at"', "fresh", [("^[0-9]/[0-9]:%s[^=]+=([0-9a-f]{16})=" % answered, "$1")]),
        _map('"$hotswap_service=$hotswap_fresh"', "cookie", [("^%s=([0-9a-f]+)$" % name, '"%s=$1; Path=/; HttpOnly"' % cookie) for name, cookie in sticky]),
        # True for what cannot have reached an instance, and has no body that was read in part.
        _map('"$upstream_bytes_sent:$content_length:$http_transfer_encoding:$upstream_status"', "retry", [("^0:0?::", "1"), (":504$", "late")]),
        _map("$http_upgrade", "tunnel", [("^(?i)h2c", '""'), (".", "1")]),
        _map("$http_upgrade", "connection", [(".", "upgrade")], "close"),
    ]


def _rule(rule: Rule) -> tuple[str, str]:
    host = "[^ ]*[^. ]" + re.escape(rule.host[1:]) if rule.wildcard else re.escape(rule.host) if rule.host else "[^ ]*"
    path = re.escape(rule.path.rstrip("/")) + "/"
    return "^%s %s" % (host, path), '"%s/%s"' % ("preview" if rule.preview else "public", safe.name(rule.service))


def _common(settings: ProxySettings) -> str:
    return _SERVER.format(
        client=_milliseconds(settings.client_timeout),
        connect=_milliseconds(settings.connect_timeout),
        server=_milliseconds(settings.server_timeout),
    )


def _public(settings: ProxySettings, asked: t.Mapping[str, Route], places: Places, leaves: bool) -> str:
    listen = "".join("    listen %d%s default_server;\n" % (one.port, " ssl" if one.certificates else "") for one in settings.listeners)
    listen += _tls(places) if tls.encrypted(settings) else ""
    holds = any(route.hold for route in asked.values())
    more = nginx_hold.LOCATION % _deeper(_FORWARDED) if holds else ""
    return _server(settings, listen, _FORWARDED + _OURS, places, nginx_hold.ASIDE if holds else "", more, leaves)


def _tls(places: Places) -> str:
    """Read at each handshake, so that a renewed certificate is the rename of a link."""
    return _ENCRYPTED % (safe.place(places.conf), tls.FOLDER, tls.AT, ":".join(tls.CIPHERS_1_2))


def _presented(settings: ProxySettings) -> list[str]:
    """Port and name that the client asks for, to the link of its certificate."""
    rows = []
    for listener in tls.encrypted(settings):
        rows += [("^%d (?i)%s$" % (listener.port, _asked_name(name)), "%d-%d" % (listener.port, number)) for name, number in tls.chosen_by_name(listener)]
        rows.append(("^%d " % listener.port, "%d-0" % listener.port))
    return [_map('"$server_port $ssl_server_name"', "certificate", rows)] if rows else []


def _asked_name(name: str) -> str:
    return "[^.]+" + re.escape(name[1:]) if name.startswith("*.") else re.escape(name)


def _room(settings: ProxySettings, route: Route, places: Places) -> str:
    """Where held requests come back from, until they are sent on as any other: with the headers that they have got already."""
    listen = "    listen unix:%s;\n" % nginx_hold.socket(places, route.service)
    return _server(settings, listen, "    proxy_set_header Host $http_host;\n" + _OURS, places, nginx_hold.wait(route.hold), nginx_hold.LEAVE)


def _server(settings: ProxySettings, listen: str, headers: str, places: Places, held: str, more: str, leaves: bool = False) -> str:
    current = "%s/up/$hotswap_service/current" % safe.place(places.conf)
    side = current + "/$hotswap_side$hotswap_probe"
    # No client can ask for this path, nor does it take one from a service.
    closed = "/hotswap-" + hashlib.sha256(settings.token.encode()).hexdigest()[:32]
    parts = [_common(settings), headers, _TOLD, _NO_ROUTE, _pick(side), *_locations(side, closed, held, places if leaves else None), _again(side)]
    parts += [_tunnel(headers), _closed(closed)]
    return "server {\n%s%s%s}\n" % (listen, "".join(parts), more)


def _pick(side: str) -> str:
    """A slot, or the instance that the client's cookie names, while that gets requests."""
    return (
        """
    set $hotswap_pick $hotswap_slot;
    if (-e %s/$hotswap_key) {
        set $hotswap_pick $hotswap_key;
    }
"""
        % side
    )


def _locations(side: str, closed: str, held: str, leaves: Places | None) -> list[str]:
    """That of each request; and the same once more where nginx may be leaving: what closes a connection goes by location."""
    if leaves is None:
        return [_location("/", side, closed, held)]
    leave = """
        if (-e %s/%s) {
            return 420;
        }
        error_page 420 = @leaving;""" % (safe.place(leaves.run), LEAVING)
    return [_location("/", side, closed, held, leave), _location("@leaving", side, closed, held, "\n        keepalive_timeout 0;")]


def _location(name: str, side: str, closed: str, held: str, first: str = "") -> str:
    return """
    location %s {%s
        root %s/$hotswap_pick;
        set $hotswap_at $hotswap_end;
        if ($hotswap_at ~ ^%s=) {
            return 503;
        }%s
%s        if ($hotswap_tunnel) {
            return 419;
        }
        error_page 503 %s;
        error_page 419 = @tunnel;
        error_page 502 504 = @again;
        proxy_pass http://$hotswap_up;
    }
""" % (name, first, side, CLOSED, held.rstrip("\n"), _NO_INSTANCE, closed)


def _again(side: str) -> str:
    """One more try, with another instance, for a request that reached none."""
    return """
    location @again {
        root %s/$hotswap_pick%s;
        if ($hotswap_retry = late) {
            return 504;
        }
        if ($hotswap_retry = "") {
            return 502;
        }
        set $hotswap_at $hotswap_other;
        if ($hotswap_up = "") {
            return 502;
        }
        proxy_pass http://$hotswap_up;
    }
""" % (side, AGAIN)


def _tunnel(headers: str) -> str:
    """Websockets may be silent for long."""
    return """
    location @tunnel {
%s        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        proxy_send_timeout 1h;
        proxy_read_timeout 1h;
        proxy_pass http://$hotswap_up;
    }
""" % _deeper(headers)


def _deeper(lines: str) -> str:
    return "".join("    %s\n" % line if line else "\n" for line in lines.splitlines())


def _closed(name: str) -> str:
    """The text stands in the file that the request has met: maintenance may be over by now."""
    return (
        """
    location = %s {
        internal;
        charset utf-8;
        etag off;
        add_header Retry-After $hotswap_later always;
        add_header Cache-Control no-store always;
        alias $hotswap_met;
    }
"""
        % name
    )


def _control(asked: t.Mapping[str, Route], places: Places) -> str:
    """What the running process tells about itself, to whoever may open its folder. The last server: its socket closes last."""
    listen = "%s/%s" % (safe.place(places.run), SOCKET % HASH)
    rows = "".join(_TELLS % (name, places.conf, name, digest(route)) for name, route in asked.items())
    return _CONTROL % (listen, HASH, rows)
