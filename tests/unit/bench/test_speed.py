# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The figures of the speed bench: what a line says is what was measured, and a missed bound is said."""

from __future__ import annotations

import json
import re
import sys

import pytest

from ..house.files import ROOT

sys.path.append(str(ROOT / "bench"))

from speed.figures import Any, Figure, Limit


def test_the_ratio_is_that_of_the_pairs() -> None:
    # The machine was ten times slower for the second pair: the pairs' ratios do not know it.
    assert Figure("no-op", "s", [1.0, 10.0, 1.0], [2.0, 20.0, 2.0], 0.4).ratio == 0.5


def test_a_line_says_the_bound_and_that_it_was_missed() -> None:
    missed = Figure("no-op", "s", [1.0], [2.0], 0.4)
    assert missed.line == "speed: no-op ours=1s theirs=2s ratio=0.50 bound=<=0.4 missed"
    assert not missed.kept


@pytest.mark.parametrize(("mine", "kept"), [(96.0, True), (94.0, False)])
def test_more_can_be_better(mine: float, kept: bool) -> None:
    assert Figure("requests", "/s", [mine], [100.0], 0.95, more=True).kept is kept


@pytest.mark.parametrize(("quantile", "found"), [(0.5, 50.0), (0.99, 99.0)])
def test_a_limit_is_a_quantile(quantile: float, found: float) -> None:
    assert Limit("cutover", "ms", [float(number) for number in range(100)], quantile, 20).found == found


def test_the_committed_table_is_of_the_committed_figures() -> None:
    folder = ROOT / "bench" / "results"
    rows = json.loads((folder / "speed.json").read_text())["figures"]
    page = (folder / "speed.md").read_text()
    figures: list[Any] = []
    for row in rows:
        kind = Limit if "found" in row else Figure
        figures.append(kind(**{name: value for name, value in row.items() if name not in ("found", "ratio")}))
    assert re.findall(r"^speed: .*$", page, re.MULTILINE) == [figure.line for figure in figures]
