# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small things that both engines share."""

from __future__ import annotations

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine import formats


def test_layer_sizes() -> None:
    assert formats.layer_sizes([{"Size": 0, "CreatedBy": "CMD"}, {"Size": 5}, {"Size": None}, {}, {"Size": 60}]) == (60, 5)
    assert formats.layer_sizes([]) == ()


@pytest.mark.parametrize(
    ("ref", "parts"),
    [
        ("greet", ("greet", "latest")),
        ("greet:A", ("greet", "A")),
        ("registry.example:5000/team/greet", ("registry.example:5000/team/greet", "latest")),
        ("registry.example:5000/greet:1.4.2", ("registry.example:5000/greet", "1.4.2")),
        ("example/greet@sha256:ab", ("example/greet", "sha256:ab")),
    ],
)
def test_split_ref(ref: str, parts: tuple[str, str]) -> None:
    assert formats.split_ref(ref) == parts


@pytest.mark.parametrize(
    ("subnet", "part", "ends"),
    [
        ("10.9.0.0/24", "10.9.0.128/25", ("10.9.0.128", "10.9.0.254")),
        ("10.9.0.0/24", "10.9.0.0/25", ("10.9.0.1", "10.9.0.127")),
        ("10.9.0.0/16", "10.9.4.0/24", ("10.9.4.0", "10.9.4.255")),
    ],
)
def test_lease_range_and_back(subnet: str, part: str, ends: tuple[str, str]) -> None:
    assert formats.lease_range(subnet, part) == ends
    assert formats.range_of(*ends) == part
    assert formats.range_of(None, "") == ""


def test_gateway() -> None:
    assert formats.gateway_of("10.9.0.0/24", "") == "10.9.0.1"
    assert formats.gateway_of("10.9.0.0/24", "10.9.0.254") == "10.9.0.254"
    assert formats.gateway_of("", "") == ""


def test_labels() -> None:
    assert formats.label_filters({"b": "2", "a": ""}) == ["a", "b=2"]
    assert formats.carries({"a": "1", "b": "2"}, {"a": "", "b": "2"})
    assert not formats.carries({"a": "1"}, {"a": "2"})
    assert not formats.carries({}, {"a": ""})


def test_small_words() -> None:
    assert formats.restart_policy("on-failure:3") == ("on-failure", 3)
    assert formats.restart_policy("always") == ("always", 0)
    assert formats.moment("0001-01-01T00:00:00Z") == ""
    assert formats.moment("2026-11-22T17:00:00Z") == "2026-11-22T17:00:00Z"
    assert formats.image_id("abc") == formats.image_id("sha256:abc") == "sha256:abc"
    assert formats.stop_timeout({"Config": {"StopTimeout": 0}}) == 0
    assert formats.stop_timeout({}) == 10


def test_bindings_take_the_engine_s_choice() -> None:
    host = {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}], "81/tcp": None}}
    settings = {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "49153"}]}}
    (port,) = formats.bindings(host, settings)
    assert (port.host_ip, port.host_port, port.container_port, port.protocol) == ("", 49153, 80, "tcp")
