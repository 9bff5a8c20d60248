# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a proxy's replacement is decided without an engine: where the kernel leads, what stands in, and what cannot be done."""

from __future__ import annotations

import dataclasses
import pathlib
import types
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_BRIDGE, LABEL_PROXY, ContainerSpec, Publish
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput, SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import proxy_bridge
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.abilities import check_served
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.proxy_plan import ProxySpec, in_bridge
from ansible_collections.hotswap.containers.plugins.module_utils._switch import caddy, haproxy, nft, nginx, tls
from ansible_collections.hotswap.containers.plugins.module_utils._switch.folder import ProxyFolder
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Certificate, Listener, ProxySettings, Route, Serving, Target

ROOT = types.SimpleNamespace(rootless=False)
SPEC = ProxySpec(
    "edge", "haproxy", "localhost/haproxy:test", "edge", (Publish("127.0.0.1", 8080, 8181), Publish("10.0.0.1", 8080, 8181), Publish("", 443, 8443))
)


def test_published_ports_lead_to_the_bridge_by_their_addresses() -> None:
    led = {one.name: one for one in proxy_bridge.leading(SPEC, "172.18.0.9")}
    assert sorted(led) == ["proxy.edge.443-8443", "proxy.edge.8080-8181"]
    assert led["proxy.edge.8080-8181"].addresses == ("10.0.0.1", "127.0.0.1")
    assert (led["proxy.edge.443-8443"].addresses, led["proxy.edge.443-8443"].to_port) == ((), 8443)
    assert {to.address for one in led.values() for to in one.to} == {"172.18.0.9"}


def test_every_address_of_the_host_is_none_in_particular() -> None:
    (one,) = proxy_bridge.leading(dataclasses.replace(SPEC, publish=(Publish("0.0.0.0", 80, 8080),)), "172.18.0.9")
    assert one.addresses == ()


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(1, 65535)), min_size=1, max_size=8, unique_by=lambda one: one[0]))
def test_each_published_port_is_led_once_and_nft_reads_it_back_as_ours(pairs: list[tuple[int, int]]) -> None:
    led = proxy_bridge.leading(dataclasses.replace(SPEC, publish=tuple(Publish("", host, inside) for host, inside in pairs)), "172.18.0.9")
    assert sorted((one.port, one.to_port) for one in led) == sorted(pairs)
    assert len({one.name for one in led}) == len(pairs)
    listing = {"nftables": [{"chain": {"name": one.name}} for one in led]}
    assert set(nft.parse(listing, "ip")) == {one.name for one in led}


def test_the_bridge_publishes_nothing_and_is_no_proxy_to_anybody() -> None:
    made = ContainerSpec("edge-proxy", "localhost/haproxy:test", labels={LABEL_PROXY: "edge", "mine": "1"}, publish=SPEC.publish)
    bridge = in_bridge(made, "edge", "edge-proxy-bridge")
    assert (bridge.name, bridge.publish, bridge.labels) == ("edge-proxy-bridge", (), {LABEL_BRIDGE: "edge", "mine": "1"})


@pytest.mark.parametrize(
    ("spec", "now", "words"),
    [
        (SPEC, None, "not known"),
        (SPEC, dataclasses.replace(SPEC, network="other"), "stay on the network other"),
        (SPEC, dataclasses.replace(SPEC, publish=()), "none of its ports is published"),
        (SPEC, dataclasses.replace(SPEC, publish=(Publish("::1", 80, 80),)), "port 80 is published for IPv6"),
    ],
)
def test_what_cannot_be_done(monkeypatch: pytest.MonkeyPatch, spec: ProxySpec, now: ProxySpec | None, words: str) -> None:
    monkeypatch.setattr(proxy_bridge.os, "geteuid", lambda: 0)
    assert words in proxy_bridge.hindrance(t.cast(t.Any, ROOT), spec, now, False)


def test_who_cannot_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_bridge.os, "geteuid", lambda: 1000)
    assert "a rootless engine" in proxy_bridge.hindrance(t.cast(t.Any, types.SimpleNamespace(rootless=True)), SPEC, SPEC, False)
    assert "become: true" in proxy_bridge.hindrance(t.cast(t.Any, ROOT), SPEC, SPEC, False)
    assert "not known" in proxy_bridge.hindrance(t.cast(t.Any, ROOT), SPEC, SPEC, True)


@pytest.mark.parametrize(("addresses", "answers", "hindered"), [("00", True, True), ("00", False, False), ("20", True, False)])
def test_ipv6_clients_hinder_where_there_are_any(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, addresses: str, answers: bool, hindered: bool
) -> None:
    table = tmp_path / "if_inet6"
    table.write_text("20010db8000000000000000000000001 02 40 %s 80     eth0\n" % addresses)
    monkeypatch.setattr(proxy_bridge, "_IPV6", table)
    monkeypatch.setattr(proxy_bridge, "_answers", lambda port: answers)
    monkeypatch.setattr(proxy_bridge, "_of_tools", lambda: "")
    monkeypatch.setattr(proxy_bridge.os, "geteuid", lambda: 0)
    assert bool(proxy_bridge.hindrance(t.cast(t.Any, ROOT), SPEC, SPEC, False)) == hindered


def test_a_driver_must_be_able_to_do_what_the_routes_ask_for() -> None:
    targets = tuple(Target("greet-%d" % number, "172.18.0.%d" % number, 8282) for number in range(2, 15))
    sticky = {"greet": Serving(Route("greet", sticky="seat"), ())}
    check_served(sticky, nginx.CAPABILITIES, "nginx")
    with pytest.raises(InvalidInput, match=r"caddy cannot do route\.sticky, which the service greet has"):
        check_served(sticky, caddy.CAPABILITIES, "caddy")
    many = {"greet": Serving(Route("greet"), targets)}
    check_served(many, haproxy.CAPABILITIES, "haproxy")
    with pytest.raises(InvalidInput, match="caddy can address 12 instances, and the service greet has 13"):
        check_served(many, caddy.CAPABILITIES, "caddy")


def test_no_route_changes_while_there_is_a_bridge(tmp_path: pathlib.Path) -> None:
    folder = ProxyFolder(tmp_path / "edge")
    folder.create()
    folder.check_bridge()
    folder.bridge.mkdir()
    with pytest.raises(SwitchError, match="proxy edge is being replaced"):
        folder.check_bridge()


def test_what_another_driver_left_goes_and_certificates_stay(tmp_path: pathlib.Path) -> None:
    folder, bridge = ProxyFolder(tmp_path / "edge"), ProxyFolder(tmp_path / "edge" / "bridge")
    one = Certificate("f", "c0ffee", ("greet.test",))
    settings = ProxySettings("edge", (Listener(8443, (one,)),), "0123456789abcdef")
    for each in (folder, bridge):
        each.create()
    tls.keep(folder.conf, {one: "chain and key"})
    (folder.conf / "up" / "greet").mkdir(parents=True)
    (folder.conf / "nginx.conf").write_text("x")
    (folder.run / "dangling").symlink_to("nowhere")
    tls.carry(folder.conf, bridge.conf, settings)
    proxy_bridge.empty(folder)
    assert [path.name for path in folder.conf.iterdir()] == [tls.FOLDER]
    assert list(folder.run.iterdir()) == []
    for each in (folder, bridge):
        assert (each.conf / tls.FOLDER / tls.file_name(one)).read_text() == "chain and key"
