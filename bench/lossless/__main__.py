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
import pathlib
import shutil
import signal
import subprocess
import sys
import typing as t

from run.hosts import bed, call, prepare
from run.report import ROOT, WORK, say

from lossless import client, machine, page, peers, settings, table
from lossless.drivers import DRIVERS
from lossless.measure import WEBSOCKET_CONNECTIONS, measure
from lossless.plays import LOGS, PlayFailed, Stage
from lossless.queue import Queue
from lossless.record import Row, total
from lossless.store import Store

RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "how-it-stays-lossless.md"
ASKED = ("CUTOVERS", "APART_CUTOVERS", "PEER_CUTOVERS", "WEBSOCKET_CUTOVERS", "RATE", "BESIDE", "ENGINES", "DRIVERS", "MODES", "PEERS")


def main() -> int:
    """0 when everything was measured and no row of ours lost a request, not beside open websockets either."""
    try:
        wanted = settings.read(os.environ)
    except settings.Unusable as error:
        sys.exit("dev bench-lossless: %s" % error)
    if not wanted.resume:
        shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    # So that the hosts are taken down then, too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        return _bench(wanted)
    finally:
        if not os.environ.get("KEEP"):
            subprocess.run(bed("down"), check=False, stdout=subprocess.DEVNULL)


def _bench(wanted: settings.Settings) -> int:
    commit = machine.collection()
    store = Store(WORK / "rows", commit)
    if not wanted.resume:
        store.clear()
    combos = settings.combos(wanted)
    rows = {combo.name: row for combo in combos for row in [store.find(combo, wanted.rate)] if row}
    left = [combo for combo in combos if combo.name not in rows]
    say("%s: %d combinations, %d of them measured before" % (commit, len(combos), len(rows)))
    missing = _measure(Run(combos, rows, store, wanted, commit), left) if left else []
    found = [rows[combo.name] for combo in combos if combo.name in rows]
    _write(pathlib.Path(wanted.out) if wanted.out else RESULTS, {**store.facts(), "command": _command()}, found, missing)
    for problem in missing:
        say("FAILED %s" % problem)
    say(total([row for row in found if row.way == settings.OURS]).line)
    judged = [row for row in found if row.way in (settings.OURS, settings.WEBSOCKETS)]
    return 1 if missing or not judged or any(row.lost or row.faults for row in judged) else 0


def _command() -> str:
    given = ["%s=%s" % (name, os.environ[name]) for name in ASKED if os.environ.get(name)]
    return "`%s`" % " ".join([*given, "./dev bench-lossless"])


def _facts(wanted: settings.Settings) -> dict[str, str]:
    return {
        **machine.facts(wanted.engines, wanted.drivers),
        **({"peers": peers.versions(peers.collections())} if "recreate" in wanted.peers else {}),
        **({"docker-rollout": peers.rollout_version(wanted.rollout)} if "rollout" in wanted.peers and wanted.rollout else {}),
        "load": client.words(wanted.rate, 0) + "; from outside the host, on its published port; nothing is ever repeated by the client",
        "websockets": "%d of them beside the same load, in rows of their own" % WEBSOCKET_CONNECTIONS,
        "cutovers": "A to B to A and so on, by `ansible-playbook`; %d combinations at a time" % wanted.beside,
        **({"note": os.environ["NOTE"]} if os.environ.get("NOTE") else {}),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


@dataclasses.dataclass(frozen=True)
class Run:
    """What is measured, and the rows so far by the name of their combination."""

    combos: t.Sequence[settings.Combo]
    rows: dict[str, Row]
    store: Store
    wanted: settings.Settings
    commit: str

    def add(self, combo: settings.Combo, row: Row) -> None:
        """Keeps a row, and says how far the run is."""
        self.rows[combo.name] = row
        self.store.keep(combo, self.wanted.rate, row)
        _tell(combo, row)
        ours = total([one for one in self.rows.values() if one.way == settings.OURS])
        say("    %d of %d rows; ours so far: %d cutovers, %d requests, %d lost" % (len(self.rows), len(self.combos), ours.cutovers, ours.sent, ours.lost))


def _measure(run: Run, left: t.Sequence[settings.Combo]) -> list[str]:
    """Measures the combinations that are left, and returns what could not be measured. A host has one at a time."""
    prepare(run.wanted.engines)
    collections = str(peers.collections()) if any(combo.way == settings.RECREATE for combo in left) else ""
    hosted = any(DRIVERS[name].front == "host" for name in run.wanted.drivers)
    stage = Stage(call(bed("inventory", "--pipelining")).strip(), collections, run.wanted.rollout, hosted)
    run.store.keep_facts(run.store.facts() or _facts(run.wanted))
    missing: list[str] = []
    queue = Queue(left)

    def work() -> None:
        while combo := queue.take():
            try:
                run.add(combo, measure(combo, stage, run.wanted.rate, run.commit))
            except (PlayFailed, OSError, ValueError, LookupError) as error:
                missing.append("%s: %s" % (combo.name, error))
                say("FAILED %s" % missing[-1])
            finally:
                queue.done(combo)

    with concurrent.futures.ThreadPoolExecutor(max(run.wanted.beside, 1)) as pool:
        workers = [pool.submit(work) for _number in range(max(run.wanted.beside, 1))]
        try:
            for worker in workers:
                worker.result()
        finally:
            queue.close()
    return missing


def _tell(combo: settings.Combo, row: Row) -> None:
    words = (combo.name, row.cutovers, row.sent, row.lost, row.lost_by_kind or "", row.gap_ms, row.client_cpu * 100)
    say("%-36s cutovers %-3d sent %-8d lost %-6d %s gap %.0f ms, client %.0f %% of a core" % words)
    if combo.way in (settings.OURS, settings.WEBSOCKETS):
        for trouble in [*row.faults, *row.losses]:
            say("    " + trouble)


def _write(folder: pathlib.Path, facts: t.Mapping[str, str], rows: t.Sequence[Row], missing: t.Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [problem.splitlines()[0] for problem in missing]
    result = {"facts": facts, "rows": [dataclasses.asdict(row) for row in rows], "missing": lines}
    (folder / "lossless.json").write_text(json.dumps(result, indent=1) + "\n")
    (folder / "lossless.md").write_text(table.page(facts, rows, lines))
    written = [folder, *folder.iterdir()]
    if folder == RESULTS:
        PAGE.write_text(page.fill(PAGE.read_text(), facts, rows))
        written.append(PAGE)
    # The person who ran this through sudo should own the result.
    owner = ROOT.stat()
    for path in written:
        with contextlib.suppress(PermissionError):
            os.chown(path, owner.st_uid, owner.st_gid)


if __name__ == "__main__":
    sys.exit(main())
