# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load: the probe's own client, which tells each failure with the time when its request began.

python -m faults.load URL HOST [SHARE [OPTIONS]]: JSON lines on stdout, one for each failure, and ten a second that say how it
goes. Ends when its stdin does. SHARE of the rates below is sent, all of it by default. OPTIONS is JSON: `traffic`, a list of what
to send instead (the fields of Traffic), `timeout` in seconds, `body`, a regular expression for good answers, and `ca_file`,
certificates to trust for HTTPS.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
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


def load_of(url: str, host: str, share: float, options: t.Mapping[str, t.Any]) -> Load:
    """The load that the words of the command line ask for."""
    traffic = [Traffic(**one) for one in options.get("traffic", ())] or [dataclasses.replace(one, rate=one.rate * share) for one in TRAFFIC]
    body = re.compile(options["body"]) if "body" in options else None
    address = Address.of(url, options.get("ca_file", ""), host.partition(":")[0])
    return Load(Target(address, headers={"Host": host}, timeout=options.get("timeout", 10.0), body=body), traffic)


def tell_counts(stats: Told, late: float) -> None:
    """How it goes. `late`: for how many seconds at most this process itself was kept from running."""
    versions = {name: seen.answers for name, seen in stats.versions.items()}
    tell(sent=stats.sent, ok=stats.ok, fresh_ok=stats.fresh_ok, version=stats.version, versions=versions, late=round(late, 3))


async def run(load: Load) -> None:
    """Loads until stdin ends."""
    stats = load.stats = Told()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), load.stop)
    work = asyncio.ensure_future(load.run())
    late = 0.0
    while not work.done():
        tell_counts(stats, late)
        before = time.monotonic()
        await asyncio.wait({work}, timeout=TICK)
        late = max(late, time.monotonic() - before - TICK)
    await work
    tell_counts(stats, late)


if __name__ == "__main__":
    share, options = sys.argv[3:5] + ["1.0", "{}"][len(sys.argv) - 3 :]
    asyncio.run(run(load_of(sys.argv[1], sys.argv[2], float(share), json.loads(options))))
