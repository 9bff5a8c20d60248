# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nginx's configuration says: expected/states.conf is to be read."""

from __future__ import annotations

import dataclasses
import pathlib
import re

import pytest
from hypothesis import given

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.nginx_hold import upstream, wait
from ansible_collections.hotswap.containers.plugins.module_utils._switch.nginx_render import digest, render, render_http, structure, tells
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Maintenance, Preview, Route, Serving, Target

from .examples import PLACES, SETTINGS, tables

EXPECTED = pathlib.Path(__file__).with_name("expected")
STATES = {
    "api": Route("api", ("api.example.com",), preview=Preview(header="X-Preview", value="yes.1")),
    "greet": Route("greet", ("greet.example.com", "*.greet.example.com"), "/a.b", preview=Preview(host="try.example.com")),
    "jobs": Route("jobs", ("jobs.example.com",), hold=0.3),
    "shop": Route("shop", sticky="shop-to"),
}
TABLE = {name: Serving(route, ()) for name, route in STATES.items()}


def test_file() -> None:
    assert render(SETTINGS, TABLE, PLACES) == (EXPECTED / "states.conf").read_text()


def test_the_structure_is_named_by_its_hash_and_not_by_what_the_links_say() -> None:
    name = structure(render_http(SETTINGS, TABLE, PLACES))
    assert re.fullmatch("[0-9a-f]{12}", name)
    live = (Target("greet-a", "10.0.0.1", 80),)
    for serving in (
        Serving(STATES["greet"], live),
        Serving(STATES["greet"], (), live),
        Serving(STATES["greet"], (), held=True),
        Serving(dataclasses.replace(STATES["greet"], maintenance=Maintenance("later", 3)), ()),
    ):
        assert structure(render_http(SETTINGS, {**TABLE, "greet": serving}, PLACES)) == name
        assert digest(serving.route) == digest(STATES["greet"])
    others = [
        structure(render_http(dataclasses.replace(SETTINGS, client_timeout=61.0), TABLE, PLACES)),
        structure(render_http(SETTINGS, {"greet": TABLE["greet"]}, PLACES)),
        *[structure(render_http(SETTINGS, {**TABLE, "jobs": Serving(changed, ())}, PLACES)) for changed in changes(STATES["jobs"])],
    ]
    assert len({name, *others}) == 1 + len(others)
    assert len({digest(STATES["jobs"]), *map(digest, changes(STATES["jobs"]))}) == 6


def changes(route: Route) -> list[Route]:
    return [
        dataclasses.replace(route, hosts=("other.example.com",)),
        dataclasses.replace(route, path="/x"),
        dataclasses.replace(route, hold=0.4),
        dataclasses.replace(route, sticky="to"),
        dataclasses.replace(route, preview=Preview(host="next.example.com")),
    ]


def test_what_it_has_of_a_route_stands_in_the_text() -> None:
    for text in (render(SETTINGS, TABLE, PLACES), render_http(SETTINGS, TABLE, PLACES)):
        for name, route in STATES.items():
            assert tells(text, route)
            assert not any(tells(text, one) for one in changes(route))
            assert not tells(text, dataclasses.replace(route, service=name[1:]))


def test_a_text_that_is_not_ours_has_no_structure() -> None:
    assert structure("bogus;") == ""


@given(tables)
def test_no_value_breaks_out_of_its_word(table: dict[str, Serving]) -> None:
    text = render(SETTINGS, table, PLACES)
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    assert plain.count("{") == plain.count("}")
    rules = re.findall(r'^ *"~\^[^"]+ [^ "]+" "(?:public|preview)/[\w.-]+";$', text, re.MULTILINE)
    assert len(rules) == sum(len(serving.route.hosts) or 1 for serving in table.values())
    # nginx refuses longer words.
    assert max(len(line) for line in text.splitlines()) < 4096


@pytest.mark.parametrize(("seconds", "tries", "pause"), [(0.05, 2, 100), (0.3, 3, 100), (20.0, 200, 100), (60.0, 200, 300), (3600.0, 200, 18000)])
def test_the_tries_fill_the_time_that_a_request_may_be_held(seconds: float, tries: int, pause: int) -> None:
    assert upstream(Route("jobs", hold=seconds), PLACES).count("server unix:") == tries
    assert "auth_delay %dms;" % pause in wait(seconds)
    assert tries * pause >= 1000 * seconds


def test_clashing_routes() -> None:
    with pytest.raises(SwitchError, match="both claim"):
        render(SETTINGS, {**TABLE, "other": Serving(Route("other"), ())}, PLACES)
