# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A route to instances elsewhere: gated, moved, proven, let go, and put back when one of it fails."""

from __future__ import annotations

import http.server
import pathlib
import threading
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Engine
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, GateFailed, HotswapError, InvalidInput, NotOurs, SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import link
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.proxy import Proxy
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Capabilities, ProxySettings, Route, Serving, Target

DEFAULTS: dict[str, t.Any] = {
    "name": "greet",
    "proxy": "edge",
    "state": "present",
    "to": None,
    "route": None,
    "gate": None,
    "drain_timeout": 5.0,
    "lock_timeout": 1.0,
}


class Fake:
    """A proxy's switch that notes what it is told. `open_requests`: what is in flight to anybody, one less at each look."""

    capabilities = Capabilities(shares=100, in_flight=True, lossless_reload=True, max_instances=2)

    def __init__(self) -> None:
        self.told: list[str] = []
        self.files: dict[str, Serving] = {}
        self.open_requests = 0

    def routes(self) -> dict[str, Serving]:
        return dict(self.files)

    def written(self, service: str) -> Serving | None:
        return self.files.get(service)

    def current(self, service: str) -> dict[str, int]:
        return {one.name: one.weight for one in self.files[service].targets} if service in self.files else {}

    def matches(self, route: Route) -> bool:
        return route.service in self.files and self.files[route.service].route == route

    def serve(self, serving: Serving) -> None:
        self.told.append("serve " + " ".join(one.name for one in serving.targets))
        self.files[serving.route.service] = serving

    def in_flight(self, service: str, names: t.Sequence[str]) -> int:
        self.open_requests = max(0, self.open_requests - 1)
        return self.open_requests

    def forget(self, service: str, names: t.Sequence[str]) -> None:
        self.told.append("forget " + " ".join(names))

    def remove(self, service: str) -> None:
        self.told.append("remove")
        del self.files[service]

    def identifies(self, header: str, target: Target) -> bool:
        return header == target.name


class Answers(http.server.BaseHTTPRequestHandler):
    """Proxy and instances in one: says who is linked, and is healthy."""

    says: t.ClassVar[str] = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("X-Hotswap-Instance", type(self).says)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: t.Any) -> None:
        pass


def no_engine() -> Engine:
    raise AssertionError("a proxy of the host needs no engine")


