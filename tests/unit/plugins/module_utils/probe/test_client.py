# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load client against real servers: each fault is counted exactly once, as exactly the right kind."""

from __future__ import annotations

import asyncio
import pathlib
import re
import socket
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._probe import wire
from ansible_collections.hotswap.containers.plugins.module_utils._probe.client import KINDS, Load, Traffic, report

from . import servers


@pytest.mark.parametrize(
    ("traffic", "fault", "bad_at", "kind"),
    [
        ("keepalive", servers.close_unanswered, 1, "closed_fresh"),
        ("keepalive", servers.close_unanswered, 5, "closed_reused"),
        ("keepalive", servers.reset, 1, "closed_fresh"),
        ("keepalive", servers.reset, 5, "closed_reused"),
        ("fresh", servers.close_unanswered, 5, "closed_fresh"),
        ("fresh", servers.reset, 5, "closed_fresh"),
        ("post", servers.close_unanswered, 5, "closed_reused"),
        ("post_fresh", servers.close_unanswered, 5, "closed_fresh"),
        ("keepalive", servers.truncate, 5, "truncated"),
        ("keepalive", servers.truncate_head, 5, "truncated"),
        ("keepalive", servers.truncate_chunks, 5, "truncated"),
        ("fresh", servers.truncate, 5, "truncated"),
        ("keepalive", servers.unavailable, 5, "http_503"),
        ("post", servers.unavailable, 5, "http_503"),
        ("post", servers.wrong_body, 5, "bad_body"),
        ("post_fresh", servers.wrong_body, 5, "bad_body"),
        ("keepalive", servers.not_http, 5, "bad_body"),
    ],
)
def test_one_fault_is_one_failure_of_its_kind(traffic: str, fault: t.Any, bad_at: int, kind: str) -> None:
    server = servers.Server(fault, bad_at)
    load = servers.load_on(server, servers.one_connection(traffic), requests=10)
    assert load.stats.lost_by_kind == {kind: 1}
    assert (load.stats.sent, load.stats.ok, load.stats.lost) == (10, 9, 1)
    assert [failure["kind"] for failure in load.stats.failures] == [kind]
    assert len(server.heads) == 10, "nothing is sent twice"


def test_a_hanging_answer_is_a_timeout_and_what_was_due_meanwhile_is_sent() -> None:
    server = servers.Server(servers.hang, bad_at=5)
    load = servers.load_on(server, [Traffic("keepalive", rate=50.0, connections=2)], requests=20, timeout=1.0)
    assert load.stats.lost_by_kind == {"timeout": 1}
    assert (load.stats.sent, load.stats.ok) == (20, 19)


def test_what_cannot_be_sent_because_every_connection_hangs_is_counted_too() -> None:
    server = servers.Server(servers.hang, bad_at=1)
    load = servers.load_on(server, servers.one_connection("keepalive", rate=50.0), requests=10, timeout=0.5)
    assert load.stats.sent == 10
    assert load.stats.lost_by_kind["timeout"] + load.stats.ok == 10
    assert load.stats.longest_gap() > 0


def test_refused() -> None:
    load = Load(servers.target(servers.free_port()), servers.one_connection("fresh"), requests=3)
    asyncio.run(load.run())
    assert load.stats.lost_by_kind == {"refused": 3}


def test_no_route_is_unreachable() -> None:
    target = servers.target(1)
    address = wire.Address("no-such-name.invalid", 80, "/")
    load = Load(type(target)(address), servers.one_connection("fresh"), requests=1)
    asyncio.run(load.run())
    assert load.stats.lost_by_kind == {"unreachable": 1}


@pytest.mark.parametrize(("name", "lost"), [("greet.example.com", {"closed_reused": 1}), ("other.example.com", {"unreachable": 10})])
def test_with_tls_it_counts_the_same_and_trusts_only_the_name(tmp_path: pathlib.Path, name: str, lost: dict[str, int]) -> None:
    secured, certificate = servers.with_tls(tmp_path, "greet.example.com")
    server = servers.Server(servers.close_unanswered, bad_at=5)

    async def run() -> Load:
        async with server.up(secured):
            address = wire.Address.of("https://127.0.0.1:%d/" % server.port, str(certificate), name)
            load = Load(type(servers.target(1))(address), servers.one_connection("keepalive"), requests=10)
            await load.run()
            return load

    load = asyncio.run(run())
    assert load.stats.lost_by_kind == lost
    assert load.stats.sent == 10


def test_certificates_that_are_not_there_are_named() -> None:
    with pytest.raises(InvalidInput, match="ca_file: /nowhere"):
        wire.Address.of("https://127.0.0.1/", "/nowhere")


def test_the_usual_port_is_not_in_the_host_header() -> None:
    assert wire.Address.of("https://greet.example.com/").authority == "greet.example.com"
    assert wire.Address.of("https://greet.example.com:80/").authority == "greet.example.com:80"


def test_connect_timeout() -> None:
    # A listener whose queue is full: the kernel drops further connects.
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        load = Load(servers.target(listener.getsockname()[1], connect_timeout=0.3), servers.one_connection("fresh"), requests=1)
        asyncio.run(load.run())
    assert load.stats.lost_by_kind == {"conn_timeout": 1}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(), "refused"),
        (ConnectionResetError(), "conn_reset"),
        (asyncio.TimeoutError(), "conn_timeout"),
        (TimeoutError(), "conn_timeout"),
        (OSError(113, "No route to host"), "unreachable"),
    ],
)
def test_kinds_of_connect_errors(error: BaseException, kind: str) -> None:
    assert wire.connect_failure(error) == kind


