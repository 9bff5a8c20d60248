# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The switch over a kernel that a test holds in its hand: order, confirmation, who is named, and what is left behind."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import port_redirect, port_redirect_flows, programs
from ansible_collections.hotswap.containers.plugins.module_utils._switch import port_redirect_tools as tools
from ansible_collections.hotswap.containers.plugins.module_utils._switch.port_redirect import PortRedirectSwitch, Redirects
from ansible_collections.hotswap.containers.plugins.module_utils._switch.port_redirect_types import IPV4, Destination, Redirect
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving, Target

ASK = Redirect("service.greet", 53, ("tcp", "udp"), (), 0, ())
A, B = Target("greet-A-1", "10.0.0.1", 8282), Target("greet-B-1", "10.0.0.2", 8282)


class FakeKernel:
    """What nft would hold; `deaf` takes a change and does nothing."""

    def __init__(self) -> None:
        self.tool, self.family = "nft", IPV4
        self.held: dict[str, Redirect] = {}
        self.deaf = False
        self.calls: list[list[str]] = []

    def redirects(self) -> dict[str, Redirect]:
        return dict(self.held)

    def replace(self, redirect: Redirect) -> None:
        if not self.deaf:
            self.held[redirect.name] = redirect

    def delete(self, name: str) -> None:
        self.held.pop(name, None)

    def foreign(self, port: int) -> str:
        return "table x" if port == 99 else ""

    def call(self, words: t.Sequence[str], text: str = "") -> programs.Done:
        self.calls.append(list(words))
        return programs.Done(0, "")


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> FakeKernel:
    """The fake, wherever the switch would start a program."""
    made = FakeKernel()
    sysctl = tmp_path / "route_localnet"
    sysctl.write_text("0\n")
    monkeypatch.setattr(port_redirect, "_KERNELS", {"nft": lambda family: made})
    monkeypatch.setattr(port_redirect, "_ROUTE_LOCALNET", sysctl)
    monkeypatch.setattr(Redirects, "_kernels", lambda self, family="": [made])
    monkeypatch.setattr(programs, "find", lambda tool: "" if tool.startswith("iptables") else "/sbin/" + tool)
    monkeypatch.setattr(tools, "call", made.call)
    return made


def switch(tmp_path: pathlib.Path, ask: Redirect = ASK) -> PortRedirectSwitch:
    return PortRedirectSwitch(tmp_path / "redirects", ask, "")


def serving(*targets: Target) -> Serving:
    return Serving(Route("greet"), targets)


