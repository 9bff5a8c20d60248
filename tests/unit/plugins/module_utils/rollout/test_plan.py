# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner's invariants I1 to I6, over generated states: also those that a crash leaves."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.after import after
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.plan import plan, previous
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.restore import known_good, restore
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.state import (
    CHANGING,
    UNDOABLE,
    Desired,
    Instance,
    Observed,
    Step,
    changes,
    live_key,
    phase,
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


WEIGHTS = st.sampled_from([1, 3, 9, 10, 99, 100, 256])


@st.composite
def observed_states(draw: st.DrawFn) -> Observed:
    """Any mixture of created, running, serving and gone instances of up to three keys, with any shares, trial and history."""
    names = draw(st.lists(st.sampled_from([(key, index) for key in KEYS for index in (1, 2)]), unique=True, max_size=5))
    known = ["%s-%d" % name for name in names] + ["gone-1"]
    admitted = draw(st.lists(st.sampled_from(known), unique=True, max_size=4))
    instances = []
    for key, index in names:
        name = "%s-%d" % (key, index)
        weight = draw(WEIGHTS) if name in admitted else 0
        at_boot = draw(st.sampled_from([None, True, False]))
        instances.append(Instance(name, key, draw(st.booleans()), weight=weight, gated=draw(st.booleans()), at_boot=at_boot))
    routed = bool(admitted) or draw(st.booleans())
    return Observed(
        instances=tuple(instances),
        history=tuple(draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=3))),
        route_ok=routed and draw(st.booleans()),
        routed=routed,
        admitted=tuple(admitted),
        previewed=tuple(draw(st.lists(st.sampled_from(known), unique=True, max_size=2))) if routed else (),
        held=routed and not admitted and draw(st.booleans()),
    )


@st.composite
def wishes(draw: st.DrawFn, states: tuple[str, ...] = ("live", "canary", "candidate", "absent")) -> Desired:
    """Anything that a task may ask for; a canary and a candidate of a singleton are refused before."""
    key = draw(st.sampled_from(KEYS))
    names = tuple("%s-%d" % (key, index + 1) for index in range(draw(st.integers(1, 2))))
    state = draw(st.sampled_from(states))
    beside = state in ("canary", "candidate")
    preview = draw(st.booleans())
    return Desired(
        state,
        key,
        names,
        keep=draw(st.integers(1, 2)),
        order="start_first" if beside else draw(st.sampled_from(["start_first", "stop_first"])),
        weight=draw(st.integers(0 if preview else 1, 99)) if state == "canary" else 0,
        preview=preview,
        hold=draw(st.booleans()),
        bake=draw(st.booleans()),
    )


def possible(desired: Desired, state: Observed) -> bool:
    """False for shares that are refused: no live version, nothing left for it, or no weights that give them."""
    try:
        plan(desired, state)
    except InvalidInput:
        return False
    return True


def end(desired: Desired, state: Observed) -> Observed:
    return prefixes(desired, state)[-1]


def shape(state: Observed) -> tuple[object, ...]:
    """A state without what nobody sees: the order of instances."""
    plain = sorted((one.name, one.running, bool(one.weight)) for one in state.instances)
    trial = (sorted(state.previewed), state.held)
    return (plain, sorted(state.shares.items()), sorted(state.admitted), trial, state.routed, state.history[-1:])


@settings(max_examples=1500)
@given(wishes(("live", "canary", "candidate")), observed_states())
def test_i1_something_gated_is_always_admitted(desired: Desired, state: Observed) -> None:
    if desired.order == "stop_first" or not state.serving or not possible(desired, state):
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


# Found by chance: the old version down with a weight, the asked one with an instance too many.
DOWN_AND_SURPLUS = Observed(
    instances=(
        Instance("C-1-1", "C-1", running=False, weight=1),
        Instance("A-1-1", "A-1", running=False),
        Instance("C-1-2", "C-1", running=False, weight=1),
        Instance("A-1-2", "A-1", running=True, weight=1),
        Instance("B-1-1", "B-1", running=False),
    ),
    history=("C-1", "A-1", "B-1"),
    route_ok=False,
    routed=True,
    admitted=("C-1-1", "C-1-2", "A-1-2"),
)


