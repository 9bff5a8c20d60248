# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-fleet [--hosts N] [--scenario WORD] [--short] [--keep]: a fleet under load, and what happens to fleets."""

from __future__ import annotations

import argparse
import collections
import contextlib
import signal
import sys
import time
import typing as t

from faults.ends import Broken
from run.report import OUTPUT, Check, finish, say

from fleet.fleet import Fleet
from fleet.scenarios import SCENARIOS, SHORT, Scenario, Work


def play(fleet: Fleet, name: str, work: Work) -> Scenario:
    """One scenario; whatever goes wrong in it is its problem, and the fleet is brought to one version for the next."""
    scenario = Scenario(name)
    try:
        work(fleet, scenario)
    except (Broken, Exception) as problem:
        scenario.problem = "%s: %s" % (type(problem).__name__, problem)
        mend(fleet)
    scenario.ended = time.time()
    say("%-6s %-50s %5.0f s" % ("FAILED" if scenario.problem else "ok", name, scenario.ended - scenario.began))
    if scenario.problem:
        say(scenario.problem)
    return scenario


def mend(fleet: Fleet) -> None:
    """Every host up, of one version."""
    for host in fleet.hosts:
        host.heal()
        host.start()
    version = fleet.next_version()
    fleet.start({"rollout_version": version, "rollout_lease_break": True}).end()
    fleet.live = version
    with contextlib.suppress(Broken):
        fleet.await_versions({})


def account(fleet: Fleet, scenarios: t.Sequence[Scenario]) -> int:
    """Hands each lost request to its scenario; returns how many are not excused, those between scenarios too."""
    stray = 0
    for name in fleet.names:
        for failure in fleet.failures(name):
            excusing = next((one for one in scenarios if one.excuses(name, failure)), None)
            during = next((one for one in scenarios if one.began <= failure.ended and failure.began <= one.ended), None)
            if excusing:
                excusing.excused += 1
            elif during:
                during.lost.append((name, failure))
            else:
                stray += 1
    return stray + sum(len(one.lost) for one in scenarios)


def show(scenarios: t.Sequence[Scenario]) -> None:
    """A line for each scenario, what of its requests was lost where, and the first of them."""
    say("\n%-50s %5s %6s %7s" % ("scenario", "held", "lost", "excused"))
    for one in scenarios:
        say("%-50s %5s %6d %7d" % (one.name, "no" if one.problem else "yes", len(one.lost), one.excused))
        found = collections.Counter((name, failure.kind) for name, failure in one.lost)
        for (name, kind), number in sorted(found.items()):
            say("    %s: %d %s" % (name, number, kind))
        for name, failure in one.lost[:5]:
            say("    lost on %s: %s (%s), %.2f s after it began" % (name, failure.traffic, failure.kind, failure.began - one.began))


def chosen(words: t.Sequence[str] | None, short: bool) -> dict[str, Work]:
    """The scenarios that have one of these words in their name, all without words; `short`: of those few that prove most."""
    found = {name: work for name, work in SCENARIOS.items() if work in SHORT or not short}
    return {name: work for name, work in found.items() if not words or any(word in name for word in words)}


def options() -> argparse.Namespace:
    """What the command line asks for; `wanted` are the scenarios."""
    parser = argparse.ArgumentParser(prog="./dev test-fleet")
    parser.add_argument("--hosts", type=int, default=6, help="how many (6)")
    parser.add_argument("--scenario", action="append", help="only those with these words")
    parser.add_argument("--keep", action="store_true", help="leave the hosts up")
    parser.add_argument("--short", action="store_true", help="the few scenarios that are part of ./dev test")
    given = parser.parse_args()
    given.wanted = chosen(given.scenario, given.short)
    if given.hosts < 6:
        parser.error("the scenarios need 6 hosts or more")
    if not given.wanted:
        parser.error("no scenario has %s in its name; there are: %s" % (" or ".join(given.scenario), ", ".join(SCENARIOS)))
    return given


def main() -> None:
    """Brings a fleet up, plays every scenario, and takes it down."""
    given = options()
    # So that the hosts are taken down then, too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    fleet = Fleet(given.hosts)
    try:
        fleet.up()
        fleet.begin()
        scenarios = [play(fleet, name, work) for name, work in given.wanted.items()]
        fleet.end()
    finally:
        if not given.keep:
            fleet.bed.down()
    lost = account(fleet, scenarios)
    show(scenarios)
    checks = [Check(one.name, not one.problem and not one.lost, one.ended - one.began) for one in scenarios]
    closing = "fleet: hosts=%d scenarios=%d lost=%d" % (len(fleet.names), len(scenarios), lost)
    finish("fleet", [*checks, Check("nothing lost", lost == 0)], closing)


if __name__ == "__main__":
    main()
