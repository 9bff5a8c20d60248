# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images a service no longer needs: never one that is used, never one that somebody else brought."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Container, Image
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.images import Brought, Images
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir

REFS = ("greet:1", "greet:2", "greet:3")


class Store:
    """Images, and containers that use some."""

    kind = "podman"

    def __init__(self) -> None:
        self.here = {ref: "sha256:" + ref for ref in REFS}
        self.used: dict[str, str] = {}
        self.stuck: set[str] = set()
        self.nameless: set[str] = set()
        self.asked = 0

    def image(self, ref: str) -> Image | None:
        """By name or id; what was in `here` and has lost its name is in `nameless`."""
        if ref in self.here:
            return Image(self.here[ref], tuple(name for name, one in self.here.items() if one == self.here[ref]))
        names = tuple(name for name, one in self.here.items() if one == ref)
        return Image(ref, names or ("greet@" + ref,)) if names or ref in self.nameless else None

    def containers(self, _labels: t.Mapping[str, str]) -> list[Container]:
        self.asked += 1
        return [Container(name, name, "x", self.here[ref], "exited") for name, ref in self.used.items()]

    def remove_image(self, ref: str) -> None:
        if ref in self.stuck:
            raise EngineError("it is in use")
        if ref in self.nameless:
            self.nameless.remove(ref)
        else:
            del self.here[ref]


@pytest.fixture
def store() -> Store:
    return Store()


def images(store: Store, root: pathlib.Path, service: str = "greet") -> Images:
    """The service's, which has used all of them; all of them came from us."""
    state = StateDir(root)
    found = Images(t.cast(t.Any, store), state, Memory(state.service(service)))
    for ref in REFS:
        found.use(ref)
        found.pulled(ref, "sha256:" + ref)
    return found


