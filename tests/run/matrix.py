# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-matrix [WORD...]: every ansible-core that the collection works with, and its oldest and newest container SDKs.

WORD is a core (2.16) or a part (sanity, unit, playbooks, sdks); without any it is all of them.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import time
import typing as t

from run import integration, sanity, unit
from run.checkout import copy_checkout
from run.cores import CORES, Core, NoPython, ready
from run.hosts import bed, call, prepare
from run.playbooks import run_playbooks
from run.report import OUTPUT, ROOT, Check, finish, say
from run.sdks import run_sdks

PARTS = ("sanity", "unit", "playbooks", "sdks")
# The unit tests take as long as sanity does: what passes at both ends is not expected to fail between them.
WITH_UNIT = (min(CORES), max(CORES))
# Beside the playbooks: the role from a play of one's own, and files that the controller sends.
TARGETS = ("image", "rollout")


def run_core(number: str, parts: t.Collection[str], copy: pathlib.Path, inventory: str) -> list[Check]:
    """The parts with one core. `copy`: what sanity looks at; `inventory`: that of the bed.

    A core that cannot run here is one check that failed.
    """
    try:
        core = ready(number)
    except (NoPython, subprocess.CalledProcessError) as error:
        return tell("core %s" % number, "environment", [Check(str(error), passed=False)])
    checks = []
    if "sanity" in parts:
        checks += tell(core.label, "sanity", with_sanity(core, copy))
    if "unit" in parts and number in WITH_UNIT:
        checks += tell(core.label, "unit", with_unit(core))
    if "playbooks" in parts:
        checks += tell(core.label, "playbooks", with_syntax(core) + with_playbooks(core, inventory))
    return checks


def tell(label: str, part: str, checks: t.Sequence[Check]) -> list[Check]:
    """One line for all checks of a part, and the checks with the label in their names. A part that ran nothing has failed."""
    checks = checks or [Check("nothing ran", passed=False)]
    passed = sum(check.passed for check in checks)
    word = "ok" if passed == len(checks) else "FAILED"
    say("%-6s %-26s %-12s %4d of %4d  %5.0f s" % (word, label, part, passed, len(checks), sum(check.seconds for check in checks)))
    return [Check("%s, %s: %s" % (label, part, check.name), check.passed, check.seconds) for check in checks]


def with_sanity(core: Core, copy: pathlib.Path) -> list[Check]:
    """A check for each sanity test, and each Python where a test is run on several."""
    began = time.monotonic()
    code, output = sanity.sanity(copy, core.commands, "sanity-%s.log" % core.number, ("ERROR", "FATAL"))
    return sanity.read(code, output, time.monotonic() - began)


def with_unit(core: Core) -> list[Check]:
    """The unit tests of the plugins: a check for each."""
    report = OUTPUT / ("unit-%s.xml" % core.number)
    report.unlink(missing_ok=True)
    argv = [str(core.commands / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=%s" % report, "tests/unit/plugins"]
    done = _quietly(core, argv)
    return unit.read(report.read_text()) if report.exists() else [Check("pytest exited %d" % done, passed=False)]


def with_syntax(core: Core) -> list[Check]:
    """Whether the core can read each playbook by its full name."""
    names = ["hotswap.containers." + path.stem for path in sorted((ROOT / "playbooks").glob("*.yml"))]
    argv = [str(core.commands / "ansible-playbook"), "--syntax-check", "-i", "localhost,"]
    return [Check("syntax of " + name, _quietly(core, [*argv, name]) == 0) for name in names]


def _quietly(core: Core, argv: t.Sequence[str]) -> int:
    """Runs a command with the core's commands first on the PATH; what it prints is shown only when it fails. Returns its exit code."""
    env = {**os.environ, "PATH": os.pathsep.join([str(core.commands), os.environ["PATH"]])}
    done = subprocess.run(argv, cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    if done.returncode:
        say((done.stdout + done.stderr)[-6000:])
    return done.returncode


def with_playbooks(core: Core, inventory: str) -> list[Check]:
    """The playbooks as a person types them, and TARGETS, on a host of the bed with Docker."""
    tool = str(core.commands / "ansible-playbook")

    def play(words: t.Sequence[str], name: str) -> str:
        return integration.play(words, inventory, "core-%s-%s" % (core.number, name), tool)

    checks = run_playbooks(lambda words, name: play(words, "playbook-" + name), ["d01"])
    for target in TARGETS:
        began = time.monotonic()
        text = play([str(integration.FOLDER / "site.yml"), "-e", "hotswap_target=" + target, "-e", "hotswap_hosts=d01"], target)
        checks.append(Check("target " + target, "d01" in integration.passed_hosts(text), time.monotonic() - began))
        if not checks[-1].passed:
            say(integration.failures(text) or text[-4000:])
    return checks


def run_all(numbers: t.Sequence[str], parts: t.Collection[str]) -> list[Check]:
    """Core after core, then the SDKs; what they need is made once."""
    copy = copy_checkout("matrix") if "sanity" in parts else ROOT
    inventory = ""
    if "playbooks" in parts:
        prepare(["docker"])
        inventory = call(bed("inventory", "--pipelining")).strip()
    on_cores = {*parts} - {"sdks"}
    checks = [check for number in numbers for check in run_core(number, on_cores, copy, inventory)] if on_cores else []
    return checks + (run_sdks() if "sdks" in parts else [])


def main() -> None:
    """Runs what is asked for, and takes the hosts down again."""
    parser = argparse.ArgumentParser(prog="./dev test-matrix")
    parser.add_argument("words", nargs="*", metavar="WORD", help="an ansible-core (%s) or a part (%s)" % (", ".join(CORES), ", ".join(PARTS)))
    words = parser.parse_args().words
    if unknown := [word for word in words if word not in (*CORES, *PARTS)]:
        parser.error("there is no core or part %s" % ", ".join(unknown))
    numbers = [number for number in CORES if number in words]
    # The SDKs are those of hosts: a core that is asked for is not about them.
    parts = [part for part in PARTS if part in words] or [part for part in PARTS if part != "sdks" or not numbers]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    try:
        checks = run_all(numbers or list(CORES), parts)
    finally:
        if {"playbooks", "sdks"} & set(parts):
            subprocess.run(bed("down"), check=False, stdout=subprocess.DEVNULL)
    finish("matrix", checks)


if __name__ == "__main__":
    main()
