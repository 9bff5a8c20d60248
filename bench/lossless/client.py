# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load of the bench as a process of its own, in the network of the hosts: python -m lossless.client URL RATE WEBSOCKETS.

Says "asking" when it begins, and its counts as JSON when SIGTERM has ended it, with the seconds of processor time that it took
itself. It is the client of the probe module.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
import typing as t

from ansible_collections.hotswap.containers.plugins.module_utils._probe.client import Load, Target, Traffic, report
from ansible_collections.hotswap.containers.plugins.module_utils._probe.wire import Address

# The shares of the rate, and the connections of each kind.
# So many that a server which takes a second for a connection does not make the others wait here: what is never sent says nothing of a cutover.
PACED = (("keepalive", 0.35, 64), ("keepalive_idle", 0.1, 60), ("fresh", 0.25, 240), ("post", 0.15, 48), ("post_fresh", 0.15, 160))
# What is in flight all the time: kind, connections, path.
UNPACED = (("slow", 4, "/slow?s=3"), ("slow", 4, "/slow?s=5"), ("stream", 4, "/stream?s=3"))
# Longer than anything asked for takes, also when the application is asked again after a drain.
TIMEOUT = 15.0


def traffic(rate: float, websockets: int) -> list[Traffic]:
    """The traffic at `rate` requests a second, with so many websockets kept open."""
    paced = [Traffic(kind, rate * share, connections) for kind, share, connections in PACED]
    unpaced = [Traffic(kind, 0.0, connections, path) for kind, connections, path in UNPACED]
    return [*paced, *unpaced, *([Traffic("websocket", 0.0, websockets)] if websockets else [])]


def words(rate: float, websockets: int) -> str:
    """The same for people."""
    paced = ", ".join("%s %g/s on %d" % (kind, rate * share, connections) for kind, share, connections in PACED)
    unpaced = ", ".join("%d x %s" % (connections, path) for _kind, connections, path in UNPACED)
    return "%g requests a second (%s connections), and always in flight: %s%s" % (rate, paced, unpaced, ", %d websockets" % websockets if websockets else "")


def main(argv: t.Sequence[str]) -> None:
    """Asks until SIGTERM."""
    url, rate, websockets = argv
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    load = Load(Target(Address.of(url), timeout=TIMEOUT), traffic(float(rate), int(websockets)), stopped=lambda: bool(ended))
    print("asking", flush=True)
    before = time.process_time()
    asyncio.run(load.run())
    print(json.dumps({**report(load), "cpu": time.process_time() - before}))


if __name__ == "__main__":
    main(sys.argv[1:])