def test_what_nobody_uses_goes_and_what_was_asked_for_stays(store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    store.used = {"greet-2-1": "greet:2"}
    assert found.unneeded({"greet:3"}) == ("greet:1",)
    assert found.remove_unneeded({"greet:2", "greet:3"}) == ("greet:1",)
    assert sorted(store.here) == ["greet:2", "greet:3"]
    assert list(Brought(StateDir(tmp_path), "podman").ids) == ["greet:2", "greet:3"]


def test_containers_that_are_about_to_go_do_not_count(store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    store.used = {"greet-1-1": "greet:1", "greet-2-1": "greet:2"}
    assert found.unneeded({"greet:3"}, {"greet-1-1"}) == ("greet:1",)


def test_containers_of_anybody_count(store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    store.used = {"somebody": "greet:1"}
    assert found.remove_unneeded({"greet:2", "greet:3"}) == ()


def test_what_we_did_not_bring_or_what_means_something_else_now_stays(store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    Brought(StateDir(tmp_path), "podman").forget(("greet:1",))
    store.here["greet:2"] = "sha256:rebuilt"
    assert found.remove_unneeded({"greet:3"}) == ()
    assert sorted(store.here) == list(REFS)


def test_other_names_that_we_gave_it_go_too_unless_one_is_needed(store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    Brought(StateDir(tmp_path), "podman").note(["greet:9f3c1d2"], "sha256:greet:1")
    store.here["greet:9f3c1d2"] = "sha256:greet:1"
    assert found.unneeded({"greet:2", "greet:3", "greet:9f3c1d2"}) == ()
    assert set(found.remove_unneeded({"greet:2", "greet:3"})) == {"greet:1", "greet:9f3c1d2"}


def test_the_last_service_removes_what_two_have_used(store: Store, tmp_path: pathlib.Path) -> None:
    first, second = images(store, tmp_path, "first"), images(store, tmp_path, "second")
    assert first.remove_unneeded(()) == ()
    assert second.remove_unneeded(()) == REFS


def test_what_the_engine_keeps_is_not_tried_each_time(store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    store.stuck = {"greet:1"}
    assert found.remove_unneeded({"greet:3"}) == ("greet:2",)
    assert found.unneeded({"greet:3"}) == ()


def test_a_run_with_nothing_to_do_asks_no_engine(store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    found.remove_unneeded({"greet:2", "greet:3"})
    store.asked = 0
    assert found.remove_unneeded({"greet:2", "greet:3"}) == ()
    assert store.asked == 0


@pytest.mark.parametrize("text", ["", "[]", '{"podman": 1}', '{"podman": ["x", ["a"]]}', '{"docker": [["greet:1", "sha256:greet:1"]]}'])
def test_a_damaged_note_removes_nothing(text: str, store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    (tmp_path / "images" / "brought.json").write_text(text)
    assert found.remove_unneeded(()) == ()


def test_engines_are_told_apart(tmp_path: pathlib.Path) -> None:
    state = StateDir(tmp_path)
    Brought(state, "docker").note(["greet:1"], "sha256:a")
    Brought(state, "podman").note(["greet:1"], "sha256:b")
    assert (Brought(state, "docker").ids, Brought(state, "podman").ids) == ({"greet:1": "sha256:a"}, {"greet:1": "sha256:b"})


def test_a_full_disk_is_no_reason_to_fail(store: Store, tmp_path: pathlib.Path) -> None:
    (tmp_path / "images").write_text("in the way")
    (tmp_path / "services").write_text("in the way")
    found = images(store, tmp_path)
    assert found.remove_unneeded(()) == ()


def moved(store: Store, root: pathlib.Path) -> Images:
    """greet:1 was brought again, with other content."""
    found = images(store, root)
    store.nameless = {"sha256:greet:1"}
    store.here["greet:1"] = "sha256:new"
    Brought(StateDir(root), "podman").note(["greet:1"], "sha256:new")
    return found


def test_an_image_of_ours_that_lost_its_name_goes_with_the_next_run_of_any_service(store: Store, tmp_path: pathlib.Path) -> None:
    moved(store, tmp_path)
    other = Images(t.cast(t.Any, store), StateDir(tmp_path), Memory(StateDir(tmp_path).service("other")))
    assert other.unneeded(()) == ("sha256:greet:1",)
    assert other.remove_unneeded(()) == ("sha256:greet:1",)
    assert (store.nameless, sorted(store.here)) == (set(), list(REFS))
    assert Brought(StateDir(tmp_path), "podman").ids == {"greet:1": "sha256:new", "greet:2": "sha256:greet:2", "greet:3": "sha256:greet:3"}


def test_it_stays_while_a_container_uses_it_or_it_is_asked_for_by_its_id(store: Store, tmp_path: pathlib.Path) -> None:
    found = moved(store, tmp_path)
    store.containers = lambda _labels: [Container("a", "greet-1-1", "x", "sha256:greet:1", "exited")]  # type: ignore[method-assign]
    assert found.unneeded(REFS) == ()
    assert found.unneeded(REFS, {"greet-1-1"}) == ("sha256:greet:1",)
    assert found.unneeded((*REFS, "sha256:greet:1"), {"greet-1-1"}) == ()
    Memory(StateDir(tmp_path).service("other")).record_images("podman", ["sha256:greet:1"])
    assert found.unneeded(REFS, {"greet-1-1"}) == ()


def test_what_got_a_name_again_is_left_alone_from_then_on(store: Store, tmp_path: pathlib.Path) -> None:
    found = moved(store, tmp_path)
    store.nameless, store.here["kept/by:somebody"] = set(), "sha256:greet:1"
    assert found.remove_unneeded(REFS) == ()
    assert "sha256:greet:1" not in Brought(StateDir(tmp_path), "podman").ids


def test_what_had_another_name_of_ours_is_not_lost(store: Store, tmp_path: pathlib.Path) -> None:
    images(store, tmp_path)
    brought = Brought(StateDir(tmp_path), "podman")
    brought.note(["greet:sha", "greet:1"], "sha256:greet:1")
    brought.note(["greet:1"], "sha256:new")
    assert "sha256:greet:1" not in brought.ids
    brought.note(["greet:sha"], "sha256:new")
    assert brought.ids["sha256:greet:1"] == "sha256:greet:1"
    brought.note(["greet:1"], "sha256:greet:1")
    assert "sha256:greet:1" not in brought.ids


def test_a_name_that_somebody_else_moved_leaves_nothing_of_ours(store: Store, tmp_path: pathlib.Path) -> None:
    found = images(store, tmp_path)
    store.nameless, store.here["greet:1"] = {"sha256:greet:1"}, "sha256:rebuilt"
    assert found.remove_unneeded({"greet:2", "greet:3"}) == ("sha256:greet:1",)
    assert store.here["greet:1"] == "sha256:rebuilt"
    assert list(Brought(StateDir(tmp_path), "podman").ids) == ["greet:2", "greet:3"]


def test_a_nameless_one_that_the_engine_keeps_is_tried_once(store: Store, tmp_path: pathlib.Path) -> None:
    found = moved(store, tmp_path)
    store.stuck = {"sha256:greet:1"}
    assert found.remove_unneeded(REFS) == ()
    assert found.unneeded(REFS) == ()
    assert store.nameless == {"sha256:greet:1"}
