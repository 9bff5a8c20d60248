# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan over network, proxy and services: what needs its module run, and how often the engine is asked."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_SERVICE, Container, Engine
from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import info, parts

Json = t.Dict[str, t.Any]
INSTANCES = [
    {"name": "greet-a-1", "version": "A", "phase": "retired"},
    {"name": "greet-b-2", "version": "B", "phase": "live"},
    {"name": "greet-b-1", "version": "B", "phase": "live"},
    {"name": "greet-c-1", "version": "C", "phase": "canary"},
]
WHERE: Json = {"engine": None, "engine_url": None, "state_dir": "/none"}


class Listing:
    """An engine that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def containers(self, labels: t.Mapping[str, str]) -> list[Container]:
        self.asked.append("containers %s" % dict(labels))
        return [Container(id=name, name=name, image="", image_id="", state="running", labels={LABEL_SERVICE: name}) for name in ("greet", "wave")]

    def network(self, name: str) -> None:
        self.asked.append("network " + name)

    def stop(self, name: str) -> None:
        self.asked.append("stop " + name)


def once(listing: Listing) -> Engine:
    return t.cast(Engine, parts.Once(t.cast(Engine, listing)))


def test_all_services_are_listed_once() -> None:
    listing = Listing()
    engine = once(listing)
    assert [[one.name for one in engine.containers({LABEL_SERVICE: name})] for name in ("greet", "wave", "none")] == [["greet"], ["wave"], []]
    assert listing.asked == ["containers {'hotswap.service': ''}"]


def test_a_question_is_asked_once_for_each_subject() -> None:
    listing = Listing()
    engine = once(listing)
    assert [engine.network(name) for name in ("one", "one", "two")] == [None, None, None]
    assert listing.asked == ["network one", "network two"]


def planned(monkeypatch: pytest.MonkeyPatch, network: bool = False, proxy: bool = False, service: t.Any = False) -> Json:
    """The plan where the parts say so of themselves: changed, or for a service whether it needs a step."""

    def of_a_service(*_asked: t.Any) -> tuple[bool, Json]:
        if isinstance(service, Exception):
            raise service
        return service, {"changed": False, "plan": [], "instances": INSTANCES}

    monkeypatch.setattr(parts.network, "converge", lambda *_asked: {"changed": network})
    monkeypatch.setattr(parts.reverse_proxy, "converge", lambda *_asked: {"changed": proxy})
    monkeypatch.setattr(parts.service, "plan_only", of_a_service)
    monkeypatch.setattr(info, "live", lambda _engine, _state, name: {"name": name, "version": "asked", "instances": []} if name == "greet" else None)
    services = [{**WHERE, "name": name} for name in ("greet", "wave")]
    return parts.Parts(lambda _options: t.cast(Engine, Listing())).plan(parts.Asked(WHERE, WHERE, services))


def needs(found: Json) -> list[bool]:
    return [one["needed"] for one in (found["network"], found["proxy"], *found["services"])]


def test_nothing_needs_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    found = planned(monkeypatch)
    assert needs(found) == [False] * 4
    live = {"version": "B", "instances": ["greet-b-1", "greet-b-2"]}
    assert found["live"] == [{"name": "greet", **live}, {"name": "wave", **live}]


def test_a_service_that_only_takes_notes_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert needs(planned(monkeypatch, service=True)) == [False, False, True, True]


@pytest.mark.parametrize("below", ["network", "proxy"])
def test_what_is_changed_below_makes_the_services_unknown(monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    found = planned(monkeypatch, **{below: True})
    assert [one["needed"] for one in found["services"]] == [True, True]
    assert found["services"][0]["msg"] == below + " first"
    assert found["live"] == [{"name": "greet", "version": "asked", "instances": []}]


def test_what_cannot_be_judged_is_run_and_says_it_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    found = planned(monkeypatch, service=HotswapError("no image", "Pull it."))
    assert needs(found) == [False, False, True, True]
    assert found["services"][0]["msg"] == "no image. Pull it."
    assert found["live"] == [{"name": "greet", "version": "asked", "instances": []}]


def test_what_is_not_asked_for_is_not_there() -> None:
    found = parts.Parts(lambda _options: t.cast(Engine, Listing())).plan(parts.Asked(None, None, []))
    assert found == {"network": None, "proxy": None, "services": [], "live": []}