@settings(max_examples=1500)
@given(wishes(), observed_states())
@example(Desired("live", "A-1", ("A-1-1",), keep=1, order="stop_first"), DOWN_AND_SURPLUS)
def test_i3_a_crash_anywhere_converges_to_the_same_end(desired: Desired, state: Observed) -> None:
    if not possible(desired, state):
        return
    wanted = shape(end(desired, state))
    for crashed in prefixes(desired, state):
        assert shape(end(desired, crashed)) == wanted


@settings(max_examples=1500)
@given(wishes(), observed_states())
def test_i4_the_second_run_plans_nothing(desired: Desired, state: Observed) -> None:
    if possible(desired, state):
        assert plan(desired, end(desired, state)) == []


@settings(max_examples=1500)
@given(wishes(("live", "canary", "candidate")), observed_states())
def test_i5_a_failed_rollout_leaves_everything_where_it_was(desired: Desired, before: Observed) -> None:
    now = before
    for step in plan(desired, before) if possible(desired, before) else []:
        if step.action not in UNDOABLE | {"record", "drain", "stop"} or _old_is_gone(step, desired, before):
            break
        now = walk(step, now, desired.key)
        undone = now
        for back in restore(before, now):
            undone = walk(back, undone, desired.key)
        there = {one.name for one in before.instances}
        assert undone.held == before.held
        assert not set(undone.admitted) - set(before.admitted)
        if before.serving:
            assert set(undone.serving) == set(before.serving)
            if set(before.serving) == set(before.admitted):
                assert undone.shares == before.shares
                assert set(undone.previewed) & there == set(before.previewed) & there
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


LAST_IS_DOWN = Observed(
    instances=(Instance("A-1-1", "A-1", False, 1), Instance("B-1-1", "B-1", False), Instance("C-1-1", "C-1", True, 1)),
    history=("A-1",),
    routed=True,
    admitted=("A-1-1", "C-1-1"),
)


@settings(max_examples=1000)
@given(wishes(("live",)), observed_states())
@example(Desired("live", "B-1", ("B-1-1",), keep=1), LAST_IS_DOWN)
def test_i5_after_a_crash_in_the_gap_the_way_back_leads_to_what_served_last(desired: Desired, before: Observed) -> None:
    desired = dataclasses.replace(desired, order="stop_first")
    last = live_key(before)
    alone = {one.key for one in before.instances if one.serving} == {last}
    if not before.serving or last == desired.key or len({one.key for one in before.instances if one.running}) > 1:
        return
    for crashed in prefixes(desired, before):
        if crashed.serving:
            continue
        now = crashed
        for step in plan(desired, crashed):
            if step.action not in UNDOABLE | {"record", "drain", "stop"}:
                break
            now = walk(step, now, desired.key)
            undone = now
            for back in restore(known_good(crashed, desired), now):
                undone = walk(back, undone, desired.key)
                assert len({one.key for one in undone.instances if one.running}) <= 1
            # Where something else served than what is noted as live, it is only kept from running beside it.
            assert not alone or set(undone.serving) == {one.name for one in crashed.instances if one.key == last}


def test_what_served_is_gone_back_to_as_it_was() -> None:
    serving = Observed((Instance("A-1-1", "A-1", True, 3),), history=("A-1",), routed=True)
    never = dataclasses.replace(serving, instances=(Instance("B-1-1", "B-1", True),), history=())
    asked = Desired("live", "B-1", ("B-1-1",), order="stop_first")
    assert (known_good(serving, asked), known_good(never, asked)) == (serving, never)
    stopped = Observed((Instance("A-1-1", "A-1", False),), history=("A-1",))
    for itself in (dataclasses.replace(asked, key="A-1"), dataclasses.replace(asked, state="candidate")):
        assert known_good(stopped, itself) is stopped


