# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-sanity: every test of ansible-test sanity, with no ignore entry, on a copy of the checkout."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import time

from run.checkout import copy_checkout
from run.report import OUTPUT, ROOT, Check, finish, say

# The versions of get-pip.py that the releases of ansible-test look for in their cache.
GET_PIP = ("21_3_1", "23_1_2", "24_0", "24_2", "25_2")
_STARTED = re.compile(r'^Running sanity test "([^"]+)"(?: on Python ([\d.]+))?', re.MULTILINE)
_FAILED = re.compile(r"^FATAL: The \d+ sanity test\(s\) listed below \(out of \d+\) failed[^\n]*\n(.*)\Z", re.MULTILINE | re.DOTALL)
# A Python that is not on this machine is no failure: which ones are there differs from machine to machine.
_SKIPPED = re.compile(r'^WARNING: Skipping sanity test "([a-z-]+)"(?! on Python [\d.]+ because it could not be found)', re.MULTILINE)
# The rest is what pip says while it installs the tools of each test.
_SHOWN = ("Running sanity test", "ERROR", "FATAL")


def private_home() -> pathlib.Path:
    """A home of its own for ansible-test, so that our stand-in for get-pip never lands in the person's cache."""
    home = pathlib.Path(os.environ["HOTSWAP_CACHE"]) / "sanity-home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in GET_PIP:
        shutil.copyfile(ROOT / "tests" / "utils" / "get_pip_shim.py", cache / ("get_pip_%s.py" % version))
    for settings in (".config/pip", ".pip"):
        source = pathlib.Path.home() / settings
        if source.is_dir() and not (home / settings).exists():
            (home / settings).parent.mkdir(parents=True, exist_ok=True)
            (home / settings).symlink_to(source)
    return home


def other_pythons() -> list[str]:
    """Folders of further Python versions that pyenv has on this machine: modules are compiled and imported with each.

    The folders themselves, as pyenv's own commands on the PATH stand for versions that are not there.
    """
    versions = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv") / "versions"
    return [str(python.parent) for python in sorted(versions.glob("3.*/bin/python3.[0-9]*")) if python.name.count(".") == 1 and "-" not in python.name]


def sanity(copy: pathlib.Path, commands: pathlib.Path | None = None, log: str = "sanity.log", shown: tuple[str, ...] = _SHOWN) -> tuple[int, str]:
    """Runs it, showing its progress: exit code and everything that it said, which is kept in the log too.

    `commands`: the folder of another ansible-core's commands. `shown`: how the lines begin that go to the terminal.
    """
    argv = ["ansible-test", "sanity", "--local", "--color", "no"]
    folders = [*([str(commands)] if commands else []), os.environ["PATH"], *other_pythons()]
    env = {**os.environ, "HOME": str(private_home()), "PATH": os.pathsep.join(folders)}
    env.pop("PYTHONPATH", None)
    lines = []
    with subprocess.Popen(argv, cwd=copy, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            if line.startswith(shown):
                say(line.rstrip("\n"))
            lines.append(line)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / log).write_text("".join(lines))
    return process.returncode, "".join(lines)


def read(code: int, output: str, seconds: float) -> list[Check]:
    """One check for each sanity test that was begun (for each Python, where a test is run on several).

    A test that ansible-test skipped is one that failed.
    """
    match = _FAILED.search(output)
    failed = set(match.group(1).split("\n")) if match else set()
    names = [name + (" %s" % python if python else "") for name, python in _STARTED.findall(output)]
    each = seconds / max(1, len(names))
    checks = [Check(name, not _is_among(name, failed), each) for name in names]
    checks += [Check("skipped: " + name, passed=False) for name in _SKIPPED.findall(output)]
    if code and all(check.passed for check in checks):
        checks.append(Check("ansible-test exited %d" % code, passed=False))
    return checks


def _is_among(name: str, failed: set[str]) -> bool:
    return name in failed or name.replace(" ", " --python ") in failed or name.split()[0] in failed


def main() -> None:
    """Sanity on the copy, at the newest ansible-core that the environment's Python allows."""
    began = time.monotonic()
    code, output = sanity(copy_checkout("sanity"))
    finish("sanity", read(code, output, time.monotonic() - began))


if __name__ == "__main__":
    main()
