# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files each version shows, as properties; and the option that says so."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_SPEC, Mount
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import asset_spec, spec
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.asset_spec import Assets, Version
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.asset_union import Held, above, decide, union

from .test_secret_spec import secret
from .test_spec import make

KEEP = 100.0
ASSETS = Assets("/app/assets", KEEP)
PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, int]:
    """Files of a real folder: none is a folder of another."""
    paths = draw(st.dictionaries(PATHS, st.integers(0, 5000), max_size=6))
    return {path: size for path, size in paths.items() if not any(other.startswith(path + "/") for other in paths)}


@st.composite
def versions(draw: st.DrawFn) -> list[Held]:
    """One or more versions; the first is the one that shows files."""
    ages = draw(st.lists(st.sampled_from([0.0, 1.0, 50.0, KEEP, 500.0]), min_size=1, max_size=4))
    return [Held("%d-00000%d" % (number, number), draw(trees()), frozenset(), age) for number, age in enumerate(ages)]


@given(versions())
def test_own_files_win_and_every_other_is_of_the_youngest_that_has_it(found: list[Held]) -> None:
    own, others = found[0], {one.key: one for one in found[1:]}
    shown = union(own, found, KEEP)
    assert {path for path, key in shown.items() if key == own.key} == set(own.files)
    for path, key in shown.items():
        if key != own.key:
            assert path in others[key].files and others[key].age < KEEP
            assert all(others[key].age <= one.age for one in others.values() if path in one.files)


@given(versions())
def test_a_path_is_a_file_or_a_folder_and_no_young_file_is_missed_without_a_reason(found: list[Held]) -> None:
    shown = union(found[0], found, KEEP)
    folders = {folder for path in shown for folder in above(path)}
    assert not folders & set(shown)
    for one in found[1:]:
        for path in one.files:
            assert path in shown or one.age >= KEEP or path in folders or any(folder in shown for folder in above(path))


@given(versions())
def test_it_is_the_same_in_every_order(found: list[Held]) -> None:
    assert union(found[0], found, KEEP) == union(found[0], list(reversed(found)), KEEP)


@given(versions(), st.floats(0, 1000))
def test_time_only_takes_away(found: list[Held], later: float) -> None:
    older = [found[0], *(dataclasses.replace(one, age=one.age + later) for one in found[1:])]
    assert union(found[0], older, KEEP).items() <= union(found[0], found, KEEP).items()


def test_an_empty_folder_of_its_own_is_no_file_of_another() -> None:
    own = Held("B-bbbbbb", {"app.css": 1}, frozenset(["logo"]))
    assert union(own, [Held("A-aaaaaa", {"logo": 1, "logo.svg": 1})], KEEP) == {"app.css": "B-bbbbbb", "logo.svg": "A-aaaaaa"}


def version(key: str, used: bool = True, assets: Assets = ASSETS) -> Version:
    return Version(key, "sha256:" + key, assets, used)


def held(key: str, *paths: str, age: float = 0.0) -> dict[str, Held]:
    return {key: Held(key, dict.fromkeys(paths, 1024), frozenset(), age)}


def test_the_first_version_with_the_option_gets_the_files_of_the_one_before_it() -> None:
    plan = decide(version("B-bbbbbb"), [version("A-aaaaaa", assets=asset_spec.NO_ASSETS), version("B-bbbbbb")], {}, {}, KEEP)
    assert plan.first == ["copy assets A", "copy assets B", "bridge assets A"]
    assert [(one.path, one.must) for one in plan.copies] == [("/app/assets", False), ("/app/assets", True)]


def test_a_retired_version_of_before_the_option_has_no_open_pages() -> None:
    plan = decide(version("B-bbbbbb"), [version("A-aaaaaa", used=False, assets=asset_spec.NO_ASSETS), version("B-bbbbbb")], {}, {}, KEEP)
    assert plan.first == ["copy assets B"]


def test_what_is_told_of_the_versions_before_has_their_sizes_and_leaves_out_the_old() -> None:
    known = {**held("A-aaaaaa", "a", "b", age=5), **held("O-000000", "o", age=KEEP)}
    plan = decide(version("B-bbbbbb"), [version("A-aaaaaa"), version("B-bbbbbb")], known, {}, KEEP)
    assert plan.first == ["copy assets B", "bridge assets A (2 files, 2 KiB)"]
    assert plan.last == ["prune assets O (1 file, 1 KiB)"]
    assert (plan.before, plan.after) == (("A", "O"), ("A", "B"))


