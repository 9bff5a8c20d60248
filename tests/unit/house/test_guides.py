# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guides and the examples show can be read, and names what exists."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import typing as t

import pytest
import yaml

from .files import MODULES, ROOT, options, read_yaml

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^```ya?ml\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_ANCHOR = re.compile(r"\]\((?!https?:|mailto:)([^)#]*)#([^)]+)\)")
SHOWN = [(page.relative_to(ROOT), number, text) for page in PAGES for number, text in enumerate(_FENCE.findall(page.read_text()), 1)]
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.yml") if path.is_file())
OPTIONS = {module: set(options(module)) for module in MODULES}


def _tasks(value: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """Every mapping in it, however deep."""
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from _tasks(one)
    elif isinstance(value, list):
        for one in value:
            yield from _tasks(one)


def _unknown(document: t.Any) -> list[str]:
    """Modules of ours that do not exist, and options that they do not have."""
    found = []
    for task in _tasks(document):
        for name, given in task.items():
            module = str(name)[len("hotswap.containers.") :] if str(name).startswith("hotswap.containers.") else ""
            if module and module not in OPTIONS:
                found.append(str(name))
            elif module and isinstance(given, dict):
                found += ["%s: %s" % (module, option) for option in given if option not in OPTIONS[module] and option != "<<"]
    return found


@pytest.mark.parametrize(("page", "number", "text"), SHOWN, ids=["%s:%d" % shown[:2] for shown in SHOWN])
def test_shown_yaml_can_be_read_and_names_what_exists(page: pathlib.Path, number: int, text: str) -> None:
    assert [problem for document in yaml.safe_load_all(text) for problem in _unknown(document)] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_name_what_exists(path: pathlib.Path) -> None:
    class Loader(yaml.SafeLoader):
        """Vaulted texts and the like are texts here."""

    Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))
    assert _unknown(yaml.load(path.read_text(), Loader)) == []


@pytest.mark.parametrize("name", ["air-gapped/site.yml", "embedded/site.yml", "rootless/site.yml", "three-vms/rollout.yml"])
def test_examples_can_be_read_by_ansible(name: str) -> None:
    inventory = ROOT / "examples" / "three-vms" / "inventory.ini"
    argv = ["ansible-playbook", "--syntax-check", "-i", str(inventory), "-e", "rollout_hosts=web", str(ROOT / "examples" / name)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _slug(heading: str) -> str:
    """As GitHub makes them."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_into_pages_lead_to_a_heading(page: pathlib.Path) -> None:
    wrong = []
    for target, anchor in _ANCHOR.findall(page.read_text()):
        path = page.parent / target if target else page
        if path.suffix == ".md" and path.exists() and anchor not in {_slug(heading) for heading in _HEADING.findall(path.read_text())}:
            wrong.append("%s#%s" % (target, anchor))
    assert wrong == []


def test_every_page_is_in_the_index() -> None:
    shown = (ROOT / "docs" / "README.md").read_text()
    assert [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md" and "(%s)" % path.name not in shown] == []


def test_every_example_folder_is_used_in_a_page() -> None:
    told = "".join(page.read_text() for page in [*PAGES, ROOT / "CONTRIBUTING.md"])
    folders = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir() and any(path.iterdir()) and path.name != "__pycache__")
    assert [name for name in folders if "examples/%s" % name not in told] == []


def test_the_action_group_is_shown_and_holds_modules_that_exist() -> None:
    group = read_yaml("meta/runtime.yml")["action_groups"]["all"]
    assert set(group) <= set(MODULES)
    assert any("group/hotswap.containers.all" in page.read_text() for page in PAGES)


_ERRORS = ("HotswapError", "EngineError", "SwitchError", "GateFailed", "InvalidInput")
# Errors about one value begin with its option: the page has one section for all of them.
_OF_A_VALUE = re.compile(r"(%s|[a-z_.]+)(\.(%s|[a-z]+))?: ")
_CODE = re.compile(r"`([^`]+)`")
_LEFT_OPEN = re.compile(r"\b[A-Z][A-Z ]*\b|\.\.\.|\bmod_")
_HOLE = re.compile(r"%[-.0-9]*[a-z]")
_LEAST = 7


def _texts() -> t.Iterator[str]:
    """What the errors of the modules say, without those about one value."""
    for path in sorted((ROOT / "plugins" / "module_utils").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _ERRORS and node.args:
                text = node.args[0].left if isinstance(node.args[0], ast.BinOp) else node.args[0]
                if isinstance(text, ast.Constant) and isinstance(text.value, str) and _says_something(text.value):
                    yield text.value


def _says_something(text: str) -> bool:
    """Whether there are words to look for: not only what is put in."""
    return not _OF_A_VALUE.match(text) and len(max(_HOLE.split(text), key=len)) >= _LEAST


def test_errors_can_be_found_in_the_page_about_them() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    told = {piece.strip(" :,()'") for code in _CODE.findall(page) for piece in _LEFT_OPEN.split(code)}
    phrases = [piece for piece in told if len(piece) >= _LEAST]
    assert [text for text in _texts() if not any(phrase in text for phrase in phrases)] == []
