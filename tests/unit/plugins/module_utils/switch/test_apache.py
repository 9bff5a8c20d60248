# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apache's configuration and map: what a line may hold, what comes back, and what a weight becomes."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import apache, apache_render
from ansible_collections.hotswap.containers.plugins.module_utils._switch.folder import ProxyFolder
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Maintenance, Preview, ProxySettings, Route, Serving, Target

from .examples import PLACES, ROUTES, SETTINGS, target_lists

TRIAL = Serving(
    Route("greet", ("greet.example.com",), preview=Preview(header="X-Preview", value="yes"), maintenance=Maintenance("back soon", 30)),
    (Target("greet-a-1", "127.0.0.1", 20000),),
    (Target("greet-b-1", "127.0.0.1", 20001),),
)


@given(target_lists, target_lists)
def test_a_map_comes_back_as_it_was(targets: tuple[Target, ...], trial: tuple[Target, ...]) -> None:
    text = apache_render.map_file({"greet": Serving(Route("greet"), targets, trial)})
    found = apache_render.read_map(text).get("greet", {})
    assert tuple(found.get("target", ())) == targets
    assert tuple(found.get("trial", ())) == trial


def test_a_map_that_somebody_changed_says_nothing() -> None:
    text = apache_render.map_file({"greet": TRIAL})
    assert apache_render.read_map(text)["greet"]["closed"] == [apache_render.digest("back soon")]
    assert apache_render.read_map(text.replace("20001", "20002")) == {}
    assert apache_render.read_map("") == {}


def test_what_apache_reads_of_the_map() -> None:
    lines = [line for line in apache_render.map_file({"greet": TRIAL}).splitlines() if not line.startswith("#")]
    assert lines[1:] == ["greet 127.0.0.1:20000", "greet/trial 127.0.0.1:20001", "greet/closed 30"]
    assert apache_render.texts({"greet": TRIAL})["greet.text"] == "back soon"


@given(st.lists(st.integers(1, 256), min_size=1, max_size=apache_render.SLOTS))
def test_no_line_is_longer_than_apache_reads(weights: list[int]) -> None:
    longest = "g" * 200
    targets = tuple(Target("a" * 190 + str(index), "255.255.255.255", 65535, weight) for index, weight in enumerate(weights))
    text = apache_render.map_file({longest: Serving(Route(longest), targets, targets)})
    assert max(len(line) for line in text.splitlines()) < 1024


@given(st.lists(st.integers(1, 256), min_size=1, max_size=apache_render.SLOTS))
def test_everybody_with_a_weight_gets_some_and_more_weight_never_less(weights: list[int]) -> None:
    targets = [Target("a%d" % index, "10.0.0.%d" % index, 80, weight) for index, weight in enumerate(weights)]
    times = [apache_render.spread(targets).count("10.0.0.%d:80" % index) for index in range(len(weights))]
    assert min(times) >= 1
    assert sum(times) <= apache_render.SLOTS
    pairs = sorted(zip(weights, times))
    assert all(one <= other for (_w, one), (_v, other) in zip(pairs, pairs[1:]))


@pytest.mark.parametrize("percent", range(5, 100, 5))
def test_shares_of_a_twentieth_are_exact(percent: int) -> None:
    pair = [Target("a", "10.0.0.1", 80, 100 - percent), Target("b", "10.0.0.2", 80, percent)]
    found = apache_render.spread(pair)
    assert found.count("10.0.0.2:80") * 100 == percent * len(found)
    assert 100 % apache.CAPABILITIES.shares == 0


def test_too_many_instances_are_refused() -> None:
    with pytest.raises(SwitchError, match="37 instances are more than Apache's map can hold, which is 36"):
        apache_render.spread([Target("a%d" % index, "10.0.0.%d" % index, 80) for index in range(37)])


def test_the_configuration_proves_itself() -> None:
    text = apache_render.config(SETTINGS, ROUTES, PLACES)
    assert apache_render.config_digest(text)
    assert apache_render.config_digest(text.replace("Listen 8181", "Listen 8183")) == ""
    assert apache_render.config_digest("") == ""
    assert apache_render.listed(text) == set(ROUTES)
    assert all(apache_render.has_route(text, serving.route) for serving in ROUTES.values())
    assert not apache_render.has_route(text, dataclasses.replace(ROUTES["api"].route, path="/api"))


def test_only_the_map_changes_with_targets_and_maintenance() -> None:
    other = dataclasses.replace(TRIAL, targets=(), preview=(), route=dataclasses.replace(TRIAL.route, maintenance=None))
    assert apache_render.config(SETTINGS, {"greet": TRIAL}, PLACES) == apache_render.config(SETTINGS, {"greet": other}, PLACES)
    assert apache_render.map_file({"greet": TRIAL}) != apache_render.map_file({"greet": other})


def test_a_map_is_another_time_than_the_one_before(tmp_path: pathlib.Path) -> None:
    found = apache.Map(tmp_path / "maps")
    found.create()
    times = set()
    for port in range(20000, 20100):
        assert found.fill({"greet": Serving(Route("greet"), (Target("a", "127.0.0.1", port),))})
        found.turn()
        times.add(found.path.stat().st_mtime_ns // 1000)
    assert len(times) == 100
    assert not found.fill({"greet": Serving(Route("greet"), (Target("a", "127.0.0.1", 20099),))})


def test_texts_that_nothing_says_any_more_go(tmp_path: pathlib.Path) -> None:
    found = apache.Map(tmp_path / "maps")
    found.create()
    found.fill({"greet": TRIAL})
    assert {path.name for path in (tmp_path / "maps" / "closed").iterdir()} == {"nobody", "greet.text"}
    found.clean({})
    assert {path.name for path in (tmp_path / "maps" / "closed").iterdir()} == {"nobody"}


class Calm(apache.ApacheSwitch):
    """Says nothing of ours, and notes when it would have been reloaded."""

    reloads = 0

    def _says(self) -> dict[str, str]:
        return {"map": apache_render.map_digest(self._map.text())}

    def _reload(self, digest: str, settings: ProxySettings) -> None:
        self.reloads += 1


def test_a_configuration_that_was_deleted_is_written_again(tmp_path: pathlib.Path) -> None:
    one = Calm(ProxyFolder(tmp_path / "edge"), lambda _argv: (0, ""), PLACES)
    one.prepare(SETTINGS)
    (tmp_path / "edge/conf/apache.conf").unlink()
    one.apply(SETTINGS)
    assert apache_render.config_digest((tmp_path / "edge/conf/apache.conf").read_text())
    assert one.reloads == 1
