# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redirects as iptables rules: what is restored is what can be read back."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import iptables
from ansible_collections.hotswap.containers.plugins.module_utils._switch.port_redirect_types import IPV6, Destination, Redirect

RECORDED = pathlib.Path(__file__).with_name("recorded") / "nft-1.1"
GREET = Redirect("service.greet", 53, ("tcp",), (), 8282, (Destination("10.1.1.1", 90), Destination("10.1.1.2", 10)))

addresses = st.integers(1, 250).map("10.0.0.{}".format)
redirects = st.builds(
    Redirect,
    name=st.sampled_from(["service.greet", "service.a.b-c_d", "port.53"]),
    port=st.integers(1, 65535),
    protocols=st.sampled_from([("tcp",), ("udp",), ("tcp", "udp")]),
    addresses=st.lists(addresses, max_size=2, unique=True).map(tuple),
    to_port=st.integers(1, 65535),
    to=st.lists(addresses, max_size=4, unique=True).map(lambda found: tuple(Destination(one, 1 + at) for at, one in enumerate(found))),
)


@given(st.lists(redirects, max_size=3, unique_by=lambda one: one.name))
def test_what_is_restored_is_read_back(wanted: list[Redirect]) -> None:
    found = iptables.parse(iptables.restore_text({one.name: one for one in wanted}))
    assert {name: one.plain() for name, one in found.items()} == {one.name: one.plain() for one in wanted}


def test_shares_are_chances_in_turn() -> None:
    rules = [line for line in iptables.restore_text({"service.greet": GREET}).splitlines() if "DNAT --to" in line]
    assert ["--probability 0.90000000" in rule for rule in rules] == [True, False]


def test_one_address_is_asked_before_all_of_them() -> None:
    special = Redirect("port.53", 53, ("tcp",), ("10.9.9.9",), 1, (Destination("10.1.1.3", 1),))
    rules = [line for line in iptables.restore_text({"service.greet": GREET, "port.53": special}).splitlines() if line.startswith("-A HOTSWAP -")]
    assert ["-d 10.9.9.9" in rule for rule in rules] == [True, False]


def test_a_chain_that_goes_is_emptied_in_the_same_step() -> None:
    text = iptables.restore_text({}, ["service.greet"])
    chain = iptables.chain_of("service.greet")
    assert ":%s - [0:0]" % chain in text
    assert text.endswith("-X %s\nCOMMIT\n" % chain)


@given(st.text(min_size=1, max_size=80))
def test_chain_names_are_short_enough(name: str) -> None:
    assert len(iptables.chain_of(name)) <= 28


@pytest.mark.parametrize(("port", "said"), [(18555, "iptables table nat, chain DOCKER"), (18556, "iptables table nat, chain DOCKER"), (8282, ""), (80, "")])
def test_the_rules_of_others_are_found(port: int, said: str) -> None:
    assert iptables.foreign((RECORDED / "docker-nat.txt").read_text(), port) == said


def test_ours_are_not_taken_for_theirs() -> None:
    assert iptables.foreign(iptables.restore_text({"service.greet": GREET}), 53) == ""


def test_ipv6_needs_nft() -> None:
    with pytest.raises(SwitchError, match="nft"):
        iptables.IptablesKernel(IPV6)
