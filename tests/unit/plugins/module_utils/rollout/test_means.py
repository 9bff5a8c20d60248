# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service may have instead of a proxy: parsed, told apart, kept on the label, and moved."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_ADDRESS, LABEL_SERVICE, Container
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, InvalidInput, SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.alias import AliasSwitch
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.means import means_of
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving, Target

GIVEN: dict[str, dict[str, t.Any]] = {
    "redirect": {"redirect": {"port": 53, "protocols": ["udp", "tcp"], "addresses": ["10.0.0.1"], "tool": "nft"}},
    "alias": {"alias": "greet"},
    "template": {"template": {"src": "x.j2", "dest": "/etc/x", "check": ["a"], "apply": ["b", "c"], "confirm": None}},
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_label_says_what_the_task_said(name: str) -> None:
    means = means_of("greet", {"port": 1, **GIVEN[name]})
    assert means.name == name
    assert means_of("greet", {"port": 1, **means.to_label()}) == means


def test_the_rendered_text_is_for_this_run_and_not_for_the_label() -> None:
    given = GIVEN["template"]["template"]
    means = means_of("greet", {"port": 1, "template": {**given, "rendered": {"/etc/x": "text"}}}).aimed_at(("greet-A-1",))
    assert (means.rendered.texts, means.rendered.names) == ({"/etc/x": "text"}, ("greet-A-1",))
    assert "text" not in str(means.to_label())


def test_a_template_leads_to_instances_that_are_told_their_port() -> None:
    told = {"network_mode": "host", "port_env": "SERVER_PORT", **GIVEN["template"]}
    assert means_of("greet", told).name == "template"
    with pytest.raises(InvalidInput, match="template: it cannot go with network_mode"):
        means_of("greet", {**told, "port_env": None, "port": 1})


def test_nothing_is_nothing() -> None:
    assert means_of("greet", {}).name == ""
    assert means_of("greet", {"proxy": "edge", "port": 1, "route": {"hosts": ["a.example"]}}).to_label() == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"port": 1, "proxy": "edge", **GIVEN["redirect"]}, "redirect: it cannot go with proxy"),
        ({"port": 1, "network_mode": "host", **GIVEN["alias"]}, "alias: it cannot go with network_mode"),
        ({"port": 1, **GIVEN["redirect"], **GIVEN["alias"]}, "alias: it cannot go with redirect"),
        ({**GIVEN["alias"]}, "port: not given"),
        ({"port": 1, "route": {"hosts": ["a.example"]}, **GIVEN["redirect"]}, "route: redirect moves connections"),
        ({"port": 1, "alias": "a b"}, "alias:"),
        ({"port": 1, "redirect": {"port": 0}}, "redirect.port:"),
        ({"port": 1, "redirect": {"port": 53, "addresses": ["::1"]}}, "redirect.addresses:"),
        ({"port": 1, "redirect": {"port": 53, "addresses": ["x"]}}, "redirect.addresses:"),
        ({"port": 1, "redirect": {"port": 53, "protocols": ["sctp"]}}, "redirect.protocols:"),
        ({"port": 1, "template": {"dest": "x", "apply": ["b"]}}, "template.dest:"),
        ({"port": 1, "template": {"dest": "/x", "apply": []}}, "template.apply:"),
        ({"port": 1, "alias": "greet", "route": {"path": "/api"}}, "route:"),
    ],
)
def test_what_cannot_be_is_named(values: dict[str, t.Any], said: str) -> None:
    with pytest.raises(InvalidInput) as error:
        means_of("greet", values)
    assert str(error.value).startswith(said)


def test_a_service_of_datagrams_has_nothing_to_connect_to() -> None:
    assert not means_of("greet", {"port": 1, "redirect": {"port": 53, "protocols": ["udp"]}}).has_tcp
    assert means_of("greet", {"port": 1, "redirect": {"port": 53}}).has_tcp


class Aliases:
    """An engine that knows names on one network only. `broken`: so many connects fail."""

    def __init__(self, *names: str) -> None:
        self.broken = 0
        self.lost = False
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        labels = {LABEL_SERVICE: "greet", LABEL_ADDRESS: "10.0.0.7"}
        self.there = {name: Container(name, name, "i", "i", "running", labels=labels, networks={"edge": "10.0.0.7"}) for name in names}

    def containers(self, labels: t.Mapping[str, str]) -> list[Container]:
        return [one for one in self.there.values() if all(one.labels.get(key) == value for key, value in labels.items())]

    def reconnect(self, name: str, network: str, address: str, aliases: t.Sequence[str]) -> None:
        self.calls.append((name, tuple(aliases)))
        if self.broken:
            self.broken -= 1
            raise EngineError("no")
        if not self.lost:
            self.there[name] = dataclasses.replace(self.there[name], aliases={network: tuple(aliases)})

    def switch(self) -> AliasSwitch:
        found: t.Any = self
        return AliasSwitch(found, "edge", "greet")


def serving(*names: str) -> Serving:
    return Serving(Route("greet"), tuple(Target(name, "10.0.0.7", 1) for name in names))


def test_the_name_goes_to_the_new_one_before_it_leaves_the_old_one() -> None:
    engine = Aliases("a", "b")
    engine.switch().serve(serving("a"))
    engine.calls.clear()
    engine.switch().serve(serving("b"))
    assert engine.calls == [("b", ("greet",)), ("a", ())]
    assert engine.switch().current("greet") == {"b": 100}
    engine.calls.clear()
    engine.switch().serve(serving("b"))
    assert engine.calls == []


def test_a_connect_that_fails_once_is_repeated_because_the_container_may_be_off_the_network() -> None:
    engine = Aliases("a")
    engine.broken = 1
    engine.switch().serve(serving("a"))
    assert engine.switch().current("greet") == {"a": 100}


def test_what_the_engine_does_not_confirm_is_an_error() -> None:
    engine = Aliases("a")
    engine.lost = True
    with pytest.raises(SwitchError, match="the engine gives it to"):
        engine.switch().serve(serving("a"))


def test_a_name_of_somebody_else_is_refused() -> None:
    engine = Aliases("a")
    engine.there["x"] = Container("x", "x", "i", "i", "running", aliases={"edge": ("greet",)})
    with pytest.raises(InvalidInput, match="belongs to the container x"):
        engine.switch().refuse_taken("greet")
    engine.there.pop("x")
    engine.switch().serve(serving("a"))
    engine.switch().refuse_taken("greet")


def test_the_end_takes_the_name_away() -> None:
    engine = Aliases("a")
    engine.switch().serve(serving("a"))
    engine.switch().remove("greet")
    assert engine.switch().current("greet") == {}
