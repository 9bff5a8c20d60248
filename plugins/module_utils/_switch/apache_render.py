# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Apache's configuration, and the map that it reads at each request: pure, no file and no process.

The configuration holds the rules that find a request's service. Where that service is stands in one map file, so that a
change of targets, of the version on trial and of maintenance changes this file only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import typing as t

from .._errors import SwitchError
from . import safe
from .routing import Rule, rules
from .types import Places, Preview, ProxySettings, Route, Serving, Target

# A line of a map holds 1,024 bytes (REWRITE_MAX_TXT_MAP_LINE): these many addresses behind the longest name.
SLOTS = 36
ASK = "X-Hotswap-Ask"
CONFIGURED = "X-Hotswap-Configured"
MAPPED = "X-Hotswap-Mapped"
# No name of a service has a slash.
_DIGEST = "/digest"
_TRIAL = "/trial"
_CLOSED = "/closed"
# Files below maps/closed that hold what a 503 says: SERVICE.text in maintenance, else this one.
NOBODY = "nobody"


def texts(routes: t.Mapping[str, Serving]) -> dict[str, str]:
    """File name below maps/closed to what it says."""
    closed = {name: serving.route.maintenance for name, serving in routes.items()}
    return {NOBODY: "hotswap: nothing serves this\n", **{safe.name(name) + ".text": one.text for name, one in closed.items() if one}}


def digest(text: str) -> str:
    """A short hash of a file's text, by which the running process says which one it has read."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def map_file(routes: t.Mapping[str, Serving]) -> str:
    """The text of the map: for Apache a key and a value a line, and for us, behind #, what they are made of."""
    body = "".join(_entries(name, safe.serving(serving)) for name, serving in sorted(routes.items()))
    return "%s %s\n%s" % (_DIGEST, digest(body), body)


def _entries(service: str, serving: Serving) -> str:
    lines = [_note(service, "target", vars(one)) for one in serving.targets] + [_note(service, "trial", vars(one)) for one in serving.preview]
    for key, targets in ((service, serving.targets), (service + _TRIAL, serving.preview)):
        if any(one.weight for one in targets):
            lines.append("%s %s" % (key, "|".join(spread(targets))))
    closed = serving.route.maintenance
    if closed:
        lines += [_note(service, "closed", digest(closed.text)), "%s%s %d" % (service, _CLOSED, closed.retry_after)]
    return "".join(line + "\n" for line in lines)


def _note(service: str, kind: str, value: t.Any) -> str:
    # One line for each: of a longer one than its lines can be, Apache takes the rest for another line.
    return "# " + json.dumps([service, kind, value], sort_keys=True)


def read_map(text: str) -> dict[str, dict[str, list[t.Any]]]:
    """What `map_file` was given, by service and kind (target, trial: Target; closed: digest); {} for a text that is not ours."""
    head, _newline, body = text.partition("\n")
    if head != "%s %s" % (_DIGEST, digest(body)):
        return {}
    found: dict[str, dict[str, list[t.Any]]] = {}
    for line in body.splitlines():
        if line.startswith("# "):
            service, kind, value = json.loads(line[2:])
            found.setdefault(service, {}).setdefault(kind, []).append(value if kind == "closed" else Target(**value))
    return found


def map_digest(text: str) -> str:
    """What the running process answers when it reads this map."""
    return text.partition("\n")[0].partition(" ")[2]


def spread(targets: t.Sequence[Target]) -> list[str]:
    """Addresses of which Apache picks one at random for each request: as often as the weight says."""
    weighted = [target for target in targets if safe.target(target).weight > 0]
    if len(weighted) > SLOTS:
        raise SwitchError(
            "%d instances are more than Apache's map can hold, which is %d" % (len(weighted), SLOTS), "Use fewer replicas, or the haproxy driver."
        )
    return ["%s:%d" % (one.address, one.port) for one, times in zip(weighted, _times([one.weight for one in weighted])) for _turn in range(times)]


