# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev bench-lossless: walks all combinations, writes bench/results/lossless.json and .md, and ends with one line."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import typing as t

from run.hosts import bed, call, prepare
from run.report import ROOT, say

from lossless import client, machine, peers, settings, table
from lossless.measure import WEBSOCKET_CONNECTIONS, measure
from lossless.plays import LOGS, PlayFailed, Stage
from lossless.queue import Queue
from lossless.record import Row, total

RESULTS = ROOT / "bench" / "results"


def main() -> int:
    """0 when everything was measured and no row of ours lost a request, not beside open websockets either."""
    try:
        wanted = settings.read(os.environ)
    except settings.Unusable as error:
        sys.exit("dev bench-lossless: %s" % error)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    # So that the hosts are taken down then, too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        return _bench(wanted)
    finally:
        if not os.environ.get("KEEP"):
            subprocess.run(bed("down"), check=False, stdout=subprocess.DEVNULL)


def _bench(wanted: settings.Settings) -> int:
    began = datetime.datetime.now(datetime.timezone.utc)
    prepare(wanted.engines)
    combos = settings.combos(wanted)
    collections = str(peers.collections()) if any(combo.way == settings.RECREATE for combo in combos) else ""
    stage = Stage(call(bed("inventory", "--pipelining")).strip(), collections)
    facts = _facts(wanted, began)
    rows, missing = _measure_all(combos, stage, wanted)
    _write(facts, rows)
    for problem in missing:
        say("FAILED %s" % problem)
    ours = [row for row in rows if row.way == settings.OURS]
    say(total(ours).line)
    judged = [row for row in rows if row.way in (settings.OURS, settings.WEBSOCKETS)]
    return 1 if missing or not judged or any(row.lost or row.faults for row in judged) else 0


def _facts(wanted: settings.Settings, began: datetime.datetime) -> dict[str, str]:
    names = ("CUTOVERS", "PEER_CUTOVERS", "WEBSOCKET_CUTOVERS", "RATE", "BESIDE", "ENGINES", "DRIVERS", "MODES", "PEERS")
    given = ["%s=%s" % (name, os.environ[name]) for name in names if os.environ.get(name)]
    return {
        **machine.facts(wanted.engines, wanted.drivers),
        **({"peers": peers.versions(peers.collections())} if "recreate" in wanted.peers else {}),
        "load": client.words(wanted.rate, 0) + "; from outside the host, on its published port; nothing is ever repeated by the client",
        "websockets": "%d of them beside the same load, in rows of their own" % WEBSOCKET_CONNECTIONS,
        "cutovers": "A to B to A and so on, by `ansible-playbook`; %d combinations at a time" % wanted.beside,
        **({"note": os.environ["NOTE"]} if os.environ.get("NOTE") else {}),
        "date": began.strftime("%Y-%m-%d %H:%M UTC"),
        "command": "`%s`" % " ".join([*given, "./dev bench-lossless"]),
    }


def _measure_all(combos: t.Sequence[settings.Combo], stage: Stage, wanted: settings.Settings) -> tuple[list[Row], list[str]]:
    """All rows in the order of `combos`, and what could not be measured. A host has one combination at a time."""
    rows: dict[str, Row] = {}
    missing: list[str] = []
    queue = Queue(combos)

    def work() -> None:
        while combo := queue.take():
            try:
                rows[combo.name] = row = measure(combo, stage, wanted.rate)
                (LOGS / ("%s-row.json" % combo.name)).write_text(json.dumps(dataclasses.asdict(row)))
                _tell(combo, row)
            except PlayFailed as error:
                missing.append(str(error))
                say("FAILED %s" % error)
            finally:
                queue.done(combo)

    with concurrent.futures.ThreadPoolExecutor(max(wanted.beside, 1)) as pool:
        workers = [pool.submit(work) for _number in range(max(wanted.beside, 1))]
        try:
            for worker in workers:
                worker.result()
        finally:
            queue.close()
    return [rows[combo.name] for combo in combos if combo.name in rows], missing


def _tell(combo: settings.Combo, row: Row) -> None:
    say("%-36s cutovers %-3d sent %-8d lost %-6d %s gap %.0f ms" % (combo.name, row.cutovers, row.sent, row.lost, row.lost_by_kind or "", row.gap_ms))
    if combo.way in (settings.OURS, settings.WEBSOCKETS):
        for trouble in [*row.faults, *row.losses]:
            say("    " + trouble)


def _write(facts: t.Mapping[str, str], rows: t.Sequence[Row]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {"facts": facts, "rows": [dataclasses.asdict(row) for row in rows]}
    (RESULTS / "lossless.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "lossless.md").write_text(table.page(facts, rows))
    # The person who ran this through sudo should own the result.
    owner = ROOT.stat()
    for path in (RESULTS, *RESULTS.iterdir()):
        with contextlib.suppress(PermissionError):
            os.chown(path, owner.st_uid, owner.st_gid)


if __name__ == "__main__":
    sys.exit(main())
