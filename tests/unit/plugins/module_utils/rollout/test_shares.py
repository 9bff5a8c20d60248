# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shares to weights and back: what is asked is what is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.shares import EVEN, MOST, alike, shares, weights


@st.composite
def parts(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, int]]:
    """Up to four versions with shares that make 100, and how many instances each has."""
    cuts = sorted(draw(st.lists(st.integers(1, 99), unique=True, max_size=3)))
    edges = [0, *cuts, 100]
    asked = {"V%d" % index: edges[index + 1] - edges[index] for index in range(len(edges) - 1)}
    return asked, {key: draw(st.integers(1, 6)) for key in asked}


@given(parts())
def test_the_share_asked_for_is_the_share_given(case: tuple[dict[str, int], dict[str, int]]) -> None:
    asked, instances = case
    try:
        found = weights(asked, instances)
    except InvalidInput:
        each = [asked[key] / instances[key] for key in asked]
        assert max(each) / min(each) > 100
        return
    assert all(1 <= weight <= MOST for weight in found.values())
    assert shares({key: [found[key]] * instances[key] for key in found}) == asked


@pytest.mark.parametrize(
    ("asked", "instances", "found"),
    [
        ({"A": 100}, {"A": 3}, {"A": EVEN}),
        ({"A": 90, "B": 10}, {"A": 1, "B": 1}, {"A": 9, "B": 1}),
        ({"A": 50, "B": 50}, {"A": 1, "B": 1}, {"A": 1, "B": 1}),
        ({"A": 90, "B": 10}, {"A": 3, "B": 1}, {"A": 3, "B": 1}),
        ({"A": 99, "B": 1}, {"A": 1, "B": 2}, {"A": 198, "B": 1}),
        ({"A": 70, "B": 20, "C": 10}, {"A": 1, "B": 1, "C": 1}, {"A": 7, "B": 2, "C": 1}),
    ],
)
def test_the_smallest_integers_are_taken(asked: dict[str, int], instances: dict[str, int], found: dict[str, int]) -> None:
    assert weights(asked, instances) == found


def test_a_share_too_small_for_its_instances_is_refused() -> None:
    with pytest.raises(InvalidInput, match="weight: 99 and 1 percent cannot be given to 1 and 4 instances"):
        weights({"A": 99, "B": 1}, {"A": 1, "B": 4})


def test_scaled_weights_are_alike() -> None:
    assert alike({"a": 9, "b": 1}, {"a": 90, "b": 10})
    assert not alike({"a": 9, "b": 1}, {"a": 1, "b": 9})
    assert not alike({"a": 1}, {"b": 1})
    assert alike({}, {})
