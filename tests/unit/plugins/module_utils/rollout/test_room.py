# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which retired versions go for room on the disk: as few as will do, the oldest first, and never one that is needed."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Container, Image, Storage
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, HotswapError, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.after import after
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.container_options import Bound, bound_of, size_text
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.images import Images
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.making_room import Making, Room
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.observe import Sight
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.plan import plan, previous, spare
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.room import (
    Chain,
    Disk,
    Retired,
    Stored,
    chains,
    chosen,
    freed,
    going_with,
)
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.state import Desired, Instance, Observed, Step, live_key

from .test_plan import observed_states, prefixes, wishes

IDS = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, 0), ("", 0), ("0", 0), ("4096", 4096), ("2k", 2048), ("1.5G", 3 << 29), ("10%", 100), ("2.5 %", 25), ("99%", 990)],
)
def test_a_bound(value: str | None, expected: int) -> None:
    found = bound_of(value)
    assert (found.of(1000), bool(found)) == (expected, bool(expected))


@pytest.mark.parametrize("value", ["100%", "-1", "-1%", "%", "10 percent", "much", "1e3", "10%%", "nan", "inf%", "9" * 99, "\u0661%"])
def test_what_is_no_bound(value: str) -> None:
    with pytest.raises(InvalidInput, match=r"^min_free_disk: "):
        bound_of(value)


def test_bytes_for_people() -> None:
    assert [size_text(count) for count in (0, 1023, 1024, 3 << 19, 5 << 30)] == ["0 bytes", "1023 bytes", "1 KiB", "1 MiB", "5.0 GiB"]


@pytest.mark.parametrize(
    ("layers", "sizes", "expected"),
    [("xy", (5, 6), (5, 6)), ("wxyz", (5, 6), (0, 0, 5, 6)), ("xy", (1, 2, 3), (2, 3)), ("xy", (), (0, 0)), ("", (1,), ())],
)
def test_sizes_for_each_layer(layers: str, sizes: tuple[int, ...], expected: tuple[int, ...]) -> None:
    found = chains(tuple(layers), sizes)
    assert tuple(found.values()) == expected
    assert list(found) == [tuple(layers[: index + 1]) for index in range(len(layers))]


def test_a_layer_counts_once_and_only_with_its_last_image() -> None:
    stored = {"a": chains(("x", "1"), (100, 1)), "b": chains(("x", "2"), (100, 2)), "c": chains(("x", "3"), ()), "d": chains(("1", "x"), ())}
    assert [freed(going, stored) for going in ((), ("a",), ("a", "b"), ("a", "b", "gone"))] == [0, 1, 3, 3]
    del stored["c"]
    assert freed(("a", "b"), stored) == 103


@st.composite
def stores(draw: st.DrawFn) -> tuple[Retired, set[str], dict[str, t.Mapping[Chain, int]]]:
    """Images that share layers from below, and retired versions that use some of them."""
    stored = {}
    for one in IDS:
        shared = draw(st.integers(0, 3))
        stored[one] = chains((*["s%d" % index for index in range(shared)], one), (*[10] * shared, draw(st.integers(0, 9))))
    retired = {"v%d" % index: images for index, images in enumerate(draw(st.lists(st.sets(st.sampled_from(IDS), max_size=2), max_size=4)))}
    return retired, draw(st.sets(st.sampled_from(IDS))), stored


@given(stores(), st.integers(0, 60))
def test_as_few_go_as_will_do_and_each_helps(store: tuple[Retired, set[str], Stored], missing: int) -> None:
    retired, can_go, stored = store
    picked = chosen(retired, can_go, stored, missing)

    def by(some: t.Collection[str]) -> int:
        return freed(going_with(some, retired, can_go), stored)

    assert [one for one in retired if one in picked] == list(picked)
    assert all(retired[one] & going_with(picked, retired, can_go) for one in picked)
    if by(picked) < missing:
        assert by(picked) == by(retired)
    elif picked:
        assert by(picked[:-1]) < missing
    if by(()) >= missing:
        assert picked == ()


@given(observed_states(), wishes())
def test_never_what_is_live_known_good_asked_for_or_in_use(state: Observed, desired: Desired) -> None:
    keys = spare(desired, state)
    live = live_key(state)
    assert not {desired.key, live, previous(state, live)} & set(keys)
    assert [key for key in state.history if key in keys] == list(keys)
    for one in state.instances:
        assert one.key not in keys or not (one.running or one.weight or one.name in state.previewed)


