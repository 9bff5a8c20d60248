# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-reboot [ENGINE..] [--suite S]: hosts with systemd go down, in order and by a power cut, and must serve again by themselves."""

from __future__ import annotations

import argparse
import time
import traceback
import typing as t

from faults.ends import Agent, Broken, pack
from run.hosts import HOSTS, build_images
from run.report import OUTPUT, ROOT, WORK, Check, finish, say

from kit.bed import Bed
from kit.bed.hosts import Host
from kit.bed.spec import SUITES
from reboot.scene import Scene


def cut_power(host: Host) -> None:
    """Everything dies at once, and the host is started again."""
    host.crash()
    host.start()


WAYS: t.Mapping[str, t.Callable[[Host], None]] = {"reboot": Host.reboot, "power cut": cut_power}


def run_host(bed: Bed, host: Host) -> list[Check]:
    """One host: set up once, then down and back in each way."""
    found: list[Check] = []
    scene = Scene(bed, host)
    with (OUTPUT / ("reboot-%s.log" % host.name)).open("w", buffering=1) as log:

        def step(name: str, work: t.Callable[[], None]) -> bool:
            began = time.monotonic()
            problem = ""
            try:
                work()
            except (Broken, Exception) as error:
                problem = "%s: %s" % (type(error).__name__, error)
                traceback.print_exc(file=log)
            found.append(Check("%s, %s, %s" % (host.spec.engine, host.spec.suite, name), not problem, time.monotonic() - began))
            say("%-6s %s%s" % ("FAILED" if problem else "ok", found[-1].name, "\n    " + problem if problem else ""))
            return not problem

        def with_agent(work: t.Callable[[Agent], None]) -> None:
            agent = Agent(bed, host, WORK / "reboot.tar", log)
            try:
                work(agent)
            finally:
                agent.close()

        for archive in build_images():
            if archive.name in ("app.tar", "haproxy.tar"):
                host.load_image(archive)
        if not step("set up", lambda: with_agent(scene.set_up)):
            return found
        for way, down in WAYS.items():
            down(host)
            step("after a %s: what was live serves" % way, scene.await_back)
            step("after a %s: nothing else runs" % way, scene.check_asleep)
            step("after a %s: the same tasks change nothing" % way, lambda: with_agent(scene.run_again))
            step("after a %s and the tasks: still so" % way, scene.check_asleep)
    return found


def specs(engines: t.Sequence[str], suites: t.Sequence[str]) -> list[str]:
    """The hosts, each engine on each Debian."""
    return ["%s%s:%s:%s" % (engine[0], suite[0], engine, suite) for suite in suites for engine in engines]


def main() -> None:
    """Brings hosts up, one after the other, and takes them down."""
    parser = argparse.ArgumentParser(prog="./dev test-reboot")
    parser.add_argument("engines", nargs="*", help="docker, podman, rootless (all)")
    parser.add_argument("--suite", action="append", choices=SUITES, help="only on this Debian")
    parser.add_argument("--keep", action="store_true", help="leave the hosts up")
    options = parser.parse_args()
    engines = options.engines or list(HOSTS)
    if unknown := [engine for engine in engines if engine not in HOSTS]:
        parser.error("there is no engine %s" % ", ".join(unknown))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    bed = Bed(specs(engines, options.suite or SUITES), state=WORK / "reboot")
    checks: list[Check] = []
    try:
        hosts = bed.up()
        build_images()
        pack(ROOT, WORK / "reboot.tar")
        for host in hosts:
            checks += run_host(bed, host)
    finally:
        if not options.keep:
            bed.down()
    finish("reboot", checks)


if __name__ == "__main__":
    main()
