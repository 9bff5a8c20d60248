# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup rollout_part says of each part what the part's own task of the role says."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.hotswap.containers.plugins.lookup import rollout_part
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS

from ...house.files import read_yaml

try:
    from ansible.template import trust_as_template
except ImportError:
    trust_as_template = str

Json = t.Dict[str, t.Any]
STEPS = {task["name"]: task for task in read_yaml("roles/rollout/tasks/steps.yml")}
ROLL_OUT: Json = STEPS["Roll out"]["hotswap.containers.service"]
BELOW: dict[str, Json] = {
    "network": STEPS["Make the network"]["hotswap.containers.network"],
    "proxy": STEPS["Run the proxy"]["hotswap.containers.reverse_proxy"],
}


class Lookup(rollout_part.LookupModule):
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
        return self.run(["services"], self._variables, **given)


def templated(task: Json, variables: Json) -> Json:
    """The options of a task that are set."""
    templar = Templar(loader=DataLoader(), variables={**variables, "omit": "OMITTED"})
    lines = {name: text.replace("hotswap.containers.unless_blank(omit)", "default(omit, true)") for name, text in task.items() if name != "planned"}
    words = {name: templar.template(trust_as_template(text)) for name, text in lines.items()}
    return {name: value for name, value in words.items() if value != "OMITTED"}


def of_the_task(variables: Json) -> list[Json]:
    """The same by the templates of the task."""
    found = []
    items = variables.get("rollout_services") or [{}]
    for index, item in enumerate(items):
        own = {"item": item, "__rollout_items": items, "__rollout_index": index}
        found.append(templated({name: text for name, text in ROLL_OUT.items() if name in SERVICE_OPTIONS}, {**variables, **own}))
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
        {**VARIABLES, "rollout_services": [{}, {"name": "wave", "env": {"KEY": "value"}, "memory": "64m"}]},
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


@pytest.mark.parametrize("part", ["image", "services"])
def test_a_misspelt_variable_is_refused(part: str) -> None:
    variables = {**VARIABLES, "rollout_rout": {"hosts": ["greet.example.com"]}}
    with pytest.raises(AnsibleError, match=r"rollout_rout: nobody reads it\. Is rollout_route meant"):
        Lookup(variables).run([part], variables)


def test_a_key_of_an_item_that_is_no_option_is_refused() -> None:
    with pytest.raises(AnsibleError, match=r"rollout_services, greet: imgae is no option of it\. Is image meant"):
        Lookup({"rollout_services": [{"name": "greet", "imgae": "localhost/greet:A"}]}).services()


@pytest.mark.parametrize(("variables", "found"), [({}, {}), ({"rollout_image_archive": "a.tar"}, {"name": "localhost/greet:A", "archive": "a.tar"})])
def test_an_image_is_sent_where_there_is_something_to_send(variables: Json, found: Json) -> None:
    every = {**VARIABLES, **variables}
    assert Lookup(every).run(["image"], every) == [found]


def every(part: str) -> Json:
    """Each variable of the part's task, with a value of its own."""
    return {name: "of " + name for text in BELOW[part].values() for name in re.findall(r"(?<!_)rollout_\w+", text)}


@pytest.mark.parametrize("where", ["", "host", "container"])
@pytest.mark.parametrize("part", sorted(BELOW))
def test_a_part_below_is_what_its_task_says(part: str, where: str) -> None:
    variables = {**every(part), "rollout_manage_network": "yes", "rollout_listen": [{"port": 80}], "rollout_proxy_where": where}
    (found,) = Lookup(variables).run([part], variables)
    assert found == templated(BELOW[part], variables)
    assert len(found) > 5


def test_a_part_that_the_role_does_not_have() -> None:
    variables = {"rollout_network": "web", "rollout_manage_network": "false", "rollout_proxy": "web", "rollout_listen": ""}
    assert Lookup(variables).run(["network", "proxy"], variables) == [{}, {}]
    for terms in ([], ["server"]):
        with pytest.raises(AnsibleError, match="rollout_part: one of image, network, proxy, services is needed"):
            Lookup(variables).run(terms, variables)
