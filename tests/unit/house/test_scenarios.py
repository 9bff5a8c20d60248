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
    folder = scene.folder_of(name)
    shown = {text for _page, text, _block in BLOCKS}
    assert sorted(folder.glob("*.yml")), "it has no playbook"
    assert [path.name for path in sorted(folder.glob("*.yml")) if str(path.relative_to(ROOT)) not in shown] == []


def test_engines() -> None:
    module = types.SimpleNamespace(ENGINES=("docker", "podman"), SHORT="podman")
    assert scenarios.engines(module, [], False) == ["docker", "podman"]
    assert scenarios.engines(module, ["docker", "rootless"], False) == ["docker"]
    assert scenarios.engines(module, [], True) == ["podman"]


@pytest.mark.parametrize("name", sorted(FOUND))
def test_its_page_says_what_to_type(name: str) -> None:
    text = scene.page_of(name, FOUND[name]).read_text()
    assert len(scene.commands(text)) == text.count("ansible-playbook -i inventory.ini") > 0
    assert len(scene.hosts_of(scene.folder_of(name) / scene.INVENTORY)) == len(scene.specs(FOUND[name], "docker"))


def test_what_is_typed_is_what_the_page_says() -> None:
    (told,) = scene.commands("VERSION=B ansible-playbook -i inventory.ini site.yml -e a=1 --check -e b=2    # why\n")
    assert told == scene.command("site.yml", ("-e", "b=2", "-e", "a=1", "--check"), {"VERSION": "B"})
    assert told != scene.command("site.yml", ("-e", "b=1", "-e", "a=2", "--check"), {"VERSION": "B"})
    assert told != scene.command("site.yml", ("-e", "b=2", "-e", "a=1", "--check"), {})


def test_hosts_get_the_asked_engine() -> None:
    module = types.SimpleNamespace(HOSTS=("lb1:docker", "n1", "n2:{engine}:nosocket"))
    assert scene.specs(module, "rootless") == ["lb1:docker", "n1:rootless", "n2:rootless:nosocket"]
