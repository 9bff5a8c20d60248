# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Caddy's configuration says of trials, held requests and maintenance: expected/states.json is to be read."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._switch.caddy_render import (
    TRIAL,
    config,
    expected_part,
    handles,
    named,
    pool_ids,
    render,
    route_part,
    tells,
)
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Maintenance, Preview, Route, Serving

from .examples import PLACES, SETTINGS

EXPECTED = pathlib.Path(__file__).with_name("expected")
STATES = {
    "api": Route("api", ("api.example.com",), preview=Preview(header="X-Preview", value="yes")),
    "greet": Route("greet", ("greet.example.com",), preview=Preview(host="try.example.com")),
    "jobs": Route("jobs", ("jobs.example.com",), hold=90.0),
}
TABLE = {name: Serving(route, ()) for name, route in STATES.items()}


def proxies(part: t.Any) -> list[dict[str, t.Any]]:
    found = [handler for route in part for handler in route["handle"]]
    inner = [one for handler in found if handler["handler"] == "subroute" for one in proxies(handler["routes"])]
    return [*inner, *(handler for handler in found if handler["handler"] == "reverse_proxy")]


def test_file() -> None:
    assert json.loads(render(SETTINGS, TABLE, PLACES)) == json.loads((EXPECTED / "states.json").read_text())


@pytest.mark.parametrize("name", STATES)
def test_each_part_is_that_of_its_route(name: str) -> None:
    text = render(SETTINGS, TABLE, PLACES)
    whole = json.loads(text)
    part = route_part(whole, name)
    assert part == expected_part(STATES[name], SETTINGS, PLACES)
    trial = STATES[name].preview is not None
    # Of each pool one for clients, one for probes, and one for who had no address.
    assert (len(proxies(part)), handles(whole, name + TRIAL)) == (3 * (1 + trial), trial)
    assert handles(whole, name) and tells(text, STATES[name])
    names = {one["@id"] for one in part}
    assert [set(pool_ids(SETTINGS, pool)) <= names for pool in (name, name + TRIAL)] == [True, trial]


def test_a_text_that_was_changed_has_no_name() -> None:
    text = render(SETTINGS, TABLE, PLACES)
    assert named(text) == json.loads(text)["@id"]
    for changed in ("", "{}", text[:-1], text + "\n", text.replace("90000ms", "9000ms"), "\n" + text):
        assert named(changed) == ""


def test_what_only_files_say_is_not_in_the_configuration() -> None:
    """So no reload is needed for it, and no client is cut off."""
    for serving in (dataclasses.replace(TABLE["greet"], held=True), Serving(dataclasses.replace(STATES["greet"], maintenance=Maintenance("later", 3)), ())):
        assert config(SETTINGS, {**TABLE, "greet": serving}, PLACES) == config(SETTINGS, TABLE, PLACES)


def test_nothing_is_sent_again_but_what_failed_to_connect() -> None:
    server = config(SETTINGS, TABLE, PLACES)["apps"]["http"]["servers"]["public"]
    found = proxies([*server["routes"], *server["errors"]["routes"]])
    assert len(found) == 15
    for proxy in found:
        assert proxy["load_balancing"]["retry_match"] == [{"not": [{}]}]


def test_requests_wait_for_as_long_as_the_route_says() -> None:
    for held in proxies(expected_part(STATES["jobs"], SETTINGS, PLACES)):
        assert held["load_balancing"]["try_duration"] == "90000ms"
        assert held["transport"]["keep_alive"] == {"enabled": False}
    for plain in proxies(expected_part(Route("jobs"), dataclasses.replace(SETTINGS, connect_timeout=4.0), PLACES)):
        assert plain["load_balancing"]["try_duration"] == "4000ms"
        assert plain["transport"]["keep_alive"] == {"idle_timeout": "1s"}
