# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of one engine, and runs of a playbook over it whose cost is taken from the control groups of controller and hosts."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import re
import tempfile
import time
import typing as t

from run.hosts import build_images, logged
from run.report import OUTPUT, WORK

from fleets.record import OURS, Cost
from kit.bed import Bed, inventory
from kit.bed.lab import Lab

FOLDER = pathlib.Path(__file__).resolve().parent / "plays"
CONTROLLER = "controller"
_RECAP = re.compile(r"^\S+ +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


class RunFailed(Exception):
    """A run did not come to what it is measured for; the text has the end of its log."""


class Stand:
    """`size` hosts of one engine, up while this is entered; `collections` has those that the peer's playbook needs."""

    def __init__(self, engine: str, size: int, forks: int, collections: pathlib.Path) -> None:
        self.engine, self.size = engine, size
        self._bed = Bed(["f%02d:%s" % (number + 1, "podman:socket" if engine == "podman" else engine) for number in range(size)], state=WORK / "fleets")
        self._inventory = WORK / "fleets" / "pipelined.ini"
        self._place = Lab(WORK / "fleets")
        paths = ":".join((os.environ["ANSIBLE_COLLECTIONS_PATH"], str(collections)))
        self._env = {**os.environ, "ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": paths, "ANSIBLE_FORKS": str(forks)}

    def __enter__(self) -> Stand:
        try:
            hosts = self._bed.up()
            inventory.write(self._bed, self._inventory, pipelining=True)
            archives = {path.name: path for path in build_images()}
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda host: [host.load_image(archives[name]) for name in ("app.tar", "haproxy.tar")], hosts))
            (self._place.place / CONTROLLER).mkdir(exist_ok=True)
        except BaseException:
            self._bed.down()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._bed.down()

    def says(self, command: str) -> str:
        """The first line that a host says to a shell command."""
        return (self._bed.hosts[0].ssh(command).stdout.strip() or "unknown").splitlines()[0]

    def run(self, side: str, version: str, changes: bool) -> Cost:
        """Brings the version live on every host. Raises RunFailed, also where it does not change what it must, or changes what it must not."""
        playbook = "hotswap.containers.rollout" if side == OURS else str(FOLDER / "peer.yml")
        variables = ["-e", "@%s" % (FOLDER / "ours.yml")] if side == OURS else []
        words = ["ansible-playbook", "-i", str(self._inventory), playbook, *variables, "-e", "bench_version=" + version]
        log = OUTPUT / ("bench-fleet-%s-%02d-%s-%s.log" % (self.engine, self.size, side, version))
        before = self._used()
        began = time.monotonic()
        # Connections of its own for each run: those that the run before has left open would be a present to this one.
        with tempfile.TemporaryDirectory(prefix="fleets-", dir="/tmp") as connections:
            text = logged(self._entered([*words, "-e", "ansible_control_path_dir=" + connections]), log, self._env)
        wall = time.monotonic() - began
        controller, everything = (after - earlier for after, earlier in zip(self._used(), before))
        self._judge(text, changes, log)
        return Cost(round(wall, 2), round(controller, 2), round(everything - controller, 2))

    def _entered(self, words: t.Sequence[str]) -> list[str]:
        """The words of a command that runs in the hosts' network and in the controller's group."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._place.place / CONTROLLER / "cgroup.procs"), *self._bed.lab_words, *words]

    def _used(self) -> tuple[float, float]:
        """CPU seconds so far: of the controller with the connections that it keeps, and of everything with all hosts."""
        return _cpu_seconds(self._place.place / CONTROLLER), _cpu_seconds(self._place.place)

    def _judge(self, text: str, changes: bool, log: pathlib.Path) -> None:
        recap = [(int(changed), int(unreachable) + int(failed)) for changed, unreachable, failed in _RECAP.findall(text)]
        if len(recap) != self.size or any(bad or bool(changed) != changes for changed, bad in recap):
            raise RunFailed("%s: %s\n%s" % (log.name, recap, text[-3000:]))


def _cpu_seconds(group: pathlib.Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        lines = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        return int(lines["usage_usec"]) / 1e6
    return 0.0


def pairs(stand: Stand, rounds: int, sides: t.Sequence[str], cases: t.Mapping[str, bool]) -> dict[tuple[str, str], list[Cost]]:
    """(case, side) -> a cost for each round. What is there before the first round is not measured; the sides take turns at being first."""
    found: dict[tuple[str, str], list[Cost]] = {(case, side): [] for case in cases for side in sides}
    for side in sides:
        stand.run(side, "v0", True)
    for number in range(1, rounds + 1):
        for case, changes in cases.items():
            for side in sides if number % 2 else reversed(sides):
                found[case, side].append(stand.run(side, "v%d" % number, changes))
    return found