@settings(max_examples=1500)
@given(wishes(), observed_states())
def test_neither_a_share_nor_a_trial_is_given_to_what_was_not_gated(desired: Desired, state: Observed) -> None:
    proven = {one.name for one in state.instances if one.weight or (one.running and one.gated)}
    for step in plan(desired, state) if possible(desired, state) else []:
        if step.action == "gate":
            proven |= set(step.names)
        if step.action == "serve":
            assert set(step.names) <= proven
            assert set(step.preview) <= proven
        if step.action == "preview":
            assert set(step.names) <= proven


@settings(max_examples=1500)
@given(wishes(("canary",)), observed_states())
def test_the_share_asked_for_is_the_share_planned(desired: Desired, state: Observed) -> None:
    if not possible(desired, state):
        return
    last = end(desired, state)
    live = live_key(state)
    others = {key: max(1, share) for key, share in state.shares.items() if key not in (live, desired.key)}
    assert last.shares.get(desired.key, 0) == desired.weight
    assert {key: share for key, share in last.shares.items() if key not in (live, desired.key)} == others
    assert sum(last.shares.values()) in (99, 100, 101)
    assert live_key(last) == live and desired.key not in set(last.history) - set(state.history)


@settings(max_examples=1000)
@given(wishes(("canary",)), observed_states(), st.integers(1, 99))
def test_another_weight_only_moves_shares(desired: Desired, state: Observed, other: int) -> None:
    if not desired.weight or not possible(desired, state):
        return
    last = end(desired, state)
    again = dataclasses.replace(desired, weight=other)
    if possible(again, last):
        assert {step.action for step in plan(again, last)} <= {"serve", "verify"}


@settings(max_examples=1000)
@given(wishes(("candidate",)), observed_states())
def test_a_candidate_takes_no_traffic_from_the_live_version(desired: Desired, state: Observed) -> None:
    live = live_key(state)
    if not possible(desired, state) or not live:
        return
    last = end(desired, state)
    assert live_key(last) == live
    if desired.key != live and [one for one in state.instances if one.serving and one.key == live]:
        assert desired.key not in last.shares


@settings(max_examples=1000)
@given(wishes(), observed_states())
def test_requests_are_only_held_while_a_singleton_changes(desired: Desired, state: Observed) -> None:
    for step in plan(desired, state) if possible(desired, state) else []:
        if step.action == "hold":
            assert (desired.state, desired.order, desired.hold) == ("live", "stop_first", True)
            assert set(step.names) == set(state.serving)
    if possible(desired, state) and desired.state in ("live", "canary", "absent"):
        assert not end(desired, state).held


@settings(max_examples=1000)
@given(wishes(), observed_states())
def test_i6_only_observed_or_asked_instances_are_touched(desired: Desired, state: Observed) -> None:
    known = {one.name for one in state.instances} | set(desired.names)
    for step in plan(desired, state) if possible(desired, state) else []:
        if step.action != "record":
            assert set(step.names) | set(step.preview) <= known


@settings(max_examples=1000)
@given(wishes(("live",)), observed_states())
@example(
    Desired("live", "B-1", ("B-1-1",)),
    Observed((Instance("A-1-1", "A-1", True, 100, True),), ("A-1",), True, True, ("A-1-1",)),
)
def test_the_version_that_served_last_is_kept_for_a_rollback(desired: Desired, state: Observed) -> None:
    live = live_key(state)
    last = end(desired, state)
    if live and live != desired.key:
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


A_LIVE = end(Desired("live", "A-1", ("A-1-1",)), Observed(route_ok=False))
CANARY_B = Desired("canary", "B-1", ("B-1-1",), weight=10)


def test_a_canary_in_order() -> None:
    steps = plan(CANARY_B, A_LIVE)
    assert [str(step) for step in steps] == ["create B-1-1", "start B-1-1", "gate B-1-1", "serve A-1-1=9 B-1-1=1", "verify A-1-1 B-1-1"]
    state = end(CANARY_B, A_LIVE)
    assert state.shares == {"A-1": 90, "B-1": 10}
    assert [phase(one, live_key(state)) for one in state.instances] == ["live", "canary"]


