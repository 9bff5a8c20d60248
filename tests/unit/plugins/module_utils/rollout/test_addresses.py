# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subnets and fixed addresses."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Network
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.addresses import allocate, first_host, free_subnet, lower_half


def subnets(smallest: int = 29, largest: int = 22) -> st.SearchStrategy[ipaddress.IPv4Network]:
    return st.builds(
        lambda number, prefix: ipaddress.IPv4Network((number, prefix), strict=False),
        st.integers(0x0A000000, 0x0AFFFFFF),
        st.integers(largest, smallest),
    )


@given(st.lists(subnets(largest=8), max_size=12))
def test_a_free_subnet_overlaps_nothing_that_is_taken(taken: list[ipaddress.IPv4Network]) -> None:
    found = ipaddress.IPv4Network(free_subnet([str(one) for one in taken]))
    assert found.prefixlen == 24
    assert not any(found.overlaps(one) for one in taken)


def test_default_routes_and_ipv6_take_nothing() -> None:
    assert free_subnet(["0.0.0.0/0", "fd00::/8", "::/0"]) == "10.213.0.0/24"


def test_each_new_subnet_is_another_one() -> None:
    taken: list[str] = []
    for _number in range(300):
        taken.append(free_subnet(taken))
    assert len(set(taken)) == 300


def test_no_free_subnet_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="Set subnet"):
        free_subnet(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])


@given(subnets(), st.data())
def test_addresses_are_free_distinct_and_outside_the_leases(subnet: ipaddress.IPv4Network, data: st.DataObject) -> None:
    with_range = data.draw(st.booleans())
    network = Network("id", "edge", "bridge", str(subnet), lower_half(str(subnet)) if with_range else "", first_host(str(subnet)))
    hosts = [str(one) for one in list(subnet.hosts())[-40:]]
    taken = set(data.draw(st.lists(st.sampled_from(hosts), max_size=3)))
    count = data.draw(st.integers(0, 5))
    try:
        found = allocate(network, taken, count)
    except InvalidInput:
        assert subnet.prefixlen >= 28
        return
    assert len(found) == len(set(found)) == count
    for address in map(ipaddress.IPv4Address, found):
        assert address in subnet
        assert str(address) not in taken | {network.gateway}
        assert address not in (subnet.network_address, subnet.broadcast_address)
        assert not network.ip_range or address not in ipaddress.IPv4Network(network.ip_range)


def test_the_top_of_the_subnet_comes_first() -> None:
    network = Network("id", "edge", "bridge", "10.213.0.0/24", "10.213.0.0/25", "10.213.0.1")
    assert allocate(network, {"10.213.0.254"}, 2) == ["10.213.0.253", "10.213.0.252"]


def test_a_gateway_at_the_top_is_skipped() -> None:
    network = Network("id", "edge", "bridge", "10.213.0.0/24", "", "10.213.0.254")
    assert allocate(network, set(), 1) == ["10.213.0.253"]


def test_a_lease_range_as_large_as_the_subnet_is_no_limit() -> None:
    network = Network("id", "edge", "bridge", "10.213.0.0/24", "10.213.0.0/24", "10.213.0.1")
    assert allocate(network, set(), 1) == ["10.213.0.254"]


def test_every_address_outside_the_leases_can_be_used_and_then_it_says_so() -> None:
    network = Network("id", "edge", "bridge", "10.213.0.0/28", "10.213.0.0/29", "10.213.0.1")
    assert len(allocate(network, set(), 7)) == 7
    with pytest.raises(InvalidInput, match="has 7 free addresses for instances, 8 are needed"):
        allocate(network, set(), 8)


def test_a_network_without_subnet_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no IPv4 subnet"):
        allocate(Network("id", "edge", "bridge"), set(), 1)
