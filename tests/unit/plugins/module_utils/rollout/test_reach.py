# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of the host for instances: which one is taken, how an instance is told, and what happens when somebody was faster."""

from __future__ import annotations

import dataclasses
import os
import socket
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_PORT, LABEL_SPEC, Container, ContainerSpec, Publish
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import netns, preflight, reach
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Target

from .test_spec import make

PUBLISHED = reach.Reach(from_host=True)
OWN = reach.Reach(from_host=True, port_env="SERVER_PORT")


def container(**given: t.Any) -> Container:
    return Container(**{"id": "1", "name": "greet-A-1", "image": "greet", "image_id": "sha256:1", "state": "created", **given})


@given(st.sets(st.integers(20000, 20020)))
def test_the_first_free_port_is_published_on_loopback(taken: set[int]) -> None:
    made = PUBLISHED.instance(ContainerSpec("greet-A-1", "greet"), 8080, taken)
    (publish,) = made.publish
    assert publish == Publish("127.0.0.1", int(made.labels[LABEL_PORT]), 8080)
    assert publish.host_port not in taken
    assert set(range(20000, publish.host_port)) <= taken


def test_an_instance_on_the_hosts_network_is_told_its_port() -> None:
    made = OWN.instance(ContainerSpec("greet-A-1", "greet", env={"A": "b"}, network_mode="host"), 8080, {20000})
    assert made.env == {"A": "b", "SERVER_PORT": "20001"}
    assert (made.publish, made.labels[LABEL_PORT]) == ((), "20001")


def test_no_port_is_left() -> None:
    with pytest.raises(InvalidInput, match="ports_from: no port from 65534 to 65535 is free"):
        reach.Reach(True, "", 65534).instance(ContainerSpec("greet-A-1", "greet"), 8080, {65534, 65535})


def test_without_a_proxy_of_the_host_nothing_changes() -> None:
    spec = ContainerSpec("greet-A-1", "greet")
    assert reach.NO_REACH.instance(spec, 8080, ()) is spec
    assert reach.target(container(), 100) is None
    assert reach.seen_from(container()) is None


def test_a_label_says_where_an_instance_is() -> None:
    one = container(labels={LABEL_PORT: "20007"})
    assert reach.target(one, 40) == Target("greet-A-1", "127.0.0.1", 20007, 40)
    assert reach.seen_from(one) == netns.HERE


class Engine:
    """An engine whose container cannot be started on the ports that somebody else has."""

    def __init__(self, one: Container, others: tuple[Publish, ...] = ()) -> None:
        self.one = one
        self.others = others
        self.removed = 0

    def published(self) -> list[tuple[str, Publish]]:
        return [("other", one) for one in self.others]

    def containers(self, _labels: t.Mapping[str, str]) -> list[Container]:
        return [self.one]

    def remove(self, _name: str) -> None:
        self.removed += 1

    def start(self, _name: str) -> None:
        if int(self.one.labels[LABEL_PORT]) in {one.host_port for one in self.others}:
            raise EngineError("port is already allocated")


def test_what_is_published_or_comes_back_is_taken() -> None:
    engine: t.Any = Engine(container(labels={LABEL_PORT: "20003"}), (Publish("", 20002, 80),))
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert {20002, 20003, server.getsockname()[1]} <= reach.taken_ports(engine)


def test_a_new_instance_takes_the_next_port_when_somebody_was_faster() -> None:
    engine: t.Any = Engine(container(labels={LABEL_PORT: "20000"}), (Publish("", 20000, 80), Publish("", 20001, 80)))

    def create(_name: str) -> None:
        port = int(engine.one.labels[LABEL_PORT]) + 1
        engine.one = dataclasses.replace(engine.one, labels={LABEL_PORT: str(port)})

    first = engine.one
    with pytest.raises(EngineError):
        reach.start(engine, dataclasses.replace(first, started_at="2026-01-01T00:00:00Z"), create)
    assert engine.removed == 0
    reach.start(engine, first, create)
    assert (engine.removed, engine.one.labels[LABEL_PORT]) == (2, "20002")


def test_connections_of_an_instance_on_the_hosts_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        port = server.getsockname()[1]
        labels = {LABEL_PORT: str(port), LABEL_SPEC: '{"port": 1, "port_env": "PORT"}'}
        assert reach.connections(container(pid=os.getpid(), labels=labels), 1) == 1
        assert reach.connections(container(pid=os.getpid(), labels={LABEL_PORT: "1", LABEL_SPEC: '{"port": %d}' % port}), 1) == 1
        assert reach.connections(container(pid=os.getpid()), port) == 0


def test_a_socket_of_our_own_namespace() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        netns.connect(netns.HERE, "127.0.0.1", server.getsockname()[1], 5).close()


def test_options() -> None:
    spec = make(network_mode="host", port_env="SERVER_PORT", ports_from=21000, proxy="edge", route={"hosts": ["a.example.com"]})
    assert (spec.reach, spec.port) == (reach.Reach(True, "SERVER_PORT", 21000), 21000)
    assert reach.reach_of_label(spec.to_label()) == spec.reach
    assert reach.reach_of_label(make().to_label()) == reach.NO_REACH
    assert make(port=80).hash == make(port=80).located("edge", "", from_host=True).hash
    assert make(network_mode="host", port_env="A", port=80).hash != make(network_mode="host", port_env="B", port=80).hash


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"port_env": "PORT"}, "port_env: only an instance on the host's network"),
        ({"port_env": "A B", "network_mode": "host"}, "port_env: 'A B' is not the name of a variable"),
        ({"ports_from": 0}, "ports_from: 0"),
    ],
)
def test_what_is_refused(given: dict[str, t.Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        make(**given)


def test_a_proxy_in_a_container_does_not_reach_the_hosts_network() -> None:
    spec = make(network_mode="host", port_env="PORT", proxy="edge")
    preflight.check_reach("edge", None, spec)
    with pytest.raises(InvalidInput, match="network_mode: proxy edge runs in a container"):
        preflight.check_reach("edge", ["edge"], spec)
