# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook `prepare` on hosts that have no engine yet, and a rollout on what it made of them, also after a reboot."""

from __future__ import annotations

import subprocess
import time
import typing as t

from run.hosts import bed, build_images, call
from run.playbooks import Run, Step, as_expected, recap
from run.report import OUTPUT, ROOT, Check, say

FOLDER = ROOT / "tests" / "integration" / "prepare"
# Between them: both Debians, each engine, and the SDKs from the system and from a virtual environment.
HOSTS = {"docker": "bd1:docker:bookworm-bare", "podman": "bp1:podman:trixie-bare", "rootless": "br1:rootless:bookworm-bare"}
# Not root's Podman of bookworm: the bed has it use runc, which the role does not install.
EVERY = {**HOSTS, "docker": "bd2:docker:trixie-bare", "rootless": "br2:rootless:trixie-bare"}
_PREPARE = "hotswap.containers.prepare"
# Three things that are wrong: all must be said, and nothing done.
WRONG = ("-e", "prepare_sdk=conda", "-e", "prepare_low_port=high", "-e", "prepare_user=nobody-here")
STEPS = (
    Step("refuse what is wrong", _PREPARE, WRONG, changes=False, succeeds=False),
    Step("check on a host that has nothing", _PREPARE, ("--check", "--diff"), changes=True),
    Step("nothing was touched", str(FOLDER / "untouched.yml"), (), changes=False),
    Step("prepare", _PREPARE, (), changes=True),
    Step("prepare again", _PREPARE, (), changes=False),
    Step("check again", _PREPARE, ("--check", "--diff"), changes=False),
    Step("roll out on it", str(FOLDER / "use.yml"), (), changes=True),
    Step("roll out again", str(FOLDER / "use.yml"), (), changes=False),
    Step("roll out again after a reboot", str(FOLDER / "use.yml"), ("-e", "it_rebooted=true"), changes=False),
)


def run_prepare(play: t.Callable[[t.Sequence[str], str, str], str], engines: t.Sequence[str], every: bool) -> list[Check]:
    """Brings the bare hosts up, walks STEPS on all at once, and takes them down. `play` runs ansible-playbook: words, inventory, name."""
    specs = list(dict.fromkeys(table[engine] for engine in engines for table in (HOSTS, *([EVERY] if every else []))))
    names = [spec.split(":")[0] for spec in specs]
    say("bringing up %s" % ", ".join(specs))
    # What an interrupted run left is not bare any more.
    subprocess.run(bed("down", *names), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    call(bed("up", "--hosts", *specs))
    try:
        inventory = call(bed("inventory", "--pipelining")).strip()
        checks = []
        for number, step in enumerate(STEPS, 1):
            if "it_rebooted=true" in step.words:
                call(bed("reboot", *names))
            checks += _walk(lambda words, name: play(words, inventory, name), step, number, names)
        return checks
    finally:
        subprocess.run(bed("down", *names), check=False, stdout=subprocess.DEVNULL)


def _walk(run: Run, step: Step, number: int, names: t.Sequence[str]) -> list[Check]:
    began = time.monotonic()
    archives = build_images()[0].parent
    words = ["-e", "rollout_hosts=%s" % ",".join(names), "-e", "@%s" % (FOLDER / "vars.yml"), "-e", "it_archives=%s" % archives]
    text = run([step.playbook, *words, *step.words], "prepare-%02d" % number)
    found = recap(text)
    checks = [Check("prepare, %s on %s" % (step.name, name), as_expected(step, found.get(name)), time.monotonic() - began) for name in names]
    if not all(check.passed for check in checks):
        say("%s\nsee %s" % (text[-6000:], OUTPUT))
    return checks