def test_what_a_crash_left_unfinished_is_planned() -> None:
    known = {**held("A-aaaaaa", "a"), **held("B-bbbbbb", "b")}
    both = [version("A-aaaaaa"), version("B-bbbbbb")]
    unfinished = {"A-aaaaaa": ({"b"}, set()), "B-bbbbbb": (set(), {"x"})}
    plan = decide(both[1], both, known, unfinished, KEEP, [".C-cccccc.7.tmp"])
    assert plan.first == ["bridge assets B (1 file, 1 KiB)"]
    assert plan.last == ["prune assets of no version (1 file)", "prune assets left by a killed run: .C-cccccc.7.tmp"]
    done = decide(both[1], both, known, {"A-aaaaaa": (set(), set())}, KEEP)
    assert done.first + done.last == []


def test_an_old_version_that_can_be_returned_to_keeps_its_files_and_shows_them_to_nobody() -> None:
    known = {**held("A-aaaaaa", "a", age=KEEP), **held("B-bbbbbb", "b")}
    stay = [version("A-aaaaaa", used=False), version("B-bbbbbb")]
    plan = decide(stay[1], stay, known, {"A-aaaaaa": (set(), set()), "B-bbbbbb": (set(), {"a"})}, KEEP)
    assert plan.last == ["prune assets A (1 file, 1 KiB)"]
    assert plan.after == ("A", "B")


def test_all_goes_with_the_service() -> None:
    assert decide(None, [], held("A-aaaaaa", "a"), {}, KEEP).last == ["prune assets A (1 file, 1 KiB)"]


def made(**given_: t.Any) -> spec.ServiceSpec:
    return make(assets={"path": "/app/assets", "keep_for": "24h", **given_})


def test_the_folder_is_mounted_read_only_and_its_path_is_part_of_the_state() -> None:
    found = made(path="/app/assets/")
    placed = dataclasses.replace(found, assets=dataclasses.replace(found.assets, folder="/state"))
    assert placed.instance("greet-A-1", "").mounts == (Mount("bind", "/app/assets", "/state/%s/shown" % found.key, True),)
    assert found.key == made().key == made(keep_for="1h").key
    assert len({found.key, made(path="/other").key, make().key}) == 3
    assert made().assets.given_to(make().container, "k").mounts[0].options == ()
    assert dataclasses.replace(made().assets, relabel=True).given_to(make().container, "k").mounts[0].options == ("z",)


def test_a_version_remembers_its_option() -> None:
    label = json.loads(made(keep_for="90m").instance("greet-A-1", "").labels[LABEL_SPEC])
    assert asset_spec.assets_of_label(label) == Assets("/app/assets", 5400)
    for damaged in ({}, {"assets": {"path": "../x", "keep_for": 1}}, {"assets": 7}, {"assets": {"path": "/x"}}):
        assert asset_spec.assets_of_label(damaged) == asset_spec.NO_ASSETS


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"path": "public/assets"}, "assets.path: 'public/assets' is not the whole path"),
        ({"path": "/"}, "assets.path: '/' is not the whole path"),
        ({"path": "/app/../etc"}, "assets.path: '/app/../etc' is not the whole path"),
        ({"path": "/app,ro"}, "assets.path: '/app,ro' has a ','"),
        ({"path": "/a\nb"}, "assets.path: .* has a line break"),
        ({"keep_for": "soon"}, "assets.keep_for: 'soon' is not a duration"),
        ({"keep_for": "0"}, "assets.keep_for: 0 s is too short"),
    ],
)
def test_what_no_host_could_take(option: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        made(**option)


@pytest.mark.parametrize(
    "other",
    [{"volumes": ["data:/app"]}, {"tmpfs": ["/app/assets/x"]}, {"mounts": None, "secrets": [secret(content="opaque", target="/app/assets/key")]}],
)
def test_nothing_else_is_mounted_there(other: dict[str, t.Any]) -> None:
    with pytest.raises(InvalidInput, match=r"assets\.path: /app/assets is in the way of what is mounted at /app"):
        make(assets={"path": "/app/assets", "keep_for": "1h"}, **other)
