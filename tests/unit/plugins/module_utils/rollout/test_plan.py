# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner's invariants I1 to I6, over generated states: also those that a crash leaves."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._rollout.plan import (
    CHANGING,
    UNDOABLE,
    Desired,
    Instance,
    Observed,
    Step,
    after,
    changes,
    plan,
    previous,
    restore,
)

KEYS = ("A-1", "B-1", "C-1")


def walk(step: Step, state: Observed, key: str) -> Observed:
    """What a perfectly working engine and proxy make of one step."""
    return after([step], state, key)


def prefixes(desired: Desired, state: Observed) -> list[Observed]:
    """The state before the plan and after each of its steps."""
    states = [state]
    for step in plan(desired, state):
        states.append(walk(step, states[-1], desired.key))
    return states


@st.composite
def observed_states(draw: st.DrawFn) -> Observed:
    """Any mixture of created, running, serving and gone instances of up to three keys, with any history."""
    names = draw(st.lists(st.sampled_from([(key, index) for key in KEYS for index in (1, 2)]), unique=True, max_size=5))
    admitted = draw(st.lists(st.sampled_from(["%s-%d" % name for name in names] + ["gone-1"]), unique=True, max_size=4))
    instances = []
    for key, index in names:
        name = "%s-%d" % (key, index)
        instances.append(Instance(name, key, draw(st.booleans()), weight=100 if name in admitted else 0, gated=draw(st.booleans())))
    return Observed(
        instances=tuple(instances),
        history=tuple(draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=3))),
        route_ok=bool(admitted) and draw(st.booleans()),
        routed=bool(admitted) or draw(st.booleans()),
        admitted=tuple(admitted),
    )


@st.composite
def wishes(draw: st.DrawFn, states: tuple[str, ...] = ("live", "candidate", "absent")) -> Desired:
    key = draw(st.sampled_from(KEYS))
    names = tuple("%s-%d" % (key, index + 1) for index in range(draw(st.integers(1, 2))))
    order = draw(st.sampled_from(["start_first", "stop_first"]))
    return Desired(draw(st.sampled_from(states)), key, names, keep=draw(st.integers(1, 2)), order=order)


def end(desired: Desired, state: Observed) -> Observed:
    return prefixes(desired, state)[-1]


def shape(state: Observed) -> tuple[object, ...]:
    """A state without what nobody sees: the order of instances."""
    plain = sorted((one.name, one.running, one.weight) for one in state.instances)
    return (plain, sorted(state.admitted), state.routed, state.history[-1:])


@settings(max_examples=1500)
@given(wishes(("live", "candidate")), observed_states())
def test_i1_something_gated_is_always_admitted(desired: Desired, state: Observed) -> None:
    if desired.order == "stop_first" or not state.serving:
        return
    proven = set(state.serving)
    now = state
    for step in plan(desired, state):
        if step.action == "gate":
            proven |= set(step.names)
        if step.action == "start":
            proven -= set(step.names)
        now = walk(step, now, desired.key)
        assert proven & set(now.serving), step


@settings(max_examples=1500)
@given(wishes(("live",)), observed_states())
def test_i2_stop_first_never_starts_beside_another_version(desired: Desired, state: Observed) -> None:
    desired = dataclasses.replace(desired, order="stop_first")
    now = state
    for step in plan(desired, state):
        if step.action == "start":
            assert not [one for one in now.instances if one.running and one.key != desired.key]
        now = walk(step, now, desired.key)


@settings(max_examples=1500)
@given(wishes(), observed_states())
def test_i3_a_crash_anywhere_converges_to_the_same_end(desired: Desired, state: Observed) -> None:
    wanted = shape(end(desired, state))
    for crashed in prefixes(desired, state):
        assert shape(end(desired, crashed)) == wanted


@settings(max_examples=1500)
@given(wishes(), observed_states())
def test_i4_the_second_run_plans_nothing(desired: Desired, state: Observed) -> None:
    assert plan(desired, end(desired, state)) == []


