# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The honest load client: every request ends as ok or as exactly one kind of failure, and nothing is retried.

    refused        nobody listens                        conn_timeout   no connection within the connect timeout
    conn_reset     reset while connecting                unreachable    any other error of connecting (no route, no such name)
    closed_fresh   a new connection ended before an answer byte (closed or reset)
    closed_reused  a kept connection did (a client may repeat a GET by itself then, not a POST)
    truncated      ended after the first answer byte     http_NNN       a whole answer with an unexpected status
    bad_body       a whole answer with a wrong body      timeout        no whole answer within the timeout

The rate is kept by the clock: a late answer does not lower it. What is due while all connections of its kind are busy
waits for one of them, and its time counts from when it was due; so a server that hangs shows in the counts.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import os
import time
import typing as t

from .stats import Stats
from .wire import BAD_BODY, TIMEOUT, TRUNCATED, Address, Answer, Connection, Lost, read_websocket_frame, websocket_frame

POST_BYTES = 4096
WEBSOCKET = "websocket"
_CLOSE, _BINARY = 8, 2
# How often the pacers look whether they should stop, and the pause after a failure of what has no pace. Seconds.
_LOOK = 0.1


@dataclasses.dataclass(frozen=True)
class Kind:
    """How one kind of traffic behaves. `path` "" is the path of the probed URL; `connections` is the usual number."""

    path: str = ""
    fresh: bool = False
    paced: bool = True
    post: bool = False
    connections: int = 16


KINDS: dict[str, Kind] = {
    "keepalive": Kind(),
    "keepalive_idle": Kind(connections=40),
    "fresh": Kind(fresh=True),
    "post": Kind(path="/echo", post=True, connections=8),
    "post_fresh": Kind(path="/echo", post=True, fresh=True, connections=8),
    "slow": Kind(path="/slow?s=3", paced=False, connections=6),
    "stream": Kind(path="/stream?s=3", paced=False, fresh=True, connections=4),
    WEBSOCKET: Kind(path="/ws", paced=False, connections=4),
}
PACED = tuple(name for name, kind in KINDS.items() if kind.paced)


@dataclasses.dataclass(frozen=True)
class Traffic:
    """One kind of traffic in a load: `rate` in requests a second (paced kinds), `connections` kept busy at most.

    Zero connections and an empty path mean the usual ones of the kind.
    """

    kind: str
    rate: float = 0.0
    connections: int = 0
    path: str = ""


@dataclasses.dataclass(frozen=True)
class Target:
    """What is asked and what a good answer is. Timeouts in seconds.

    `body` must be found in the answers to requests for the probed URL itself; its group "version", when it has one,
    is the version that answered. Otherwise the header `version_header` says it.
    """

    address: Address
    method: str = "GET"
    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    timeout: float = 10.0
    connect_timeout: float = 5.0
    statuses: tuple[int, ...] = (200,)
    body: t.Pattern[str] | None = None
    version_header: str = "X-Version"

    def all_headers(self) -> dict[str, str]:
        """The headers of each request; Host is that of the address unless it is given."""
        given = {name.lower() for name in self.headers}
        return {**({} if "host" in given else {"Host": self.address.authority}), **self.headers}


