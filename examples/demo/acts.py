# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The acts of the demo, and how one is played: one run of the playbook hotswap.containers.demo."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import sys
import typing as t

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Act:
    """One act: the playbook's tag, who serves before and after, and what people read while it happens.

    `offered` is the version that is tried; it differs from `after` when it must be refused.
    """

    tag: str
    title: str
    before: str
    offered: str
    after: str
    starting: str
    moved: str
    done: str

    @property
    def refused(self) -> bool:
        return self.offered != self.after


FIRST = Act(
    tag="demo_a",
    title="A goes live",
    before="",
    offered="A",
    after="A",
    starting="network, proxy and version A are set up",
    moved="A answers",
    done="A is live",
)
UNDER_LOAD = (
    Act(
        tag="demo_b",
        title="From A to B",
        before="A",
        offered="B",
        after="B",
        starting="B starts beside A and must pass its gate; A serves",
        moved="the traffic went to B; A finishes what it has open",
        done="B is live; A was stopped when it was idle",
    ),
    Act(
        tag="demo_c",
        title="C is refused",
        before="B",
        offered="C",
        after="B",
        starting="C starts beside B, and its health never comes; B serves",
        moved="C GOT TRAFFIC",
        done="C was refused and removed; B never noticed",
    ),
    Act(
        tag="demo_back",
        title="Back to A",
        before="B",
        offered="A",
        after="A",
        starting="A is started again and must pass the same gate; B serves",
        moved="the traffic went back to A; B finishes what it has open",
        done="A is live again",
    ),
)


@dataclasses.dataclass
class Outcome:
    """How an act went. `result` is what the service module returned, `requests` and `lost` were counted meanwhile."""

    act: Act
    ok: bool = False
    seconds: float = 0.0
    result: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    requests: int = 0
    lost: int = 0
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Stage:
    """What every run of the playbook gets: extra variables, where the collection is, and a folder for Ansible's files."""

    variables: t.Mapping[str, t.Any]
    collections: pathlib.Path
    home: pathlib.Path

    def argv(self, act: Act) -> list[str]:
        playbook = [sys.executable, "-m", "ansible", "playbook", "hotswap.containers.demo", "-i", "localhost,", "--tags", act.tag]
        return [*playbook, "-e", json.dumps({"ansible_python_interpreter": sys.executable, **self.variables})]

    def environment(self) -> dict[str, str]:
        """Nothing of the user's own Ansible configuration reaches the demo."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return {
            **inherited,
            "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.home),
            "ANSIBLE_LOCAL_TEMP": str(self.home / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(self.home / "tmp"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "LC_ALL": "C.UTF-8",
        }


async def play(act: Act, stage: Stage, tell: t.Callable[[str], None]) -> Outcome:
    """Plays one act to its end; `tell` hears the name of each task that begins. Killed with all its children when cancelled."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    process = await asyncio.create_subprocess_exec(
        *stage.argv(act),
        env=stage.environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=1 << 24,
    )
    outcome = Outcome(act)
    try:
        said = await _follow(process, outcome, tell)
        outcome.ok = await process.wait() == 0
    finally:
        await _end(process)
    outcome.seconds = loop.time() - began
    if not outcome.ok and not outcome.why:
        outcome.why = "\n".join(said)
    return outcome


async def _follow(process: asyncio.subprocess.Process, outcome: Outcome, tell: t.Callable[[str], None]) -> t.Sequence[str]:
    """Reads the events until the playbook ends; returns the last lines that are none."""
    other: collections.deque[str] = collections.deque(maxlen=12)
    if process.stdout is None:
        return other
    async for line in process.stdout:
        text = line.decode("utf-8", "replace").rstrip()
        event = _event(text)
        if event is None:
            other.append(text)
        elif event["event"] == "begins":
            tell(event["task"])
        else:
            _note(event, outcome)
    return other


def _event(text: str) -> dict[str, t.Any] | None:
    with contextlib.suppress(ValueError):
        value = json.loads(text)
        if isinstance(value, dict) and "event" in value:
            return value
    return None


def _note(event: t.Mapping[str, t.Any], outcome: Outcome) -> None:
    if "phases" in event["result"]:
        outcome.result = dict(event["result"])
    if event["event"] == "failed":
        outcome.why = "%s: %s" % (event["task"], event["result"].get("msg", "failed"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Makes sure that the playbook and its modules are gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), 5.0)
