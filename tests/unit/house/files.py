# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the collection's files for tests that compare them with each other."""

from __future__ import annotations

import ast
import pathlib
import typing as t

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")


def read_yaml(path: str) -> t.Any:
    """One YAML file of the checkout."""
    return yaml.safe_load((ROOT / path).read_text())


def constant(path: pathlib.Path, name: str) -> str:
    """The text that a Python file assigns to `name`, without importing the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
            return str(ast.literal_eval(node.value))
    raise KeyError("%s has no %s" % (path, name))


def options(module: str) -> dict[str, t.Any]:
    """The documented options of a module, with those of its documentation fragments."""
    documented = yaml.safe_load(constant(ROOT / "plugins" / "modules" / (module + ".py"), "DOCUMENTATION"))
    found = dict(documented.get("options") or {})
    for fragment in documented.get("extends_documentation_fragment") or []:
        name, _dot, part = fragment.split("hotswap.containers.", 1)[1].partition(".")
        text = constant(ROOT / "plugins" / "doc_fragments" / (name + ".py"), part.upper() or "DOCUMENTATION")
        found.update(yaml.safe_load(text).get("options") or {})
    return found
