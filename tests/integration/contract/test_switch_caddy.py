# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only Caddy has to prove: that files alone change its states, and that it sends nothing twice."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import socket
import socketserver
import threading
import typing as t

import pytest
from switch_bed import INSTANCE_PORT, Bed

from ansible_collections.hotswap.containers.plugins.module_utils._switch import caddy
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Maintenance, Preview, Route, Serving, Target

GREET = Route("greet")
HOLD = Route("greet", hold=10.0)
only_caddy = pytest.mark.parametrize("bed", ["caddy"], indirect=True)


@only_caddy
def test_what_changes_without_a_reload(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    route = dataclasses.replace(HOLD, preview=Preview(host="next.test"))
    first, second = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(Serving(route, (first,)))
    asked: list[str] = []
    exchange = caddy._exchange

    def recorded(*words: t.Any) -> t.Any:
        asked.append(words[1])
        return exchange(*words)

    monkeypatch.setattr(caddy, "_exchange", recorded)
    for serving in (
        Serving(route, (first,), (second,)),
        Serving(route, (first, dataclasses.replace(second, weight=10))),
        Serving(route, (), held=True),
        Serving(dataclasses.replace(route, maintenance=Maintenance("Later.", 9)), (first,), (second,)),
        Serving(dataclasses.replace(route, maintenance=Maintenance("Later still.")), (first,)),
        Serving(route, ()),
    ):
        bed.switch.serve(serving)
        assert (bed.switch.matches(serving.route), bed.switch.drift()) == (True, [])
    assert set(asked) == {"GET"}


class Faithless(socketserver.ThreadingTCPServer):
    """An instance that reads every request, answers the first `good` ones of a connection, and ends it then without a byte."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: str, good: int) -> None:
        self.good = good
        self.paths: list[str] = []
        super().__init__((address, INSTANCE_PORT), Reader)


class Reader(socketserver.StreamRequestHandler):
    server: Faithless

    def handle(self) -> None:
        for number in range(self.server.good + 1):
            words = self.rfile.readline().split()
            if not words:
                return
            head = http.client.parse_headers(self.rfile)
            self.rfile.read(int(head.get("Content-Length", 0)))
            self.server.paths.append(words[1].decode())
            if number < self.server.good:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def faithless(address: str, good: int) -> t.Iterator[Faithless]:
    with Faithless(address, good) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


# A GET on a connection that was used before is left out for GREET: docs/drivers/caddy.md says why.
@only_caddy
@pytest.mark.parametrize(("route", "method", "good"), [(GREET, "GET", 0), (GREET, "POST", 0), (GREET, "POST", 1), (HOLD, "GET", 1), (HOLD, "POST", 1)])
def test_what_reached_an_instance_is_not_sent_again(bed: Bed, route: Route, method: str, good: int) -> None:
    address = bed.instance("greet-a", 1).address[:-1] + "9"
    with faithless(address, good) as instance:
        bed.switch.serve(Serving(route, (Target("greet-b", address, INSTANCE_PORT),)))
        for number in range(6):
            client = http.client.HTTPConnection("127.0.0.1", bed.port, timeout=15)
            with contextlib.closing(client):
                client.request(method, "/%d" % number, body=b"once" if method == "POST" else None)
                assert client.getresponse().status in (200, 502)
    assert instance.paths == ["/%d" % number for number in range(6)]
