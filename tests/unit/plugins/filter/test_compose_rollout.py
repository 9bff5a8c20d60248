# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter for Compose files, as the role calls it."""

from __future__ import annotations

import pathlib

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.hotswap.containers.plugins.filter.compose_rollout import compose_rollout

TEXT = "name: shop\nservices: {web: {image: 'greet:${V-1}', ports: ['80:80']}, tools: {image: 'greet:1', profiles: [debug]}}\n"


@pytest.fixture(name="playbook")
def _playbook(tmp_path: pathlib.Path) -> str:
    (tmp_path / "compose.yaml").write_text(TEXT)
    return str(tmp_path)


@pytest.mark.parametrize("path", ["", None, "  "])
def test_nothing_comes_of_a_blank_path(path: str | None) -> None:
    found = compose_rollout(path)
    assert not any(value for key, value in found.items() if key != "manage_network")
    assert found["manage_network"] is True


def test_a_relative_path_is_beside_the_playbook(playbook: str) -> None:
    found = compose_rollout("compose.yaml", playbook, {"V": 7})
    assert [(one["name"], one["image"]) for one in found["services"]] == [("shop-web", "greet:7")]


def test_or_in_the_folder_that_ansible_was_started_in(playbook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(playbook)
    assert compose_rollout("compose.yaml", "/nowhere")["proxy"] == "shop"


def test_profiles_can_be_a_text(playbook: str) -> None:
    assert len(compose_rollout("compose.yaml", playbook, None, "x, debug")["services"]) == 2


@pytest.mark.parametrize(
    ("path", "says"), [("none.yaml", "rollout_compose: none.yaml: there is no such file"), ("compose.yaml", "compose.yaml: services.web.image")]
)
def test_an_error_begins_with_the_variable(playbook: str, path: str, says: str) -> None:
    pathlib.Path(playbook, "compose.yaml").write_text(TEXT.replace("${V-1}", "${V?}"))
    with pytest.raises(AnsibleFilterError, match=says):
        compose_rollout(path, playbook)