@given(observed_states(), wishes(("live",)))
def test_the_plan_is_as_lossless_after_room_was_made(state: Observed, desired: Desired) -> None:
    """What goes has no traffic, and the rollback is the same before, and as good afterwards."""
    gone = tuple(one.name for one in state.instances if one.key in spare(desired, state))
    left = after([Step("remove", gone)], state, desired.key)
    assert left.shares == state.shares
    assert left.serving == state.serving
    assert previous(left, live_key(left)) == previous(state, live_key(state))
    assert [step for step in plan(desired, left) if step.action not in ("remove", "boot")] == [
        step for step in plan(desired, state) if step.action not in ("remove", "boot")
    ]
    then = prefixes(desired, state)[-1]
    assert previous(then, desired.key) not in spare(desired, then)


def test_a_pull_that_finds_no_room_says_how_much_there_is_and_what_to_do() -> None:
    disk = Disk("/var/lib/docker", 1 << 30, 20 << 30, 2 << 30)
    Making(disk, early=1 << 30).check("greet")
    Making(Disk("/x", 5, 9, 5)).check("greet")
    said = "min_free_disk: /var/lib/docker has 1.0 GiB free of 20.0 GiB, less than min_free_disk .2.0 GiB., and what can go of greet frees no more than 300 MiB"
    with pytest.raises(InvalidInput, match=r"^%s; nothing was pulled. Free some room there" % said):
        Making(disk, early=300 << 20).check("greet")


class Store:
    """An engine with a retired version for each of v1 to v3, v4 the live one, and 10 bytes on its disk for each image that is gone."""

    kind = "podman"

    def __init__(self) -> None:
        self.here = {"v%d" % one: Image("sha256:v%d" % one, ("v%d" % one,), layers=("base", str(one))) for one in range(1, 6)}
        self.found = {"g-%d-1" % one: Container("i", "g-%d-1" % one, "", "sha256:v%d" % one, "exited") for one in range(1, 5)}
        self.least = 0

    def image(self, ref: str) -> Image | None:
        return next((one for one in self.here.values() if ref in (one.id, *one.refs)), None)

    def images(self) -> list[Image]:
        return list(self.here.values())

    def layer_sizes(self, image_id: str) -> tuple[int, ...]:
        return (100, 10)

    def containers(self, _labels: t.Mapping[str, str]) -> list[Container]:
        return list(self.found.values())

    def remove(self, name: str) -> None:
        del self.found[name]

    def remove_image(self, ref: str) -> None:
        del self.here[ref]

    def disk(self) -> Disk:
        return Disk("/x", 50 - 10 * len(self.here), 100, self.least)


OBSERVED = Observed(tuple(Instance("g-%d-1" % one, "g-%d" % one, one == 4, weight=100 if one == 4 else 0) for one in range(1, 5)), ("g-1", "g-2", "g-3", "g-4"))
ASKED = Desired("live", "g-4", ("g-4-1",), keep=3)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    found = Store()
    monkeypatch.setattr(Room, "disk", lambda _room: found.disk())
    return found


def room_of(store: Store, root: pathlib.Path) -> Room:
    """As Rollout has it: needed is what the containers that stay were made of, and v5, which was asked for."""
    found = Images(t.cast(t.Any, store), StateDir(root), Memory(StateDir(root).service("greet")))
    for one in range(1, 6):
        found.pulled("v%d" % one, "sha256:v%d" % one)
    return Room(t.cast(t.Any, store), found, Bound(size=1), lambda seen, gone: {"v" + name[2] for name in seen.containers if name not in gone} | {"v5"})


def sight(store: Store) -> Sight:
    return Sight(OBSERVED, dict(store.found))


def shrunk(room: Room, now: Sight) -> tuple[Sight, Making]:
    """As Rollout does: until nothing goes any more."""
    making = Making(room.disk())
    while True:
        left, making = room.shrink(ASKED, now, making)
        if left == now:
            return now, making
        now = left
        room.images.remove_unneeded(room.needed(now, ()))


@pytest.mark.parametrize(
    ("least", "keep", "first", "last", "frees", "short"),
    [
        (0, 3, (), (), 0, 0),
        # `keep` removes the second one anyway.
        (10, 2, ("g-1-1",), (), 20, 0),
        (15, 3, ("g-1-1", "g-2-1"), (), 20, 0),
        (99, 3, ("g-1-1", "g-2-1"), ("g-3-1",), 30, 69),
    ],
)
def test_what_goes_before_and_after(
    store: Store, tmp_path: pathlib.Path, least: int, keep: int, first: tuple[str, ...], last: tuple[str, ...], frees: int, short: int
) -> None:
    store.least = least
    steps, making = room_of(store, tmp_path).plan(Desired("live", "g-5", ("g-5-1",), keep=keep), sight(store))
    assert (making.first, making.last, making.frees, making.short) == (first, last, frees, short)
    assert making.early == 10 * len(first)
    assert bool(making.warnings) == bool(short)
    assert (Step("remove", first) in steps[:1], Step("remove", last) in steps[-1:]) == (bool(first), bool(last))
    assert len(store.found) == 4


