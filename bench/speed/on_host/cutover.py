# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run on a host: python3 cutover.py ENGINE RUNS URL PROXY SERVICE. Moves a service between two running instances by its proxy's switch alone.

A client in a process of its own asks without a pause, on fresh connections. Says for each move, in milliseconds from the command
on: when the new instance answered first, when the old one answered last, and when the switch said that it is done.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import statistics
import sys
import time
import typing as t

sys.path.insert(0, "/tmp/speed/tree")

from ansible_collections.hotswap.containers.plugins.module_utils._engine.connect import connect
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.observe import target_of
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.proxy import Proxy
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Serving

# After each move, so that the old one's last answer is seen. Seconds.
_AFTER = 0.3


def ask(url: str, pipe: t.Any) -> None:
    """Asks until the pipe is written to; then sends (began, ended, version) of each answer."""
    address = url.split("/")[2]
    seen: list[tuple[float, float, str]] = []
    while not pipe.poll():
        began = time.monotonic()
        connection = http.client.HTTPConnection(address, timeout=5)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        seen.append((began, time.monotonic(), answer.getheader("X-Version") or ""))
        connection.close()
    pipe.recv()
    pipe.send(seen)


def main() -> None:
    runs, url, name, service = int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
    engine = connect(sys.argv[1], None)
    proxy = Proxy.find(engine, StateDir.of(None), name)
    port = 8282
    instances = sorted((one for one in engine.containers({"hotswap.service": service}) if one.running), key=lambda one: one.labels["hotswap.version"])
    versions = [one.labels["hotswap.version"] for one in instances]
    targets = [target_of(one, proxy.network, port) for one in instances]
    route = proxy.switch.routes()[service].route
    here, there = multiprocessing.Pipe()
    client = multiprocessing.Process(target=ask, args=(url, there), daemon=True)
    client.start()
    moves = []
    for number in range(runs + 2):
        new = number % 2
        time.sleep(_AFTER)
        began = time.monotonic()
        proxy.switch.serve(Serving(route, (targets[new],)))
        moves.append((began, time.monotonic(), versions[new]))
    time.sleep(_AFTER)
    here.send("end")
    seen = here.recv()
    client.join()
    found = []
    for number, (began, done, version) in enumerate(moves[2:], 2):
        end = moves[number + 1][0] if number + 1 < len(moves) else float("inf")
        now = [one for one in seen if began <= one[1] and one[0] < end]
        first = min(one[1] for one in now if one[2] == version)
        last = max([one[1] for one in now if one[2] != version], default=began)
        found.append({"first": (first - began) * 1000, "last": (last - began) * 1000, "done": (done - began) * 1000})
    print(json.dumps({"moves": found, "answers": len(seen), "ask_ms": statistics.median([one[1] - one[0] for one in seen]) * 1000}))


if __name__ == "__main__":
    main()
