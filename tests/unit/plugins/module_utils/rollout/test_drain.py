# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draining: zero must hold, and what is open at the time limit is cut. Time is a counter, nothing sleeps."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hotswap.containers.plugins.module_utils._rollout.drain import Drained, wait


def run(counts: list[int], timeout: float) -> tuple[Drained, float]:
    """Plays the counts, the last one repeated; each look takes 50 ms of the counter."""
    now = [0.0]

    def play() -> Iterator[int]:
        yield from counts
        while True:
            yield counts[-1]

    stream = play()
    result = wait(lambda: next(stream), timeout, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))
    return result, now[0]


def test_nothing_open_needs_the_quiet_time_only() -> None:
    assert run([0], 30) == (Drained(0, 0), run([0], 30)[1])
    assert 0.25 <= run([0], 30)[1] <= 0.4


def test_zero_must_hold() -> None:
    drained, took = run([3, 0, 0, 1, 0], 30)
    assert drained == Drained(3, 0)
    assert took >= 0.45


def test_what_is_open_at_the_limit_is_cut() -> None:
    assert run([6, 4], 2)[0] == Drained(2, 4)


def test_no_time_at_all_cuts_what_is_open_and_nothing_else() -> None:
    assert run([5], 0)[0] == Drained(0, 5)
