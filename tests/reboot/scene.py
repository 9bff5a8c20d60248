# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host runs before it goes down, and what must be so when it is back, before and after the same tasks are run again."""

from __future__ import annotations

import json
import time
import typing as t

from faults.ends import Agent, Broken, Json
from run.hosts import PROXIES

from kit.bed import Bed
from kit.bed.hosts import Host

NETWORK = "reboot"
PORT = 18282
LINE_PORT = 19090
BACK_SECONDS = 120.0
_POLL_SECONDS = 0.2
_GATE: Json = {"http": {"path": "/health"}, "interval": "0.1", "deadline": "60"}


class Scene:
    """Services in every phase: `greet` with a retired version, `trial` with a candidate, `share` with a canary, `tick` without a
    proxy and `line` behind a redirect of the kernel (where the engine is root's)."""

    def __init__(self, bed: Bed, host: Host) -> None:
        self._bed = bed
        self._host = host
        self._program = host.spec.program
        self.rootful = host.spec.engine != "rootless"

    def set_up(self, agent: Agent) -> None:
        """Network, proxy and services as `tasks` has them, and what they were before."""
        self._module(agent, "network", **self._network())
        self._module(agent, "reverse_proxy", **self._proxy())
        for service in ("greet", "share", "trial", "tick", *(["line"] if self.rootful else [])):
            self._module(agent, "service", **self._service(service, "v1"))
        for service in ("greet", "tick", *(["line"] if self.rootful else [])):
            self._module(agent, "service", **self._service(service, "v2"))
        self._module(agent, "service", **self._candidate())
        self._module(agent, "service", **self._canary())

    @property
    def expected(self) -> set[str]:
        """Service and version of every container that must run when the host is back, and of no other."""
        found = {"greet v2", "trial v1", "share v1", "share v2", "tick v2", "edge"}
        return found | ({"line v2"} if self.rootful else set())

    @property
    def asleep(self) -> set[str]:
        """Those that must be there and not run."""
        return {"greet v1", "trial v2", "tick v1"} | ({"line v1"} if self.rootful else set())

    def tasks(self) -> list[tuple[str, Json]]:
        """The tasks of the next run: all that is live or has a share. A task for `trial` would start or remove its candidate."""
        services = [self._service(name, "v2") for name in ("greet", "tick", *(["line"] if self.rootful else []))]
        asked = [("service", one) for one in (*services, self._canary())]
        return [("network", self._network()), ("reverse_proxy", self._proxy()), *asked]

    def await_back(self) -> None:
        """Until exactly what is expected runs, and the live versions answer where clients ask. Raises Broken."""
        self._await(lambda: self.running() == self.expected, lambda: "runs: %s, expected: %s" % (sorted(self.running()), sorted(self.expected)))
        for url, host in self._asked():
            self._await_answer(url, host)

    def _await_answer(self, url: str, host: str) -> None:
        self._await(lambda: self._answer(url, host) == "v2", lambda: "%s answers %r" % (url, self._answer(url, host)))

    def running(self) -> set[str]:
        """Service and version of every container of ours that runs, by the engine's own word."""
        return {name for name, state in self._containers() if state == "running"}

    def check_asleep(self) -> None:
        """The others are there, and do not run. Raises Broken."""
        missing = self.asleep - {name for name, _state in self._containers()}
        if missing or self.running() != self.expected:
            raise Broken("gone: %s; runs: %s, expected: %s" % (sorted(missing), sorted(self.running()), sorted(self.expected)))

    def run_again(self, agent: Agent) -> None:
        """The same tasks change nothing. Raises Broken."""
        for module, params in self.tasks():
            done = self._module(agent, module, **params)
            if done["changed"]:
                raise Broken("%s %s changes after the boot: %s" % (module, params["name"], done.get("plan") or done.get("reasons")))

    def _asked(self) -> list[tuple[str, str]]:
        base = "http://%s:%%d/" % self._host.address
        return [(base % PORT, "greet.example.com"), *([(base % LINE_PORT, "line")] if self.rootful else [])]

    def _answer(self, url: str, host: str) -> str:
        done = self._bed.lab(["curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%header{x-version}", "-H", "Host: " + host, url], check=False)
        return done.stdout.strip()

    def _containers(self) -> set[tuple[str, str]]:
        """Service and version (or the proxy) of each of our containers, and its state."""
        ids = self._host.engine("ps", "-aq").stdout.split()
        lines = self._host.engine("inspect", "--format", "{{.State.Status}} {{json .Config.Labels}}", *ids).stdout.splitlines() if ids else []
        found = [(json.loads(labels), state) for state, _blank, labels in (line.partition(" ") for line in lines)]
        words = ("hotswap.service", "hotswap.version", "hotswap.proxy")
        return {(" ".join(labels[word] for word in words if word in labels), state) for labels, state in found}

    def _await(self, condition: t.Callable[[], bool], told: t.Callable[[], str]) -> None:
        end = time.monotonic() + BACK_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise Broken("not back after %g s; %s" % (BACK_SECONDS, told()))
            time.sleep(_POLL_SECONDS)

    def _module(self, agent: Agent, module: str, **params: t.Any) -> Json:
        done = agent.ask("run", module=module, check=False, params={"engine": self._program, **params})
        if done["status"] != 0 or done["result"].get("failed"):
            raise Broken("%s %s ended with %s: %s" % (module, params["name"], done["status"], done["result"].get("msg")))
        return t.cast(Json, done["result"])

    @staticmethod
    def _network() -> Json:
        return {"name": NETWORK}

    @staticmethod
    def _proxy() -> Json:
        listen = [{"port": 8181, "publish": "0.0.0.0:%d" % PORT}]
        return {"name": "edge", "driver": "haproxy", "network": NETWORK, "image": PROXIES["haproxy"], "listen": listen}

    def _service(self, name: str, version: str, **more: t.Any) -> Json:
        common: Json = {"name": name, "image": "localhost/greet:A", "version": version, "env": {"APP_VERSION": version}, "network": NETWORK, "drain_timeout": 5}
        if name == "tick":
            return {**common, "order": "stop_first", "restart_policy": "always", **more}
        asked = {**common, "port": 8282, "gate": _GATE}
        if name == "line":
            return {**asked, "redirect": {"port": LINE_PORT}, **more}
        return {**asked, "proxy": "edge", "route": {"hosts": [name + ".example.com"]}, **more}

    def _candidate(self) -> Json:
        return self._service("trial", "v2", state="candidate", restart_policy="always")

    def _canary(self) -> Json:
        return self._service("share", "v2", state="canary", weight=30)
