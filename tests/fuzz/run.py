# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the cases of one module and counts them."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import tempfile
import traceback
import typing as t

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from fuzz.modules import MODULES, Leaked, tried
from fuzz.values import of_module

# After so many different ones of a module, more tell nothing.
_SHOWN = 12


@dataclasses.dataclass(frozen=True)
class Count:
    """Cases, those among them that were accepted, and what went wrong."""

    cases: int = 0
    accepted: int = 0
    crashed: int = 0
    leaked: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(mine + its for mine, its in zip(dataclasses.astuple(self), dataclasses.astuple(other))))

    def __str__(self) -> str:
        return "cases=%d accepted=%d crashed=%d leaked=%d" % dataclasses.astuple(self)


def fuzz(name: str, cases: int, number: int, folder: pathlib.Path) -> Count:
    """Tries so many parameters on a module. Each kind of failure is printed once, with its parameters."""
    spec, use = MODULES[name]
    found: list[str] = []
    seen: set[str] = set()

    # Counting goes on after a failure, so there is nothing for Hypothesis to make smaller, or to keep.
    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(of_module(name, spec))
    def one(params: dict[str, t.Any]) -> None:
        with tempfile.TemporaryDirectory(dir=str(folder)) as place:
            found.append(outcome(name, lambda: tried(spec, params, use, pathlib.Path(place)), params, seen))

    one()
    counted = collections.Counter(found)
    return Count(len(found), counted["accepted"], counted["crashed"], counted["leaked"])


def outcome(name: str, trial: t.Callable[[], str], params: t.Any, seen: set[str]) -> str:
    """ "accepted", "refused", "leaked" or "crashed"; what went wrong in a way that was not `seen` is printed."""
    try:
        return "accepted" if trial() == "accepted" else "refused"
    except Exception as error:
        where = "%s at %s" % (type(error).__name__, traceback.extract_tb(error.__traceback__)[-1][:2])
        if where not in seen and len(seen) < _SHOWN:
            seen.add(where)
            print("%s: %s: %.400s\n  with %.1500r" % (name, where, error, params), flush=True)
        return "leaked" if isinstance(error, Leaked) else "crashed"
