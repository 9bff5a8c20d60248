# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The counting of the test layers: nothing that failed, was skipped or did not run is counted as passed."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest
from run import report, sanity, suite, unit

GREEN = 'Running sanity test "pep8"\nRunning sanity test "import" on Python 3.8\nRunning sanity test "import" on Python 3.11\n'
RED = GREEN + "FATAL: The 2 sanity test(s) listed below (out of 34) failed. See error output above for details.\nimport --python 3.8\npep8\n"


def _failed(checks: list[report.Check]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def test_sanity_that_passed() -> None:
    checks = sanity.read(0, GREEN, 9.0)
    assert [check.name for check in checks] == ["pep8", "import 3.8", "import 3.11"]
    assert _failed(checks) == []


def test_sanity_that_failed_names_test_and_python() -> None:
    assert _failed(sanity.read(1, RED, 9.0)) == ["pep8", "import 3.8"]


def test_sanity_that_died() -> None:
    assert _failed(sanity.read(2, GREEN, 9.0)) == ["ansible-test exited 2"]


def test_a_skipped_sanity_test_is_a_failure() -> None:
    skipped = 'WARNING: Skipping sanity test "shellcheck" due to missing shellcheck.\n'
    assert _failed(sanity.read(0, GREEN + skipped, 9.0)) == ["skipped: shellcheck"]


def test_a_python_that_is_not_there_is_no_failure() -> None:
    missing = 'WARNING: Skipping sanity test "import" on Python 3.14 because it could not be found.\n'
    assert _failed(sanity.read(0, GREEN + missing, 9.0)) == []


def test_a_skipped_unit_test_is_a_failure() -> None:
    text = '<testsuites><testsuite><testcase classname="a" name="b"/><testcase classname="a" name="c"><skipped/></testcase></testsuite></testsuites>'
    assert _failed(unit.read(text)) == ["a::c"]


@pytest.fixture(name="output")
def _output(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(report, "OUTPUT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("checks", "code", "expected"),
    [
        ([], 0, (0, 1)),
        ([], 1, (0, 1)),
        ([report.Check("a", True)], 0, (1, 0)),
        ([report.Check("a", True)], 1, (1, 1)),
        ([report.Check("a", True), report.Check("b", False)], 1, (1, 1)),
    ],
)
def test_what_a_layer_comes_to(output: pathlib.Path, checks: list[report.Check], code: int, expected: tuple[int, int]) -> None:
    if checks:
        (output / "result-lint.json").write_text(json.dumps([dataclasses.asdict(check) for check in checks]))
    found = suite.outcome("lint", code, 1.0)
    assert (found.passed, found.failed) == expected


def test_a_layer_that_ran_nothing_has_failed(output: pathlib.Path) -> None:
    with pytest.raises(SystemExit) as ended:
        report.finish("lint", [])
    assert ended.value.code == 1
    assert (output / "result-lint.json").read_text() == "[]"
