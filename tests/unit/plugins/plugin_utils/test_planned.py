# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan is used for exactly the options that it was made for, and for nothing else."""

from __future__ import annotations

import types
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.plugin_utils import _planned

Json = t.Dict[str, t.Any]
VALUES = st.recursive(
    st.one_of(st.text(min_size=1).filter(str.strip), st.integers(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(min_size=1), inner, max_size=3)),
    max_leaves=6,
)
OPTIONS = st.dictionaries(st.sampled_from(["name", "image", "port", "env", "gate"]), VALUES, max_size=5)


def planned(options: Json, **more: t.Any) -> Json:
    return {"changed": False, "plan": [], "needed": False, "asked": _planned.fingerprint(options), **more}


@given(OPTIONS)
def test_the_same_options_are_settled(options: Json) -> None:
    assert _planned.settled(options, planned(options)) == {"changed": False, "plan": [], "planned": True}


@given(OPTIONS, OPTIONS)
def test_other_options_are_not(one: Json, other: Json) -> None:
    same = _planned.fingerprint(one, "s") == _planned.fingerprint(other, "s")
    assert (_planned.settled(other, planned(one)) is not None) == same


@given(OPTIONS)
def test_one_more_option_is_another_task(options: Json) -> None:
    assert _planned.settled({**options, "keep": 3}, planned(options)) is None


def test_texts_and_numbers_are_the_same_options() -> None:
    assert _planned.fingerprint({"port": 80, "internal": True}, "s") == _planned.fingerprint({"port": "80", "internal": "True"}, "s")


def test_what_is_not_set_does_not_count() -> None:
    assert _planned.fingerprint({"name": "greet", "image": " ", "env": None, "planned": {}}, "s") == _planned.fingerprint({"name": "greet"}, "s")


def test_a_fingerprint_does_not_say_whether_two_tasks_have_the_same_secret() -> None:
    assert _planned.fingerprint({"env": {"KEY": "secret"}}) != _planned.fingerprint({"env": {"KEY": "secret"}})


@pytest.mark.parametrize("found", [None, "", {}, {"needed": False}, {"changed": False}])
def test_what_is_no_plan_settles_nothing(found: t.Any) -> None:
    assert _planned.settled({"name": "greet"}, found) is None


class Counted(_planned.PlannedAction):
    """The action plugin of a task."""

    def __init__(self, **options: t.Any) -> None:
        self._task = types.SimpleNamespace(args=options)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[list[Json]]:
    """The options of each module run."""
    found: list[Json] = []
    monkeypatch.setattr(_planned.Normal, "run", lambda self, _tmp, _vars: found.append(self._task.args) or {"changed": True})
    yield found


def test_nothing_to_do_is_no_module_run(runs: list[Json]) -> None:
    assert Counted(name="greet", planned=planned({"name": "greet"})).run() == {"changed": False, "plan": [], "planned": True}
    assert runs == []


@pytest.mark.parametrize("given", [None, {}, planned({"name": "greet"}, needed=True), planned({"name": "wave"})])
def test_everything_else_is_one_without_the_plan(runs: list[Json], given: t.Any) -> None:
    assert Counted(name="greet", planned=given).run() == {"changed": True}
    assert runs == [{"name": "greet"}]


def test_what_is_to_be_done_is_done() -> None:
    options = {"name": "greet"}
    assert _planned.settled(options, planned(options, needed=True)) is None