class Load:
    """One load on one target. `requests` ends it after that many paced requests, `duration` after seconds."""

    def __init__(
        self,
        target: Target,
        traffic: t.Sequence[Traffic],
        duration: float | None = None,
        requests: int | None = None,
        stopped: t.Callable[[], bool] | None = None,
    ) -> None:
        self.stats = Stats()
        self.ended_by = ""
        self._target = target
        self._traffic = traffic
        self._duration = duration
        self._left = requests
        self._stopped = stopped
        self._headers = target.all_headers()
        self._posts = 0
        self._filler = os.urandom(POST_BYTES - 16)

    def stop(self, reason: str = "stopped") -> None:
        """Sends nothing new; what is in flight still ends as ok or lost. Only the first call counts."""
        if not self.ended_by:
            self.ended_by = reason
            self.stats.stop()

    async def run(self) -> Stats:
        """Runs until the duration or the number of requests is reached or stop() is called, then until nothing is in flight."""
        self.stats.start()
        tasks = [asyncio.ensure_future(work) for work in self._work()]
        watch = asyncio.ensure_future(self._watch())
        try:
            await asyncio.gather(*tasks)
            self.stop()
        finally:
            for task in [watch, *tasks]:
                task.cancel()
            await asyncio.gather(watch, *tasks, return_exceptions=True)
        return self.stats

    def _work(self) -> t.Iterator[t.Coroutine[t.Any, t.Any, None]]:
        for traffic in self._traffic:
            kind = KINDS[traffic.kind]
            if kind.paced:
                yield self._paced(traffic, kind)
                continue
            worker = self._websocket if traffic.kind == WEBSOCKET else self._unpaced
            for _number in range(traffic.connections or kind.connections):
                yield worker(traffic, kind)

    async def _watch(self) -> None:
        """Ends the load when its time is over or somebody outside asks for it."""
        end = None if self._duration is None else time.monotonic() + self._duration
        while not self.ended_by:
            if self._stopped is not None and self._stopped():
                self.stop()
            left = _LOOK if end is None else end - time.monotonic()
            if left <= 0:
                self.stop("duration")
            await asyncio.sleep(max(0.0, min(left, _LOOK)))

    async def _paced(self, traffic: Traffic, kind: Kind) -> None:
        """Puts what is due into a queue by the clock; the connections take from it in turn."""
        due: asyncio.Queue[float | None] = asyncio.Queue()
        count = traffic.connections or kind.connections
        workers = [asyncio.ensure_future(self._worker(traffic, kind, due)) for _number in range(count)]
        try:
            await self._pace(traffic.rate, due)
            for _worker in workers:
                due.put_nowait(None)
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()

    async def _pace(self, rate: float, due: asyncio.Queue[float | None]) -> None:
        at = time.monotonic() + 1.0 / rate
        while not self.ended_by:
            delay = at - time.monotonic()
            if delay > 0:
                await asyncio.sleep(min(delay, _LOOK))
            elif self._take():
                due.put_nowait(at)
                at += 1.0 / rate

    def _take(self) -> bool:
        """One of the requests that may be sent; the last one ends the load."""
        if self._left is None:
            return True
        self._left -= 1
        if self._left <= 0:
            self.stop("requests")
        return self._left >= 0

    async def _worker(self, traffic: Traffic, kind: Kind, due: asyncio.Queue[float | None]) -> None:
        connection = Connection(self._target.address, self._target.connect_timeout)
        try:
            at = await due.get()
            while at is not None:
                await self._one(traffic, kind, connection, at)
                at = await due.get()
        finally:
            connection.close()

    async def _unpaced(self, traffic: Traffic, kind: Kind) -> None:
        """Always one in flight; after a failure it pauses, so that a closed port is not asked in a hot loop."""
        connection = Connection(self._target.address, self._target.connect_timeout)
        try:
            while not self.ended_by:
                if not await self._one(traffic, kind, connection, time.monotonic()):
                    await asyncio.sleep(_LOOK)
        finally:
            connection.close()

    async def _one(self, traffic: Traffic, kind: Kind, connection: Connection, due: float) -> bool:
        """One request from due to counted; true when it was answered as it should be."""
        self.stats.begin(traffic.kind)
        version = failure = ""
        try:
            left = due + self._target.timeout - time.monotonic()
            answer, good = await asyncio.wait_for(self._exchange(traffic, kind, connection), max(left, 0.0))
            version = self._version(answer)
            failure = self._judge(answer, good)
        except Lost as lost:
            failure = lost.kind
        except asyncio.TimeoutError:
            failure = TIMEOUT
        if failure:
            self.stats.failed(traffic.kind, failure, version)
        else:
            self.stats.answered(traffic.kind, time.monotonic() - due, version, kind.paced)
        if failure or kind.fresh:
            connection.close()
        return not failure

    async def _exchange(self, traffic: Traffic, kind: Kind, connection: Connection) -> tuple[Answer, bool]:
        """The answer, and whether its body is what this kind of traffic must get."""
        await connection.ready()
        path = traffic.path or kind.path or self._target.address.path
        if kind.post:
            body = self._post_body()
            answer = await connection.ask("POST", path, self._headers, body)
            return answer, answer.body == body
        if not kind.paced:
            answer = await connection.ask("GET", path, self._headers)
            return answer, traffic.kind != "stream" or answer.body.endswith(b"END\n")
        answer = await connection.ask(self._target.method, path, self._headers)
        return answer, self._target.body is None or self._found(answer) is not None

    def _post_body(self) -> bytes:
        """Each body is another one, so that an answer to somebody else's request is noticed."""
        self._posts += 1
        return b"%016x" % self._posts + self._filler

    def _found(self, answer: Answer) -> t.Match[str] | None:
        return self._target.body.search(answer.body.decode("utf-8", "replace")) if self._target.body else None

    def _judge(self, answer: Answer, good_body: bool) -> str:
        if answer.status not in self._target.statuses:
            return "http_%d" % answer.status
        return "" if good_body else BAD_BODY

    def _version(self, answer: Answer) -> str:
        if self._target.body is not None and "version" in self._target.body.groupindex:
            found = self._found(answer)
            return (found.group("version") or "") if found else ""
        return answer.headers.get(self._target.version_header.lower(), "")

    async def _websocket(self, traffic: Traffic, kind: Kind) -> None:
        """Keeps one websocket open, and opens it again when it ends."""
        while not self.ended_by:
            connection = Connection(self._target.address, self._target.connect_timeout)
            try:
                await self._talk(connection, traffic.path or kind.path)
            except Lost as lost:
                self._websocket_lost(lost.kind)
            except asyncio.TimeoutError:
                self._websocket_lost(TIMEOUT)
            except (asyncio.IncompleteReadError, OSError):
                self._websocket_lost(TRUNCATED)
            finally:
                connection.close()
            await asyncio.sleep(_LOOK)

    def _websocket_lost(self, kind: str) -> None:
        self.stats.websockets.lost[kind] += 1
        self.stats.note(WEBSOCKET, kind)

    async def _talk(self, connection: Connection, path: str) -> None:
        """Opens a websocket and echoes on it ten times a second until we or the server close it."""
        await asyncio.wait_for(self._upgrade(connection, path), self._target.timeout)
        counts = self.stats.websockets
        counts.opened += 1
        reader, writer = connection.streams()
        while not self.ended_by:
            payload = b"%016x" % counts.messages
            writer.write(websocket_frame(_BINARY, payload))
            opcode, echoed = await asyncio.wait_for(read_websocket_frame(reader), self._target.timeout)
            if opcode == _CLOSE:
                counts.closed += 1
                return
            if echoed != payload:
                raise Lost(BAD_BODY)
            counts.messages += 1
            await asyncio.sleep(_LOOK)
        writer.write(websocket_frame(_CLOSE, (1000).to_bytes(2, "big")))
        await writer.drain()

    async def _upgrade(self, connection: Connection, path: str) -> None:
        await connection.ready()
        key = base64.b64encode(os.urandom(16)).decode()
        wanted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}
        answer = await connection.ask("GET", path, {**self._headers, **wanted})
        if answer.status != 101:
            raise Lost("http_%d" % answer.status)


