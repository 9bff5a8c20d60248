# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moves that look at one route of many alone: what they are told from must be what we wrote, and what the process runs."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

import pytest
from switch_bed import Bed

from ansible_collections.hotswap.containers.plugins.module_utils._switch.caddy import CaddySwitch
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving, Target

GREET, OTHER = Route("greet"), Route("other", ("other.test",))
quick = pytest.mark.parametrize("bed", ["caddy", "haproxy", "nginx"], indirect=True)


def serving(route: Route, targets: t.Sequence[Target]) -> Serving:
    return Serving(route, tuple(targets))


@quick
def test_a_move_reads_no_other_route(bed: Bed) -> None:
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    for route in (GREET, OTHER):
        bed.switch.serve(serving(route, [old]))
    record = bed.folder / "routes" / "other.json"
    good = record.read_bytes()
    record.write_bytes(b"{")
    switch = bed.open()
    switch.serve(serving(GREET, [new]))
    assert (bed.who(), switch.current("greet"), switch.matches(GREET)) == ("greet-b", {"greet-b": 100}, True)
    assert switch.written("greet") == serving(GREET, [new])
    record.write_bytes(good)
    assert bed.open().drift() == []


@quick
def test_a_move_mends_a_configuration_that_was_changed_by_hand(bed: Bed) -> None:
    targets = [bed.instance("greet-a", 1), bed.instance("greet-b", 2)]
    for route in (GREET, OTHER):
        bed.switch.serve(serving(route, targets[:1]))
    file = next((bed.folder / "conf").glob(bed.driver + ".*"))
    good = file.read_bytes()
    for number, changed in enumerate([good.replace(b"other", b"by-hand"), good + b"\n", b"\xff", b""]):
        file.write_bytes(changed)
        assert bed.open().drift() != []
        assert bed.open().matches(GREET)
        bed.open().serve(serving(GREET, targets[number % 2 :][:1]))
        assert bed.open().drift() == []
    file.unlink()
    bed.open().serve(serving(GREET, targets[:1]))
    assert (bed.who(), bed.who(host="other.test"), bed.open().drift()) == ("greet-a", "greet-a", [])


@quick
def test_files_that_the_process_does_not_run_are_not_relied_on(bed: Bed) -> None:
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(GREET, [old]))
    # As a run leaves them that was killed before it told the process.
    bed.open().prepare(dataclasses.replace(bed.settings, client_timeout=7.0))
    assert bed.open().drift() != []
    bed.open().serve(serving(GREET, [new]))
    assert (bed.who(), bed.open().current("greet"), bed.open().matches(GREET), bed.open().drift()) == ("greet-b", {"greet-b": 100}, True, [])


def test_what_is_held_after_a_crash_is_not_held_for_ever(haproxy_bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route("greet", ("app.test",), hold=30.0)
    target = haproxy_bed.instance("greet-a", 1)
    haproxy_bed.switch.serve(serving(route, [target]))
    replaced: list[str] = []

    def first_alone(here: str, there: str, replace: t.Callable[[str, str], None] = os.replace) -> None:
        if replaced:
            raise KeyboardInterrupt
        replaced.append(there)
        replace(here, there)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", first_alone)
        haproxy_bed.open().serve(Serving(route, (), held=True))
    held = haproxy_bed.folder / "conf" / "held.map"
    assert (replaced, held.read_text()) == ([str(held)], "greet on\n")
    haproxy_bed.open().serve(serving(route, [target]))
    assert (held.read_text(), haproxy_bed.open().drift()) == ("", [])


@pytest.mark.parametrize("bed", ["caddy"], indirect=True)
@pytest.mark.parametrize("part", ["choice-1", "pool-1", "failed-1"])
def test_a_route_that_was_changed_in_the_running_caddy_is_seen_and_mended(bed: Bed, part: str) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(serving(GREET, [target]))
    switch = t.cast(CaddySwitch, bed.open())
    for method in ("PATCH", "DELETE"):
        assert switch._ask(method, "/id/public:greet:%s/handle" % part, '[{"handler": "static_response"}]')[0] == 200
        assert (switch.matches(GREET), len(switch.drift())) == (False, 1)
        switch.serve(serving(GREET, [target]))
        assert (switch.matches(GREET), switch.drift(), bed.who()) == (True, [], "greet-a")


@pytest.mark.parametrize("bed", ["caddy"], indirect=True)
def test_another_route_that_was_changed_in_the_running_caddy_is_drift(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    for route in (GREET, OTHER):
        bed.switch.serve(serving(route, [target]))
    switch = t.cast(CaddySwitch, bed.open())
    assert switch._ask("DELETE", "/id/public:other:choice-1/match", None)[0] == 200
    switch.serve(serving(GREET, []))
    assert (switch.matches(GREET), switch.matches(OTHER), len(switch.drift())) == (True, False, 1)
    switch.apply(bed.settings)
    assert (switch.matches(OTHER), switch.drift(), bed.who(host="other.test")) == (True, [], "greet-a")


@pytest.mark.parametrize("bed", ["caddy"], indirect=True)
def test_a_caddy_that_runs_an_earlier_release_s_configuration(bed: Bed) -> None:
    """It knows no part by name, and serves all the same."""
    target = bed.instance("greet-a", 1)
    bed.switch.serve(serving(GREET, [target]))
    switch = t.cast(CaddySwitch, bed.open())

    def nameless(part: t.Any) -> t.Any:
        if isinstance(part, dict):
            return {name: nameless(value) for name, value in part.items() if name not in ("@id", "group")}
        return [nameless(one) for one in part] if isinstance(part, list) else part

    assert switch._ask("POST", "/load", json.dumps(nameless(switch._running())))[0] == 200
    assert (switch.current("greet"), switch.previewed("greet"), switch.matches(GREET), len(switch.drift())) == ({"greet-a": 100}, (), False, 1)
    switch.serve(serving(GREET, [target]))
    assert (switch.current("greet"), switch.matches(GREET), switch.drift(), bed.who()) == ({"greet-a": 100}, True, [], "greet-a")
