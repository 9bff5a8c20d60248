# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collections whose modules are measured as peers, taken out of the community bundle on PyPI: no Galaxy server is needed."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

WANTED = ("community/docker", "community/library_inventory_filtering_v1", "containers/podman")
ROOT_NAME = "ansible_collections"


def collections() -> pathlib.Path:
    """The folder that has them below ansible_collections; made once. Raises CalledProcessError when pip cannot get the bundle."""
    folder = pathlib.Path(os.environ["HOTSWAP_CACHE"]) / "peers"
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "wheel").mkdir(parents=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps", "--dest", str(folder / "wheel"), "ansible>=10"],
            check=True,
        )
        _unpack(next((folder / "wheel").glob("*.whl")), folder)
        shutil.rmtree(folder / "wheel")
        (folder / ".ready").touch()
    return folder


def versions(folder: pathlib.Path) -> str:
    """The versions of the peers' collections, for the result."""
    found = []
    for name in ("community/docker", "containers/podman"):
        manifest = (folder / ROOT_NAME / name / "MANIFEST.json").read_text()
        found.append("%s %s" % (name.replace("/", "."), manifest.split('"version": "')[1].split('"')[0]))
    return ", ".join(found)


def rollout_version(program: str) -> str:
    """The version of docker-rollout as the script has it: it answers only where Docker Compose is."""
    found = re.search(r"^VERSION=(\S+)", pathlib.Path(program).read_text(), re.MULTILINE)
    return found.group(1) if found else "unknown"


def _unpack(wheel: pathlib.Path, folder: pathlib.Path) -> None:
    prefixes = tuple("%s/%s/" % (ROOT_NAME, name) for name in WANTED)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(prefixes)])
