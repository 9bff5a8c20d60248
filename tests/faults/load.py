# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load: the probe's own client, which tells each failure with the time when its request began.

python -m faults.load URL HOST [SHARE]: JSON lines on stdout, one for each failure, and ten a second that say how it goes. Ends
when its stdin does. SHARE of the rates below is sent, all of it by default.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
import typing as t

from ansible_collections.hotswap.containers.plugins.module_utils._probe.client import Load, Target, Traffic
from ansible_collections.hotswap.containers.plugins.module_utils._probe.stats import Stats
from ansible_collections.hotswap.containers.plugins.module_utils._probe.wire import Address

TRAFFIC = (
    Traffic("keepalive", rate=45.0, connections=8),
    Traffic("fresh", rate=30.0),
    Traffic("post", rate=20.0, connections=4),
    Traffic("slow", connections=3, path="/slow?s=1"),
    Traffic("stream", connections=2, path="/stream?s=1"),
)
TICK = 0.1


def tell(**line: t.Any) -> None:
    """One line for the one who started us."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Told(Stats):
    """Stats that tell every failure. A request begins and ends in one asyncio task, which has one request at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.fresh_ok = 0.0  # when the last request on a connection of its own began that was answered well
        self._began: dict[t.Any, float] = {}

    def begin(self, traffic: str) -> None:
        self._began[asyncio.current_task()] = time.time()
        super().begin(traffic)

    def answered(self, traffic: str, seconds: float, version: str, paced: bool) -> None:
        if traffic == "fresh":
            self.fresh_ok = max(self.fresh_ok, self._began[asyncio.current_task()])
        super().answered(traffic, seconds, version, paced)

    def failed(self, traffic: str, kind: str, version: str = "") -> None:
        tell(traffic=traffic, kind=kind, began=self._began[asyncio.current_task()], ended=time.time())
        super().failed(traffic, kind, version)


async def run(url: str, host: str, share: float) -> None:
    """Loads until stdin ends."""
    traffic = [dataclasses.replace(one, rate=one.rate * share) for one in TRAFFIC]
    load = Load(Target(Address.of(url), headers={"Host": host}, timeout=10.0), traffic)
    stats = load.stats = Told()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), load.stop)
    work = asyncio.ensure_future(load.run())
    while not work.done():
        tell(sent=stats.sent, ok=stats.ok, fresh_ok=stats.fresh_ok, version=stats.version)
        await asyncio.wait({work}, timeout=TICK)
    await work
    tell(sent=stats.sent, ok=stats.ok, fresh_ok=stats.fresh_ok, version=stats.version)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], float(sys.argv[3]) if sys.argv[3:] else 1.0))
