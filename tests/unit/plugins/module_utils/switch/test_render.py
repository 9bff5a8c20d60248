# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the renderers write: the files in expected/ are to be read; the properties hold for everything validate.py lets in."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import typing as t

import pytest
from hypothesis import given

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import caddy_render, haproxy_render
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Maintenance, ProxySettings, Route, Serving, Target

from .examples import PLACES, ROUTES, SETTINGS, tables

EXPECTED = pathlib.Path(__file__).with_name("expected")
UNSAFE = ["a b", "a'b", 'a"b', "a\nb", "a{b", "a}b", "a#b", "a;b", "a\\b", "a%b", "", "ä", "a$(b)", "a\0b"]


@pytest.mark.parametrize(("routes", "name"), [({}, "no-route.cfg"), (ROUTES, "three-routes.cfg")])
def test_haproxy_file(routes: dict[str, Serving], name: str) -> None:
    assert haproxy_render.render(SETTINGS, routes, PLACES) == (EXPECTED / name).read_text()


@pytest.mark.parametrize(("routes", "name"), [({}, "no-route.json"), (ROUTES, "three-routes.json")])
def test_caddy_file(routes: dict[str, Serving], name: str) -> None:
    assert json.loads(caddy_render.render(SETTINGS, routes, PLACES)) == json.loads((EXPECTED / name).read_text())


def test_description_names_the_structure_and_not_the_servers() -> None:
    name = haproxy_render.description(SETTINGS, ROUTES, PLACES)
    assert re.fullmatch("hotswap-[0-9a-f]{12}", name)
    moved = {service: Serving(serving.route, ()) for service, serving in ROUTES.items()}
    assert haproxy_render.description(SETTINGS, moved, PLACES) == name
    others = [
        haproxy_render.description(dataclasses.replace(SETTINGS, token="fedcba9876543210"), ROUTES, PLACES),
        haproxy_render.description(dataclasses.replace(SETTINGS, client_timeout=61.0), ROUTES, PLACES),
        haproxy_render.description(SETTINGS, {"greet": ROUTES["greet"]}, PLACES),
        haproxy_render.description(SETTINGS, {**ROUTES, "rest": Serving(Route("rest", (), "/x"), ())}, PLACES),
    ]
    assert len({name, *others}) == 5


# The only lines that values of services can stand in.
_LINES = re.compile(
    r"    http-request set-var\(txn\.hotswap_backend\) str\((service|preview):[\w.-]+\) if !\{ var\(txn\.hotswap_backend\) -m found \}"
    r"( \{ var\(txn\.hotswap_(host|path)\) -m (str|end|beg) -- '[^' ]+' \})*"
    r"|backend service:[\w.-]+"
    r"|    server [\w.-]+ [0-9.]+:[0-9]+ weight [0-9]+"
    r"|    description hotswap-[0-9a-f]{12}|    # route [0-9a-f]{12}"
)


@given(tables)
def test_no_value_breaks_out_of_its_line(table: dict[str, Serving]) -> None:
    skeleton = set((EXPECTED / "three-routes.cfg").read_text().splitlines()) | set((EXPECTED / "no-route.cfg").read_text().splitlines())
    text = haproxy_render.render(SETTINGS, table, PLACES)
    assert [line for line in text.splitlines() if line not in skeleton and not _LINES.fullmatch(line)] == []
    assert text.count("\n    http-request set-var(txn.hotswap_backend) str(service:") == sum(len(serving.route.hosts) or 1 for serving in table.values())
    assert text.count("\n    server ") == 1 + sum(len(serving.targets) for serving in table.values())
    assert max(len(line) for line in text.splitlines()) < 2048


@given(tables)
def test_no_value_becomes_a_caddy_placeholder(table: dict[str, Serving]) -> None:
    def texts(value: t.Any) -> t.Iterator[str]:
        if isinstance(value, str):
            yield value
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from texts(one)

    allowed = re.compile(
        r"\{http\.reverse_proxy\.upstream\.hostport\}|\{http\.vars\.hotswap_(service|probe|text|later)\}"
        r"|/hotswap/conf/up/\{http\.vars\.hotswap_service\}/current"
        r"|\{file\./hotswap/conf/(up|trial)/[\w.-]+/current/((probe-)?[0-9]{2}|closed|retry_after)\}"
    )
    configuration = json.loads(caddy_render.render(SETTINGS, table, PLACES))
    assert [text for text in texts(configuration) if "{" in text and not allowed.fullmatch(text)] == []
    for service, serving in table.items():
        assert caddy_render.route_part(configuration, service) == caddy_render.expected_part(serving.route, SETTINGS, PLACES)


