# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-unit [ARGUMENT...]: pytest on tests/unit; without arguments its result counts for the suite."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

from run.report import OUTPUT, ROOT, Check, finish


def main() -> None:
    """Runs pytest and reads its JUnit file: one check for each test. A skipped test is one that failed."""
    report = OUTPUT / "unit.xml"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=%s" % report, *sys.argv[1:]]
    code = subprocess.run(argv, cwd=ROOT, check=False).returncode
    checks = read(report.read_text()) if report.exists() else []
    if code and all(check.passed for check in checks):
        checks.append(Check("pytest exited %d" % code, passed=False))
    finish("unit", checks)


def read(text: str) -> list[Check]:
    """The checks of a JUnit file."""
    cases = ElementTree.fromstring(text).iter("testcase")
    return [Check("%s::%s" % (case.get("classname"), case.get("name")), not len(_problems(case)), float(case.get("time", 0))) for case in cases]


def _problems(case: ElementTree.Element) -> list[ElementTree.Element]:
    return [child for child in case if child.tag in ("failure", "error", "skipped")]


if __name__ == "__main__":
    main()
