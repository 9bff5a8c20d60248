# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe's counts over the time: none is lost when the steps get wider."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._probe.timeline import Timeline


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_step_is_a_second() -> None:
    clock = Clock()
    line = Timeline(clock)
    for now, good in ((1000.0, True), (1000.9, True), (1002.5, False)):
        clock.now = now
        line.add(good)
    assert line.result() == {"from": 1000.0, "step": 1, "ok": [2, 0, 0], "lost": [0, 0, 1]}


@given(st.lists(st.tuples(st.floats(0, 5000), st.booleans()), min_size=1, max_size=60))
def test_every_request_is_in_one_step(ended: list[tuple[float, bool]]) -> None:
    clock = Clock()
    line = Timeline(clock)
    for after, good in sorted(ended):
        clock.now = 1000.0 + after
        line.add(good)
    found = line.result()
    assert (sum(found["ok"]), sum(found["lost"])) == (sum(good for _at, good in ended), sum(not good for _at, good in ended))
    assert len(found["ok"]) == len(found["lost"]) <= 240
    assert found["step"] * 240 > max(after for after, _good in ended) - 1e-6
    last = max(after for after, _good in ended)
    assert int(last / found["step"]) == len(found["ok"]) - 1
