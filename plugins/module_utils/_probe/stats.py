# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a load has counted so far. Readable at any time while it runs; every request is ok, lost or in flight."""

from __future__ import annotations

import collections
import dataclasses
import math
import time
import typing as t

from .timeline import Timeline

# Latencies are counted in buckets of 2 %, so that a probe of any length needs the same memory.
_BUCKETS_PER_E = 50.0
_LEAST_MS = 0.01
_KEPT_FAILURES = 20


class Latencies:
    """How long answers took, in milliseconds, to 2 %; the slowest exactly."""

    def __init__(self) -> None:
        self._buckets: collections.Counter[int] = collections.Counter()
        self.slowest = 0.0

    def add(self, milliseconds: float) -> None:
        self._buckets[int(math.log(max(milliseconds, _LEAST_MS)) * _BUCKETS_PER_E)] += 1
        self.slowest = max(self.slowest, milliseconds)

    def merge(self, other: Latencies) -> None:
        """Takes the other's answers in."""
        self._buckets.update(other._buckets)
        self.slowest = max(self.slowest, other.slowest)

    def percentile(self, share: float) -> float:
        """The time within which this share (0 to 1) of the answers came; 0.0 without answers."""
        left = math.ceil(sum(self._buckets.values()) * share)
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(math.exp((bucket + 1) / _BUCKETS_PER_E), self.slowest)
        return 0.0


@dataclasses.dataclass
class Seen:
    """A version in the answers: how many, and the first and last time (seconds since 1970)."""

    answers: int = 0
    first: float = 0.0
    last: float = 0.0


class Tally:
    """The counts of one kind of traffic."""

    def __init__(self) -> None:
        self.sent = 0
        self.ok = 0
        self.lost: collections.Counter[str] = collections.Counter()
        self.latencies = Latencies()


class Websockets:
    """Websockets, counted apart: a drain cannot empty them, so that they do not count as sent or lost."""

    def __init__(self) -> None:
        self.opened = 0
        self.messages = 0
        self.closed = 0  # with a close frame: the server said so
        self.lost: collections.Counter[str] = collections.Counter()

    def result(self) -> dict[str, t.Any]:
        """The counts as JSON values."""
        return {"opened": self.opened, "messages": self.messages, "closed": self.closed, "lost_by_kind": dict(self.lost)}


class Stats:
    """The live counts of a load. `clock` gives seconds that never jump (a parameter for tests)."""

    def __init__(self, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.traffic: dict[str, Tally] = {}
        self.versions: dict[str, Seen] = {}
        self.version = ""  # of the last answer to a paced request
        self.websockets = Websockets()
        self.failures: list[dict[str, t.Any]] = []
        self.timeline = Timeline()
        self._recent: collections.deque[float] = collections.deque()
        self._started = self._last_ok = clock()
        self._stopped: float | None = None
        self._gap = 0.0

    def start(self) -> None:
        """Marks the beginning: gaps and seconds count from here."""
        self._started = self._last_ok = self._clock()

    def stop(self) -> None:
        """Marks the moment from which nothing new is sent; the first call counts."""
        if self._stopped is None:
            self._stopped = self._clock()

    def begin(self, traffic: str) -> None:
        """A request is about to be sent."""
        self.traffic.setdefault(traffic, Tally()).sent += 1

    def answered(self, traffic: str, seconds: float, version: str, paced: bool) -> None:
        """A request begun before got the answer that it should; `seconds` since it was due."""
        now = self._clock()
        tally = self.traffic[traffic]
        tally.ok += 1
        self.timeline.add(True)
        tally.latencies.add(seconds * 1000)
        self._gap = self.longest_gap()
        self._last_ok = now
        self._recent.append(now)
        self._forget_old(now)
        if version:
            self._see(version, paced)

    def failed(self, traffic: str, kind: str, version: str = "") -> None:
        """A request begun before was lost; `kind` is one of wire's words or http_NNN."""
        self.traffic[traffic].lost[kind] += 1
        self.timeline.add(False)
        self.note(traffic, kind, version)

    def note(self, traffic: str, kind: str, version: str = "") -> None:
        """Keeps the first failures with their time, for people who look for the cause."""
        if len(self.failures) < _KEPT_FAILURES:
            self.failures.append({"at": round(time.time(), 3), "traffic": traffic, "kind": kind, "version": version})

    def _see(self, version: str, paced: bool) -> None:
        now = time.time()
        seen = self.versions.setdefault(version, Seen(first=now))
        seen.answers += 1
        seen.last = now
        if paced:
            self.version = version

    def _forget_old(self, now: float) -> None:
        while self._recent and self._recent[0] < now - 1.0:
            self._recent.popleft()

    @property
    def sent(self) -> int:
        return sum(tally.sent for tally in self.traffic.values())

    @property
    def ok(self) -> int:
        return sum(tally.ok for tally in self.traffic.values())

    @property
    def lost(self) -> int:
        return sum(sum(tally.lost.values()) for tally in self.traffic.values())

    @property
    def lost_by_kind(self) -> dict[str, int]:
        """Failure kind to count, over all traffic."""
        total: collections.Counter[str] = collections.Counter()
        for tally in self.traffic.values():
            total.update(tally.lost)
        return dict(total)

    def rate(self) -> int:
        """Good answers in the last second."""
        self._forget_old(self._clock())
        return len(self._recent)

    def seconds(self) -> float:
        """Since the start, until now or until nothing new was sent."""
        return (self._clock() if self._stopped is None else self._stopped) - self._started

    def longest_gap(self) -> float:
        """The longest time without a good answer, in seconds, while requests were being sent: the beginning, the
        end and the present moment count, so that a server that hangs shows although nothing has failed yet."""
        until = self._clock() if self._stopped is None else self._stopped
        return max(self._gap, until - self._last_ok)

    def latencies(self, kinds: t.Collection[str]) -> Latencies:
        """The latencies of these kinds of traffic together."""
        merged = Latencies()
        for kind in kinds:
            if kind in self.traffic:
                merged.merge(self.traffic[kind].latencies)
        return merged