def test_it_serves_and_names_what_serves(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    one = switch(tmp_path)
    assert one.current("greet") == {}
    one.serve(serving(A))
    assert one.current("greet") == {"greet-A-1": 100}
    assert one.matches(Route("greet"))
    assert kernel.held["service.greet"].to[0].address == "10.0.0.1"
    assert one.routes()["greet"].targets == (A,)


def test_udp_flows_of_those_that_leave_are_ended_and_of_others_not(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    one = switch(tmp_path)
    one.serve(serving(A))
    kernel.calls.clear()
    one.serve(serving(B))
    assert kernel.calls == [["conntrack", "-D", "-f", "ipv4", "-p", "udp", "--orig-port-dst", "53", "--reply-src", "10.0.0.1", "--reply-port-src", "8282"]]
    kernel.calls.clear()
    one.serve(serving(B))
    assert kernel.calls == []


def test_another_port_of_the_same_address_is_another_place(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    one = switch(tmp_path)
    one.serve(serving(A))
    kernel.calls.clear()
    one.serve(serving(dataclasses.replace(A, port=8383)))
    assert kernel.calls[-1][-1] == "8282"


def test_the_first_redirect_ends_every_udp_flow_of_the_port(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    switch(tmp_path).serve(serving(A))
    assert kernel.calls[-1] == ["conntrack", "-D", "-f", "ipv4", "-p", "udp", "--orig-port-dst", "53"]


def test_no_flow_is_no_error_and_a_refusal_is(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    none = "conntrack v1.4.8 (conntrack-tools): 0 flow entries have been deleted."
    monkeypatch.setattr(tools, "call", lambda words: programs.Done(1, "", none))
    port_redirect_flows.end_flows(ASK, ("udp",), [port_redirect_flows.EVERYWHERE])
    monkeypatch.setattr(tools, "call", lambda words: programs.Done(1, "", "Operation failed: not permitted"))
    with pytest.raises(SwitchError, match="not permitted"):
        port_redirect_flows.end_flows(ASK, ("udp",), [port_redirect_flows.EVERYWHERE])


def test_after_the_stop_the_old_address_is_forgotten_by_both_protocols(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    one = switch(tmp_path)
    one.serve(serving(A))
    one.serve(serving(B))
    kernel.calls.clear()
    one.forget("greet", ["greet-A-1"])
    assert [call[5] for call in kernel.calls if call[-1] == "10.0.0.1"] == ["tcp", "udp"]


def test_what_the_kernel_does_not_confirm_is_an_error(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    kernel.deaf = True
    with pytest.raises(SwitchError, match="does not confirm"):
        switch(tmp_path).serve(serving(A))


def test_who_serves_is_known_without_the_note_too(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    one = switch(tmp_path)
    one.serve(serving(A))
    for path in (tmp_path / "redirects").glob("*.json"):
        path.unlink()
    assert list(one.current("greet")) == ["10.0.0.1"]


def test_another_port_is_not_the_same_route(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    switch(tmp_path).serve(serving(A))
    assert not switch(tmp_path, dataclasses.replace(ASK, port=54)).matches(Route("greet"))


def test_the_last_one_takes_everything_along(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    one = switch(tmp_path)
    one.serve(serving(A))
    assert (tmp_path / "route_localnet").read_text() == "1"
    one.remove("greet")
    assert kernel.held == {}
    assert (tmp_path / "route_localnet").read_text() == "0"
    assert [path.name for path in (tmp_path / "redirects").iterdir()] == ["lock"]


def test_connections_that_a_redirect_has_made_live_on_without_its_destination(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    every, one = Redirects(tmp_path / "redirects"), Redirect("proxy.edge.80-8080", 80, ("tcp",), (), 8080, (Destination("10.0.0.1"),))
    every.put(one, "", {})
    every.put(dataclasses.replace(one, to=()), "", {})
    assert (tmp_path / "route_localnet").read_text() == "1"
    assert not kernel.calls
    every.drop(one.name)
    assert (tmp_path / "route_localnet").read_text() == "0"


def test_a_taken_port_is_told(kernel: FakeKernel, tmp_path: pathlib.Path) -> None:
    switch(tmp_path).serve(serving(A))
    every = Redirects(tmp_path / "redirects")
    assert every.taken(Redirect("port.53", 53, ("tcp",), (), 1, ())) == "a redirect of ours, service.greet"
    assert every.taken(Redirect("port.53", 53, ("tcp",), ("10.9.9.9",), 1, ())) == ""
    assert every.taken(Redirect("port.99", 99, ("tcp",), (), 1, ())) == "a rule that is not ours: table x"
    assert every.taken(ASK) == ""


def test_without_a_tool_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find", lambda tool: "")
    with pytest.raises(SwitchError, match="nftables"):
        port_redirect.choose("")
    with pytest.raises(SwitchError, match="package conntrack"):
        tools.need("conntrack")


def test_docker_is_asked_to_let_through_behind_the_rules_of_the_owner() -> None:
    wanted = port_redirect_flows.allowing(Redirect("service.greet", 53, ("udp",), (), 8282, (Destination("10.0.0.1", 1),)))
    saved = "*filter\n:DOCKER-USER - [0:0]\n-A DOCKER-USER -s 1.2.3.4/32 -j DROP\n-A DOCKER-USER -j RETURN\n"
    (added,) = port_redirect_flows.changes(saved, "service.greet", wanted)
    assert added[:5] == ["-I", "DOCKER-USER", "2", "-d", "10.0.0.1/32"]
    there = saved.replace("-A DOCKER-USER -j RETURN", "-A DOCKER-USER %s\n-A DOCKER-USER -j RETURN" % wanted[0])
    assert port_redirect_flows.changes(there, "service.greet", wanted) == []
    assert [words[:2] for words in port_redirect_flows.changes(there, "service.greet", [])] == [["-D", "DOCKER-USER"]]
    assert port_redirect_flows.changes(there, "service.other", []) == []
    assert port_redirect_flows.changes("*filter\n:FORWARD ACCEPT [0:0]\n", "service.greet", wanted) == []
