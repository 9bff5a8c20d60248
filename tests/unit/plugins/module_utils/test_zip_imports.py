# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is imported from an archive is what Python would import, compiled once."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t
import zipfile

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils import _zip_imports

FILES = {
    "house/__init__.py": "",
    "house/door.py": "from .rooms import kitchen\nfrom . import rooms\n",
    "house/rooms/__init__.py": "SIZE = 2\n",
    "house/rooms/kitchen.py": "import json.decoder\nfrom .. import door\n",
}
# Argument 1 is the archive; 2 says whether its files are to be compiled once.
PROGRAM = """
import importlib.util, json, sys
compiled = []
sys.path.insert(0, sys.argv[1])
import house.once
if sys.argv[2] == "once":
    house.once.compile_once()
    house.once.compile_once()
sys.addaudithook(lambda event, args: compiled.append(str(args[1])) if event == "compile" and sys.argv[1] in str(args[1]) else None)
import house.door
try:
    import house.cellar
except ModuleNotFoundError as error:
    missing = error.name
print(json.dumps({
    "modules": {name: [one.__file__, list(getattr(one, "__path__", [])), one.__package__,
        one.__spec__.name, one.__spec__.origin, one.__spec__.has_location, one.__spec__.parent, type(one.__spec__.loader).__name__]
        for name, one in sys.modules.items() if name.split(".")[0] in ("house", "json")},
    "missing": missing,
    "source": importlib.util.find_spec("house.door").loader.get_source("house.door"),
    "compiled": [name[len(sys.argv[1]) + 1:] for name in compiled],
}))
"""


@pytest.fixture
def archive(tmp_path: pathlib.Path) -> pathlib.Path:
    with zipfile.ZipFile(tmp_path / "house.zip", "w") as made:
        for name, text in {**FILES, "house/once.py": pathlib.Path(_zip_imports.__file__).read_text()}.items():
            made.writestr(name, text)
    return tmp_path / "house.zip"


def imported(archive: pathlib.Path, how: str) -> dict[str, t.Any]:
    argv = [sys.executable, "-c", PROGRAM, str(archive), how]
    return dict(json.loads(subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout))


def test_the_same_is_imported(archive: pathlib.Path) -> None:
    once, usual = imported(archive, "once"), imported(archive, "as usual")
    assert once["missing"] == "house.cellar"
    assert {**once, "compiled": []} == {**usual, "compiled": []}


def test_each_file_of_a_package_is_compiled_once(archive: pathlib.Path) -> None:
    assert sorted(imported(archive, "once")["compiled"]) == ["house/door.py", "house/rooms/__init__.py", "house/rooms/kitchen.py"]


def test_outside_of_an_archive_nothing_is_changed() -> None:
    before = [*sys.meta_path]
    _zip_imports.compile_once()
    assert sys.meta_path == before
