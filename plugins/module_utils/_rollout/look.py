# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""One look at an instance for the gate: does it run, was it restarted, what do its checks say."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._engine.types import Container, Engine
from .._errors import EngineError
from .._switch.types import Target
from . import netns
from .gate import GateSpec, HttpCheck, Sample, judge_http
from .http import NoAnswer, request


@dataclasses.dataclass(frozen=True)
class Vantage:
    """From where instances are asked: the network namespace of the process that `pid_for` names; `target_for` says where they are."""

    pid_for: t.Callable[[Container], int]
    host: str
    target_for: t.Callable[[Container], Target]


class Looker:
    """Callable for gate.wait: looks at one instance by name."""

    def __init__(self, engine: Engine, gate: GateSpec, vantage: Vantage) -> None:
        self._engine = engine
        self._gate = gate
        self._vantage = vantage
        self._restarts: dict[str, int] = {}

    def __call__(self, name: str) -> Sample:
        one = self._engine.container(name)
        if one is None:
            return Sample(time.monotonic(), False, "it is gone", fatal=True)
        fallen = self._fallen(one)
        if fallen:
            return Sample(time.monotonic(), False, fallen, fatal=True)
        wrong = self._ask(one)
        return Sample(time.monotonic(), not wrong, wrong or "good")

    def _fallen(self, one: Container) -> str:
        before = self._restarts.setdefault(one.name, one.restart_count)
        if one.restart_count != before or one.state == "restarting":
            return "it died and was restarted by the engine (exit code %d)" % one.exit_code
        if not one.running:
            return "it is %s (exit code %d)" % (one.state, one.exit_code)
        return ""

    def _ask(self, one: Container) -> str:
        """The first check that is not content, in words; "" when all are."""
        gate, view = self._gate, self._vantage
        said = ask_network(gate, view.target_for(one), view.host, view.pid_for(one)) if gate.tcp or gate.http else ""
        if said:
            return said
        if gate.exec:
            said = self._ask_exec(one)
            if said:
                return said
        return self._ask_engine(one) if gate.engine else ""

    def _ask_exec(self, one: Container) -> str:
        try:
            result = self._engine.execute(one.name, self._gate.exec, self._gate.timeout)
        except EngineError as error:
            return "exec: %s" % error.what
        return "" if result.exit_code == 0 else "exec: exit code %d: %.120s" % (result.exit_code, result.output.strip())

    def _ask_engine(self, one: Container) -> str:
        verdict = self._engine.health(one.name)
        if not verdict:
            return "engine: neither the image nor the task defines a HEALTHCHECK"
        return "" if verdict == "healthy" else "engine: HEALTHCHECK says %s" % verdict


def ask_network(gate: GateSpec, target: Target, host: str, pid: int) -> str:
    """What is wrong with the target by the checks that go over the network, from that of process `pid`; "" when nothing is."""
    if gate.tcp:
        try:
            netns.connect(pid, target.address, target.port, gate.timeout).close()
        except netns.Unreachable as error:
            return "tcp: %s" % error.what
    return _ask_http(gate.http, gate.timeout, target, host, pid) if gate.http else ""


def _ask_http(check: HttpCheck, timeout: float, target: Target, host: str, pid: int) -> str:
    named = check.host or host or "%s:%d" % (target.address, target.port)
    try:
        answer = request(netns.connect(pid, target.address, target.port, timeout), check.method, check.path, {"Host": named})
    except (netns.Unreachable, NoAnswer) as error:
        return "http: %s" % error.what
    wrong = judge_http(check, answer)
    return wrong and "http: " + wrong