@settings(max_examples=1500)
@given(wishes(("live", "candidate")), observed_states())
def test_i5_a_failed_rollout_leaves_everything_where_it_was(desired: Desired, before: Observed) -> None:
    now = before
    for step in plan(desired, before):
        if step.action not in UNDOABLE | {"record", "drain", "stop"} or _old_is_gone(step, desired, before):
            break
        now = walk(step, now, desired.key)
        undone = now
        for back in restore(before, now):
            undone = walk(back, undone, desired.key)
        if before.serving:
            assert set(undone.serving) == set(before.serving)
        assert {one.name for one in undone.instances} == {one.name for one in before.instances}
        assert {one.name for one in undone.instances if one.running} <= {one.name for one in before.instances if one.running}


def _old_is_gone(step: Step, desired: Desired, before: Observed) -> bool:
    """With start_first, stopping begins only after the new version is proven: from there on nothing is undone."""
    return step.action in ("drain", "stop") and desired.order == "start_first"


@settings(max_examples=1000)
@given(wishes(("live",)), observed_states())
def test_i5_the_way_back_of_stop_first_never_runs_two_versions(desired: Desired, before: Observed) -> None:
    desired = dataclasses.replace(desired, order="stop_first")
    if len({one.key for one in before.instances if one.running}) > 1:
        return
    now = before
    for step in plan(desired, before):
        if step.action not in UNDOABLE | {"record", "drain", "stop"}:
            break
        now = walk(step, now, desired.key)
        undone = now
        for back in restore(before, now):
            undone = walk(back, undone, desired.key)
            assert len({one.key for one in undone.instances if one.running}) <= 1


@settings(max_examples=1000)
@given(wishes(), observed_states())
def test_i6_only_observed_or_asked_instances_are_touched(desired: Desired, state: Observed) -> None:
    known = {one.name for one in state.instances} | set(desired.names)
    for step in plan(desired, state):
        if step.action != "record":
            assert set(step.names) <= known


@settings(max_examples=1000)
@given(wishes(("live",)), observed_states())
@example(
    Desired("live", "B-1", ("B-1-1",)),
    Observed((Instance("A-1-1", "A-1", True, 100, True),), ("A-1",), True, True, ("A-1-1",)),
)
def test_the_version_that_served_last_is_kept_for_a_rollback(desired: Desired, state: Observed) -> None:
    served = {one.key for one in state.instances if one.serving} - {desired.key}
    last = end(desired, state)
    if served:
        assert previous(last, desired.key) in {one.key for one in last.instances}


def test_first_deployment_in_order() -> None:
    steps = plan(Desired("live", "A-1", ("A-1-1",)), Observed(route_ok=False))
    assert [step.action for step in steps] == ["create", "start", "gate", "serve", "verify", "record"]


def test_the_next_version_in_order() -> None:
    state = end(Desired("live", "A-1", ("A-1-1",)), Observed(route_ok=False))
    steps = plan(Desired("live", "B-1", ("B-1-1",)), state)
    assert [str(step) for step in steps] == [
        "create B-1-1",
        "start B-1-1",
        "gate B-1-1",
        "serve B-1-1",
        "verify B-1-1",
        "drain A-1-1",
        "stop A-1-1",
        "record B-1",
    ]


def test_rollback_is_the_same_path_without_create() -> None:
    state = Observed(route_ok=False)
    for key in ("A-1", "B-1"):
        state = end(Desired("live", key, (key + "-1",)), state)
    steps = plan(Desired("live", "A-1", ("A-1-1",)), state)
    assert [step.action for step in steps] == ["start", "gate", "serve", "verify", "drain", "stop", "record"]


@pytest.mark.parametrize("action", sorted(CHANGING))
def test_steps_that_change_say_so(action: str) -> None:
    assert changes([Step(action, ("x",))])
    assert not changes([Step("gate", ("x",)), Step("record", ("x",)), Step("drain", ("x",)), Step("verify", ("x",))])
