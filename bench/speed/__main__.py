# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev bench-speed: measures, writes bench/results/speed.json and .md, and ends with one line for each figure."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import subprocess
import sys
import typing as t

from lossless import machine, peers
from lossless.table import table
from run.hosts import bed, prepare
from run.report import ROOT, WORK, say

from speed import measures
from speed.figures import Any
from speed.plays import Failed

RESULTS = ROOT / "bench" / "results"
SECTIONS = ("no-op", "rollout", "payload", "proxies", "growth", "transfer")
HEAD = ("figure", "unit", "ours", "theirs", "ratio", "bound", "runs", "ours: least - most")


def main() -> int:
    """0 when all was measured. A bound that was missed is said, and is no failure: docs/speed.md has the reasons."""
    runs, services = int(os.environ.get("RUNS") or 7), int(os.environ.get("SERVICES") or 200)
    engines = (os.environ.get("ENGINES") or "docker podman").split()
    wanted = (os.environ.get("ONLY") or " ".join(SECTIONS)).split()
    try:
        prepare(engines)
        figures, missing = _measure(engines, wanted, runs, services)
        facts = _facts(engines)
    finally:
        if not os.environ.get("KEEP"):
            subprocess.run(bed("down"), check=False, stdout=subprocess.DEVNULL)
    _write(pathlib.Path(os.environ.get("OUT") or RESULTS), facts, figures, missing)
    for problem in missing:
        say("FAILED %s" % problem)
    for figure in figures:
        print(figure.line)
    return 1 if missing else 0


def _measure(engines: t.Sequence[str], wanted: t.Sequence[str], runs: int, services: int) -> tuple[list[Any], list[str]]:
    first = engines[0]
    parts: list[tuple[str, str, t.Callable[[], list[Any]]]] = [
        *[("no-op", "no-op-%s" % engine, lambda engine=engine: measures.no_op(engine, runs)) for engine in engines],
        *[("rollout", "rollout-%s" % engine, lambda engine=engine: measures.rollout(engine, runs)) for engine in engines],
        ("payload", "payload", lambda: measures.payload(first, runs)),
        ("proxies", "proxies", lambda: measures.behind_proxies(first, runs, 40)),
        ("growth", "growth", lambda: measures.growth(first, runs, services)),
        ("transfer", "transfer", lambda: measures.transfer(first, WORK / "transfer")),
    ]
    figures: list[Any] = []
    missing: list[str] = []
    for section, name, measure in parts:
        if section not in wanted:
            continue
        say("measuring %s" % name)
        try:
            found = measure()
        except (Failed, OSError, LookupError, ValueError, subprocess.CalledProcessError) as error:
            missing.append("%s: %s" % (name, error))
            continue
        for figure in found:
            say("  " + figure.line)
        figures += found
    return figures, missing


def _facts(engines: t.Sequence[str]) -> dict[str, str]:
    return {
        **machine.facts(engines, list(measures.DRIVERS)),
        "peers": peers.versions(peers.collections()),
        "load": "%.1f processes waiting on average while it ran" % os.getloadavg()[2],
        **({"note": os.environ["NOTE"]} if os.environ.get("NOTE") else {}),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _write(folder: pathlib.Path, facts: t.Mapping[str, str], figures: t.Sequence[Any], missing: t.Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    short = [one.splitlines()[0] for one in missing]
    result = {"facts": facts, "figures": [one.as_dict() for one in figures], "missing": short}
    (folder / "speed.json").write_text(json.dumps(result, indent=1) + "\n")
    (folder / "speed.md").write_text(_page(facts, figures, short))
    owner = ROOT.stat()
    for path in folder.glob("speed.*"):
        with contextlib.suppress(PermissionError):
            os.chown(path, owner.st_uid, owner.st_gid)


def _page(facts: t.Mapping[str, str], figures: t.Sequence[Any], missing: t.Sequence[str]) -> str:
    about = dict.fromkeys("- `%s`: %s." % (one.name, one.about) for one in figures if one.about)
    parts = ["# What it costs", "\n".join("- %s: %s" % item for item in facts.items()), table(HEAD, [one.row() for one in figures])]
    parts += ["Medians; the ratio is the median of the ratios of pairs that ran one after the other.", "\n".join(about)]
    parts += ["## Not measured\n\n" + "\n".join("- %s" % one for one in missing)] if missing else []
    return "\n\n".join([*parts, "```\n%s\n```" % "\n".join(one.line for one in figures)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
