# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scenarios: each is offered on an engine, and its playbooks are what its page shows."""

from __future__ import annotations

import types

import pytest
from scenarios import __main__ as scenarios
from scenarios import scene

from .files import ROOT
from .test_documentation import BLOCKS

FOUND = scenarios.find()


@pytest.mark.parametrize("name", sorted(FOUND))
def test_it_can_be_played(name: str) -> None:
    module = FOUND[name]
    assert scenarios.engines(module, [], True)[0] in scenarios.engines(module, [], False)
    assert scene.specs(module, "podman")


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_page_shows_its_playbooks(name: str) -> None:
    folder = ROOT / "examples" / getattr(FOUND[name], "EXAMPLE", name.replace("_", "-"))
    shown = {text for _page, text, _block in BLOCKS}
    assert sorted(folder.glob("*.yml")), "it has no playbook"
    assert [path.name for path in sorted(folder.glob("*.yml")) if str(path.relative_to(ROOT)) not in shown] == []


def test_engines() -> None:
    module = types.SimpleNamespace(ENGINES=("docker", "podman"), SHORT="podman")
    assert scenarios.engines(module, [], False) == ["docker", "podman"]
    assert scenarios.engines(module, ["docker", "rootless"], False) == ["docker"]
    assert scenarios.engines(module, [], True) == ["podman"]


def test_hosts_get_the_asked_engine() -> None:
    module = types.SimpleNamespace(HOSTS=("lb1:docker", "n1", "n2:{engine}:nosocket"))
    assert scene.specs(module, "rootless") == ["lb1:docker", "n1:rootless", "n2:rootless:nosocket"]
