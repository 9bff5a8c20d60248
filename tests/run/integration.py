# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-integration [ENGINE...]: targets, playbooks and contract tests on real engines, over real ssh.

The hosts are those of the test bed, one for each engine; they work beside each other, and nothing is skipped.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import time
import typing as t

from run.contract import run_contract
from run.hosts import HOSTS, PROXIES, bed, call, logged, prepare
from run.playbooks import run_playbooks
from run.prepare import run_prepare
from run.report import OUTPUT, ROOT, Check, finish, say

FOLDER = ROOT / "tests" / "integration"
_RECAP = re.compile(r"^(\S+) +: ok=(\d+) +changed=\d+ +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


def play(words: t.Sequence[str], inventory: str, name: str, tool: str = "ansible-playbook") -> str:
    """ansible-playbook in the hosts' network; what it said, which is also in integration-NAME.log. `tool`: that of another ansible-core."""
    env = {**os.environ, "ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg")}
    return logged(bed("lab", tool, "-i", inventory, *words), OUTPUT / ("integration-%s.log" % name), env)


def run_target(target: str, names: t.Sequence[str], inventory: str, drivers: t.Sequence[str] = ()) -> list[Check]:
    """One target on all hosts: a check for each host, read from the play's recap. `drivers`: on each host these, else its own."""
    began = time.monotonic()
    words = ["-e", "hotswap_target=%s" % target, "-e", "hotswap_hosts=%s" % ",".join(names)]
    words += ["-e", json.dumps({"hotswap_drivers": list(drivers)})] if drivers else []
    text = play([str(FOLDER / "site.yml"), *words], inventory, target)
    passed = passed_hosts(text)
    checks = [Check("%s on %s" % (target, name), name in passed, time.monotonic() - began) for name in names]
    if not all(check.passed for check in checks):
        say(failures(text) or text[-4000:])
    return show(checks)


def passed_hosts(text: str) -> set[str]:
    """The hosts that the recap of a play calls reached, with tasks done and none failed."""
    return {name for name, ok, unreachable, failed in _RECAP.findall(text) if int(ok) and not int(unreachable) + int(failed)}


def failures(text: str) -> str:
    """The tasks of a play's log that failed, each with its message."""
    blocks = re.split(r"\n\n(?=TASK|PLAY|RUNNING)", text)
    return "\n\n".join(block for block in blocks if re.search(r"^(fatal|failed): |UNREACHABLE!", block, re.MULTILINE) and "...ignoring" not in block)


def show(checks: list[Check]) -> list[Check]:
    """Prints a line for each check and returns them."""
    for check in checks:
        say("%-6s %-60s %5.0f s" % ("ok" if check.passed else "FAILED", check.name, check.seconds))
    return checks


def run_all(engines: t.Sequence[str], wanted: t.Sequence[str], drivers: t.Sequence[str] = ()) -> list[Check]:
    """Targets first, then playbooks and contract tests; a target that is asked for and not there is a failure."""
    names = prepare(engines)
    inventory = call(bed("inventory", "--pipelining")).strip()
    there = sorted(path.parents[1].name for path in (FOLDER / "targets").glob("*/tasks/main.yml"))
    checks = [Check("%s: no such target" % target, passed=False) for target in wanted if target not in [*there, "playbooks", "prepare", "contract"]]
    for target in [target for target in there if not wanted or target in wanted]:
        checks += run_target(target, names, inventory, drivers)
    if not wanted or "playbooks" in wanted:
        checks += show(run_playbooks(lambda words, name: play(words, inventory, "playbook-" + name), names))
    # The contract mostly waits, and those that are prepared are other hosts.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        last = [pool.submit(lambda: show(run_prepare(play, engines, bool(drivers))))] if not wanted or "prepare" in wanted else []
        last += [pool.submit(run_contract, names)] if not wanted or "contract" in wanted else []
        return checks + [check for found in last for check in found.result()]


def main() -> None:
    """Prepares, runs, and takes the hosts down again unless they are to be kept."""
    parser = argparse.ArgumentParser(prog="./dev test-integration")
    parser.add_argument("engines", nargs="*", help="docker, podman, rootless (all)")
    parser.add_argument("--target", action="append", default=[], help="only this target (or: playbooks, prepare, contract)")
    parser.add_argument("--every-driver", action="store_true", help="each driver on each engine, which takes much longer")
    parser.add_argument("--prepare", action="store_true", help="bring the hosts up and do nothing else")
    parser.add_argument("--keep", action="store_true", help="leave the hosts up")
    options = parser.parse_args()
    if unknown := [engine for engine in options.engines if engine not in HOSTS]:
        parser.error("there is no engine %s" % ", ".join(unknown))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    engines = options.engines or list(HOSTS)
    if options.prepare:
        prepare(engines)
        return
    try:
        checks = run_all(engines, options.target, sorted(PROXIES) if options.every_driver else ())
    finally:
        if not options.keep:
            subprocess.run(bed("down"), check=False, stdout=subprocess.DEVNULL)
    finish("integration", checks)


if __name__ == "__main__":
    main()