def _times(weights: t.Sequence[int]) -> list[int]:
    """The smallest whole numbers in the same proportion; the nearest below that fit, at least 1, where these are too many."""
    common = 0
    for weight in weights:
        common = math.gcd(common, weight)
    exact = [weight // common for weight in weights]
    if sum(exact) <= SLOTS:
        return exact
    free, total = SLOTS - len(weights), sum(weights)
    return [1 + weight * free // total for weight in weights]


def config(settings: ProxySettings, routes: t.Mapping[str, Serving], places: Places) -> str:
    """The whole text of our part of the configuration. Raises SwitchError for unsafe values and for clashing routes."""
    safe.settings(settings)
    table = rules(safe.serving(serving).route for serving in routes.values())
    known = {serving.route.service: serving.route for serving in routes.values()}
    notes = ["# " + json.dumps(configured(route), sort_keys=True) for _name, route in sorted(known.items())]
    text = "\n".join([*notes, *_listen(settings), *_host(settings, table, known, safe.place(places.conf)), ""])
    return text.replace("{digest}", digest(text))


def config_digest(text: str) -> str:
    """What the running process answers when it runs this configuration; "" for a text that is not ours."""
    found = re.search(r'%s "([0-9a-f]{16})"' % CONFIGURED, text)
    return found.group(1) if found and digest(text.replace(found.group(1), "{digest}")) == found.group(1) else ""


def configured(route: Route) -> dict[str, t.Any]:
    """The part of a route that is configuration, and not map."""
    record = dataclasses.asdict(route)
    del record["maintenance"]
    return record


def has_route(text: str, route: Route) -> bool:
    """True when the configuration has exactly this route, but for what the map says."""
    return "# %s" % json.dumps(configured(route), sort_keys=True) in text.splitlines()


def listed(text: str) -> set[str]:
    """The services that the configuration has a route of."""
    return {str(json.loads(line[2:])["service"]) for line in text.splitlines() if line.startswith("# {")}


def _listen(settings: ProxySettings) -> list[str]:
    return ["Listen %d" % listener.port for listener in settings.listeners]


def _host(settings: ProxySettings, table: t.Sequence[Rule], routes: t.Mapping[str, Route], conf: str) -> list[str]:
    places = " ".join("*:%d" % listener.port for listener in settings.listeners)
    lines = [*_frame(settings, conf), *_asked(settings), *_chosen(table), *_trials(routes), *_sent()]
    return ["<VirtualHost %s>" % places, *["    " + line for line in lines], "</VirtualHost>"]


def _frame(settings: ProxySettings, conf: str) -> list[str]:
    """What is not a rule. The order of headers does not matter: those of a request are removed after all rules."""
    return [
        "ServerName hotswap-%s.invalid" % safe.name(settings.name).replace("_", "-"),
        "ProxyRequests Off",
        "ProxyPreserveHost On",
        "ProxyErrorOverride Off",
        "ProxyTimeout %d" % _seconds(settings.server_timeout),
        "Timeout %d" % _seconds(settings.client_timeout),
        "KeepAlive On",
        "KeepAliveTimeout %d" % _seconds(settings.client_timeout),
        # A client that is kept alive is closed by a reload only, not by its hundredth request.
        "MaxKeepAliveRequests 0",
        "AllowEncodedSlashes NoDecode",
        '<Location "/">',
        "    Require all granted",
        "</Location>",
        # Its own ones would follow what a client says, and tell the server's name.
        "ProxyAddHeaders Off",
        "RequestHeader set X-Forwarded-For expr=%{REMOTE_ADDR}",
        "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}",
        "RequestHeader unset X-Hotswap-Probe",
        "RequestHeader unset " + ASK,
        *["Header %sunset X-Hotswap-Instance" % table for table in ("", "always ")],
        'Header always set X-Hotswap-Instance "%{HOTSWAP_AT}e" env=HOTSWAP_PROBED',
        'Header always set %s "%%{HOTSWAP_SAYS}e" env=HOTSWAP_SAYS' % MAPPED,
        'Header always set %s "{digest}" env=HOTSWAP_SAYS' % CONFIGURED,
        'Header always set Content-Type "text/plain; charset=utf-8" env=HOTSWAP_SAID',
        'Header always set Retry-After "%{HOTSWAP_RETRY}e" env=HOTSWAP_RETRY',
        'ErrorDocument 404 "hotswap: no route for this host and path\\n"',
        'ErrorDocument 503 "%%{file:%s/maps/closed/%%{reqenv:HOTSWAP_TEXT}}"' % conf,
        "RewriteEngine On",
        "RewriteOptions IgnoreInherit",
        'RewriteMap hotswap-all "txt:%s/maps/up.map"' % conf,
        'RewriteMap hotswap-one "rnd:%s/maps/up.map"' % conf,
    ]


def _seconds(value: float) -> int:
    return max(1, math.ceil(value))


def _asked(settings: ProxySettings) -> list[str]:
    """A request with the token is a probe, and one that asks is answered which files the process has read."""
    return [
        "RewriteRule ^ - [E=HOTSWAP_TEXT:%s]" % NOBODY,
        'RewriteCond %%{HTTP:X-Hotswap-Probe} "=%s" [NV]' % safe.token(settings.token),
        "RewriteRule ^ - [E=HOTSWAP_PROBE:1]",
        "RewriteCond %{ENV:HOTSWAP_PROBE} =1",
        "RewriteCond %%{HTTP:%s} =1 [NV]" % ASK,
        "RewriteRule ^ - [E=HOTSWAP_SAYS:${hotswap-all:%s|none},R=204,L]" % _DIGEST,
    ]


def _chosen(table: t.Sequence[Rule]) -> list[str]:
    """The first rule that matches names the service, and the ones behind it are skipped."""
    lines = []
    for index, rule in enumerate(table):
        lines += _conditions(rule)
        trial = ",E=HOTSWAP_TRIAL:1" if rule.preview else ""
        lines.append("RewriteRule ^ - [E=HOTSWAP_SERVICE:%s%s,S=%d]" % (safe.name(rule.service), trial, _rules_behind(table, index)))
    return [*lines, 'RewriteCond %{ENV:HOTSWAP_SERVICE} =""', "RewriteRule ^ - [E=HOTSWAP_SAID:1,R=404,L]"]


def _rules_behind(table: t.Sequence[Rule], index: int) -> int:
    return len(table) - index - 1


def _conditions(rule: Rule) -> list[str]:
    lines = []
    if rule.wildcard:
        lines.append('RewriteCond %%{HTTP_HOST} "[^.]%s(:[0-9]+)?$" [NC]' % re.escape(rule.host[1:]))
    elif rule.host:
        lines.append('RewriteCond %%{HTTP_HOST} "^%s(:[0-9]+)?$" [NC]' % re.escape(rule.host))
    if rule.path != "/":
        lines.append('RewriteCond %%{REQUEST_URI} "^%s(/|$)"' % re.escape(rule.path.rstrip("/")))
    return lines


def _trials(routes: t.Mapping[str, Route]) -> list[str]:
    lines = []
    for name, route in sorted(routes.items()):
        if route.preview and route.preview.header:
            lines += _trial(safe.name(name), route.preview)
    return lines


def _trial(service: str, preview: Preview) -> list[str]:
    return [
        'RewriteCond %%{ENV:HOTSWAP_SERVICE} "=%s"' % service,
        'RewriteCond %%{HTTP:%s} "=%s"' % (preview.header, preview.value),
        "RewriteRule ^ - [E=HOTSWAP_TRIAL:1]",
    ]


def _sent() -> list[str]:
    """Maintenance, then one address of the service, then the request to it: a new connection each time, so nothing is sent twice."""
    return [
        "RewriteRule ^ - [E=HOTSWAP_KEY:%{ENV:HOTSWAP_SERVICE}]",
        "RewriteCond %{ENV:HOTSWAP_TRIAL} =1",
        "RewriteRule ^ - [E=HOTSWAP_KEY:%%{ENV:HOTSWAP_SERVICE}%s]" % _TRIAL,
        "RewriteCond %{ENV:HOTSWAP_PROBE} !=1",
        "RewriteCond ${hotswap-all:%%{ENV:HOTSWAP_SERVICE}%s} ^([0-9]+)$" % _CLOSED,
        "RewriteRule ^ - [E=HOTSWAP_TEXT:%{ENV:HOTSWAP_SERVICE}.text,E=HOTSWAP_RETRY:%1]",
        "RewriteCond %{ENV:HOTSWAP_RETRY} =0",
        "RewriteRule ^ - [E=!HOTSWAP_RETRY]",
        "RewriteCond %%{ENV:HOTSWAP_TEXT} !=%s" % NOBODY,
        "RewriteRule ^ - [E=HOTSWAP_SAID:1,R=503,L]",
        "RewriteCond ${hotswap-one:%{ENV:HOTSWAP_KEY}} ^([0-9.]+:[0-9]+)$",
        "RewriteRule ^ - [E=HOTSWAP_AT:%1]",
        'RewriteCond %{ENV:HOTSWAP_AT} =""',
        "RewriteRule ^ - [E=HOTSWAP_SAID:1,R=503,L]",
        "RewriteCond %{ENV:HOTSWAP_PROBE} =1",
        "RewriteRule ^ - [E=HOTSWAP_PROBED:1]",
        "RewriteCond %{HTTP:Upgrade} =websocket [NC,NV]",
        "RewriteRule ^(.*)$ ws://%{ENV:HOTSWAP_AT}$1 [P]",
        "RewriteRule ^(.*)$ http://%{ENV:HOTSWAP_AT}$1 [P]",
    ]
