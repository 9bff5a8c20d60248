# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One service behind one driver on one engine, and what a case does with it: roll out, break, run again, look."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from run.hosts import PROXIES

from faults.ends import Agent, Broken, Failure, Json, LoadOf
from kit.bed.hosts import Host

NAME = "faults"
DOMAIN = "faults.example.com"
PORT = 18282
BACK_SECONDS = 30.0
# Long enough that a fault is sure to come before the gate is through.
LONG_GATE = "1.5"
CANARY: Json = {"state": "canary", "weight": 20}


@dataclasses.dataclass
class Case:
    """One fault and what came of it. Windows are the times (since 1970) in which it excuses a lost request."""

    fault: str
    engine: str
    driver: str
    began: float = dataclasses.field(default_factory=time.time)
    ended: float = 0.0
    windows: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    problem: str = ""
    lost: list[Failure] = dataclasses.field(default_factory=list)
    excused: int = 0

    def excuses(self, failure: Failure) -> bool:
        """Whether the request was under way while what serves it was dead."""
        return any(failure.began <= end and failure.ended >= start for start, end in self.windows)


class Scene:
    """The service's versions are v1, v2, ...: `live` serves, `kept` is retired for a rollback. Every version is new."""

    def __init__(self, agent: Agent, host: Host, driver: str, state: str) -> None:
        self.agent = agent
        self.engine = host.spec.engine
        self.program = host.spec.program
        self.driver = driver
        self.state = state
        self.live = self.kept = ""
        self.cases: list[Case] = []
        # Options that every task of the service has for now.
        self.more: Json = {}
        self.proxy_image = PROXIES[driver]
        self._number = 0
        self._load: LoadOf | None = None

    def new_version(self) -> str:
        """One that this host has never seen."""
        self._number += 1
        return "v%d" % self._number

    @property
    def load(self) -> LoadOf:
        """The load; there must be one."""
        if self._load is None:
            raise Broken("there is no load yet")
        return self._load

    def begin(self, load: t.Callable[[], LoadOf]) -> list[Json]:
        """Network, proxy, two versions, and the load: the acts of a rollout that nothing disturbs."""
        self.set_up()
        self.roll(self.new_version())
        self._load = load()
        self.load.await_version(self.live, BACK_SECONDS)
        self.roll(self.new_version())
        return self.roll(self.new_version())

    def set_up(self) -> None:
        """Network and proxy."""
        self.module("network", name=NAME)
        self.module("reverse_proxy", **self._proxy())

    def end(self) -> None:
        """Ends the load, and removes everything."""
        if self._load:
            self._load.close()
        self.module("service", name=NAME, state="absent", drain_timeout=0)
        self.module("reverse_proxy", name=NAME, state="absent")
        self.module("network", name=NAME, state="absent")

    def _proxy(self) -> Json:
        listen = [{"port": 8181, "publish": "0.0.0.0:%d" % PORT}]
        return {"name": NAME, "driver": self.driver, "network": NAME, "image": self.proxy_image, "listen": listen, "drain_timeout": 5}

    def replacement(self) -> Json:
        """The task that replaces the proxy's container: the same image by its other name."""
        other = "localhost/faults-proxy:other"
        image = PROXIES[self.driver] if self.proxy_image == other else other
        self.agent.ask("call", argv=[self.program, "tag", PROXIES[self.driver], other])
        return {**self._common(), **self._proxy(), "image": image}

    def replace(self) -> list[Json]:
        """Replaces the proxy's container, undisturbed; the acts of it."""
        task = self.replacement()
        done = self.agent.ask("run", module="reverse_proxy", params=task)
        if self.succeeded("the replacement", done)["action"] != "handover":
            raise Broken("the proxy was not handed over: %s" % done["result"]["action"])
        self.proxy_image = task["image"]
        return t.cast("list[Json]", done["events"])

    def service(self, version: str, min_healthy_time: str = "0", **more: t.Any) -> Json:
        """The task that makes `version` live. The application dies at once on SIGTERM."""
        return {
            **self._common(),
            "name": NAME,
            "image": "localhost/greet:A",
            "version": version,
            "env": {"APP_VERSION": version, "MODE": "rude"},
            "port": 8282,
            "proxy": NAME,
            "route": {"hosts": [DOMAIN]},
            "gate": {"http": {"path": "/health"}, "interval": "0.1", "deadline": "20", "min_healthy_time": min_healthy_time},
            "drain_timeout": 10,
            "lock_timeout": 30,
            "stop_timeout": 3,
            **self.more,
            **more,
        }

    def _common(self) -> Json:
        return {"engine": self.program, "state_dir": self.state}

    def module(self, module: str, check: bool = False, **params: t.Any) -> Json:
        """Runs a module that must succeed."""
        return self.succeeded(module, self.agent.ask("run", module=module, check=check, params={**self._common(), **params}))

    @staticmethod
    def succeeded(name: str, done: Json) -> Json:
        """The result of a module's run, which must be a good one."""
        if done["status"] != 0 or done["result"].get("failed"):
            raise Broken("%s ended with %s: %s" % (name, done["status"], done["result"].get("msg")))
        return t.cast(Json, done["result"])

    def roll(self, version: str) -> list[Json]:
        """A rollout without a fault; its acts."""
        done = self.agent.ask("run", module="service", params=self.service(version))
        self.succeeded("rollout of %s" % version, done)
        self.live, self.kept = version, self.live
        return t.cast(t.List[Json], done["events"])

    def unhealthy(self, version: str) -> Json:
        """The task for a version that does not pass its gate."""
        return self.service(version, gate={"http": {"path": "/nothing"}, "interval": "0.1", "deadline": "0.5"})

    def refused(self) -> list[Json]:
        """A rollout that fails at its gate and goes back: the acts of the way back."""
        done = self.agent.ask("run", module="service", params=self.unhealthy(self.new_version()))
        if not done["result"].get("restored"):
            raise Broken("a version that does not pass its gate was not taken back: %s" % done["result"].get("msg"))
        gate = next(act["step"] for act in done["events"] if act["action"] == "gate")
        return [act for act in done["events"] if act["step"] > gate]

    def canary(self) -> list[Json]:
        """The acts of a canary that nothing disturbs; it is promoted afterwards."""
        new = self.new_version()
        done = self.agent.ask("run", module="service", params=self.service(new, **CANARY))
        self.succeeded("the canary", done)
        self.has_canary(new)
        self.converge(new)
        return t.cast("list[Json]", done["events"])

    def has_canary(self, version: str) -> None:
        """Runs the task for the canary again, and looks at who has what."""
        self.module("service", **self.service(version, **CANARY))
        again = self.module("service", **self.service(version, **CANARY))
        if again["changed"] or again["plan"]:
            raise Broken("the second run for the canary still plans %s" % again["plan"])
        total = sum(one["weight"] for one in again["instances"])
        shares = {one["version"]: 100 * one["weight"] // total for one in again["instances"] if one["weight"]}
        if shares != {self.live: 100 - CANARY["weight"], version: CANARY["weight"]}:
            raise Broken("the traffic is split otherwise: %s" % shares)
        drift = self.drift()
        if drift:
            raise Broken(drift)

    def converge(self, target: str) -> None:
        """Runs the task for `target` again and looks at everything that must hold then."""
        before = self.live
        self.module("service", **self.service(target))
        again = self.module("service", **self.service(target))
        self.live = target
        if again["changed"] or again["plan"]:
            raise Broken("the second run still plans %s" % again["plan"])
        self._judge(target, before, again["instances"])
        drift = self.drift()
        if drift:
            raise Broken(drift)
        self.load.await_version(target, BACK_SECONDS)

    def drift(self) -> str:
        """Where the running proxy differs from its files, "" for nowhere."""
        seen = self.module("reverse_proxy", check=True, **self._proxy())
        return "the proxy differs from its files: %s" % seen["reasons"] if seen["changed"] else ""

    def _judge(self, target: str, before: str, instances: t.Sequence[Json]) -> None:
        found = sorted((one["version"], one["phase"], one["state"] == "running") for one in instances)
        retired = [version for version, phase, running in found if phase == "retired" and not running]
        if (target, "live", True) not in found or len(retired) != 1 or len(found) != 2:
            raise Broken("these are there, and not %s live with one retired: %s" % (target, found))
        if before not in (target, retired[0]):
            raise Broken("%s was live, and %s is kept for a rollback" % (before, retired[0]))
        self.kept = retired[0]

    def whole(self, image: str) -> None:
        """Runs the proxy's task again: it is of that image, and nothing is left of what stood in for it."""
        self.proxy_image = image
        self.set_up()
        drift = self.drift()
        left = self.agent.ask("call", argv=[self.program, "ps", "-aq", "--filter", "label=hotswap.bridge"])["output"].strip()
        led = self.module("port_redirect")["redirects"]
        if drift or left or led:
            raise Broken("after the replacement: %s, containers %s, redirects %s" % (drift, left or "none", led))

    def running(self, version: str) -> bool:
        """Whether a container of this version runs, by the engine's own word."""
        words = ["ps", "-q", "--filter", "label=hotswap.service=" + NAME, "--filter", "label=hotswap.version=" + version]
        done = self.agent.ask("call", argv=[self.program, *words])
        if done["code"]:
            raise Broken("%s ps: %s" % (self.program, done["output"]))
        return bool(done["output"].strip())

    def container(self, version: str) -> str:
        """The name of its container."""
        words = ["ps", "-a", "--filter", "label=hotswap.service=" + NAME, "--filter", "label=hotswap.version=" + version, "--format", "{{.Names}}"]
        name = str(self.agent.ask("call", argv=[self.program, *words])["output"]).strip()
        if not name or "\n" in name:
            raise Broken("%s has not one container: %r" % (version, name))
        return name

    def case(self, fault: str, work: t.Callable[[Case], None]) -> Case:
        """Runs one case to its end, whatever comes of it."""
        case = Case(fault, self.engine, self.driver)
        try:
            work(case)
        except Broken as problem:
            case.problem = str(problem)
        case.ended = time.time()
        self.cases.append(case)
        return case

    def account(self) -> int:
        """Hands each lost request to its case, when the load has ended; those of no case are returned."""
        stray = 0
        for failure in self.load.failures:
            excusing = next((case for case in self.cases if case.excuses(failure)), None)
            during = next((case for case in self.cases if case.began <= failure.ended and failure.began <= case.ended), None)
            if excusing:
                excusing.excused += 1
            elif during:
                during.lost.append(failure)
            else:
                stray += 1
        return stray
