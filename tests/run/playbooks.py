# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks by their full names, from a command line as a person would type it, on the hosts of the test bed."""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

from run.report import OUTPUT, ROOT, Check, say

FOLDER = ROOT / "tests" / "integration" / "command_line"
_RECAP = re.compile(r"^(\S+) +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Step:
    """One command line: what it shows, the playbook, further words, and whether it should report changes and succeed."""

    name: str
    playbook: str
    words: tuple[str, ...]
    changes: bool
    succeeds: bool = True


A, B, C = (("-e", "rollout_image=localhost/greet:" + version) for version in "ABC")
ROLLOUT = ("-e", "@%s" % (FOLDER / "vars" / "rollout.yml"))
ROLLBACK = ("-e", '{"rollout_name": "pb-greet", "rollout_engine": "{{ bed_engine }}"}')
SHORT = ("-e", '{"rollout_gate": {"http": {"path": "/health"}, "deadline": 4}}')
STEPS = (
    Step("check on a host that has nothing", "rollout", (*A, "--check", "--diff"), changes=True),
    Step("roll out A", "rollout", A, changes=True),
    Step("roll out A again", "rollout", A, changes=False),
    Step("check A again", "rollout", (*A, "--check", "--diff"), changes=False),
    Step("check B", "rollout", (*B, "--check", "--diff"), changes=True),
    Step("roll out B, host by host", "rollout", (*B, "-e", "rollout_batches=1"), changes=True),
    Step("refuse C, which is broken", "rollout", (*C, *SHORT), changes=False, succeeds=False),
    Step("roll out B again", "rollout", B, changes=False),
    Step("check the rollback", "rollback", ("--check",), changes=True),
    Step("roll back", "rollback", (), changes=True),
    Step("roll out A, which is live again", "rollout", A, changes=False),
)

Run = t.Callable[[t.Sequence[str], str], str]


def run_playbooks(run: Run, names: t.Sequence[str]) -> list[Check]:
    """Walks STEPS on all hosts at once; `run` runs ansible-playbook with these words, logs under the name, returns the log.

    One check for each step and host. Cleans up before and after.
    """
    hosts = ("-e", "rollout_hosts=%s" % ",".join(names))
    run([str(FOLDER / "clean.yml"), *hosts], "clean")
    try:
        return [check for number, step in enumerate(STEPS, 1) for check in _walk(run, step, number, hosts, names)]
    finally:
        run([str(FOLDER / "clean.yml"), *hosts], "clean")


def _walk(run: Run, step: Step, number: int, hosts: t.Sequence[str], names: t.Sequence[str]) -> list[Check]:
    variables = ROLLOUT if step.playbook == "rollout" else ROLLBACK
    began = time.monotonic()
    text = run(["hotswap.containers." + step.playbook, *hosts, *variables, *step.words], "%02d" % number)
    found = recap(text)
    checks = [Check("playbook, %s on %s" % (step.name, name), as_expected(step, found.get(name)), time.monotonic() - began) for name in names]
    if not all(check.passed for check in checks):
        say("%s\nsee %s" % (text[-6000:], OUTPUT))
    return checks


def recap(text: str) -> dict[str, tuple[int, int]]:
    """Host -> (changed, failed or unreachable) of the recap in a play's log."""
    return {name: (int(changed), int(failed) + int(unreachable)) for name, _ok, changed, unreachable, failed in _RECAP.findall(text)}


def as_expected(step: Step, found: tuple[int, int] | None) -> bool:
    """Whether a host's (changed, failed) of the recap is what the step should give."""
    if found is None:
        return False
    changed, failed = found
    return bool(changed) == step.changes and bool(failed) != step.succeeds
