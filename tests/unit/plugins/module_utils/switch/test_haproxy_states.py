# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What HAProxy's configuration says of trials, cookies, held requests and maintenance: expected/states.cfg is to be read."""

from __future__ import annotations

import dataclasses
import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import haproxy_render
from ansible_collections.hotswap.containers.plugins.module_utils._switch.haproxy_runtime import parse_answers, parse_keys
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Answers, Maintenance, Places, Preview, Route, Serving, Target

from . import examples

HERE = pathlib.Path(__file__)
EXPECTED, RECORDED = HERE.with_name("expected"), HERE.with_name("recorded")
LIVE, NEXT = Target("greet-a-1", "10.89.0.2", 8282), Target("greet-b-1", "10.89.0.3", 8282)

STATES = {
    "api": Serving(Route("api", ("example.com", "*.example.com"), "/api", preview=Preview(header="X-Try", value="v2")), (LIVE,), (NEXT,)),
    "greet": Serving(Route("greet", ("example.com",), preview=Preview(host="next.example.com"), sticky="to"), (LIVE,), (NEXT,)),
    "jobs": Serving(Route("jobs", ("jobs.example.com",), hold=30.0), (), held=True),
    "shop": Serving(Route("shop", ("shop.example.com",), hold=30.0, maintenance=Maintenance('Back "soon" & ë\n', 60)), (), held=True),
}


def test_file() -> None:
    assert haproxy_render.render(examples.SETTINGS, STATES, examples.PLACES) == (EXPECTED / "states.cfg").read_text()


def test_servers_of_a_trial_move_too() -> None:
    text = haproxy_render.render(examples.SETTINGS, STATES, examples.PLACES)
    for service, before in STATES.items():
        after = dataclasses.replace(before, targets=(), preview=())
        assert haproxy_render.moved(text, examples.SETTINGS, before, after) == haproxy_render.render(
            examples.SETTINGS, {**STATES, service: after}, examples.PLACES
        )


def test_what_more_than_servers_change_is_not_moved() -> None:
    text, before = haproxy_render.render(examples.SETTINGS, STATES, examples.PLACES), STATES["jobs"]
    for after in (dataclasses.replace(before, held=False), Serving(dataclasses.replace(before.route, hold=9.0), (), held=True)):
        assert haproxy_render.moved(text, examples.SETTINGS, before, after) == ""


def test_what_was_written_for_another_record_is_not_moved() -> None:
    """So it is when a run was killed between the two files."""
    text, before = haproxy_render.render(examples.SETTINGS, STATES, examples.PLACES), STATES["api"]
    fewer = dataclasses.replace(before, targets=before.targets[:-1], preview=before.preview[:-1])
    for other in (fewer, dataclasses.replace(before, targets=(*before.targets, Target("api-z-1", "10.89.0.99", 80)))):
        assert haproxy_render.moved(text, examples.SETTINGS, other, before) == ""


def test_other_files() -> None:
    files = haproxy_render.files(STATES, Places("/c", "/r"))
    assert files == {"relay.map": "", "held.map": "jobs on\n", "hold.lua": (EXPECTED / "hold.lua").read_text()}


def test_what_moves_without_a_reload_is_not_in_the_structure() -> None:
    name = haproxy_render.description(examples.SETTINGS, STATES, examples.PLACES)
    bare = {service: Serving(serving.route, ()) for service, serving in STATES.items()}
    assert haproxy_render.description(examples.SETTINGS, bare, examples.PLACES) == name


@pytest.mark.parametrize(
    "change",
    [
        {"preview": Preview(host="other.example.com")},
        {"preview": Preview(header="X-Try", value="v3")},
        {"preview": None},
        {"sticky": "cookie"},
        {"sticky": ""},
        {"hold": 5.0},
        {"maintenance": Maintenance("later", 3)},
    ],
)
def test_what_a_route_says_is_in_the_structure(change: dict[str, object]) -> None:
    changed = dataclasses.replace(STATES["greet"], route=dataclasses.replace(STATES["greet"].route, **change))  # type: ignore[arg-type]
    if changed.route.preview is None:
        changed = dataclasses.replace(changed, preview=())
    names = [haproxy_render.description(examples.SETTINGS, {**STATES, "greet": one}, examples.PLACES) for one in (STATES["greet"], changed)]
    assert names[0] != names[1]


