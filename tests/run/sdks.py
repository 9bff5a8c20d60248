# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest and the newest container SDKs that the collection says it works with, on hosts of the test bed."""

from __future__ import annotations

import concurrent.futures
import shutil
import subprocess
import sys
import time
import typing as t

from run import contract, integration
from run.cores import pip
from run.hosts import bed, bring_up, call
from run.report import WORK, Check, say

TARGET = "rollout"
# Where a host gets the SDK; its own stays as it is.
PLACE = "/opt/hotswap-sdk"
INTERPRETER = PLACE + "/bin/python"
INSTALL = "rm -rf {0} && python3 -m venv {0} && tar -x -C {0} && {0}/bin/pip install -q --no-index --find-links {0}/wheels {1}"


class Stack(t.NamedTuple):
    """An SDK and what it stands on. `host`: as the bed is told it; `python`: that of its Debian."""

    host: str
    python: str
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        """The host's name."""
        return self.host.split(":")[0]

    @property
    def label(self) -> str:
        """How a check names it."""
        return "%s on Python %s" % (" ".join(self.packages), self.python)


# docker 5 needs distutils, which left Python with 3.12. Both oldest SDKs need urllib3 1, and docker's a requests below 2.32.
OLDEST = ("requests==2.25.1", "urllib3==1.26.5")
NEWEST = ("requests", "urllib3")
STACKS = (
    Stack("d-old:docker:bookworm", "3.11", ("docker==5.0.3", *OLDEST)),
    Stack("p-old:podman:bookworm", "3.11", ("podman==4.7.0", *OLDEST)),
    Stack("d-new:docker:trixie", "3.13", ("docker", *NEWEST)),
    Stack("p-new:podman:trixie", "3.13", ("podman", *NEWEST)),
)


def run_sdks() -> list[Check]:
    """The contract of the engines and one target with each stack."""
    names = [stack.name for stack in STACKS]
    bring_up([stack.host for stack in STACKS])
    for stack in STACKS:
        say("%s: %s" % (stack.name, install(stack)))
    contract.bring(names)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        checks = [check for found in pool.map(_contract, names) for check in found]
    return checks + _target(names)


def install(stack: Stack) -> str:
    """Puts the SDK into an environment of its own on the host, which reaches no registry; returns the versions that came."""
    wheels = WORK / "sdks" / stack.name / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    target = ["--python-version", stack.python, "--implementation", "cp", "--only-binary", ":all:"]
    pip(sys.executable, "download", "-d", str(wheels), *target, *stack.packages)
    packed = subprocess.run(["tar", "-c", "-C", str(wheels.parent), "wheels"], check=True, stdout=subprocess.PIPE).stdout
    command = INSTALL.format(PLACE, " ".join("'%s'" % package for package in stack.packages))
    subprocess.run(bed("ssh", stack.name, command), input=packed, check=True)
    return " ".join(call(bed("ssh", stack.name, INTERPRETER + " -m pip freeze")).split())


def _contract(name: str) -> list[Check]:
    tests = sorted(path.name for path in contract.CONTRACT.glob("test_engine_*.py"))
    return [check for test in tests for check in contract.run_test(test, name, INTERPRETER)]


def _target(names: t.Sequence[str]) -> list[Check]:
    inventory = call(bed("inventory", "--pipelining")).strip()
    began = time.monotonic()
    words = ["-e", "hotswap_target=%s" % TARGET, "-e", "hotswap_hosts=%s" % ",".join(names), "-e", "ansible_python_interpreter=" + INTERPRETER]
    text = integration.play([str(integration.FOLDER / "site.yml"), *words], inventory, "sdks")
    passed = integration.passed_hosts(text)
    checks = [Check("%s with %s" % (TARGET, stack.label), stack.name in passed, time.monotonic() - began) for stack in STACKS]
    if not all(check.passed for check in checks):
        say(integration.failures(text) or text[-4000:])
    return integration.show(checks)
