# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that are nearly right are found, names of somebody's own are left alone."""

from __future__ import annotations

import pytest

from ansible_collections.hotswap.containers.plugins.plugin_utils import _spelling

KNOWN = ("rollout_batches", "rollout_canary", "rollout_image", "rollout_max_failures", "rollout_port")


@pytest.mark.parametrize(
    ("name", "meant"), [("rollout_cannary", "rollout_canary"), ("rollout_batch", "rollout_batches"), ("rollout_max_failure", "rollout_max_failures")]
)
def test_a_misspelt_name_is_found(name: str, meant: str) -> None:
    assert _spelling.misspelt([name, *KNOWN], KNOWN) == ["%s: nobody reads it. Is %s meant?" % (name, meant)]


@pytest.mark.parametrize("name", ["rollout_image_b", "rollout_port2", "rollout_database_of_mine"])
def test_a_name_of_somebodys_own_is_left_alone(name: str) -> None:
    assert _spelling.misspelt([name], KNOWN) == []


def test_the_role_and_the_playbooks_are_known() -> None:
    assert {"rollout_route", "rollout_image_archive", "rollout_batches", "rollout_verified"} <= _spelling.variables()


def test_where_only_options_may_stand_every_other_name_is_found() -> None:
    found = _spelling.unknown("rollout_services, greet", ["image", "imgae", "colour"], ("image", "port"))
    assert found == ["rollout_services, greet: colour is no option of it.", "rollout_services, greet: imgae is no option of it. Is image meant?"]
