# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter unless_blank: blank texts give way, everything else stays."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.filter.unless_blank import FilterModule

unless_blank = FilterModule().filters()["unless_blank"]


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_text_gives_way(blank: str) -> None:
    assert unless_blank(blank, "instead") == "instead"


@pytest.mark.parametrize("value", [0, 0.0, False, [], {}, None, "0", "no", " x "])
def test_everything_else_stays(value: t.Any) -> None:
    assert unless_blank(value, "instead") is value
