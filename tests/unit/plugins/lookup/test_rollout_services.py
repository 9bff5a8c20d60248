# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup rollout_services says of each service what the task "Roll out" of the role says."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.hotswap.containers.plugins.lookup import rollout_services
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS

from ...house.files import read_yaml

try:
    from ansible.template import trust_as_template
except ImportError:
    trust_as_template = str

Json = t.Dict[str, t.Any]
ROLL_OUT = next(task for task in read_yaml("roles/rollout/tasks/main.yml") if task["name"] == "Roll out")["hotswap.containers.service"]


class Lookup(rollout_services.LookupModule):
    """The lookup without Ansible's loader of plugins, which is where its options come from."""

    def __init__(self, variables: Json) -> None:
        self._templar = Templar(loader=DataLoader(), variables=variables)
        self._variables = variables
        self._given: Json = {}

    def set_options(self, var_options: Json, direct: Json) -> None:
        self._given = direct

    def get_option(self, name: str) -> t.Any:
        return self._given.get(name)

    def services(self, **given: t.Any) -> list[Json]:
        return self.run([], self._variables, **given)


def of_the_task(variables: Json) -> list[Json]:
    """The same by the templates of the task."""
    found = []
    items = variables.get("rollout_services") or [{}]
    for index, item in enumerate(items):
        own = {"item": item, "__rollout_items": items, "__rollout_index": index, "omit": "OMITTED"}
        templar = Templar(loader=DataLoader(), variables={**variables, **own})
        lines = {
            name: text.replace("hotswap.containers.unless_blank(omit)", "default(omit, true)") for name, text in ROLL_OUT.items() if name in SERVICE_OPTIONS
        }
        words = {name: templar.template(trust_as_template(text)) for name, text in lines.items()}
        found.append({name: value for name, value in words.items() if value != "OMITTED"})
    return found


VARIABLES: Json = {
    "rollout_name": "greet",
    "rollout_image": "localhost/greet:A",
    "rollout_port": "8282",
    "rollout_gate": {"http": {"path": "/health"}},
    "rollout_memory": "",
    "rollout_unrelated": "x",
}


@pytest.mark.parametrize(
    "variables",
    [
        VARIABLES,
        {**VARIABLES, "rollout_services": []},
        {**VARIABLES, "rollout_services": [{}, {"name": "wave", "env": {"KEY": "value"}, "memory": "64m", "unknown": 1}]},
        {**VARIABLES, "rollout_services": [{"name": "wave", "image": ""}]},
    ],
)
def test_it_says_what_the_task_says(variables: Json) -> None:
    assert Lookup(variables).services() == of_the_task(variables)


def test_variables_may_be_templates() -> None:
    found = Lookup({"rollout_image": trust_as_template("localhost/{{ app }}:B"), "app": "greet"}).services()
    assert found == [{"image": "localhost/greet:B"}]


def test_state_and_reason_can_be_forced() -> None:
    variables = {"rollout_services": [{"name": "greet", "state": "live"}], "rollout_reason": "r"}
    assert Lookup(variables).services(state="candidate", reason="") == [{"name": "greet", "state": "candidate", "reason": "r"}]


def test_items_are_dictionaries() -> None:
    with pytest.raises(AnsibleError, match="rollout_services"):
        Lookup({"rollout_services": ["greet"]}).services()