def test_two_canaries_share_beside_the_live_version() -> None:
    state = end(Desired("canary", "C-1", ("C-1-1", "C-1-2"), weight=40), end(CANARY_B, A_LIVE))
    assert state.shares == {"A-1": 50, "B-1": 10, "C-1": 40}
    with pytest.raises(InvalidInput, match="weight: 90 percent, with the other canaries' shares"):
        plan(dataclasses.replace(CANARY_B, weight=90), state)


def test_a_canary_that_becomes_live_is_neither_started_nor_gated_again() -> None:
    steps = plan(Desired("live", "B-1", ("B-1-1",)), end(CANARY_B, A_LIVE))
    assert [str(step) for step in steps] == ["serve B-1-1", "verify B-1-1", "drain A-1-1", "stop A-1-1", "record B-1"]


def test_the_end_of_a_canary_is_the_live_version_again() -> None:
    steps = plan(Desired("live", "A-1", ("A-1-1",)), end(CANARY_B, A_LIVE))
    assert [str(step) for step in steps] == ["serve A-1-1", "verify A-1-1", "drain B-1-1", "stop B-1-1", "remove B-1-1"]


def test_a_canary_that_becomes_a_candidate_runs_on() -> None:
    steps = plan(Desired("candidate", "B-1", ("B-1-1",), preview=True), end(CANARY_B, A_LIVE))
    assert [str(step) for step in steps] == ["serve A-1-1 preview B-1-1", "verify A-1-1"]


def test_a_candidate_on_trial_in_order() -> None:
    wish = Desired("candidate", "B-1", ("B-1-1",), preview=True)
    assert [str(step) for step in plan(wish, A_LIVE)][-2:] == ["gate B-1-1", "preview B-1-1"]
    plain = plan(dataclasses.replace(wish, preview=False), end(wish, A_LIVE))
    assert [str(step) for step in plain] == ["preview nobody"]


def test_the_live_version_is_no_canary() -> None:
    with pytest.raises(InvalidInput, match="state: A-1 is live"):
        plan(Desired("canary", "A-1", ("A-1-1",), weight=5), A_LIVE)
    with pytest.raises(InvalidInput, match="nothing serves here"):
        plan(CANARY_B, Observed())


def test_a_singleton_that_holds_in_order() -> None:
    steps = plan(Desired("live", "B-1", ("B-1-1",), order="stop_first", hold=True, bake=True), A_LIVE)
    assert [step.action for step in steps] == ["create", "hold", "drain", "stop", "start", "gate", "serve", "verify", "bake", "record"]


def test_a_bake_stands_before_the_old_version_goes() -> None:
    wish = Desired("live", "B-1", ("B-1-1",), bake=True)
    assert [step.action for step in plan(wish, A_LIVE)] == ["create", "start", "gate", "serve", "verify", "bake", "drain", "stop", "record"]
    assert "bake" not in [step.action for step in plan(dataclasses.replace(wish, key="A-1", names=("A-1-1",)), Observed(route_ok=False))]


@pytest.mark.parametrize("action", sorted(CHANGING))
def test_steps_that_change_say_so(action: str) -> None:
    assert changes([Step(action, ("x",))])
    assert not changes([Step("gate", ("x",)), Step("record", ("x",)), Step("drain", ("x",)), Step("verify", ("x",))])


@settings(max_examples=1500)
@given(wishes(), observed_states())
def test_in_the_end_a_boot_starts_what_has_traffic_and_nothing_else(desired: Desired, state: Observed) -> None:
    if not possible(desired, state):
        return
    for one in end(desired, state).instances:
        assert one.at_boot in (None, one.weight > 0)


@settings(max_examples=1500)
@given(wishes(("live", "canary", "candidate")), observed_states())
def test_after_every_step_a_boot_starts_something_that_serves(desired: Desired, state: Observed) -> None:
    """A power cut in the middle of a rollout takes the service no further down than the host itself."""
    right = tuple(dataclasses.replace(one, at_boot=one.weight > 0) for one in state.instances)
    state = dataclasses.replace(state, instances=right)
    if desired.order == "stop_first" or not state.serving or not possible(desired, state):
        return
    for now in prefixes(desired, state):
        assert any(one.serving and one.at_boot is not False for one in now.instances)
