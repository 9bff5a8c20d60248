# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task costs on the controller before it does anything: the files of ours that its process compiles.

Ansible makes a process for each task and host, which compiles a collection's files anew, and to find one filter it
loads all of the collection's filters. A bound here is a promise. Whoever must raise one says why in the commit.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from .files import ROOT

PROGRAM = """
import sys
compiled = []
sys.addaudithook(lambda event, args: compiled.append(str(args[1])) if event == "compile" else None)
from ansible.plugins import loader
loader.init_plugin_loader()
getattr(loader, sys.argv[1] + "_loader").get("hotswap.containers." + sys.argv[2], class_only=True)
print(*[name.split("/plugins/", 1)[1] for name in compiled if "/hotswap/containers/plugins/" in name])
"""
BOUNDS = {("lookup", "rollout_part"): 15, ("action", "plan"): 6, ("action", "service"): 6, ("action", "network"): 2, ("action", "reverse_proxy"): 2}


def compiled(kind: str, name: str) -> list[str]:
    """The files below plugins/ that using the plugin compiles."""
    argv = [sys.executable, "-c", PROGRAM, kind, name]
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout.split()


def test_a_filter_brings_nothing_but_filters() -> None:
    assert sorted(compiled("filter", "unless_blank")) == sorted("filter/" + path.name for path in (ROOT / "plugins" / "filter").glob("*.py"))


@pytest.mark.parametrize(("kind", "name"), BOUNDS)
def test_what_a_plugin_brings(kind: str, name: str) -> None:
    found = compiled(kind, name)
    assert found
    assert len(found) <= BOUNDS[(kind, name)]
