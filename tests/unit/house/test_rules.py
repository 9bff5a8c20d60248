# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import pathlib
import statistics
import typing as t

import pytest

from .files import MODULES, ROOT, options, read_yaml

PLUGINS = sorted(path for path in (ROOT / "plugins").rglob("*.py") if path.name != "__init__.py")
UTILS = sorted(path for path in PLUGINS if "module_utils" in path.parts)
# What each part of module_utils may import of the others. Modules may import everything.
ALLOWED = {
    "_engine": {"_engine", "_errors", "_units", "_processes"},
    "_switch": {"_switch", "_errors", "_units", "_processes"},
    "_probe": {"_probe", "_errors"},
    "_image": {"_image", "_engine", "_errors", "_references", "_processes"},
    # Its options are the modules' options: those of the engine are declared in _module.
    "_rollout": {"_rollout", "_module", "_switch", "_engine", "_errors", "_probe", "_references"},
    "_errors": set(),
    "_processes": set(),
    "_references": set(),
    "_units": set(),
    "_options": set(),
    "_zip_imports": set(),
    "_module": {"_engine", "_errors", "_rollout"},
}


def _names(paths: t.Iterable[pathlib.Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def _imports(path: pathlib.Path) -> t.Iterator[str]:
    """Absolute names of what a file imports, also inside functions, but not only for type checkers."""
    tree = ast.parse(path.read_text())
    hidden = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) for inner in ast.walk(node)}
    package = path.relative_to(ROOT / "plugins").with_suffix("").parts
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) + "." if node.level else ""
            yield from ["%s%s.%s" % (base, node.module, alias.name) if node.module else base + alias.name for alias in node.names]


@pytest.mark.parametrize("name", _names(UTILS))
def test_imports_point_one_way(name: str) -> None:
    part = pathlib.PurePath(name).with_suffix("").parts[2]
    ours = {found.split(".")[1] for found in _imports(ROOT / name) if found.startswith("module_utils.")}
    assert ours <= ALLOWED[part]


@pytest.mark.parametrize("name", _names(UTILS))
def test_only_modules_know_ansible(name: str) -> None:
    assert [found for found in _imports(ROOT / name) if found.split(".")[0] == "ansible"] == []


@pytest.mark.parametrize("name", _names(UTILS))
def test_module_utils_say_that_they_are_private(name: str) -> None:
    assert "# Private to hotswap.containers: may change in any release." in (ROOT / name).read_text()


def _functions(path: pathlib.Path) -> t.Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def test_functions_are_short() -> None:
    lengths = {"%s:%s" % (path.name, function.name): _length(function) for path in PLUGINS for function in _functions(path)}
    assert [name for name, length in lengths.items() if length > 55] == []
    assert statistics.median(lengths.values()) <= 10


@pytest.mark.parametrize("name", _names(UTILS))
def test_public_functions_say_what_they_do(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    public = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")]
    assert [node.name for node in public if not ast.get_docstring(node) and not _is_plain_record(node)] == []


def _is_plain_record(node: ast.stmt) -> bool:
    # A protocol or record whose members say it all may go without.
    return isinstance(node, ast.ClassDef)


def _tracked() -> list[pathlib.Path]:
    kinds = ("*.py", "*.sh", "*.yml", "*.toml", "dev", ".ci/run", ".yamllint", ".ansible-lint")
    found = {path for kind in kinds for path in ROOT.rglob(kind) if path.is_file()}
    generated = {".git", ".ansible", "collections", "output", "build", "dist", ".hypothesis"}
    return sorted(path for path in found if not generated & set(path.relative_to(ROOT).parts) and path.name not in ("__init__.py", "changelog.yaml"))


@pytest.mark.parametrize("name", [name for name in _names(_tracked()) if not name.startswith("changelogs/fragments")])
def test_every_file_names_its_licence(name: str) -> None:
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in (ROOT / name).read_text()


def test_nothing_is_left_for_later() -> None:
    marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
    assert [str(path) for path in _tracked() if any(mark in path.read_text() for mark in marks)] == []


def test_the_action_group_has_the_modules_that_talk_to_an_engine() -> None:
    group = read_yaml("meta/runtime.yml")["action_groups"]["all"]
    assert sorted(group) == [module for module in MODULES if "engine" in options(module)]


def test_nothing_is_excused_from_sanity() -> None:
    assert list((ROOT / "tests" / "sanity").glob("ignore-*")) == []


def test_every_role_has_a_readme() -> None:
    # Galaxy refuses the whole collection without.
    assert [path.name for path in sorted((ROOT / "roles").iterdir()) if not (path / "README.md").is_file()] == []
