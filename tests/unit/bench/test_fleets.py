# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet bench's pure parts: what is asked for, ratios, growth, and what the page says."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "bench"))

from fleets import page, record  # noqa: E402
from fleets.record import AGAIN, ROLLOUT, Cost, Row  # noqa: E402


def _row(hosts: int, wall: float = 10.0, case: str = ROLLOUT) -> Row:
    ours = [Cost(wall, 1.0 + hosts, hosts), Cost(wall * 2, 2.0 + hosts, hosts), Cost(wall, 1.0 + hosts, hosts)]
    return Row("docker", hosts, case, ours, [Cost(20.0, 4.0 * hosts, 4.0 * hosts)] * 3, "commit abc")


def test_what_is_asked_for_without_a_word() -> None:
    assert record.read({"HOSTS": "", "ENGINES": ""}) == record.Settings((1, 10, 20, 50), ("docker", "podman"), 3, 10)


def test_what_is_asked_for() -> None:
    assert record.read({"HOSTS": "2,4", "ENGINES": "podman", "ROUNDS": "1", "MORE": "1"}) == record.Settings((2, 4), ("podman",), 1, 10, more=True)


@pytest.mark.parametrize(("name", "value"), [("HOSTS", "many"), ("HOSTS", "0"), ("ROUNDS", "-1"), ("FORKS", "2.5"), ("ENGINES", "lxc")])
def test_what_there_is_not_is_named(name: str, value: str) -> None:
    with pytest.raises(record.Unusable, match="^%s: .*%s" % (name, value)):
        record.read({name: value})


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    assert _row(1).ratio("wall") == 0.5
    assert record.median([4.0, 1.0, 2.0, 3.0]) == 2.5


def test_a_pair_is_compared_with_itself_only() -> None:
    # A moment in which the whole machine is slow slows both of the pair: it is not in the ratio.
    row = Row("docker", 1, ROLLOUT, [Cost(1, 1, 1), Cost(9, 9, 9)], [Cost(2, 2, 2), Cost(18, 18, 18)], "")
    assert row.ratio("wall") == row.ratio("cpu") == 0.5


def test_the_cost_of_one_host() -> None:
    assert record.per_host(_row(4), "ours", "controller") == 5.0 / 4
    assert record.per_host(_row(4), "theirs", "cpu") == 8.0


def test_growth_leaves_the_start_of_ansible_out() -> None:
    assert record.growth([_row(size) for size in (1, 10, 50)], "docker", ROLLOUT, "cpu") == pytest.approx(1.0)


def test_a_square_is_not_linear() -> None:
    rows = [Row("docker", size, ROLLOUT, [Cost(1, size * size, 0)], [Cost(1, 1, 1)], "") for size in (1, 10, 50)]
    assert (record.growth(rows, "docker", ROLLOUT, "cpu") or 0) > 5


def test_no_growth_of_two_sizes_or_of_another_case() -> None:
    assert record.growth([_row(1), _row(10)], "docker", ROLLOUT, "cpu") is None
    assert record.growth([_row(size) for size in (1, 10, 50)], "docker", AGAIN, "cpu") is None


def test_rows_that_are_measured_again_replace_the_old_ones() -> None:
    found = record.merged([_row(1, 10), _row(20, 10)], [_row(1, 30)])
    assert [(row.hosts, row.ours[0].wall) for row in found] == [(1, 30), (20, 10)]


def test_a_row_survives_the_json() -> None:
    assert record.row_of(json.loads(json.dumps(dataclasses.asdict(_row(3))))) == _row(3)


def test_the_page() -> None:
    text = page.page({"machine": "two cores"}, [_row(1), _row(10), _row(50), _row(10, case=AGAIN)])
    assert "- machine: two cores" in text
    assert "| docker | 10 | 3 | 1.00 s | 2.10 s | 1.10 s | 2.00 s | 8.00 s | 4.00 s | **0.50** | **0.26** |" in text
    assert "- docker, another version for every host: 1.00" in text
    assert "a ratio of 0.50. 4 of 4 rows reach it." in text
    assert text.rstrip().endswith("bench-fleet: rows=4 hosts=50 ratio wall<=0.50 cpu<=0.38 (bound 0.50)\n```")


def test_nothing_is_said_to_be_nothing() -> None:
    assert page.closing([]) == "bench-fleet: nothing was measured"
