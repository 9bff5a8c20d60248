# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a network should be, and the host's routes."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Network
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.network import differences, host_routes, to_create, wanted
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.owner import owner

PARAMS: dict[str, t.Any] = {"name": "edge", "subnet": None, "ip_range": None, "gateway": None, "internal": False, "labels": None}

# From a Debian 13 host of the test bed with Docker: default route, bridge, the host's own network.
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t01012C0A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t00012C0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def want(**changes: t.Any) -> t.Any:
    return wanted(dict(PARAMS, **changes))


def test_routes_are_read_without_the_default_route(tmp_path: pathlib.Path) -> None:
    table = tmp_path / "route"
    table.write_text(ROUTES, encoding="ascii")
    assert host_routes(table) == ["10.44.1.0/24", "172.17.0.0/16"]


def test_no_route_table_is_no_routes(tmp_path: pathlib.Path) -> None:
    assert host_routes(tmp_path / "none") == []


def test_a_new_network_leaves_half_to_the_engine() -> None:
    spec = to_create(want(), [Network("1", "other", "bridge", "10.213.0.0/24")], ["10.213.1.0/24"])
    assert (spec.subnet, spec.ip_range, spec.gateway) == ("10.213.2.0/24", "10.213.2.0/25", "10.213.2.1")
    assert spec.labels == {"hotswap.network": "edge"}


def test_what_is_asked_for_is_taken() -> None:
    spec = to_create(want(subnet="10.9.0.0/16", ip_range="10.9.3.0/24", gateway="10.9.0.9", internal=True, labels={"a": 1}), [], [])
    assert (spec.subnet, spec.ip_range, spec.gateway, spec.internal) == ("10.9.0.0/16", "10.9.3.0/24", "10.9.0.9", True)
    assert spec.labels == {"hotswap.network": "edge", "a": "1"}


def test_a_subnet_of_another_network_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"overlaps 10\.9\.0\.0/16"):
        to_create(want(subnet="10.9.1.0/24"), [Network("1", "other", "bridge", "10.9.0.0/16")], [])


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"name": "a b"}, "name: 'a b'"),
        ({"subnet": "10.0.0.0"}, "too small"),
        ({"subnet": "10.0.0.1/24"}, "host bits set"),
        ({"subnet": "fd00::/64"}, "not an IPv4 subnet"),
        ({"ip_range": "10.0.0.0/25"}, "Set subnet"),
        ({"subnet": "10.0.0.0/24", "ip_range": "10.0.1.0/25"}, "outside"),
        ({"subnet": "10.0.0.0/24", "gateway": "x"}, "gateway: 'x'"),
        ({"labels": {"hotswap.network": "other"}}, "keeps for itself"),
    ],
)
def test_bad_input_names_the_parameter(changes: dict[str, t.Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        want(**changes)


def test_only_what_is_asked_for_is_compared() -> None:
    found = Network("1", "edge", "bridge", "10.9.0.0/24", "10.9.0.0/25", "10.9.0.1", labels={"hotswap.network": "edge", "x": "y"})
    assert differences(want(), found) == []
    assert differences(want(subnet="10.8.0.0/24", internal=True, labels={"a": "b"}), found) == [
        "internal from false to true",
        "subnet from 10.9.0.0/24 to 10.8.0.0/24",
        "label a from nothing to b",
    ]


@pytest.mark.parametrize(
    "labels, said",
    [
        ({"com.docker.compose.project": "shop"}, "Compose project shop"),
        ({"hotswap.service": "greet", "com.docker.compose.project": "shop"}, "service greet"),
        ({"PODMAN_SYSTEMD_UNIT": "web.service"}, "systemd unit web.service"),
        ({}, "none of its labels"),
    ],
)
def test_the_owner_is_named(labels: dict[str, str], said: str) -> None:
    assert said in owner(labels)
