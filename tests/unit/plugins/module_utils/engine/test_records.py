# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inspect JSON of real engines becomes the same records, whichever engine it is from."""

from __future__ import annotations

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine import docker_format, podman_format
from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Container, Network, Publish

from .recorded import DOCKER, PODMAN, recorded

IMAGE_ID = "sha256:e7283bb1b70d2dd055ce8530dfc3fabe352fc6e494e4cd649a08831b47f15a2b"
PORTS = {Publish("127.0.0.1", 18081, 8080), Publish("", 18082, 8081, "udp")}
ALL = DOCKER + PODMAN


def records(engine: str) -> dict[str, Container]:
    make = docker_format.container_record if engine in DOCKER else podman_format.container_record
    data = recorded(engine)
    return {name: make(data[name]) for name in ("running", "created", "exited", "plain")}


@pytest.mark.parametrize("engine", ALL)
def test_running(engine: str) -> None:
    found = records(engine)["running"]
    assert (found.name, found.image, found.image_id) == ("rec-running", "localhost/engapp:1", IMAGE_ID)
    assert (found.state, found.running, found.exit_code, found.restart_count) == ("running", True, 0, 0)
    assert (found.has_healthcheck, found.health) == (True, "healthy")
    assert found.networks == {"rec-edge": "10.232.77.20"}
    assert set(found.publish) == PORTS
    assert found.labels["hotswap.service"] == "greet"
    assert found.labels["hotswap.address"] == "10.232.77.20"
    assert found.pid > 0
    assert found.finished_at == ""
    assert found.created_at.startswith("2026-11-22T")
    assert found.started_at.startswith("2026-11-22T")


@pytest.mark.parametrize("engine", ALL)
def test_created(engine: str) -> None:
    found = records(engine)["created"]
    assert (found.state, found.running, found.pid, found.started_at, found.finished_at) == ("created", False, 0, "", "")
    assert (found.has_healthcheck, found.health, found.publish) == (False, "", ())
    assert found.networks == {"rec-edge": ""}


@pytest.mark.parametrize("engine", ALL)
def test_exited(engine: str) -> None:
    found = records(engine)["exited"]
    assert (found.state, found.running, found.pid, found.exit_code) == ("exited", False, 0, 3)
    assert found.finished_at.startswith("2026-11-22T")
    assert found.networks == {"rec-edge": ""}


@pytest.mark.parametrize("engine", ALL)
def test_published_ports_of_the_list(engine: str) -> None:
    ports = docker_format.published_ports if engine in DOCKER else podman_format.published_ports
    found = {row["Names"][0].lstrip("/"): set(ports(row)) for row in recorded(engine)["rows"]}
    assert found == {"rec-running": PORTS, "rec-created": set(), "rec-exited": set(), "rec-plain": set()}


def test_published_range() -> None:
    row = {"Ports": [{"host_ip": "0.0.0.0", "host_port": 90, "container_port": 80, "range": 2, "protocol": "tcp,udp"}]}
    assert podman_format.published_ports(row) == tuple(Publish("", 90 + step, 80 + step, protocol) for step in (0, 1) for protocol in ("tcp", "udp"))


def network(engine: str) -> Network:
    data = recorded(engine)["network"]
    return docker_format.network_record(data) if engine in DOCKER else podman_format.network_record(data, {"x": "1"})


@pytest.mark.parametrize("engine", ALL)
def test_network(engine: str) -> None:
    found = network(engine)
    assert (found.name, found.driver, found.subnet, found.gateway) == ("rec-edge", "bridge", "10.232.77.0/24", "10.232.77.1")
    assert (found.ip_range, found.internal, found.labels) == ("10.232.77.128/25", False, {"hotswap.record": "1"})
    assert len(found.id) == 64


def test_attached_addresses() -> None:
    found = network(DOCKER[0]).addresses
    assert found["rec-running"] == "10.232.77.20"
    assert set(found) == {"rec-running", "rec-plain"}
    assert network(PODMAN[0]).addresses == {"x": "1"}


def test_docker_knows_reserved_addresses_of_stopped_containers() -> None:
    data = recorded(DOCKER[0])
    assert docker_format.reserved_addresses(data["created"], "rec-edge") == {"10.232.77.21"}
    assert docker_format.reserved_addresses(data["running"], "rec-edge") == {"10.232.77.20"}
    assert docker_format.reserved_addresses(data["exited"], "rec-edge") == set()
    assert docker_format.reserved_addresses(data["running"], "other") == set()


@pytest.mark.parametrize("engine", ALL)
def test_image(engine: str) -> None:
    make = docker_format.image_record if engine in DOCKER else podman_format.image_record
    found = make(recorded(engine)["image"])
    assert found.id == IMAGE_ID
    assert found.refs[0] == "localhost/engapp:1"
    assert found.size > 1_000_000
    assert not found.has_healthcheck


def test_image_with_healthcheck() -> None:
    check = {"Test": ["CMD", "true"]}
    assert docker_format.image_record({"Id": "sha256:1", "Config": {"Healthcheck": check}}).has_healthcheck
    assert podman_format.image_record({"Id": "1", "HealthCheck": check}).has_healthcheck


@pytest.mark.parametrize(
    ("status", "state"), [("configured", "created"), ("initialized", "created"), ("stopped", "exited"), ("removing", "stopping"), ("paused", "paused")]
)
def test_podman_states(status: str, state: str) -> None:
    assert podman_format.container_record({"Id": "1", "State": {"Status": status}}).state == state


def test_docker_health_none_is_no_health() -> None:
    found = docker_format.container_record({"Id": "1", "State": {"Status": "removing", "Health": {"Status": "none"}}})
    assert (found.health, found.state) == ("", "stopping")
