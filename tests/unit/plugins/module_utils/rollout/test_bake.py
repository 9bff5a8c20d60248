# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bake: what is too bad, and what is seen until the time is over. Time is a counter, nothing sleeps."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import GateFailed, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.bake import (
    Baked,
    BakeSpec,
    Watch,
    bake_of_params,
    bake_to_dict,
    since,
    too_many,
    wait,
)
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.gate import Sample
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Answers

SPEC = BakeSpec(time=10, interval=1, max_error_rate=5, min_requests=20)
NO_ANSWERS = Answers(0, 0)
GOOD, BAD, DEAD = Sample(0, True, "good"), Sample(0, False, "http: 503"), Sample(0, False, "it is exited", fatal=True)


def run(
    spec: BakeSpec,
    samples: t.Sequence[Sample] = (GOOD,),
    counts: t.Sequence[Answers | None] = (None,),
    old: Answers = NO_ANSWERS,
) -> tuple[Baked, float]:
    """Plays samples and counts, the last ones repeated."""
    now, looks, counted = [0.0], list(samples), list(counts)
    watch = Watch(lambda _name: looks.pop(0) if len(looks) > 1 else looks[0], lambda: counted.pop(0) if len(counted) > 1 else counted[0], old, 2)
    return wait(spec, ("b",), watch, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds)), now[0]


def test_nothing_wrong_lasts_as_long_as_asked() -> None:
    assert run(BakeSpec(time=10, interval=3)) == (Baked(0, 0, False), 10)


def test_one_bad_look_is_forgiven_and_two_in_a_row_are_not() -> None:
    assert run(SPEC, [BAD, GOOD, BAD, GOOD])[0].errors == 0
    with pytest.raises(GateFailed, match="bake: instance b got bad after the cutover: http: 503, after 2 s"):
        run(SPEC, [GOOD, BAD, BAD])


def test_a_dead_instance_ends_it_at_once() -> None:
    with pytest.raises(GateFailed, match="it is exited, after 0 s"):
        run(SPEC, [DEAD])


def test_errors_of_the_cutover_itself_do_not_count() -> None:
    assert run(SPEC, counts=[Answers(500, 100), Answers(600, 100)])[0] == Baked(100, 0, True)


def test_too_many_errors_are_told_with_the_figures() -> None:
    with pytest.raises(GateFailed) as caught:
        run(SPEC, counts=[Answers(0, 0), Answers(100, 20)], old=Answers(1000, 50))
    assert "20 of its 100 answers were errors, 20.0 %; the version before had 5.0 % (50 of 1000), and 5 points more are allowed" in caught.value.what
    assert caught.value.details["errors"] == 20


def test_too_few_answers_are_not_judged() -> None:
    assert run(SPEC, counts=[Answers(0, 0), Answers(19, 19)])[0] == Baked(19, 19, False)


@given(st.integers(1, 500), st.integers(0, 500), st.integers(1, 500), st.integers(0, 500))
def test_a_version_that_is_no_worse_is_never_refused(total: int, errors: int, old_total: int, old_errors: int) -> None:
    new, old = Answers(total, min(total, errors)), Answers(old_total, min(old_total, old_errors))
    worse = new.errors / new.total - old.errors / old.total
    said = too_many(SPEC, old, new)
    assert bool(said) == (new.total >= 20 and worse * 100 > 5) or abs(worse * 100 - 5) < 1e-9


def test_a_proxy_that_was_started_again_counts_from_nothing() -> None:
    assert since(Answers(100, 5), Answers(120, 6)) == Answers(20, 1)
    assert since(Answers(100, 5), Answers(7, 1)) == Answers(7, 1)


def test_the_parameter_and_the_label() -> None:
    spec = bake_of_params({"time": "1m", "interval": "500ms", "max_error_rate": 2.5, "min_requests": 10})
    assert spec == BakeSpec(60, 0.5, 2.5, 10)
    assert bake_of_params(bake_to_dict(spec)) == spec
    assert bake_of_params(None) is None and bake_to_dict(None) is None


@pytest.mark.parametrize("value", [{"time": "0"}, {"time": "5", "min_requests": 0}, {"time": "5", "interval": "0"}, {"time": "5", "max_error_rate": -1}])
def test_what_makes_no_sense_is_refused(value: dict[str, t.Any]) -> None:
    with pytest.raises(InvalidInput, match="bake"):
        bake_of_params(value)