@pytest.mark.parametrize("fault", [servers.close_politely, servers.close_silently])
def test_a_close_that_is_seen_before_sending_loses_nothing(fault: t.Any) -> None:
    server = servers.Server(fault, bad_at=5)
    load = servers.load_on(server, servers.one_connection("keepalive"), requests=10)
    assert (load.stats.ok, load.stats.lost) == (10, 0)
    assert server.connections == 2


def test_an_interim_answer_is_not_the_answer() -> None:
    load = servers.load_on(servers.Server(servers.early_hints, bad_at=2), servers.one_connection("keepalive"), requests=3)
    assert (load.stats.ok, load.stats.lost) == (3, 0)


def test_a_stream_without_its_end_is_a_bad_body() -> None:
    async def run() -> Load:
        async with servers.Server(servers.good, bad_at=1).up() as server:
            load = Load(servers.target(server.port), [Traffic("stream", connections=1)], duration=0.05)
            await load.run()
            return load

    load = asyncio.run(run())
    assert load.stats.lost_by_kind == {"bad_body": load.stats.sent}


def test_expected_statuses_and_bodies() -> None:
    server = servers.Server(servers.unavailable, bad_at=2)
    load = servers.load_on(server, servers.one_connection("keepalive"), requests=3, statuses=(200, 503), body=re.compile("hello from (?P<version>[A-Z])"))
    assert load.stats.lost_by_kind == {"bad_body": 1}
    assert load.stats.versions["A"].answers == 2


def test_versions_come_from_the_header() -> None:
    load = servers.load_on(servers.Server(servers.good, bad_at=1), servers.one_connection("keepalive"), requests=4)
    assert (load.stats.version, load.stats.versions["A"].answers) == ("A", 4)
    assert load.stats.versions["A"].first <= load.stats.versions["A"].last


@pytest.mark.parametrize(("kind", "connections"), [("keepalive", 1), ("fresh", 10)])
def test_connections_are_kept_or_not(kind: str, connections: int) -> None:
    server = servers.Server(servers.good, bad_at=1)
    servers.load_on(server, servers.one_connection(kind), requests=10)
    assert server.connections == connections


def test_requests_carry_the_given_host_and_method() -> None:
    server = servers.Server(servers.good, bad_at=0)
    servers.load_on(server, servers.one_connection("post"), requests=1, headers={"host": "greet.example.com"})
    assert server.heads[0].startswith("POST /echo HTTP/1.1\r\nhost: greet.example.com\r\n")
    assert server.heads[0].lower().count("host:") == 1


def test_the_number_of_requests_is_shared_by_all_kinds() -> None:
    server = servers.Server(servers.good, bad_at=1)
    load = servers.load_on(server, [Traffic("keepalive", rate=100), Traffic("fresh", rate=100), Traffic("post", rate=100)], requests=31)
    assert (load.stats.sent, load.stats.ok, load.ended_by) == (31, 31, "requests")


def test_a_late_answer_does_not_lower_the_rate() -> None:
    async def late(_server: servers.Server, _reader: servers.Reader, writer: servers.Writer) -> bool:
        await asyncio.sleep(0.4)
        writer.write(servers.answer(b"late"))
        return True

    load = servers.load_on(servers.Server(late, bad_at=1), servers.one_connection("keepalive"), requests=40)
    assert (load.stats.sent, load.stats.ok) == (40, 40)
    # Forty are due in 0.4 s, and the only connection is busy: nearly all of them wait, and their waiting is counted.
    assert load.stats.latencies(["keepalive"]).percentile(0.5) > 50


def test_what_is_in_flight_at_the_end_is_finished() -> None:
    async def run() -> Load:
        async with servers.Server(servers.good, bad_at=1).up() as server:
            load = Load(servers.target(server.port), [Traffic("slow", connections=3), Traffic("keepalive", rate=50)], duration=60)
            asyncio.get_running_loop().call_later(0.2, load.stop)
            await load.run()
            return load

    load = asyncio.run(run())
    assert load.ended_by == "stopped"
    assert load.stats.sent == load.stats.ok > 0


def test_websockets_are_counted_apart() -> None:
    load = Load(servers.target(servers.free_port()), [Traffic("websocket", connections=1), Traffic("fresh", rate=50)], duration=0.2)
    asyncio.run(load.run())
    assert set(load.stats.traffic) == {"fresh"}
    assert set(load.stats.websockets.lost) == {"refused"}


def test_the_report_is_complete_and_adds_up() -> None:
    load = servers.load_on(servers.Server(servers.unavailable, bad_at=3), servers.one_connection("keepalive"), requests=6)
    result = report(load)
    assert (result["sent"], result["ok"], result["lost"]) == (6, 5, 1)
    assert result["traffic"]["keepalive"]["lost_by_kind"] == {"http_503": 1}
    assert result["failures"][0]["version"] == "A"
    assert 0 < result["p50_ms"] <= result["p99_ms"] <= result["slowest_ms"]


def test_every_kind_has_its_defaults() -> None:
    assert all(kind.connections > 0 for kind in KINDS.values())
