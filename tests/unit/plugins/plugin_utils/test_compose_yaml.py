# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML as docker compose 2.26 read it."""

from __future__ import annotations

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.plugin_utils._compose_yaml import load, text_of


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0755", "493"),
        ("0899", "899"),
        ("-07", "-7"),
        ("1_000", "1000"),
        ("0o17", "15"),
        ("0b11", "3"),
        ("0x1F", "31"),
        ("+5", "5"),
        ("-0", "0"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("1.50", "1.5"),
        ("1.", "1"),
        ("1e20", "1e+20"),
        ("100000000.0", "1e+08"),
        ("1234567.5", "1.2345675e+06"),
        ("999999.0", "999999"),
        ("0.00012", "0.00012"),
        ("1e-7", "1e-07"),
        ("-1.5", "-1.5"),
        ("123456789012345678901", "1.2345678901234568e+20"),
        ("TRUE", "true"),
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("22:22", "22:22"),
    ],
)
def test_a_scalar_as_a_text(written: str, expected: str) -> None:
    assert text_of(load("a: " + written)["a"]) == expected


@pytest.mark.parametrize("written", ["", "~", "null", "Null"])
def test_nothing(written: str) -> None:
    assert load("a: " + written) == {"a": None}


def test_anchors_and_merged_keys() -> None:
    assert load("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}")["b"] == {"p": 1, "q": 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2", "in line 2: the key a is there twice"),
        ("a: [", "no YAML in line 1"),
        ("a: !reset null", "!reset"),
        ("a: 1\n---\nb: 2", "another document"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        load(text)
