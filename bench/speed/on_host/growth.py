# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run on a host: python3 growth.py ENGINE. What grows with the number of routes, and with the length of a journal, in milliseconds."""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, "/tmp/speed/tree")

from ansible_collections.hotswap.containers.plugins.module_utils._engine.connect import connect
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.proxy import Proxy
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving, Target

_ROUTES = (1, 100, 500)
_LINES = 100000
_RUNS = 7


def served(proxy: Proxy, number: int) -> float:
    """Moves the first service to another instance."""
    began = time.monotonic()
    proxy.switch.serve(Serving(Route("grown-0", ("grown-0.example.com",)), (Target("i%d" % number, "10.255.0.%d" % (1 + number % 200), 8282, 100),)))
    return (time.monotonic() - began) * 1000


def looked(proxy: Proxy) -> float:
    """What a run looks at when there is nothing to do."""
    began = time.monotonic()
    proxy.switch.current("grown-0")
    proxy.switch.previewed("grown-0")
    proxy.switch.written("grown-0")
    proxy.switch.matches(Route("grown-0", ("grown-0.example.com",)))
    return (time.monotonic() - began) * 1000


def journals() -> list[tuple[float, float]]:
    """One line more in a long journal, and in a short one."""
    with tempfile.TemporaryDirectory() as folder:
        long, short = (Memory(pathlib.Path(folder) / name) for name in ("long", "short"))
        short.journal(outcome="done")
        line = (short.folder / "journal.jsonl").read_text()
        long.journal(outcome="done")
        (long.folder / "journal.jsonl").write_text(line * _LINES)
        return [(_journal(long), _journal(short)) for _number in range(_RUNS)]


def _journal(memory: Memory) -> float:
    began = time.monotonic()
    memory.journal(outcome="done")
    _seen = (memory.history, memory.gated)
    return (time.monotonic() - began) * 1000


def main() -> None:
    """Prints what each count costs."""
    proxy = Proxy.find(connect(sys.argv[1], None), StateDir.of(None), "speed")
    found, there = {}, 0
    for count in _ROUTES:
        for number in range(there, count):
            route = Route("grown-%d" % number, ("grown-%d.example.com" % number,))
            proxy.switch.serve(Serving(route, (Target("a%d" % number, "10.255.0.1", 8282, 100),)))
            there = number + 1
        found[str(count)] = {"serve": [served(proxy, number) for number in range(_RUNS)], "look": [looked(proxy) for _number in range(_RUNS)]}
    print(json.dumps({"routes": found, "journal": journals()}))


if __name__ == "__main__":
    main()