_fields = st.text("abcXYZ019_-", min_size=1, max_size=20)
_values = st.text("abcXYZ019_.~:/@=+-", min_size=1, max_size=20)
_texts = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\t\n\"'\\{}$%#"), min_size=1, max_size=80)
_states = st.tuples(
    st.none() | st.builds(Preview, header=_fields, value=_values),
    st.just("") | _fields,
    st.sampled_from([0.0, 0.5, 30.0, 3600.0]),
    st.none() | st.builds(Maintenance, _texts, st.integers(0, 10000)),
)

# Beside the lines of test_render.py: the only ones that the states can stand in.
_LINES = re.compile(
    r"    http-request set-var\(txn\.hotswap_backend\) str\((service|preview):[\w.-]+\) if !\{ var\(txn\.hotswap_backend\) -m found \}"
    r"( \{ var\(txn\.hotswap_(host|path)\) -m (str|end|beg) -- '[^' ]+' \})*( \{ req\.fhdr\([\w-]+\) -m str -- '[\w.~:/@=+-]+' \})?"
    r"|    http-request lua\.hotswap_hold [\w.-]+ [0-9]+ if \{ var\(txn\.hotswap_backend\) -m str -- 'service:[\w.-]+' \}"
    r" \{ str\([\w.-]+\),map\(/hotswap/conf/held\.map\) -m found \}"
    r"|    cookie [\w-]+ insert indirect nocache httponly dynamic|    dynamic-cookie-key [0-9a-f]{32}"
    r"|    http-request return status 503 content-type \"text/plain; charset=utf-8\" string \"([A-Za-z0-9 .,:-]|\\x[0-9a-f]{2})+\""
    r"( hdr Retry-After \"[0-9]+\")? if !\{ var\(txn\.hotswap_probe\) -m bool \}"
    r"|backend (service|preview):[\w.-]+"
    r"|    server [\w.-]+ [0-9.]+:[0-9]+ weight [0-9]+"
    r"|    description hotswap-[0-9a-f]{12}|    # route [0-9a-f]{12}"
)


@given(examples.routes, examples.target_lists, _states)
def test_no_state_breaks_out_of_its_line(route: Route, targets: tuple[Target, ...], state: tuple[Preview | None, str, float, Maintenance | None]) -> None:
    preview, sticky, hold, maintenance = state
    route = dataclasses.replace(route, preview=preview, sticky=sticky, hold=hold, maintenance=maintenance)
    skeleton = {line for name in ("states.cfg", "no-route.cfg") for line in (EXPECTED / name).read_text().splitlines()}
    text = haproxy_render.render(examples.SETTINGS, {route.service: Serving(route, targets)}, examples.PLACES)
    assert [line for line in text.split("\n") if line not in skeleton and not _LINES.fullmatch(line)] == []
    assert text.count("\nbackend preview:") == (preview is not None)


@pytest.mark.parametrize("bad", ["a b", "a'b", 'a"b', "a\nb", "a{b", "a)b", "a\\b", "a%b", "ä"])
def test_unsafe_states_are_refused(bad: str) -> None:
    for route in (
        Route("greet", preview=Preview(host=bad)),
        Route("greet", preview=Preview(header=bad, value="x")),
        Route("greet", preview=Preview(header="x", value=bad)),
        Route("greet", sticky=bad),
    ):
        with pytest.raises(SwitchError, match="cannot stand in a proxy configuration"):
            haproxy_render.render(examples.SETTINGS, {"greet": Serving(route, ())}, examples.PLACES)
    with pytest.raises(SwitchError, match="cannot stand in a proxy configuration"):
        haproxy_render.render(examples.SETTINGS, {"greet": Serving(Route("greet", maintenance=Maintenance("a\rb")), ())}, examples.PLACES)


@pytest.mark.parametrize("version", ["haproxy-2.6", "haproxy-3.0", "haproxy-3.2"])
def test_recorded_answers(version: str) -> None:
    """Six answers, two of them 5xx, of greet-a; three answers of 5xx and a refused connect of greet-b."""
    found = parse_answers((RECORDED / version / "stat.txt").read_text())
    assert found == {"greet-a": Answers(6, 2), "greet-b": Answers(4, 4)}
    assert parse_answers((RECORDED / version / "stat-unknown.txt").read_text()) == {}
    assert parse_keys((RECORDED / version / "map.txt").read_text()) == {"greet", "x.y-z_1"}
    assert parse_keys((RECORDED / version / "map-unknown.txt").read_text()) == set()
