# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a rollout says while it runs, and what it has said before: the step of now, and the journal read back."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import time
import typing as t

from .paths import StateDir

_NOW = "now"
_JOURNAL = "journal.jsonl"


def note(folder: pathlib.Path, phase: str, names: t.Iterable[str]) -> None:
    """Writes `PID SECONDS PHASE NAME...` into the service's file `now`, for whoever watches; a full disk is no reason to stop."""
    line = " ".join([str(os.getpid()), "%.3f" % time.time(), phase, *names])
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / _NOW).write_text(line + "\n", encoding="utf-8")


def journals(state: StateDir, name: str | None, last: int) -> dict[str, list[dict[str, t.Any]]]:
    """Service -> the `last` entries of its journal, the oldest first; also of services that are gone. `name`: only this one."""
    folders = sorted((state.root / "services").glob(name or "*"))
    found = {folder.name: entries(folder, last) for folder in folders}
    return {service: lines for service, lines in found.items() if lines}


def entries(folder: pathlib.Path, last: int) -> list[dict[str, t.Any]]:
    """The `last` entries; lines that are damaged are left out."""
    try:
        lines = (folder / _JOURNAL).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [entry for entry in map(_entry, lines[-last:] if last > 0 else []) if entry]


def _entry(line: str) -> dict[str, t.Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
