# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the README and the documentation show is in the repository, word for word."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

from .files import ROOT, read_yaml

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "roles").rglob("*.md")])
# A block that shows a file is led in by a line "<!-- FILE -->".
_BLOCK = re.compile(r"<!-- (\S+) -->\n\n?```\w*\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)")
BLOCKS = [(str(page.relative_to(ROOT)), name, text) for page in PAGES for name, text in _BLOCK.findall(page.read_text())]


@pytest.mark.parametrize(("page", "name", "text"), BLOCKS, ids=["%s:%s" % block[:2] for block in BLOCKS])
def test_a_shown_file_is_the_file(page: str, name: str, text: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("# ")]
    assert text.strip().splitlines() == [line for line in lines if line != "---" or "---" in text]


def test_the_quick_start_is_shown() -> None:
    shown = {name for page, name, _text in BLOCKS if page == "README.md"}
    assert {"examples/quickstart/inventory.ini", "examples/quickstart/site.yml"} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    assert [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


def test_the_readme_opens_with_the_two_commands() -> None:
    opening = (ROOT / "README.md").read_text().split("```", 2)[1]
    assert "./dev demo" in opening
    assert "./dev test" in opening


@pytest.mark.parametrize("name", ["examples/quickstart/site.yml", "examples/quickstart/modules.yml", "playbooks/rollout.yml", "playbooks/rollback.yml"])
def test_playbooks_can_be_read_by_ansible(name: str) -> None:
    argv = ["ansible-playbook", "--syntax-check", "-i", str(ROOT / "examples" / "quickstart" / "inventory.ini"), str(ROOT / name)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_shown_variables_exist() -> None:
    specs = read_yaml("roles/rollout/meta/argument_specs.yml")["argument_specs"]
    known = {name for entry in specs.values() for name in entry["options"]} | _of_the_fleet() | {"rollout_result", "rollout_verified"} | _tags()
    told = _fleet.report([], [], _fleet.verdict([], 0, {}), {})["stats"]
    shown = {name for page in PAGES for name in _VARIABLE.findall(page.read_text())}
    assert shown - known - set(told) - _HOOKS_ARE_TOLD == set()


_VARIABLE = re.compile(r"\brollout_[a-z_]+[a-z]\b")
_HOOKS_ARE_TOLD = {"rollout_step", "rollout_hook_services", "rollout_hook_before", "rollout_summary", "rollout_outcome"}


def _of_the_fleet() -> set[str]:
    """The variables that the playbooks read beside the role's."""
    return {name for path in (ROOT / "playbooks").rglob("*.yml") for name in _VARIABLE.findall(path.read_text())}


def _tags() -> set[str]:
    """What --tags and --skip-tags of a rollout can name."""
    return {tag for name in ("main", "steps") for task in read_yaml("roles/rollout/tasks/%s.yml" % name) for tag in task.get("tags", [])} - {"always"}


def test_the_tags_of_a_rollout_are_documented() -> None:
    assert _tags() - set(_VARIABLE.findall((ROOT / "docs" / "fleet.md").read_text())) == set()


def test_the_variables_of_a_fleet_are_documented() -> None:
    shown = {name for page in ("fleet.md", "status.md") for name in _VARIABLE.findall((ROOT / "docs" / page).read_text())}
    known = {name for entry in read_yaml("roles/rollout/meta/argument_specs.yml")["argument_specs"].values() for name in entry["options"]}
    assert _of_the_fleet() - known - shown - _HOOKS_ARE_TOLD == set()
