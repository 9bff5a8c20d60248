# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One figure: what was measured of ours and of theirs, turn by turn, and its closing line."""

from __future__ import annotations

import dataclasses
import statistics
import typing as t


@dataclasses.dataclass(frozen=True)
class Figure:
    """Pairs of one run, the same place in both lists being neighbours in time. `bound` is the ratio that is wanted; 0: none."""

    name: str
    unit: str
    ours: t.Sequence[float]
    theirs: t.Sequence[float]
    bound: float
    about: str = ""
    # Where more is better (requests a second), the bound is a least.
    more: bool = False

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios: a machine that slows down for a while slows both of a pair."""
        return statistics.median(mine / other for mine, other in zip(self.ours, self.theirs))

    @property
    def kept(self) -> bool:
        """Whether the bound is kept."""
        return not self.bound or (self.ratio >= self.bound if self.more else self.ratio <= self.bound)

    @property
    def line(self) -> str:
        """The closing line."""
        values = (self.name, statistics.median(self.ours), self.unit, statistics.median(self.theirs), self.unit, self.ratio, self._bound)
        return "speed: %s ours=%.4g%s theirs=%.4g%s ratio=%.2f bound=%s" % values

    @property
    def _bound(self) -> str:
        return "none" if not self.bound else "%s%g%s" % (">=" if self.more else "<=", self.bound, "" if self.kept else " missed")

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        middle = ["%.4g" % statistics.median(values) for values in (self.ours, self.theirs)]
        spread = "%.4g - %.4g" % (min(self.ours), max(self.ours))
        return (self.name, self.unit, *middle, "%.2f" % self.ratio, self._bound, str(len(self.ours)), spread)

    def as_dict(self) -> dict[str, t.Any]:
        """For the committed result."""
        return {**dataclasses.asdict(self), "ratio": round(self.ratio, 3)}


@dataclasses.dataclass(frozen=True)
class Limit:
    """A figure without a counterpart: a quantile of `values` beside the most that is wanted."""

    name: str
    unit: str
    values: t.Sequence[float]
    quantile: float
    bound: float
    about: str = ""

    @property
    def found(self) -> float:
        """The quantile, by the nearest rank."""
        ranked = sorted(self.values)
        return ranked[min(int(self.quantile * len(ranked)), len(ranked) - 1)]

    @property
    def kept(self) -> bool:
        """Whether the bound is kept."""
        return self.found <= self.bound

    @property
    def line(self) -> str:
        """The closing line."""
        return "speed: %s ours=%.4g%s theirs=none ratio=none bound=<=%g%s%s" % (
            self.name, self.found, self.unit, self.bound, self.unit, "" if self.kept else " missed",
        )  # fmt: skip

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        bound = "<=%g%s" % (self.bound, "" if self.kept else " missed")
        return (self.name, self.unit, "%.4g" % self.found, "", "", bound, str(len(self.values)), "%.4g - %.4g" % (min(self.values), max(self.values)))

    def as_dict(self) -> dict[str, t.Any]:
        """For the committed result."""
        return {**dataclasses.asdict(self), "found": round(self.found, 3)}


Any = t.Union[Figure, Limit]
