# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redirects as nftables rules: what is written, and what a real kernel (recorded/nft-1.1) lists of it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._switch import nft
from ansible_collections.hotswap.containers.plugins.module_utils._switch.port_redirect_types import IPV4, IPV6, Destination, Redirect

RECORDED = pathlib.Path(__file__).with_name("recorded") / "nft-1.1"
GREET = Redirect("service.greet-a", 5300, ("tcp", "udp"), (), 8282, (Destination("10.1.1.1", 2), Destination("10.1.1.2", 1)))
BY_HAND = Redirect("port.53", 53, ("tcp",), ("10.0.0.1",), 8282, (Destination("10.1.1.1", 100),))


def recorded(name: str) -> dict[str, t.Any]:
    return json.loads((RECORDED / (name + ".json")).read_text())


def lines(redirect: Redirect, now: t.Iterable[nft.Element] = ()) -> list[str]:
    return nft.script(redirect, now).splitlines()


def test_a_real_listing_is_understood() -> None:
    assert nft.parse(recorded("table"), IPV4) == {"service.greet-a": GREET, "port.53": BY_HAND}


def test_a_new_redirect_gets_a_chain_and_leads_there_from_each_protocol() -> None:
    assert lines(GREET)[-5:] == [
        "add chain ip hotswap service.greet-a",
        "flush chain ip hotswap service.greet-a",
        "add rule ip hotswap service.greet-a meta l4proto { tcp, udp } dnat to numgen random mod 3 map { 0-1 : 10.1.1.1, 2 : 10.1.1.2 } : 8282",
        "add element ip hotswap ports { tcp . 5300 : goto service.greet-a }",
        "add element ip hotswap ports { udp . 5300 : goto service.greet-a }",
    ]


def test_a_swap_touches_the_chain_only() -> None:
    after = dataclasses.replace(GREET, to=(Destination("10.1.1.9", 100),))
    new = lines(after, nft.elements(GREET))
    assert new[-1] == "add rule ip hotswap service.greet-a meta l4proto { tcp, udp } dnat to 10.1.1.9:8282"
    assert [line for line in new if "element" in line] == []


def test_another_port_replaces_the_elements_in_the_same_transaction() -> None:
    after = dataclasses.replace(GREET, port=54, protocols=("udp",), addresses=("10.0.0.7",))
    assert [line for line in lines(after, nft.elements(GREET)) if "element" in line] == [
        "delete element ip hotswap ports { tcp . 5300 }",
        "delete element ip hotswap ports { udp . 5300 }",
        "add element ip hotswap places { udp . 10.0.0.7 . 54 : goto service.greet-a }",
    ]


def test_without_destinations_the_chain_is_empty() -> None:
    assert not [line for line in lines(dataclasses.replace(GREET, to=())) if "dnat to" in line]


def test_loopback_is_masqueraded_only_when_a_redirect_sent_it_away_and_is_guarded() -> None:
    rules = [line.partition("hotswap ")[2] for line in lines(GREET) if line.startswith("add rule")]
    assert "postrouting ip saddr 127.0.0.0/8 ip daddr != 127.0.0.0/8 ct status dnat masquerade" in rules
    assert 'guard iif != "lo" ip daddr 127.0.0.0/8 drop' in rules


def test_ipv6_has_a_table_of_its_own() -> None:
    text = nft.script(Redirect("port.53", 53, ("udp",), ("fd00::5",), 5353, (Destination("fd00::1", 100),), IPV6), ())
    assert "dnat to [fd00::1]:5353" in text
    assert "add element ip6 hotswap places { udp . fd00::5 . 53 : goto port.53 }" in text
    assert "add map ip6 hotswap places { type inet_proto . ipv6_addr . inet_service : verdict; }" in text


def test_the_last_removal_takes_the_table_along() -> None:
    assert nft.removal(IPV4, "port.53", nft.elements(BY_HAND), last=True) == "delete table ip hotswap\n"
    assert nft.removal(IPV4, "port.53", nft.elements(BY_HAND), last=False).splitlines() == [
        "delete element ip hotswap places { tcp . 10.0.0.1 . 53 }",
        "flush chain ip hotswap port.53",
        "delete chain ip hotswap port.53",
    ]


@pytest.mark.parametrize(
    ("listing", "port", "said"),
    [
        ("docker", 18555, "nftables table ip nat, chain DOCKER"),
        ("docker", 18556, "nftables table ip nat, chain DOCKER"),
        ("docker", 8282, ""),
        ("podman", 18555, "nftables table inet netavark, chain NETAVARK-HOSTPORT-DNAT"),
        ("podman", 8282, ""),
        ("table", 5300, ""),
        ("table", 53, ""),
    ],
)
def test_the_rules_of_others_are_found_and_ours_are_not_taken_for_theirs(listing: str, port: int, said: str) -> None:
    assert nft.foreign(recorded(listing), IPV4, port) == said


def _filter(port: t.Any, kind: str) -> dict[str, t.Any]:
    place = {"family": "inet", "table": "fw"}
    match = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": port}}
    chain = {"chain": {**place, "name": "c", "type": kind, "hook": "prerouting"}}
    return {"nftables": [chain, {"rule": {**place, "chain": "c", "expr": [match, {"redirect": {"port": 9}}]}}]}


@pytest.mark.parametrize(
    ("port", "there"), [(53, True), (54, False), ({"range": [50, 60]}, True), ({"set": [1, 53]}, True), ({"set": [1, {"range": [2, 9]}]}, False)]
)
def test_single_ports_ranges_and_sets_of_others(port: t.Any, there: bool) -> None:
    assert bool(nft.foreign(_filter(port, "nat"), IPV4, 53)) == there
    assert nft.foreign(_filter(port, "filter"), IPV4, 53) == ""
