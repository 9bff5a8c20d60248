# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The counts, with a clock that the tests turn."""

from __future__ import annotations

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._probe.stats import Latencies, Stats


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def answered_at(clock: Clock, stats: Stats, *times: float) -> None:
    for at in times:
        clock.now = at
        stats.begin("keepalive")
        stats.answered("keepalive", 0.001, "A", True)


def test_the_longest_gap_is_between_good_answers() -> None:
    clock = Clock()
    stats = Stats(clock)
    answered_at(clock, stats, 100.1, 100.2, 103.2, 103.3)
    assert stats.longest_gap() == pytest.approx(3.0)


def test_a_failure_does_not_end_a_gap() -> None:
    clock = Clock()
    stats = Stats(clock)
    answered_at(clock, stats, 100.1)
    clock.now = 101.0
    stats.begin("fresh")
    stats.failed("fresh", "refused")
    answered_at(clock, stats, 102.1)
    assert stats.longest_gap() == pytest.approx(2.0)


def test_the_present_gap_counts_while_it_lasts() -> None:
    clock = Clock()
    stats = Stats(clock)
    answered_at(clock, stats, 100.5)
    clock.now = 107.5
    assert stats.longest_gap() == pytest.approx(7.0)


def test_the_gap_after_the_end_does_not_count() -> None:
    clock = Clock()
    stats = Stats(clock)
    answered_at(clock, stats, 100.5)
    clock.now = 101.0
    stats.stop()
    answered_at(clock, stats, 104.0)
    assert stats.longest_gap() == pytest.approx(0.5)
    assert stats.seconds() == pytest.approx(1.0)


def test_the_rate_is_that_of_the_last_second() -> None:
    clock = Clock()
    stats = Stats(clock)
    answered_at(clock, stats, 100.1, 100.2, 101.15, 101.18)
    assert stats.rate() == 3
    clock.now = 110.0
    assert stats.rate() == 0


def test_sent_is_ok_and_lost_and_in_flight() -> None:
    stats = Stats(Clock())
    for _number in range(3):
        stats.begin("post")
    stats.answered("post", 0.1, "B", False)
    stats.failed("post", "timeout")
    assert (stats.sent, stats.ok, stats.lost) == (3, 1, 1)
    assert stats.version == "", "the version now is that of paced requests; others end late"
    assert stats.versions["B"].answers == 1


@pytest.mark.parametrize("share", [0.5, 0.99, 1.0])
def test_percentiles_are_right_to_two_percent(share: float) -> None:
    latencies = Latencies()
    for milliseconds in range(1, 1001):
        latencies.add(float(milliseconds))
    assert latencies.percentile(share) == pytest.approx(share * 1000, rel=0.021)
    assert latencies.slowest == 1000.0


def test_no_answers_no_latency() -> None:
    assert Latencies().percentile(0.5) == 0.0
