# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet: its hosts, the load on each of them, and runs of the playbook over all of them."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import typing as t

import yaml
from faults.ends import Broken, Failure, Json, LoadOf
from run.hosts import build_images
from run.report import LINKED, OUTPUT, WORK, say

from kit.bed import Bed, inventory
from kit.bed.hosts import Host

FOLDER = pathlib.Path(__file__).parent
# Engines in turn; the second Debian comes with the fourth host, the small disk with the sixth.
KINDS = ("docker", "podman:socket", "rootless:nosocket", "podman:nosocket:bookworm", "docker", "rootless:socket:disk=600M")
DOMAIN, PORT, SERVICE = "fleet.example.com", 18383, "fleet"
SHARE = 0.2
RUN_SECONDS, BACK_SECONDS = 900.0, 120.0
Windows = t.Dict[str, t.List[t.Tuple[float, float]]]


@dataclasses.dataclass(frozen=True)
class Done:
    """A run that ended: exit code (negative: by that signal), what it said, and the summary that it wrote."""

    code: int
    log: str
    summary: Json

    def outcomes(self) -> dict[str, str]:
        """Host -> what became of it."""
        return {one["host"]: one["state"] for one in self.summary.get("outcomes", [])}


class Run:
    """One ansible-playbook, started."""

    def __init__(self, fleet: Fleet, name: str, playbook: str, variables: Json, words: t.Sequence[str]) -> None:
        self.log = OUTPUT / ("fleet-%s.log" % name)
        self._summary = WORK / ("fleet-%s.json" % name)
        self._summary.unlink(missing_ok=True)
        more = json.dumps({**variables, "rollout_summary_file": str(self._summary)})
        argv = ["ansible-playbook", "-i", str(fleet.inventory), "hotswap.containers." + playbook, "-e", "@%s" % (FOLDER / "vars.yml"), "-e", more, *words]
        env = {**os.environ, "ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg")}
        with self.log.open("w") as file:
            words = [*fleet.bed.lab_words, *argv]
            self._process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to the controller and all that it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def end(self) -> Done:
        """Waits for the end; a run that does not come to one is killed."""
        try:
            self._process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        summary = json.loads(self._summary.read_text()) if self._summary.exists() else {}
        return Done(self._process.returncode, self.log.read_text(), summary)


class Job:
    """The playbook as a job of AWX: ansible-runner, answers of a survey, artifacts."""

    def __init__(self, fleet: Fleet, answers: Json, limit: str = "") -> None:
        self.folder = WORK / "fleet-job"
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "project").mkdir(parents=True)
        (self.folder / "project" / "rollout.yml").write_text("- import_playbook: hotswap.containers.rollout\n")
        # What a template brings; the answers of its survey come on top, and are texts.
        fixed = yaml.safe_load((FOLDER / "vars.yml").read_text())
        environment = {"ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(LINKED)}
        job = {"playbook": "rollout.yml", "inventory": str(fleet.inventory), "limit": limit, "extravars": {**fixed, **answers}, "environment": environment}
        (self.folder / "job.json").write_text(json.dumps(job))
        with (OUTPUT / "fleet-job.log").open("w") as file:
            words = [*fleet.bed.lab_words, sys.executable, "-m", "fleet.job", str(self.folder)]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def cancel(self) -> None:
        """What the button does."""
        (self.folder / "cancel").touch()

    def end(self) -> Json:
        """Waits for it: status, code, artifacts, log."""
        try:
            self._process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        path = self.folder / "result.json"
        found: Json = json.loads(path.read_text()) if path.exists() else {"status": "none", "code": -1, "artifacts": {}, "log": ""}
        return found


def await_(condition: t.Callable[[], bool], alive: t.Callable[[], bool], seconds: float, what: str) -> None:
    """Waits until the condition holds. Raises Broken when it does not in time, or when nothing is alive that could bring it."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end or not (alive() or condition()):
            raise Broken(what)
        time.sleep(0.2)


class Fleet:
    """Hosts h01, h02, ...; every one serves `live` behind its own proxy, under load."""

    def __init__(self, size: int) -> None:
        self.bed = Bed(["h%02d:%s" % (number + 1, KINDS[number % len(KINDS)]) for number in range(size)], state=WORK / "fleet")
        self.hosts: list[Host] = []
        self.names: list[str] = []
        self.inventory = WORK / "fleet" / "pipelined.ini"
        self.loads: dict[str, LoadOf] = {}
        self.live = ""
        self._version = self._run = 0

    def up(self) -> None:
        """Brings the hosts up, each with the images that it needs."""
        self.hosts = self.bed.up()
        self.names = [host.name for host in self.hosts]
        inventory.write(self.bed, self.inventory, pipelining=True)
        archives = {path.name: path for path in build_images()}
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda host: self._load_images(host, archives), self.hosts))

    @staticmethod
    def _load_images(host: Host, archives: t.Mapping[str, pathlib.Path]) -> None:
        for name in ("app.tar", "haproxy.tar" if host.spec.engine == "docker" else "caddy.tar"):
            host.load_image(archives[name])

    def begin(self) -> None:
        """The first rollout, and the load on what it made."""
        version = self.next_version()
        done = self.start({"rollout_version": version}).end()
        if done.code:
            raise Broken("the first rollout failed: %s" % done.log[-3000:])
        for host in self.hosts:
            self.loads[host.name] = LoadOf(self.bed, "http://%s:%d/" % (host.address, PORT), DOMAIN, SHARE)
        self.live = version
        self.await_versions({})

    def next_version(self) -> str:
        """One that no host has seen."""
        self._version += 1
        return "v%d" % self._version

    def start(self, variables: Json, *words: str, playbook: str = "rollout") -> Run:
        """Starts the playbook over all hosts."""
        self._run += 1
        return Run(self, "%02d" % self._run, playbook, variables, words)

    def start_job(self, answers: Json, limit: str = "") -> Job:
        """Starts the playbook as a job of AWX."""
        return Job(self, answers, limit)

    def host(self, number: int) -> Host:
        """The host of that number, counted from 1."""
        return self.hosts[number - 1]

    def engine_hosts(self, engine: str) -> list[Host]:
        """The hosts with that engine."""
        return [host for host in self.hosts if host.spec.engine == engine]

    def await_candidate(self, host: Host, version: str, run: Run | Job) -> None:
        """Waits until a container of that version runs on the host."""
        words = ("ps", "-q", "--filter", "label=hotswap.service=" + SERVICE, "--filter", "label=hotswap.version=" + version)
        await_(
            lambda: bool(host.engine(*words).stdout.strip()),
            lambda: run._process.poll() is None,
            RUN_SECONDS,
            "%s was not started on %s" % (version, host.name),
        )

    def await_versions(self, other: t.Mapping[str, str]) -> None:
        """Waits until every host answers with the live version; `other`: those that must answer with another one."""
        for name, load in self.loads.items():
            load.await_version(other.get(name, self.live), BACK_SECONDS)

    def failures(self, name: str) -> list[Failure]:
        """What the host's clients have lost."""
        return self.loads[name].failures

    def end(self) -> None:
        """Ends the load."""
        for load in self.loads.values():
            load.close()
        sent, late = (combine(load.last[name] for load in self.loads.values()) for name, combine in (("sent", sum), ("late", max)))
        # A client that did not run for as long as a request may take has lost it itself.
        say("%d requests on %d hosts; a client was kept from running for %.1f s at most" % (sent, len(self.loads), late))