class Place:
    """One balancer, and the instances that it can reach."""

    def __init__(self, folder: pathlib.Path, port: int) -> None:
        self.switch = Fake()
        self.state = StateDir(folder)
        self.port = port

    def run(self, *names: str, check: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """The module with these instances; `more` are further parameters."""
        to = [{"name": name, "address": "127.0.0.1", "port": self.port} for name in names] or None
        return link.converge(self.state, {**DEFAULTS, "to": to, **more}, check, no_engine)


@pytest.fixture
def place(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Place]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = Place(tmp_path, server.server_address[1])
    settings = ProxySettings("edge", (), "token")
    monkeypatch.setattr(Proxy, "public", property(lambda _self: [("127.0.0.1", found.port, False)]))
    monkeypatch.setattr(link, "_proxy", lambda *_words: Proxy("edge", None, "fake", "", t.cast(t.Any, found.switch), settings))
    # In this test the instances are on the same host.
    monkeypatch.setattr(link, "LOOPBACK", "nowhere")
    monkeypatch.setattr(link, "_address", lambda text: text)
    monkeypatch.setattr(link, "_VERIFY_SECONDS", 0.2)
    yield found
    server.shutdown()


def test_blue_then_green_then_nothing_to_do(place: Place) -> None:
    Answers.says = "blue"
    assert place.run("blue")["live"] == ["blue"]
    Answers.says, place.switch.open_requests = "green", 4
    moved = place.run("green")
    assert (moved["changed"], moved["live"], moved["drain_observed"], moved["cut"]) == (True, ["green"], "requests", 0)
    assert moved["drained"] == 2
    assert place.switch.told == ["serve blue", "forget ", "serve green", "forget blue"]
    assert place.run("green")["changed"] is False
    assert place.run()["live"] == ["green"], "without anything to do it says who is linked"


def test_check_mode_says_what_would_be_and_touches_nothing(place: Place) -> None:
    Answers.says = "blue"
    place.run("blue")
    would = place.run("green", check=True)
    assert (would["changed"], would["live"]) == (True, ["green"])
    assert [one["name"] for one in would["diff"]["before"]["to"]] == ["blue"]
    assert [one["name"] for one in would["diff"]["after"]["to"]] == ["green"]
    assert place.run()["live"] == ["blue"]


def test_another_route_is_a_change(place: Place) -> None:
    Answers.says = "blue"
    place.run("blue")
    assert place.run("blue", route={"hosts": ["greet.example.com"], "path": "/"})["changed"] is True


def test_who_does_not_pass_the_gate_is_not_linked(place: Place) -> None:
    Answers.says = "blue"
    place.run("blue")
    with pytest.raises(GateFailed, match="instance green did not pass its gate"):
        place.run("green", gate={"http": {"path": "/", "status": [204]}, "deadline": "0.2", "interval": "0.05"})
    assert place.switch.told == ["serve blue", "forget "]


def test_when_another_one_answers_the_route_goes_back(place: Place) -> None:
    Answers.says = "blue"
    with pytest.raises(SwitchError) as first:
        place.run("green")
    assert "Everything is back where it was" in first.value.fix
    assert place.switch.told == ["serve green", "remove"]
    place.run("blue")
    with pytest.raises(SwitchError):
        place.run("green")
    assert place.switch.told[-2:] == ["serve green", "serve blue"]


def test_a_route_is_taken_away_once(place: Place) -> None:
    Answers.says = "blue"
    place.run("blue")
    assert [place.run(state="absent")["changed"] for _time in range(2)] == [True, False]
    assert place.run()["live"] == []


def test_a_service_of_this_host_is_left_to_its_own_module(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "LOOPBACK", "127.0.0.1")
    place.switch.files["greet"] = Serving(Route("greet"), (Target("greet-A-1", "127.0.0.1", 20000),))
    with pytest.raises(NotOurs, match=r"greet is a service of this host"):
        place.run("green")


def test_a_route_of_another_service_is_refused(place: Place) -> None:
    place.switch.files["other"] = Serving(Route("other"), ())
    with pytest.raises(InvalidInput, match="route:"):
        place.run("green")


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ([], "to: it names no instance"),
        ([{"name": "green", "address": "10.0.0.1", "port": 0}], "to.port: 0"),
        ([{"name": "green", "address": "green.example.com", "port": 1}], "to.address: 'green.example.com' is not an IPv4 address"),
        ([{"name": "green", "address": "127.0.0.2", "port": 1}], "to.address: 127.0.0.2 is this host itself"),
        ([{"name": "g g", "address": "10.0.0.1", "port": 1}], "to.name:"),
        ([{"name": "green", "address": "10.0.0.1", "port": 1}] * 2, "to: two instances have the same name"),
    ],
)
def test_what_cannot_be_linked_is_named(to: list[dict[str, t.Any]], said: str) -> None:
    with pytest.raises(HotswapError, match=said):
        link.targets_of(to)


def test_a_proxy_that_is_not_there_is_named_also_without_an_engine(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "host_proxies", lambda _state: {})

    def none_here() -> Engine:
        raise EngineError("no engine is on this host")

    with pytest.raises(InvalidInput, match=r"proxy: no service of this host is the proxy edge, .* no engine is on this host"):
        link.converge(StateDir(tmp_path), DEFAULTS, True, none_here)


def test_more_than_the_driver_can_address_are_refused(place: Place) -> None:
    with pytest.raises(InvalidInput, match="to: 3 are more than the driver fake can address, which is 2"):
        place.run("one", "two", "three")


@pytest.mark.parametrize(
    "bad",
    [
        {"to": []},
        {"to": [{"name": "green", "address": "green.example", "port": 80}]},
        {"proxy": "a b"},
        {"route": {"hosts": ["a b"]}},
        {"gate": {"http": {"path": "/\0"}}},
        {"drain_timeout": -1},
    ],
)
def test_what_no_proxy_could_take_leaves_nothing(bad: dict[str, t.Any], tmp_path: pathlib.Path) -> None:
    to = [{"name": "green", "address": "192.0.2.1", "port": 80}]
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        link.converge(StateDir(tmp_path / "state"), {**DEFAULTS, "to": to, **bad}, False, no_engine)
    assert not (tmp_path / "state").exists()
