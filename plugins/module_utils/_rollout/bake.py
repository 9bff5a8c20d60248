# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The bake: watching the new version while the old one stays warm. Judging is pure, looking is done by callables."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._errors import GateFailed, InvalidInput
from .._switch.types import Answers
from . import validate
from .container_options import duration
from .gate import Sample

_NOTHING = Answers(0, 0)


@dataclasses.dataclass(frozen=True)
class BakeSpec:
    """How long, and what is too bad. Times in seconds.

    `max_error_rate`: by how many percent points the 5xx share of the new version may exceed that of the old one, None:
    not judged. `min_requests`: answers of the new version before it is judged by them.
    """

    time: float
    interval: float = 1.0
    max_error_rate: float | None = None
    min_requests: int = 50


@dataclasses.dataclass(frozen=True)
class Baked:
    """What was seen: answers and errors of the new version since the cutover; `judged` says that they were enough to judge by."""

    answers: int
    errors: int
    judged: bool


def bake_of_params(value: t.Mapping[str, t.Any] | None) -> BakeSpec | None:
    """The bake parameter -> BakeSpec, None without. Raises InvalidInput naming the parameter."""
    if not value:
        return None
    interval = value.get("interval")
    rate = value.get("max_error_rate")
    least = value.get("min_requests")
    spec = BakeSpec(
        time=duration("bake.time", value["time"]),
        interval=1.0 if interval is None else duration("bake.interval", interval),
        max_error_rate=None if rate is None else validate.check_positive("bake.max_error_rate", float(rate)),
        min_requests=50 if least is None else int(least),
    )
    validate.check_positive("bake.interval", spec.interval, 0.05)
    if spec.time <= 0 or spec.min_requests < 1:
        raise InvalidInput("bake: time and min_requests must be more than 0", "Leave bake out to go on at once.")
    return spec


def bake_to_dict(spec: BakeSpec | None) -> dict[str, t.Any] | None:
    """The inverse of bake_of_params, as JSON values."""
    return dataclasses.asdict(spec) if spec else None


def rate(seen: Answers) -> float:
    """Errors among the answers, in percent; 0 without an answer."""
    return 100.0 * seen.errors / seen.total if seen.total else 0.0


def since(base: Answers, now: Answers) -> Answers:
    """What came after `base`. A proxy that was started again counts from 0: then all of `now` did."""
    if now.total < base.total or now.errors < base.errors:
        return now
    return Answers(now.total - base.total, now.errors - base.errors)


def too_many(spec: BakeSpec, old: Answers, new: Answers) -> str:
    """Why the new version's errors are too many, with the figures; "" when they are not, or cannot be judged yet."""
    if spec.max_error_rate is None or new.total < spec.min_requests or rate(new) - rate(old) <= spec.max_error_rate:
        return ""
    return "%d of its %d answers were errors, %.1f %%; the version before had %.1f %% (%d of %d), and %g points more are allowed" % (
        new.errors,
        new.total,
        rate(new),
        rate(old),
        old.errors,
        old.total,
        spec.max_error_rate,
    )


class Watch:
    """What a bake looks through: each instance's gate checks, and the proxy's counts of old and new version."""

    def __init__(self, look: t.Callable[[str], Sample], count: t.Callable[[], Answers | None], old: Answers, patience: int) -> None:
        """`patience`: an instance whose checks fail so many times in a row is bad."""
        self._look = look
        self._count = count
        self._old = old
        self._patience = patience
        self._bad: dict[str, int] = {}

    def counted(self) -> Answers:
        """The new version's answers by now."""
        return self._count() or _NOTHING

    def complaint(self, spec: BakeSpec, names: t.Sequence[str], new: Answers) -> str:
        """What is wrong now, naming the instance; "" for nothing."""
        for name in names:
            seen = self._look(name)
            self._bad[name] = 0 if seen.good else self._bad.get(name, 0) + 1
            if seen.fatal or self._bad[name] >= self._patience:
                return "instance %s got bad after the cutover: %s" % (name, seen.said)
        said = too_many(spec, self._old, new)
        return said and "the new version answers with errors: " + said


def wait(
    spec: BakeSpec,
    names: t.Sequence[str],
    watch: Watch,
    clock: t.Callable[[], float] = time.monotonic,
    rest: t.Callable[[float], None] = time.sleep,
) -> Baked:
    """Looks every `interval` for `time` seconds. Raises GateFailed with the reason and the figures."""
    began, base = clock(), watch.counted()
    while True:
        round_began = clock()
        new = since(base, watch.counted())
        said = watch.complaint(spec, names, new)
        if said:
            raise GateFailed("bake: %s, after %d s" % (said, clock() - began), "Look at the logs in this result.", answers=new.total, errors=new.errors)
        left = spec.time - (clock() - began)
        if left <= 0:
            return Baked(new.total, new.errors, spec.max_error_rate is not None and new.total >= spec.min_requests)
        rest(min(left, max(0.0, spec.interval - (clock() - round_began))))
