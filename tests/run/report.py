# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a layer of tests reports, and how it gets from the layer's process to the one that adds up."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
import typing as t

ROOT = pathlib.Path(os.environ["HOTSWAP_ROOT"])
WORK = pathlib.Path(os.environ["HOTSWAP_WORK"])
LINKED = pathlib.Path(os.environ["HOTSWAP_LINKED"])
OUTPUT = pathlib.Path(os.environ.get("HOTSWAP_OUTPUT") or ROOT / "tests" / "output")


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that passed or failed; `seconds` of wall time."""

    name: str
    passed: bool
    seconds: float = 0.0


def say(text: str) -> None:
    """A line for the person who watches."""
    print(text, flush=True)


def run_check(name: str, argv: t.Sequence[str], cwd: pathlib.Path, env: t.Mapping[str, str] | None = None) -> Check:
    """Runs one tool; it passes when it exits 0. Its output is shown only when it fails."""
    began = time.monotonic()
    done = subprocess.run(argv, cwd=cwd, env={**os.environ, **(env or {})}, text=True, capture_output=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode:
        say(done.stdout + done.stderr)
    say("%-6s %-28s %5.1f s" % ("ok" if done.returncode == 0 else "FAILED", name, seconds))
    return Check(name, done.returncode == 0, seconds)


def finish(layer: str, checks: t.Sequence[Check], closing: str = "%(layer)s: %(passed)d passed, %(failed)d failed") -> t.NoReturn:
    """Writes the layer's result where the suite reads it, prints its closing line, and exits 1 on any failure.

    A layer that ran nothing has failed.
    """
    OUTPUT.mkdir(parents=True, exist_ok=True)
    rows = [dataclasses.asdict(check) for check in checks]
    result_file(layer).write_text(json.dumps(rows, indent=1))
    failed = [check.name for check in checks if not check.passed]
    for name in failed:
        say("FAILED %s: %s" % (layer, name))
    if not checks:
        say("FAILED %s: nothing ran" % layer)
    say(closing % {"layer": layer, "passed": len(checks) - len(failed), "failed": len(failed) or int(not checks)})
    sys.exit(1 if failed or not checks else 0)


def result_file(layer: str) -> pathlib.Path:
    """Where a layer leaves its checks."""
    return OUTPUT / ("result-%s.json" % layer)


def load(layer: str) -> list[Check]:
    """The checks that the layer left, [] when it left none."""
    path = result_file(layer)
    return [Check(**row) for row in json.loads(path.read_text())] if path.exists() else []
