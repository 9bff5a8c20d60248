# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module run costs before it does anything: the files that are sent, and those that the host's Python compiles anew each time.

A bound here is a promise. Whoever must raise one says why in the commit.
"""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
import typing as t
import zlib

import pytest

from .files import ROOT

PLUGINS = ROOT / "plugins"
# Compressed KB of our files. What Ansible adds of its own is 114 KB (2.19).
SENT = {"network": 57, "reverse_proxy": 235, "service": 268, "plan": 293}
# How many of them are imported at once; which drivers and means are used is known later.
IMPORTED = {"network": 20, "reverse_proxy": 58, "service": 72, "plan": 81}
LATER = ("_switch.apache", "_switch.caddy", "_switch.haproxy", "_switch.nginx", "_switch.port_redirect", "_rollout.host_proxy_apply")


def sent(module: str) -> set[pathlib.Path]:
    """The module and all that it imports of ours, wherever the import stands, as Ansible packs them."""
    found: set[pathlib.Path] = set()
    left = [PLUGINS / "modules" / (module + ".py")]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += _imported(path)
    return found


def _imported(path: pathlib.Path) -> t.Iterator[pathlib.Path]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [folder.with_suffix(".py"), *[folder / (name.name + ".py") for name in node.names]]
            yield from (one for one in names if one.exists())


@pytest.mark.parametrize("module", SENT)
def test_what_is_sent(module: str) -> None:
    size = sum(len(zlib.compress(path.read_bytes())) for path in sent(module))
    assert size <= SENT[module] * 1024


@pytest.mark.parametrize("module", IMPORTED)
def test_what_is_imported_at_once(module: str) -> None:
    program = "import sys, ansible_collections.hotswap.containers.plugins.modules.%s; print(*sys.modules)" % module
    words = subprocess.run([sys.executable, "-c", program], check=True, text=True, capture_output=True).stdout.split()
    ours = [word.split(".plugins.module_utils.")[1] for word in words if ".plugins.module_utils." in word]
    assert [one for one in ours if one in LATER] == []
    assert len(ours) <= IMPORTED[module]
