# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock, with real processes: it names its owner, and ends with it however it dies."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError, LockHeld
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.lock import held

HOLDER = """
import pathlib, sys
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.lock import held
with held(pathlib.Path(sys.argv[1]), "live of greet", 0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: pathlib.Path) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process  # type: ignore[misc]
    process.kill()
    process.wait()


def test_the_second_is_told_who_holds_it(tmp_path: pathlib.Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LockHeld, match=r"process %d, for live of greet, taken \d+ s ago; waited 0 s" % holder.pid), held(tmp_path, "x", 0):
        pass


def test_a_killed_owner_leaves_nothing_behind(tmp_path: pathlib.Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with held(tmp_path, "x", 0):
        pass


def test_the_second_waits(tmp_path: pathlib.Path, holder: subprocess.Popen[str]) -> None:
    assert holder.stdin
    holder.stdin.close()
    with held(tmp_path, "x", 30):
        assert holder.wait(30) == 0


def test_on_a_full_disk_the_file_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lock").symlink_to("/dev/full")
    with pytest.raises(HotswapError, match=r"/lock cannot be written: "), held(tmp_path, "x", 0):
        pass
