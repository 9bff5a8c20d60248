# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev bench-fleet: fleets of several sizes, ours against a playbook of the engines' own collections; writes bench/results/fleet.json and .md."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import signal
import sys
import typing as t

from lossless import machine, peers
from run.report import OUTPUT, ROOT, say

from fleets import page, record
from fleets.record import CASES, OURS, ROLLOUT, THEIRS, Row
from fleets.stand import RunFailed, Stand, pairs

RESULTS = ROOT / "bench" / "results"
ASKED = ("HOSTS", "ENGINES", "ROUNDS", "FORKS")


def main() -> int:
    """0 when everything was measured. What the ratios come to is for the reader of the page."""
    try:
        wanted = record.read(os.environ)
    except record.Unusable as error:
        sys.exit("dev bench-fleet: %s" % error)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    # So that the hosts are taken down then, too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    folder = pathlib.Path(wanted.out) if wanted.out else RESULTS
    known = json.loads((folder / "fleet.json").read_text()) if wanted.more and (folder / "fleet.json").exists() else {"facts": {}, "rows": []}
    rows, facts, missing = [record.row_of(row) for row in known["rows"]], known["facts"], []
    for engine in wanted.engines:
        for size in wanted.hosts:
            try:
                found, said = measure(engine, size, wanted)
            except (RunFailed, OSError) as error:
                missing.append("%s, %d hosts: %s" % (engine, size, error))
                say("FAILED %s" % missing[-1])
                continue
            rows, facts = record.merged(rows, found), {**facts, **said}
            write(folder, {**facts, "command": command()}, rows)
    say(page.closing(rows))
    return 1 if missing or not rows else 0


def measure(engine: str, size: int, wanted: record.Settings) -> tuple[list[Row], dict[str, str]]:
    """The rows of one fleet, and what they were measured on. Raises RunFailed."""
    commit = machine.collection()
    collections = peers.collections()
    with Stand(engine, size, wanted.forks, collections) as stand:
        costs = pairs(stand, wanted.rounds, (OURS, THEIRS), {case: case == ROLLOUT for case in CASES})
        facts = {
            **machine.about(),
            "engine, " + engine: stand.says("%s --version; . /etc/os-release; echo $PRETTY_NAME" % engine),
            "peers": peers.versions(collections),
            "forks": str(wanted.forks),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            **({"note": os.environ["NOTE"]} if os.environ.get("NOTE") else {}),
        }
    rows = [Row(engine, size, case, costs[case, OURS], costs[case, THEIRS], commit) for case in CASES]
    for row in rows:
        say("%-8s %3d hosts, %-8s ours to theirs: wall %.2f, CPU %.2f" % (engine, size, row.case, row.ratio("wall"), row.ratio("cpu")))
    return rows, facts


def command() -> str:
    """How to run this again."""
    given = ["%s='%s'" % (name, os.environ[name]) for name in ASKED if os.environ.get(name)]
    return "`%s`" % " ".join([*given, "./dev bench-fleet"])


def write(folder: pathlib.Path, facts: t.Mapping[str, str], rows: t.Sequence[Row]) -> None:
    """The result as JSON and as a page; the person who ran this through sudo owns them."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = ROOT.stat()
    result = {"facts": facts, "rows": [dataclasses.asdict(row) for row in rows]}
    for name, text in (("fleet.json", json.dumps(result, indent=1) + "\n"), ("fleet.md", page.page(facts, rows))):
        (folder / name).write_text(text)
        with contextlib.suppress(PermissionError):
            os.chown(folder / name, owner.st_uid, owner.st_gid)


if __name__ == "__main__":
    sys.exit(main())