@given(tables)
def test_of_haproxy_only_the_servers_of_one_service_are_rendered_anew(table: dict[str, Serving]) -> None:
    text = haproxy_render.render(SETTINGS, table, PLACES)
    assert haproxy_render.described(text) == haproxy_render.description(SETTINGS, table, PLACES)
    for service, before in table.items():
        after = Serving(before.route, (Target("next", "10.89.0.9", 80, 7), *before.targets[1:]))
        assert haproxy_render.moved(text, SETTINGS, before, after) == haproxy_render.render(SETTINGS, {**table, service: after}, PLACES)
        assert haproxy_render.moved(text, SETTINGS, after, before) == ""
        assert haproxy_render.tells(text, before.route)
        for change in ({"hold": 9.0}, {"service": "x" + service}, {"hosts": ("other.example.net",)}, {"maintenance": Maintenance("later")}):
            assert not haproxy_render.tells(text, dataclasses.replace(before.route, **change))


@given(tables)
def test_what_caddy_has_of_a_route_stands_in_the_text(table: dict[str, Serving]) -> None:
    text = caddy_render.render(SETTINGS, table, PLACES)
    assert json.loads(text)["@id"] == caddy_render.named(text)
    for service, serving in table.items():
        assert caddy_render.tells(text, serving.route)
        for change in ({"hold": 9.0}, {"service": "x" + service}, {"hosts": ("other.example.net",)}, {"path": "/other-path"}):
            assert not caddy_render.tells(text, dataclasses.replace(serving.route, **change))


@pytest.mark.parametrize("bad", UNSAFE)
@pytest.mark.parametrize("render", [haproxy_render.render, caddy_render.render])
def test_unsafe_values_are_refused(render: t.Callable[..., str], bad: str) -> None:
    good = Route("greet", ("greet.test",), "/")
    target = Target("greet-a", "10.0.0.1", 80)
    wrong = [
        Serving(dataclasses.replace(good, service=bad), (target,)),
        Serving(dataclasses.replace(good, hosts=("ok.test", bad)), (target,)),
        Serving(dataclasses.replace(good, path="/" + bad if bad else bad), (target,)),
        Serving(good, (target, dataclasses.replace(target, name=bad))),
        Serving(good, (dataclasses.replace(target, address=bad),)),
    ]
    for serving in wrong:
        with pytest.raises(SwitchError, match="cannot stand in a proxy configuration"):
            render(SETTINGS, {"greet": serving}, PLACES)
    with pytest.raises(SwitchError):
        render(dataclasses.replace(SETTINGS, token=bad), {}, PLACES)
    with pytest.raises(SwitchError):
        render(dataclasses.replace(SETTINGS, name=bad), {}, PLACES)


@pytest.mark.parametrize(
    "serving",
    [
        Serving(Route("greet"), (Target("a", "10.0.0.1", 0),)),
        Serving(Route("greet"), (Target("a", "10.0.0.1", 65536),)),
        Serving(Route("greet"), (Target("a", "10.0.0.1", 80, 257),)),
        Serving(Route("greet"), (Target("a", "10.0.0.1", 80, -1),)),
        Serving(Route("greet"), (Target("a", "fd00::1", 80),)),
        Serving(Route("greet"), (Target("a", "10.0.0.1", 80), Target("a", "10.0.0.2", 80))),
    ],
)
def test_unsafe_targets_are_refused(serving: Serving) -> None:
    for render in (haproxy_render.render, caddy_render.render):
        with pytest.raises(SwitchError):
            render(SETTINGS, {"greet": serving}, PLACES)


@pytest.mark.parametrize("settings", [dataclasses.replace(SETTINGS, listeners=()), dataclasses.replace(SETTINGS, client_timeout=0.0)])
def test_unsafe_settings_are_refused(settings: ProxySettings) -> None:
    for render in (haproxy_render.render, caddy_render.render):
        with pytest.raises(SwitchError):
            render(settings, {}, PLACES)


_EMPTY = {"routes": [{"handle": []}], "errors": {"routes": []}}


@pytest.mark.parametrize("foreign", [None, {}, {"apps": {}}, *({"apps": {"http": {"servers": {"public": one}}}} for one in ({"routes": None}, _EMPTY)), []])
def test_a_foreign_caddy_configuration_has_no_route_of_ours(foreign: t.Any) -> None:
    assert caddy_render.route_part(foreign, "greet") == []
    assert not caddy_render.handles(foreign, "greet")
