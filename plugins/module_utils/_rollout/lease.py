# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""A lease: who may roll a service out over many hosts, from one task to the next.

The tasks of a run are processes of their own, so no kernel lock can last from one to the next. The lease is a file with
an end: whoever renews it in time keeps it, and what a dead controller left ends by itself. It is written under the
service's lock, so taking it also waits for a module that still works on the service here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import time
import typing as t

from .._errors import LockHeld
from .lock import held
from .memory import write_json
from .paths import StateDir


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a run says of itself: its id, who asked and why; the lease ends `seconds` after it was renewed last."""

    owner: str
    who: str
    why: str
    seconds: float
    replaces: tuple[str, ...] = ()
    by_force: bool = False


class Refused(LockHeld):
    """Another run has the lease; `details` has the holder."""


def take(state: StateDir, names: t.Sequence[str], claim: Claim, wait: float, check: bool) -> bool:
    """Takes or renews the lease of every named service, all or none; `wait`: seconds for each lock. Returns whether one is new.

    Raises Refused, also in check mode, which writes nothing.
    """
    folders = [state.service(name) for name in sorted(set(names))]
    new = [_admit(folder, claim) for folder in folders]
    if not check:
        with contextlib.ExitStack() as locks:
            for folder in folders:
                locks.enter_context(held(folder, "the lease of %s" % claim.who, wait))
            new = [_admit(folder, claim) for folder in folders]
            for folder in folders:
                _write(folder, claim)
    return any(new)


def release(state: StateDir, names: t.Sequence[str], owner: str, check: bool) -> bool:
    """Gives back the leases that `owner` has. Returns whether there was one."""
    found = [path for path in (state.service(name) / "lease.json" for name in sorted(set(names))) if (read(path) or {}).get("owner") == owner]
    for path in found:
        if not check:
            path.unlink()
    return bool(found)


def read(path: pathlib.Path) -> dict[str, t.Any] | None:
    """The lease in that file, None for none, for one that has ended, and for a damaged one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        since, until = float(found["since"]), float(found["until"])
        text = {name: str(found[name]) for name in ("owner", "who", "why")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # A clock that was set back must not make a lease last for ever.
    return {**text, "since": since, "until": until} if since <= time.time() + 60 and time.time() < until else None


def _admit(folder: pathlib.Path, claim: Claim) -> bool:
    """Whether the lease would be new to this owner. Raises Refused."""
    now = read(folder / "lease.json")
    if now is None or now["owner"] == claim.owner:
        return now is None
    if claim.by_force or now["owner"] in claim.replaces:
        return True
    age, rest = time.time() - now["since"], now["until"] - time.time()
    why = " for %s" % now["why"] if now["why"] else ""
    error = Refused(
        "service %s is being rolled out by %s%s, since %d s" % (folder.name, now["who"], why, age),
        "Wait for it to end. If it died, its lease ends by itself in %d s; rollout_lease_break=true ends it now." % rest,
    )
    error.details["holder"] = {**now, "age": round(age), "service": folder.name}
    raise error


def _write(folder: pathlib.Path, claim: Claim) -> None:
    before = read(folder / "lease.json")
    since = before["since"] if before and before["owner"] == claim.owner else time.time()
    write_json(folder / "lease.json", {"owner": claim.owner, "who": claim.who, "why": claim.why, "since": since, "until": time.time() + claim.seconds})
