# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-faults [ENGINE..] [--driver D] [--fault WORD]: break everything in turn, under load, and run again.

The engines work beside each other, each on a host of its own bed; the drivers one after the other.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import sys
import time
import traceback
import typing as t

from run.hosts import HOSTS, PROXIES, build_images
from run.report import OUTPUT, ROOT, WORK, say

from faults.cases import GROUPS, Named, cases, power_cases
from faults.ends import Agent, Broken, Json, LoadOf, pack
from faults.scene import DOMAIN, PORT, Case, Scene
from kit.bed import Bed
from kit.bed.hosts import Host

STATE = "/var/tmp/hotswap-faults"
STATE_SIZE = "8m"
# On the host's own disk: the other one is gone when the host is.
LASTING = "/var/tmp/hotswap-power"


Wanted = t.Callable[[str, str], bool]
Names = t.Callable[[Scene, t.Sequence[Json]], t.Iterator[Named]]


def prepare(host: Host) -> None:
    """The images, and a small file system for the state folder."""
    for archive in build_images():
        host.load_image(archive)
    mount_state(host)
    host.ssh("install -d -m 700 -o %s %s" % (host.spec.user, LASTING), user="root")


def mount_state(host: Host) -> None:
    """The small file system, which is gone after a boot: what fills it must never fill the disk below."""
    options = "size=%s,mode=700,uid=$(id -u %s)" % (STATE_SIZE, host.spec.user)
    host.ssh("mkdir -p %s && mountpoint -q %s || mount -t tmpfs -o %s tmpfs %s" % (STATE, STATE, options, STATE), user="root")


def run_scene(bed: Bed, host: Host, scene: Scene, named: Names, wanted: Wanted) -> tuple[list[Case], int]:
    """All wanted cases of one scene, and the requests that were lost between them."""
    acts = scene.begin(lambda: LoadOf(bed, "http://%s:%d/" % (host.address, PORT), DOMAIN))
    for group, fault, work in named(scene, acts):
        if wanted(group, fault):
            case = scene.case(fault, work)
            say("%-9s %-8s %-90s %4.1f s  %s" % (case.engine, case.driver, fault, case.ended - case.began, case.problem or "recovered"))
    scene.end()
    say("%-9s %-8s %d requests under %d faults" % (scene.engine, scene.driver, scene.load.last["sent"], len(scene.cases)))
    return scene.cases, scene.account()


def scenes(agent: Agent, host: Host, driver: str, wanted: Wanted) -> t.Iterator[tuple[Scene, Names]]:
    """What is run behind one driver, as far as it is wanted."""

    def restart() -> None:
        host.crash()
        host.start()
        mount_state(host)

    if any(wanted(group, "") for group in GROUPS) or not wanted("power", ""):
        yield Scene(agent, host, driver, STATE), cases
    if wanted("power", "host crashed"):
        yield Scene(agent, host, driver, LASTING), lambda scene, _acts: power_cases(scene, restart)


def run_engine(bed: Bed, host: Host, drivers: t.Sequence[str], wanted: Wanted) -> tuple[list[Case], int]:
    """One host. What cannot even begin is a case that did not recover."""
    found: list[Case] = []
    stray = 0
    with (OUTPUT / ("faults-%s.log" % host.name)).open("w", buffering=1) as log:
        prepare(host)
        agent = Agent(bed, host, WORK / "faults.tar", log)
        for driver in drivers:
            try:
                for scene, named in scenes(agent, host, driver, wanted):
                    done, lost = run_scene(bed, host, scene, named, wanted)
                    found += done
                    stray += lost
            except (Broken, Exception) as error:
                traceback.print_exc(file=log)
                found.append(Case("the whole of it", host.spec.engine, driver, problem="%s: %s" % (type(error).__name__, error)))
        agent.close()
    return found, stray


def report(found: t.Sequence[Case], stray: int) -> int:
    """The table and the closing line; the exit code."""
    say("\n%-96s %-9s %-8s %-9s %4s %7s" % ("fault", "engine", "driver", "recovered", "lost", "excused"))
    for case in found:
        say("%-96s %-9s %-8s %-9s %4d %7d" % (case.fault, case.engine, case.driver, "no" if case.problem else "yes", len(case.lost), case.excused))
        if case.problem:
            say("    " + case.problem)
        for failure in case.lost[:5]:
            say(
                "    lost %s (%s), %.2f to %.2f s after the case began"
                % (failure.traffic, failure.kind, failure.began - case.began, failure.ended - case.began)
            )
    if stray:
        say("lost between the cases: %d" % stray)
    recovered = sum(not case.problem for case in found)
    lost = stray + sum(len(case.lost) for case in found)
    say("faults: injected=%d recovered=%d lost=%d" % (len(found), recovered, lost))
    return 0 if found and recovered == len(found) and not lost else 1


def main() -> None:
    """Brings hosts up, breaks them, and takes them down."""
    parser = argparse.ArgumentParser(prog="./dev test-faults")
    parser.add_argument("engines", nargs="*", help="docker, podman, rootless (all)")
    parser.add_argument("--driver", action="append", choices=list(PROXIES), help="only behind this proxy")
    parser.add_argument("--fault", action="append", help="only faults of this group (%s, power) or with these words" % ", ".join(GROUPS))
    parser.add_argument("--keep", action="store_true", help="leave the hosts up")
    options = parser.parse_args()
    engines = options.engines or list(HOSTS)
    if unknown := [engine for engine in engines if engine not in HOSTS]:
        parser.error("there is no engine %s" % ", ".join(unknown))

    def wanted(group: str, fault: str) -> bool:
        return not options.fault or any(word == group or word in fault for word in options.fault)

    OUTPUT.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    bed = Bed([HOSTS[engine] for engine in engines], state=WORK / "faults")
    try:
        hosts = bed.up()
        build_images()
        pack(ROOT, WORK / "faults.tar")
        with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
            results = list(pool.map(lambda host: run_engine(bed, host, options.driver or list(PROXIES), wanted), hosts))
    finally:
        if not options.keep:
            bed.down()
    say("%d s" % (time.monotonic() - began))
    sys.exit(report([case for cases, _stray in results for case in cases], sum(stray for _cases, stray in results)))


if __name__ == "__main__":
    main()
