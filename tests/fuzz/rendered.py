# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a route in each proxy's configuration: the same directives as a plain route of the same form has, and its values in them."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.hotswap.containers.plugins.module_utils._switch import apache_render, caddy_render, haproxy_render, nginx_links, nginx_render
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import (
    Listener,
    Maintenance,
    Places,
    Preview,
    ProxySettings,
    Route,
    Serving,
    Target,
)
from fuzz import words
from fuzz.values import CANARY

_SETTINGS = ProxySettings("edge", (Listener(8080),), "0123456789abcdef")
_PLACES = Places()
_TARGETS = (Target("greet-A-1", "10.0.0.2", 80),)
Render = t.Callable[[ProxySettings, t.Mapping[str, Serving], Places], str]
_DRIVERS: t.Mapping[str, tuple[Render, t.Callable[[str], words.Shape]]] = {
    "haproxy": (haproxy_render.render, lambda text: words.shape(words.haproxy(text))),
    "caddy": (caddy_render.render, words.json_shape),
    "nginx": (nginx_render.render, lambda text: words.shape([_plain(one) for one in words.nginx(text)])),
    "apache": (apache_render.config, lambda text: words.shape(words.apache(text))),
}


def _plain(directive: list[str]) -> list[str]:
    """The keys of a map are no directives: only how many there are counts."""
    first = directive[0]
    return ["(key)" if first[:1] in "\"'" else first, *directive[1:]]


def plain(route: Route) -> Route:
    """A harmless route of the same form."""
    hosts = tuple(("*." if host.startswith("*.") else "") + "h%d.example" % index for index, host in enumerate(route.hosts))
    trial = route.preview and _plain_trial(route.preview)
    closed = route.maintenance and Maintenance("closed", min(route.maintenance.retry_after, 1))
    return Route("greet", hosts, "/" if route.path == "/" else "/p", trial, "at" if route.sticky else "", route.hold, closed)


def _plain_trial(preview: Preview) -> Preview:
    if not preview.host:
        return Preview("", "x-next", "y")
    return Preview(host=("*." if preview.host.startswith("*.") else "") + "next.example")


def judge(route: Route) -> None:
    """Raises AssertionError when a configuration has a directive more, or other, than that of the plain route."""
    serving, twin = (Serving(one, _TARGETS, _TARGETS if one.preview else ()) for one in (route, plain(route)))
    for driver, (render, shape) in _DRIVERS.items():
        text = render(_SETTINGS, {route.service: serving}, _PLACES)
        expected = render(_SETTINGS, {"greet": twin}, _PLACES)
        _same(driver, shape(text), shape(expected))
    _judge_files(serving)


def judge_settings(settings: ProxySettings) -> None:
    """The same for a proxy's own settings."""
    twin = ProxySettings("edge", tuple(Listener(8080 + index) for index in range(len(settings.listeners))), settings.token)
    for driver, (render, shape) in _DRIVERS.items():
        _same(driver, shape(render(settings, {}, _PLACES)), shape(render(twin, {}, _PLACES)))


def _same(driver: str, found: words.Shape, expected: words.Shape) -> None:
    assert found == expected, "%s: %r instead of %r" % (driver, found - expected, expected - found)
    assert not any(CANARY in str(one[0]) for one in found if driver != "caddy")


def _judge_files(serving: Serving) -> None:
    """Caddy's small files and nginx's links: one line each where they are an address, and the text as it was given."""
    for pool in caddy_render.pools(serving).values():
        files = caddy_render.files(pool)
        assert json.loads(files["pool.json"]) == json.loads(json.dumps(dataclasses.asdict(pool)))
        assert not pool.maintenance or files["closed"] == pool.maintenance.text
        assert all(":" in files[caddy_render.slot_name(index)] and "\n" not in files[caddy_render.slot_name(index)] for index in range(caddy_render.SLOTS))
    for name, to in nginx_links.links(nginx_links.state_of(serving)).items():
        assert name.isprintable() and to.isprintable()