def report(load: Load) -> dict[str, t.Any]:
    """What a load has counted, as JSON values: times in seconds, latencies in milliseconds of the paced kinds."""
    stats = load.stats
    paced = stats.latencies(PACED)
    return {
        "sent": stats.sent,
        "ok": stats.ok,
        "lost": stats.lost,
        "lost_by_kind": stats.lost_by_kind,
        "traffic": {kind: _tally(stats, kind) for kind in stats.traffic},
        "versions": {name: dataclasses.asdict(seen) for name, seen in stats.versions.items()},
        "websockets": stats.websockets.result(),
        "timeline": stats.timeline.result(),
        "failures": stats.failures,
        "seconds": round(stats.seconds(), 3),
        "requests_per_second": round(stats.sent / max(stats.seconds(), 0.001), 1),
        "longest_gap": round(stats.longest_gap(), 3),
        "p50_ms": round(paced.percentile(0.5), 2),
        "p99_ms": round(paced.percentile(0.99), 2),
        "slowest_ms": round(paced.slowest, 2),
        "ended_by": load.ended_by,
    }


def _tally(stats: Stats, kind: str) -> dict[str, t.Any]:
    tally = stats.traffic[kind]
    lost = sum(tally.lost.values())
    return {"sent": tally.sent, "ok": tally.ok, "lost": lost, "lost_by_kind": dict(tally.lost), "slowest_ms": round(tally.latencies.slowest, 2)}
