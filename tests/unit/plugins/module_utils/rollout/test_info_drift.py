# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a service is not as its last run left it."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.formats import fingerprint
from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_RESTART, LABEL_SPEC, Container
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import info_drift, info_more
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving, Target


def container(name: str = "greet-A-1", settings: str = "made", at_boot: bool | None = True, replicas: int = 1, policy: str = "always") -> Container:
    labels = {LABEL_SPEC: json.dumps({"replicas": replicas}), LABEL_RESTART: policy}
    return Container("1", name, "", "", "running", labels=labels, at_boot=at_boot, settings=settings)


LIVE = {"greet-A-1": 100}
MADE = {"greet-A-1": "made"}


@pytest.mark.parametrize(
    ("one", "weights", "word"),
    [
        (container(), LIVE, ""),
        (container(settings="other"), LIVE, "somebody changed"),
        (container(at_boot=False), LIVE, "would not be started at boot"),
        (container(at_boot=True), {}, "would be started at boot"),
        (container(at_boot=None), {}, ""),
        (container(at_boot=False, policy="no"), LIVE, ""),
        (container(replicas=2), LIVE, "1 of 2 instances of greet-A are there"),
        (container(replicas=2, at_boot=False), {}, ""),
    ],
)
def test_containers(one: Container, weights: dict[str, int], word: str) -> None:
    said = info_drift.of_containers([one], weights, MADE)
    assert len(said) == bool(word)
    assert word in "".join(said)


def test_of_what_was_not_noted_nothing_is_said() -> None:
    assert info_drift.of_containers([container(settings="other")], LIVE, {}) == []


class Noted:
    """A Traffic that has a note, or cannot read it."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def written(self, service: str) -> Serving | None:
        return Serving(Route(service), tuple(Target(name, "", 1, 100) for name in self._names)) if self._names else None


@pytest.mark.parametrize(
    ("noted", "weights", "said"),
    [
        (("a",), {"a": 100}, []),
        ((), {"a": 100}, []),
        (("a",), {}, ["its traffic goes to nobody, and should go to a"]),
        (("a", "b"), {"a": 1, "c": 1}, ["its traffic goes to a, c, and should go to a, b"]),
    ],
)
def test_traffic(noted: tuple[str, ...], weights: dict[str, int], said: list[str]) -> None:
    traffic: t.Any = Noted(*noted)
    assert info_drift.of_traffic(traffic, "greet", weights) == said


INSPECT = {
    "Config": {"Image": "greet:A", "Env": ["APP=1", "HOSTNAME=x"], "Labels": {"a": "b"}},
    "HostConfig": {"Memory": 10, "RestartPolicy": {"Name": "always"}},
    "Mounts": [{"Source": "/a", "Destination": "/b", "RW": True}],
}


@pytest.mark.parametrize(
    ("part", "change", "same"),
    [
        ("Config", {"Env": ["HOSTNAME=y", "APP=1", "HOME=/"]}, True),
        ("Config", {"Env": ["APP=2"]}, False),
        ("Config", {"Image": "greet:B"}, False),
        ("HostConfig", {"RestartPolicy": {"Name": "no"}}, True),
        ("HostConfig", {"Memory": 20}, False),
    ],
)
def test_a_fingerprint_is_of_what_somebody_chose(part: str, change: dict[str, t.Any], same: bool) -> None:
    made: dict[str, t.Any] = INSPECT
    assert (fingerprint({**made, part: {**made[part], **change}}) == fingerprint(made)) == same


def test_a_fingerprint_shows_no_value() -> None:
    assert len(fingerprint(INSPECT)) == 16


def test_the_size_of_a_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"x" * 10)
    (tmp_path / "two").write_bytes(b"x" * 5)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert info_more.folder_size(tmp_path) == 15 + (tmp_path / "gone").lstat().st_size
    assert info_more.folder_size(tmp_path / "missing") == 0