def test_a_plan_with_enough_room_asks_for_no_image(store: Store, tmp_path: pathlib.Path) -> None:
    room = room_of(store, tmp_path)
    store.images = None  # type: ignore[assignment,method-assign]
    asked = Desired("live", "g-5", ("g-5-1",), keep=2)
    assert room.plan(asked, sight(store))[0] == plan(asked, OBSERVED)


def test_at_the_end_the_disk_is_asked_again_after_each_removal(store: Store, tmp_path: pathlib.Path) -> None:
    """The sizes say 20 bytes for one; the disk says 10."""
    store.least = 20
    store.layer_sizes = lambda _image_id: (100, 20)  # type: ignore[method-assign]
    now, made = shrunk(room_of(store, tmp_path), sight(store))
    assert (sorted(store.found), sorted(store.here)) == (["g-3-1", "g-4-1"], ["v3", "v4", "v5"])
    assert [one.name for one in now.observed.instances] == ["g-3-1", "g-4-1"] == sorted(now.containers)
    assert (made.last, made.disk.missing, made.warnings) == (("g-1-1", "g-2-1"), 0, [])


def refuse(_image_id: str) -> tuple[int, ...]:
    raise EngineError("runtime error: invalid memory address or nil pointer dereference")


@pytest.mark.parametrize("answer", [lambda _image_id: (), refuse])
def test_an_image_without_a_history_counts_as_a_whole(store: Store, tmp_path: pathlib.Path, answer: t.Callable[[str], tuple[int, ...]]) -> None:
    store.least = 1
    store.layer_sizes = answer  # type: ignore[method-assign]
    store.here = {ref: dataclasses.replace(one, size=7) for ref, one in store.here.items()}
    making = room_of(store, tmp_path).plan(ASKED, sight(store))[1]
    assert (making.first, making.frees) == (("g-1-1",), 7)


def test_what_is_live_and_known_good_stays_and_the_lack_is_said(store: Store, tmp_path: pathlib.Path) -> None:
    store.least = 99
    _now, made = shrunk(room_of(store, tmp_path), sight(store))
    assert sorted(store.found) == ["g-3-1", "g-4-1"]
    assert made.warnings == ["/x has 20 bytes free of 100 bytes, less than min_free_disk (99 bytes), and nothing more of this service can go"]
    assert made.as_dict() == {"folder": "/x", "total": 100, "free": 20, "least": 99, "removed": ["g-1-1", "g-2-1"], "freed": 20}


def test_a_version_whose_image_has_another_name_stays(store: Store, tmp_path: pathlib.Path) -> None:
    store.least = 99
    store.here["v1"] = Image("sha256:v1", ("v1", "kept/by:somebody"), layers=("base", "1"))
    _now, made = shrunk(room_of(store, tmp_path), sight(store))
    assert sorted(store.found) == ["g-1-1", "g-3-1", "g-4-1"]
    assert made.last == ("g-2-1",)


def test_a_pull_counts_on_what_goes_first_alone(store: Store, tmp_path: pathlib.Path) -> None:
    asked = Desired("live", "g-5", ("g-5-1",), keep=3)
    store.least = 20
    room_of(store, tmp_path).plan(asked, sight(store))[1].check("greet")
    store.least = 21
    made = room_of(store, tmp_path).plan(asked, sight(store))[1]
    assert made.frees > 20
    with pytest.raises(InvalidInput, match="frees no more than 20 bytes; nothing was pulled"):
        made.check("greet")


class Disks:
    """Says where images are."""

    kind = "docker"

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def storage(self) -> Storage:
        return Storage(str(self.folder), "x86_64")


def disk_at(folder: pathlib.Path, bound: Bound) -> Disk:
    anything = t.cast(t.Any, None)
    return Room(t.cast(t.Any, Disks(folder)), anything, bound, anything).disk()


def test_the_disk_is_that_of_the_engines_folder(tmp_path: pathlib.Path) -> None:
    found = disk_at(tmp_path, Bound(percent=50))
    assert (found.folder, found.least) == (str(tmp_path), int(found.total * 0.5))
    assert 0 <= found.free <= found.total


def test_a_folder_that_cannot_be_seen_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        HotswapError, match="min_free_disk: the room in %s/gone, where docker keeps its images, cannot be seen: No such file" % tmp_path
    ) as found:
        disk_at(tmp_path / "gone", Bound(size=1))
    assert not isinstance(found.value, EngineError)
