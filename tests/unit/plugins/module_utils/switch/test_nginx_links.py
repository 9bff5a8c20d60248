# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nginx's links resolve to, as nginx resolves them, and that all of them move at once."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.nginx_links import AGAIN, SLOTS, Links, State, end, key, links, slot_name, state_of
from ansible_collections.hotswap.containers.plugins.module_utils._switch.slots import turns
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Maintenance, Route, Serving, Target


def some(weights: list[int], name: str = "i") -> tuple[Target, ...]:
    return tuple(Target("%s-%d" % (name, number), "10.0.0.%d" % (number + 1), 80, weight) for number, weight in enumerate(weights))


def met(folder: pathlib.Path, side: str, pick: str) -> str:
    """The name of the file at the end, as nginx's $realpath_root has it."""
    path = pathlib.Path(os.path.realpath(str(folder / "current" / side / pick), strict=True))
    assert path.parent == (folder / "current").resolve() / "to"
    return path.name


def all_met(folder: pathlib.Path, side: str) -> list[str]:
    return [met(folder, side, slot_name(index)) for index in range(SLOTS)]


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 100), max_size=6), st.lists(st.integers(0, 100), max_size=3), st.booleans(), st.sampled_from([None, 0, 90]))
def test_every_link_resolves_to_what_the_state_says(tmp_path: pathlib.Path, live: list[int], trial: list[int], held: bool, retry: int | None) -> None:
    state = State(some(live), some(trial, "t"), held, None if retry is None else Maintenance("later", retry))
    folder = tmp_path / "greet"
    Links(folder).point(state)
    assert (Links(folder).state(), Links(folder).intact()) == (state, True)
    for side, targets, nowhere in (("public", state.targets, "held" if held else "nobody"), ("preview", state.preview, "nobody")):
        weighted = [one for one in targets if one.weight]
        ends = {end(one) for one in weighted} or {nowhere}
        assert set(all_met(folder, side + "-probe")) == ends
        assert set(all_met(folder, side)) == (ends if retry is None else {"closed=%d" % retry})
        for one in weighted:
            assert met(folder, side + "-probe", key(one)) == end(one)
            assert (folder / "current" / side / key(one)).exists() == (retry is None)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_who_refuses_is_not_asked_again(weights: list[int]) -> None:
    found = links(State(some(weights)))
    slots = ["live/%s/%s" % (found["live/%s" % ten], slot) for ten, slot in (slot_name(index).split("/") for index in range(SLOTS))]
    picks = [*slots, *("live/" + key(one) for one in some(weights))]
    for path in picks:
        first, second = found[path].split("/")[-1], found[path + AGAIN].split("/")[-1]
        assert first != second
        assert (second == "nobody") == (len(weights) == 1)


@given(st.lists(st.integers(1, 256), min_size=1, max_size=40), st.integers(40, 100))
def test_turns(weights: list[int], slots: int) -> None:
    dealt = turns(weights, slots)
    assert len(dealt) == slots
    assert set(dealt) == set(range(len(weights)))
    counts = [dealt.count(index) for index in range(len(weights))]
    assert all(counts[a] >= counts[b] for a in range(len(weights)) for b in range(len(weights)) if weights[a] > weights[b])


def test_whole_percents_are_exact() -> None:
    assert [turns([share, 100 - share], SLOTS).count(0) for share in range(1, 100)] == list(range(1, 100))


def test_more_instances_than_slots() -> None:
    with pytest.raises(SwitchError, match="101 instances"):
        links(State(some([1] * 101)))


def test_only_a_route_that_may_hold_is_held() -> None:
    assert not state_of(Serving(Route("greet"), (), held=True)).held
    assert state_of(Serving(Route("greet", hold=3.0), (), held=True)).held


def test_a_cookie_names_one_instance_at_one_address() -> None:
    one = Target("greet-a", "10.0.0.1", 80)
    others = [dataclasses.replace(one, name="greet-b"), dataclasses.replace(one, address="10.0.0.2"), dataclasses.replace(one, port=81)]
    assert len({key(one), *map(key, others)}) == 4
    assert key(dataclasses.replace(one, weight=3)) == key(one)


def test_the_longest_name_is_a_file_name() -> None:
    assert len(end(Target("x" * 200, "255.255.255.255", 65535))) <= 255


def test_the_same_state_is_not_written_again(tmp_path: pathlib.Path) -> None:
    folder, state = Links(tmp_path / "greet"), State(some([100]))
    assert (folder.state(), folder.intact()) == (None, False)
    folder.point(state)
    assert folder.fill(state) == ""
    before = folder.generation()
    folder.point(State(some([50, 50])))
    folder.point(state)
    assert int(folder.generation()) == int(before) + 2
    assert sorted(path.name for path in (tmp_path / "greet").iterdir()) == ["1", "2", "3", "current"]
    folder.delete()
    assert folder.state() is None


@pytest.mark.parametrize("damage", ["current/live/3", "current/live/ten-0/3", "current/public", "current/to/closed=0", "current/live/ten-0/9-again"])
def test_damage_is_seen_and_repaired(tmp_path: pathlib.Path, damage: str) -> None:
    folder, state = Links(tmp_path / "greet"), State(some([100]), maintenance=Maintenance("later"))
    folder.point(state)
    (tmp_path / "greet" / damage).unlink()
    assert not folder.intact()
    folder.point(state)
    assert folder.intact()


def test_a_move_makes_few_links(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Links(tmp_path / "greet")
    real, made = os.symlink, []
    monkeypatch.setattr(os, "symlink", lambda *words: (real(words[0], words[1]), made.append(words[1])))
    folder.fill(State(some([100])))
    assert (len(links(State(some([100])))), len(made)) == (66, 7)


def test_an_end_that_is_gone_is_seen(tmp_path: pathlib.Path) -> None:
    folder, state = Links(tmp_path / "greet"), State(some([100]))
    folder.point(state)
    (tmp_path / "greet" / "current" / "to" / end(state.targets[0])).unlink()
    assert not folder.intact()


def test_leftovers_of_a_killed_change_do_not_matter(tmp_path: pathlib.Path) -> None:
    folder, after = Links(tmp_path / "greet"), State(some([50, 50]))
    folder.point(State(some([100])))
    (tmp_path / "greet" / "2" / "live").mkdir(parents=True)
    (tmp_path / "greet" / "next").symlink_to("2")
    assert folder.state() == State(some([100]))
    folder.point(after)
    assert (folder.state(), folder.intact()) == (after, True)


def test_a_reader_never_misses_a_link(tmp_path: pathlib.Path) -> None:
    folder, over, seen = Links(tmp_path / "greet"), threading.Event(), set()
    folder.point(State(some([100])))

    def read() -> None:
        while not over.is_set():
            seen.add(met_or_gone(tmp_path / "greet"))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(20):
        folder.point(State(some([100, 0] if turn % 2 else [0, 100])))
    over.set()
    reader.join()
    assert seen <= {end(one) for one in some([1, 1])}


def met_or_gone(folder: pathlib.Path) -> str:
    return pathlib.Path(os.path.realpath(str(folder / "current" / "public" / "0" / "7"), strict=True)).name
