# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Imports from the archive that a module comes in, each file compiled once.

Python's zipimport compiles a file twice: first to learn its name, which `spec_from_file_location` asks the loader for
(CPython 3.10 to 3.13, Lib/zipimport.py, get_filename). Compiling is most of what a module run does before its work,
so this took an eighth off the whole run (docs/speed.md).
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import pkgutil
import sys
import types
import typing as t
import zipimport


class _FromZip:
    """Finds what PathFinder would find in an archive, and says its name beforehand."""

    @staticmethod
    def find_spec(name: str, path: t.Sequence[str] | None = None, _target: types.ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        """The specification of a module in an archive, None for any other."""
        for folder in path or ():
            loader = pkgutil.get_importer(folder)
            if not isinstance(loader, zipimport.zipimporter):
                return None
            place = "%s/%s" % (folder, name.rpartition(".")[2])
            try:
                package = loader.is_package(name)
            except zipimport.ZipImportError:
                continue
            file, folders = (place + "/__init__.py", [place]) if package else (place + ".py", None)
            return importlib.util.spec_from_file_location(name, file, loader=loader, submodule_search_locations=folders)
        return None


def compile_once() -> None:
    """From here on in this process, when it is a module in Ansible's archive. Pythons whose archives are read by other means are left as they are."""
    archived = __spec__ is not None and isinstance(__spec__.loader, zipimport.zipimporter)
    if archived and hasattr(zipimport.zipimporter, "exec_module") and _FromZip not in sys.meta_path:
        sys.meta_path.insert(0, t.cast(t.Any, _FromZip))
