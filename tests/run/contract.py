# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contract tests: pytest on the hosts themselves, with their own Python and container SDKs.

test_engine_*.py run on every host. The others need no engine but root, and are shared out among root's hosts. The hosts work beside each other.
"""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import pathlib
import subprocess
import tarfile
import typing as t
from xml.etree import ElementTree

from run import unit
from run.hosts import SHELL, bed, logged
from run.report import OUTPUT, ROOT, WORK, Check, say

CONTRACT = ROOT / "tests" / "integration" / "contract"
COLLECTION = "ansible_collections/hotswap/containers"
# What pytest is made of: pure Python, so that the copy of our environment runs on the hosts' Python too.
PYTEST = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")
FOLDER = "hotswap-contract"


def run_contract(names: t.Sequence[str]) -> list[Check]:
    """One check for each test and host; a host on which nothing ran has failed.

    What a test says to be nothing for this engine is shown, and counted neither way.
    """
    bring(names)
    # The longest first, as they are shared out in turn.
    tests = sorted(CONTRACT.glob("test_*.py"), key=lambda path: -path.stat().st_size)
    jobs = share([path.name for path in tests], names)

    def work(name: str) -> list[Check]:
        return [check for test in jobs[name] for check in run_test(test, name)]

    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        return [check for checks in pool.map(work, names) for check in checks]


def bring(names: t.Sequence[str]) -> None:
    """Puts the tests, the collection and pytest on the hosts."""
    archive = _archive()
    for name in names:
        with archive.open("rb") as file:
            subprocess.run(bed("ssh", name, "rm -rf %s && mkdir %s && tar -x -C %s" % (FOLDER, FOLDER, FOLDER)), stdin=file, check=True)


def share(tests: t.Sequence[str], names: t.Sequence[str]) -> dict[str, list[str]]:
    """Host -> its tests. A host of a rootless engine (r01) gets others than those of engines only when it is alone."""
    jobs: dict[str, list[str]] = {name: [test for test in tests if test.startswith("test_engine_")] for name in names}
    rooted = [name for name in names if not name.startswith("r")] or list(names)
    for number, test in enumerate(test for test in tests if not test.startswith("test_engine_")):
        jobs[rooted[number % len(rooted)]].append(test)
    return jobs


def run_test(test: str, name: str, python: str = "/usr/bin/python3") -> list[Check]:
    """One file of tests on one host, by an interpreter that is there: a check for each test."""
    where = "%s on %s" % (test, name)
    environment = {
        "PYTHONPATH": "lib:.",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOTSWAP_ENGINE": "docker" if name.startswith("d") else "podman",
        "HOTSWAP_IMAGE": SHELL,
        "HOTSWAP_APACHE": "/usr/sbin/apache2",
        "HOTSWAP_CADDY": "$PWD/bin/caddy",
    }
    assignments = " ".join('%s="%s"' % item for item in environment.items())
    command = "cd %s && %s %s -m pytest -q -p no:cacheprovider --junitxml=report.xml contract/%s" % (FOLDER, assignments, python, test)
    text = logged(bed("ssh", name, command), OUTPUT / ("contract-%s-%s.log" % (test[: -len(".py")], name)))
    report = subprocess.run(bed("ssh", name, "cat %s/report.xml && rm %s/report.xml" % (FOLDER, FOLDER)), text=True, stdout=subprocess.PIPE, check=False).stdout
    not_here = _not_for_this_engine(report) if report else set()
    found = [check for check in unit.read(report) if check.name not in not_here] if report else []
    checks = [Check("%s on %s" % (check.name, name), check.passed, check.seconds) for check in found] or [Check(where + ": nothing ran", passed=False)]
    failed = [check for check in checks if not check.passed]
    if failed:
        say(text[-6000:])
    say("%-6s %-40s %5.0f s  (%d tests)" % ("FAILED" if failed else "ok", where, sum(check.seconds for check in checks), len(checks)))
    return checks


def _not_for_this_engine(report: str) -> set[str]:
    names = set()
    for case in ElementTree.fromstring(report).iter("testcase"):
        for skipped in case.iter("skipped"):
            say("n/a    %s: %s" % (case.get("name"), skipped.get("message")))
            names.add("%s::%s" % (case.get("classname"), case.get("name")))
    return names


def _archive() -> pathlib.Path:
    archive = WORK / "contract.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(ROOT / "plugins", COLLECTION + "/plugins", filter=_no_caches)
        tar.add(CONTRACT, "contract", filter=_no_caches)
        tar.add(pathlib.Path(os.environ["HOTSWAP_VENV"]) / "bin" / "caddy", "bin/caddy")
        for name in PYTEST:
            source = pathlib.Path(str(getattr(importlib.util.find_spec(name), "origin", "")))
            package = source.name == "__init__.py"
            tar.add(source.parent if package else source, "lib/" + (name if package else source.name), filter=_no_caches)
    return archive


def _no_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry
