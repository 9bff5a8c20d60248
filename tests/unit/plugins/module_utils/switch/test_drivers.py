# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of drivers."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._switch.drivers import NAMES, container_parts, driver, open_switch


def test_unknown_driver_names_the_others() -> None:
    with pytest.raises(InvalidInput, match=r"'traefik' is unknown\. Use one of: apache, caddy, haproxy, nginx\."):
        driver("traefik")


def test_apache_runs_on_the_host_only(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidInput, match="where: host"):
        container_parts("apache")
    assert open_switch("apache", tmp_path, lambda argv: (0, "")).driver == "apache"


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"apache"}))
def test_parts(name: str, tmp_path: pathlib.Path) -> None:
    parts = container_parts(name)
    assert name in (*(parts.entrypoint or ()), *parts.command)
    assert set(parts.cap_add) - {"SETGID"} == {"NET_BIND_SERVICE"}
    assert open_switch(name, tmp_path, lambda argv: (0, "")).driver == name


def test_only_what_is_true() -> None:
    assert driver("haproxy").capabilities.in_flight and not driver("caddy").capabilities.in_flight
    assert driver("haproxy").capabilities.lossless_reload and not driver("caddy").capabilities.lossless_reload
