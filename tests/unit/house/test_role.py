# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role passes every option of every module that it chains, and documents a variable for each."""

from __future__ import annotations

import pathlib
import re
import subprocess
import typing as t

import pytest
import yaml

from .files import ROOT, options, read_yaml

TASKS = {task["name"]: task for name in ("main", "steps", "rollback") for task in read_yaml("roles/rollout/tasks/%s.yml" % name)}
SPECS = read_yaml("roles/rollout/meta/argument_specs.yml")["argument_specs"]
# What the role decides itself: it makes things exist, and never removes a network or a proxy.
FIXED = {"image": {"state", "shipment"}, "network": {"state"}, "reverse_proxy": {"state", "force"}, "service": set(), "probe": {"name", "state", "state_dir"}}
# What the tasks hand on, which is no variable of a person's.
OWN = {"planned", "services"}


def _arguments(module: str, task: str) -> dict[str, t.Any]:
    return dict(TASKS[task]["hotswap.containers." + module])


@pytest.mark.parametrize(
    ("module", "task"),
    [
        ("image", "Send the image"),
        ("network", "Make the network"),
        ("reverse_proxy", "Run the proxy"),
        ("service", "Roll out"),
        ("probe", "Ask through the public route"),
    ],
)
def test_every_option_is_passed(module: str, task: str) -> None:
    assert set(_arguments(module, task)) == set(options(module)) - FIXED[module]


CALLS = sorted(name for name, task in TASKS.items() if any(key.startswith("hotswap.containers.") for key in task))


@pytest.mark.parametrize("task", CALLS)
def test_every_variable_is_documented(task: str) -> None:
    entry = "rollback" if task == "Roll back" else "main"
    module = next(key for key in TASKS[task] if key.startswith("hotswap.containers."))
    for option, value in TASKS[task][module].items():
        if option not in OWN and isinstance(value, str) and "rollout_" in value and "rollout_part" not in value:
            assert _variable(value) in SPECS[entry]["options"], option


def _variable(value: str) -> str:
    """The first variable of a person's in a template; those with underscores in front are the role's own."""
    return re.findall(r"(?<!_)rollout_\w+", value)[0]


def test_every_documented_variable_is_used() -> None:
    used = "\n".join(path.read_text() for path in (ROOT / "roles" / "rollout").rglob("*.yml") if path.name != "argument_specs.yml")
    for entry in SPECS.values():
        assert [variable for variable in entry["options"] if variable not in used] == []


def test_a_service_variable_has_the_name_of_its_option() -> None:
    for option, value in [one for one in _arguments("service", "Roll out").items() if one[0] not in OWN]:
        assert ("[__rollout_index].%s " if option in ("env", "secrets") else "item.%s ") % option in value
        assert _variable(value) == "rollout_" + option


def test_each_step_takes_its_part_of_the_plan() -> None:
    for module, task, part in (("network", "Make the network", "network"), ("reverse_proxy", "Run the proxy", "proxy")):
        assert "(__rollout_plan | default({})).%s " % part in _arguments(module, task)["planned"]
    assert "services | default([]))[__rollout_index]" in _arguments("service", "Roll out")["planned"]


def test_items_never_show_more_than_their_names() -> None:
    for task in TASKS.values():
        assert "loop" not in task or task["loop_control"]["label"].startswith("{{ item.name ")


def test_a_failed_plan_shows_no_environment(tmp_path: pathlib.Path) -> None:
    variables = {"rollout_engine_url": "unix:///nowhere.sock", "rollout_engine": "docker", "rollout_manage_network": False}
    services = [{"name": "greet", "image": "localhost/greet:A", "env": {"PASSWORD": "do-not-show"}}]
    services[0]["secrets"] = [{"name": "key", "content": "do-not-show"}]
    role = {"ansible.builtin.include_role": {"name": "hotswap.containers.rollout"}, "vars": {**variables, "rollout_services": services}}
    (tmp_path / "site.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [role]}]))
    argv = ["ansible-playbook", "-vvv", "-i", "localhost,", "-c", "local", str(tmp_path / "site.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "there is no docker socket" in done.stdout
    assert "do-not-show" not in done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("roles/*/tasks/*.yml")))
def test_a_task_file_is_short(path: str) -> None:
    assert len(read_yaml(path)) <= 15
