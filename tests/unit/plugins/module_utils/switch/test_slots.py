# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Caddy's slots are spread over instances, and that all of them move at once."""

from __future__ import annotations

import pathlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.caddy import Slots
from ansible_collections.hotswap.containers.plugins.module_utils._switch.caddy_render import NOBODY, SLOTS, spread
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Target


def some(weights: list[int]) -> list[Target]:
    return [Target("i-%d" % number, "10.0.0.%d" % (number + 1), 80, weight) for number, weight in enumerate(weights)]


@given(st.lists(st.integers(0, 100), max_size=SLOTS))
def test_shares(weights: list[int]) -> None:
    targets = some(weights)
    slots = spread(targets)
    assert len(slots) == SLOTS
    if not any(weights):
        assert set(slots) == {NOBODY}
        return
    for one in targets:
        share = slots.count("%s:%d" % (one.address, one.port))
        assert (share > 0) == (one.weight > 0)
        exact = SLOTS * one.weight / sum(weights)
        # Nobody goes without, so the others may have to give: never more than one slot each for those below one.
        below = sum(1 for weight in weights if 0 < SLOTS * weight / sum(weights) < 1)
        assert exact - below - 1 < share < max(exact, 1) + 1


@given(st.lists(st.integers(1, 100), min_size=1, max_size=SLOTS))
def test_a_heavier_instance_never_has_fewer_slots(weights: list[int]) -> None:
    slots = spread(some(weights))
    shares = [slots.count("%s:%d" % (one.address, one.port)) for one in some(weights)]
    assert all(shares[a] >= shares[b] for a in range(len(weights)) for b in range(len(weights)) if weights[a] > weights[b])


def test_equal_instances_take_turns() -> None:
    for count in (1, 2, 3, 4, 6, 12):
        slots = spread(some([100] * count))
        assert slots[count:] + slots[:count] == slots
        assert len(set(slots[:count])) == count


def test_more_instances_than_slots() -> None:
    with pytest.raises(SwitchError, match="13 instances"):
        spread(some([1] * 13))
    assert len(spread(some([1] * 12 + [0] * 5))) == SLOTS


def test_generations(tmp_path: pathlib.Path) -> None:
    slots, one, two = Slots(tmp_path / "greet"), some([100]), some([50, 50])
    assert (slots.targets(), slots.intact()) == (None, False)
    slots.point(one)
    assert (slots.targets(), slots.intact()) == (tuple(one), True)
    before = (tmp_path / "greet" / "current").resolve()
    slots.point(one)
    assert (tmp_path / "greet" / "current").resolve() == before
    slots.point(two)
    assert slots.targets() == tuple(two)
    assert before.is_dir()
    slots.point(one)
    assert not before.is_dir()
    assert len([path for path in (tmp_path / "greet").iterdir() if not path.is_symlink()]) == 2
    assert (tmp_path / "greet" / "current" / "00").read_text() == "10.0.0.1:80"
    assert (tmp_path / "greet" / "current" / "00").stat().st_mode & 0o777 == 0o600
    slots.delete()
    slots.delete()
    assert slots.targets() is None


def test_damaged_slots_are_seen_and_repaired(tmp_path: pathlib.Path) -> None:
    slots = Slots(tmp_path / "greet")
    slots.point(some([100]))
    (tmp_path / "greet" / "current" / "03").unlink()
    assert not slots.intact()
    slots.point(some([100]))
    assert slots.intact()


def test_leftovers_of_a_killed_change_do_not_matter(tmp_path: pathlib.Path) -> None:
    slots = Slots(tmp_path / "greet")
    slots.point(some([100]))
    (tmp_path / "greet" / "2").mkdir()
    (tmp_path / "greet" / "2" / "00").write_text("half")
    (tmp_path / "greet" / "next").symlink_to("2")
    assert slots.targets() == tuple(some([100]))
    slots.point(some([50, 50]))
    assert (slots.targets(), slots.intact()) == (tuple(some([50, 50])), True)


def test_a_reader_never_misses_a_slot(tmp_path: pathlib.Path) -> None:
    slots, over, seen = Slots(tmp_path / "greet"), threading.Event(), set()
    slots.point(some([100]))

    def read() -> None:
        while not over.is_set():
            seen.add((tmp_path / "greet" / "current" / "07").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(60):
        slots.point(some([100, 0] if turn % 2 else [0, 100]))
    over.set()
    reader.join()
    assert seen <= {"10.0.0.1:80", "10.0.0.2:80"}


def test_filling_changes_nothing_until_the_turn(tmp_path: pathlib.Path) -> None:
    slots, before, after = Slots(tmp_path / "greet"), some([100, 0]), some([0, 100])
    slots.point(before)
    generation = slots.fill(after)
    assert slots.targets() == tuple(before) and slots.intact()
    slots.turn(generation)
    assert slots.targets() == tuple(after) and slots.intact()
    assert slots.fill(after) == ""
