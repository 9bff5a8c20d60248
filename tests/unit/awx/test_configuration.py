# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""examples/awx against what the modules of awx.awx take (recorded), what AWX surveys can ask, and what our playbooks read."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SPECS: dict[str, t.Any] = json.loads((ROOT / "tests" / "unit" / "fixtures" / "awx" / "argument_specs.json").read_text())["modules"]
PLAY: dict[str, t.Any] = yaml.safe_load((ROOT / "examples" / "awx" / "configure.yml").read_text())[0]
CALLS = [(key.split(".")[-1], task[key]) for task in PLAY["tasks"] for key in task if key.startswith("awx.awx.")]
DEFAULTS = {key.split(".")[-1]: value for key, value in PLAY["module_defaults"].items()}
NODES = next(arguments["workflow_nodes"] for module, arguments in CALLS if module == "workflow_job_template")
SURVEYS = {name: PLAY["vars"][name] for name in ("rollout_survey", "rollback_survey")}
QUESTIONS = [(survey, question) for survey, questions in SURVEYS.items() for question in questions]
# awx.main.models.mixins: what a survey element has, and its types that we use.
QUESTION = {"question_name", "question_description", "variable", "type", "required", "default", "min", "max", "choices"}
KINDS: dict[str, t.Any] = {"bool": bool, "int": int, "list": list, "dict": dict, "str": str}


def _problems(spec: t.Mapping[str, t.Any], given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    names = {alias: name for name, option in spec.items() for alias in [name, *option.get("aliases", [])]}
    yield from ("unknown: " + name for name in given if name not in names)
    yield from ("missing: " + name for name, option in spec.items() if option.get("required") and name not in given)
    for name, value in given.items():
        option = spec.get(names.get(name, ""), {})
        templated = isinstance(value, str) and "{{" in value
        if not templated and not isinstance(value, KINDS[option.get("type", "str")]):
            yield "%s is no %s" % (name, option.get("type", "str"))
        if "choices" in option and value not in option["choices"]:
            yield "%s is none of %s" % (name, option["choices"])


@pytest.mark.parametrize(("module", "arguments"), CALLS, ids=[call[0] for call in CALLS])
def test_a_module_takes_what_it_is_given(module: str, arguments: dict[str, t.Any]) -> None:
    assert list(_problems(SPECS[module], {**DEFAULTS.get(module, {}), **arguments})) == []


def test_a_wrong_argument_would_be_found() -> None:
    wrong = {"name": "x", "survey_enabled": "perhaps", "nonsense": "", "job_type": "walk"}
    found = sorted(_problems(SPECS["job_template"], wrong))
    assert found == ["job_type is none of ['run', 'check']", "survey_enabled is no bool", "unknown: nonsense"]


@pytest.mark.parametrize("node", NODES, ids=[node["identifier"] for node in NODES])
def test_a_node_of_the_workflow(node: dict[str, t.Any]) -> None:
    assert list(_problems(SPECS["workflow_nodes"], node)) == []
    assert list(_problems(SPECS["workflow_nodes_related"], node.get("related", {}))) == []
    assert list(_problems(SPECS["unified_job_template"], node["unified_job_template"])) == []


def _leads_to(outcome: str) -> dict[str, list[str]]:
    return {node["identifier"]: [one["identifier"] for one in node.get("related", {}).get(outcome, [])] for node in NODES}


def test_the_workflow() -> None:
    assert _leads_to("success_nodes") == {"canary": ["approval"], "approval": ["rest"], "rest": [], "back": []}
    # A canary host that failed is back by itself.
    assert _leads_to("failure_nodes") == {"canary": [], "approval": ["back"], "rest": ["back"], "back": []}


def test_templates_that_the_workflow_starts_exist() -> None:
    made = {arguments["name"] for module, arguments in CALLS if module == "job_template"}
    used = {node["unified_job_template"]["name"] for node in NODES if node["unified_job_template"]["type"] == "job_template"}
    assert used <= made
    assert {arguments["playbook"] for module, arguments in CALLS if module == "job_template"} == {"playbooks/rollout.yml", "playbooks/rollback.yml"}


def test_no_slices_and_one_at_a_time() -> None:
    assert DEFAULTS["job_template"]["job_slice_count"] == 1
    assert DEFAULTS["job_template"]["allow_simultaneous"] is False


def _read_by_us() -> set[str]:
    files = [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles" / "rollout" / "tasks").glob("*.yml")]
    return {name for path in files for name in re.findall(r"\brollout_[a-z_]+", path.read_text())}


@pytest.mark.parametrize(("survey", "question"), QUESTIONS, ids=["%s:%s" % (survey, one["variable"]) for survey, one in QUESTIONS])
def test_a_question(survey: str, question: dict[str, t.Any]) -> None:
    assert set(question) <= QUESTION
    assert question["type"] in ("text", "multiplechoice")
    assert question["variable"] in _read_by_us()
    # AWX refuses a default that is no text, or none of the choices.
    assert isinstance(question["default"], str)
    assert question["type"] != "multiplechoice" or question["default"] in question["choices"]


def test_a_question_and_an_artifact_never_have_one_name() -> None:
    assert not [question["variable"] for _survey, question in QUESTIONS if question["variable"].startswith("rollout_run_")]
