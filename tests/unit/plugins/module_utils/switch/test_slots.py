# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Caddy's slots are spread over instances, what else its files say, and that all of them move at once."""

from __future__ import annotations

import pathlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.caddy import Slots
from ansible_collections.hotswap.containers.plugins.module_utils._switch.caddy_render import (
    EMPTY,
    HOLD,
    NOBODY,
    PROBE,
    SLOTS,
    Pool,
    files,
    pools,
    slot_name,
    spread,
)
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Maintenance, Preview, Route, Serving, Target


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


def of(weights: list[int]) -> Pool:
    return Pool(tuple(some(weights)))


def slot_texts(pool: Pool, side: str = "") -> set[str]:
    found = files(pool)
    return {found[side + slot_name(index)] for index in range(SLOTS)}


@pytest.mark.parametrize(
    ("pool", "nowhere", "closed"),
    [(of([]), NOBODY, EMPTY), (of([0]), NOBODY, EMPTY), (Pool(held=True), HOLD, None), (Pool(held=True, maintenance=Maintenance("later")), HOLD, "later")],
)
def test_a_pool_without_instances_is_closed_or_waits(pool: Pool, nowhere: str, closed: str | None) -> None:
    assert (slot_texts(pool, PROBE), files(pool).get("closed")) == ({nowhere}, closed)
    assert slot_texts(pool) == {NOBODY if closed else nowhere}
    assert ("held" in files(pool)) == (nowhere == HOLD)


def test_a_pool_with_instances_waits_for_nothing() -> None:
    assert slot_texts(Pool(tuple(some([100])), held=True)) == {"10.0.0.1:80"}
    assert not {"closed", "held"} & set(files(Pool(tuple(some([100])), held=True)))


@pytest.mark.parametrize(("seconds", "text"), [(0, None), (90, "90")])
def test_maintenance_closes_and_keeps_the_way_to_the_instances(seconds: int, text: str | None) -> None:
    pool = Pool(tuple(some([100])), maintenance=Maintenance("back at nine", seconds))
    assert (files(pool)["closed"], files(pool).get("retry_after")) == ("back at nine", text)
    assert (slot_texts(pool), slot_texts(pool, PROBE)) == ({NOBODY}, {"10.0.0.1:80"})


def test_the_version_on_trial_has_a_pool_of_its_own_where_there_is_a_way_to_it() -> None:
    live, trial = tuple(some([100])), (Target("t", "10.0.0.9", 80),)
    later = Maintenance("later")
    assert pools(Serving(Route("greet"), live, trial)) == {"up/greet": Pool(live)}
    route = Route("greet", preview=Preview(host="try.test"), maintenance=later)
    assert pools(Serving(route, live, trial, held=True)) == {"up/greet": Pool(live, True, later), "trial/greet": Pool(trial, False, later)}


def test_everything_of_a_pool_is_read_back(tmp_path: pathlib.Path) -> None:
    slots, pool = Slots(tmp_path / "greet"), Pool((), True, Maintenance("zur\u00fcck um neun\n", 30))
    slots.point(pool)
    assert (slots.pool(), slots.intact(), slots.weights()) == (pool, True, {})
    (tmp_path / "greet" / "current" / "closed").write_text("now")
    assert not slots.intact()
    slots.point(pool)
    assert slots.intact()
    slots.point(of([3, 0]))
    assert slots.weights() == {"i-0": 3}
    assert not (tmp_path / "greet" / "current" / "closed").exists()


def test_generations(tmp_path: pathlib.Path) -> None:
    slots, one, two = Slots(tmp_path / "greet"), of([100]), of([50, 50])
    assert (slots.pool(), slots.intact()) == (None, False)
    slots.point(one)
    assert (slots.pool(), slots.intact()) == (one, True)
    before = (tmp_path / "greet" / "current").resolve()
    slots.point(one)
    assert (tmp_path / "greet" / "current").resolve() == before
    slots.point(two)
    assert slots.pool() == two
    for turn in range(7):
        assert before.is_dir()
        slots.point([one, two][turn % 2])
    assert not before.is_dir()
    assert len([path for path in (tmp_path / "greet").iterdir() if not path.is_symlink()]) == 8
    assert (tmp_path / "greet" / "current" / "00").read_text() == "10.0.0.1:80"
    assert (tmp_path / "greet" / "current" / "00").stat().st_mode & 0o777 == 0o600
    slots.delete()
    slots.delete()
    assert slots.pool() is None


def test_damaged_slots_are_seen_and_repaired(tmp_path: pathlib.Path) -> None:
    slots = Slots(tmp_path / "greet")
    slots.point(of([100]))
    (tmp_path / "greet" / "current" / "03").unlink()
    assert not slots.intact()
    slots.point(of([100]))
    assert slots.intact()


def test_leftovers_of_a_killed_change_do_not_matter(tmp_path: pathlib.Path) -> None:
    slots = Slots(tmp_path / "greet")
    slots.point(of([100]))
    (tmp_path / "greet" / "2").mkdir()
    (tmp_path / "greet" / "2" / "00").write_text("half")
    (tmp_path / "greet" / "next").symlink_to("2")
    assert slots.pool() == of([100])
    slots.point(of([50, 50]))
    assert (slots.pool(), slots.intact()) == (of([50, 50]), True)


def test_a_reader_never_misses_a_slot(tmp_path: pathlib.Path) -> None:
    slots, over, seen = Slots(tmp_path / "greet"), threading.Event(), set()
    slots.point(of([100]))

    def read() -> None:
        while not over.is_set():
            seen.add((tmp_path / "greet" / "current" / "07").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(60):
        slots.point(of([100, 0] if turn % 2 else [0, 100]))
    over.set()
    reader.join()
    assert seen <= {"10.0.0.1:80", "10.0.0.2:80"}


def test_filling_changes_nothing_until_the_turn(tmp_path: pathlib.Path) -> None:
    slots, before, after = Slots(tmp_path / "greet"), of([100, 0]), of([0, 100])
    slots.point(before)
    generation = slots.fill(after)
    assert slots.pool() == before and slots.intact()
    slots.turn(generation)
    assert slots.pool() == after and slots.intact()
    assert slots.fill(after) == ""
