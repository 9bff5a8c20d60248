# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters -> ServiceSpec: defaults, what counts as a new state, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_SPEC, Mount, Ulimit
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import container_options, route_spec, spec
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.bake import BakeSpec
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Preview


def params(**given: t.Any) -> dict[str, t.Any]:
    """The module's parameters with their defaults."""
    values = {name: option.get("default") for name, option in SERVICE_OPTIONS.items()}
    return {**values, "name": "greet", "image": "localhost/greet:A", **given}


def make(**given: t.Any) -> spec.ServiceSpec:
    return spec.from_params(params(**given))


def test_the_version_is_the_tag() -> None:
    assert make().version == "A"
    assert make(version="7").version == "7"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("greet", "latest"),
        ("registry.example:5000/team/greet", "latest"),
        ("registry.example:5000/greet:1.4.2", "1.4.2"),
        ("greet@sha256:0123456789abcdef0123456789abcdef", "0123456789ab"),
    ],
)
def test_versions_of_images(image: str, version: str) -> None:
    assert spec.version_of_image(image) == version


def test_names_carry_version_and_hash() -> None:
    made = make(replicas=2, port=80)
    assert made.names == ("greet-A-%s-1" % made.hash[:6], "greet-A-%s-2" % made.hash[:6])


@pytest.mark.parametrize("change", [{"env": {"A": "1"}}, {"command": ["x"]}, {"port": 81}, {"network": "other"}, {"labels": {"a": "b"}}])
def test_settings_of_the_container_make_a_new_key(change: dict[str, t.Any]) -> None:
    assert make(**{"port": 80, **change}).key != make(port=80).key


@pytest.mark.parametrize("change", [{"replicas": 3}, {"keep": 4}, {"drain_timeout": 1}, {"route": {"hosts": ["a.example"]}}])
def test_what_needs_no_new_container_keeps_the_key(change: dict[str, t.Any]) -> None:
    assert make(port=80, **change).key == make(port=80).key


def test_neither_env_nor_command_get_into_labels() -> None:
    made = make(env={"TOKEN": "s3cret-value"}, command=["run", "--password=s3cret-value"], port=80)
    assert "s3cret" not in json.dumps(dict(made.instance("greet-A-1", "10.0.0.2").labels))


def test_a_label_gives_the_service_back() -> None:
    made = make(port=80, replicas=2, route={"hosts": ["Greet.Example.com"], "path": "/x/"}, gate={"http": {"path": "/health"}})
    label = json.loads(made.instance("n-1", "10.0.0.2").labels[LABEL_SPEC])
    again = spec.from_label("greet", "A", label, params(image=None))
    assert (again.port, again.route, again.gate, again.replicas) == (80, made.route, made.gate, 2)
    assert again.route.hosts == ("greet.example.com",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a b"}, "name: 'a b'"),
        ({"name": "x"}, "name: 'x'"),
        ({"port": 0}, "port: 0 is not a port"),
        ({"port": 65536}, "port: 65536"),
        ({"replicas": 0}, "replicas: 0 is too small"),
        ({"keep": 0}, "keep: 0 is too small"),
        ({"version": "a/b"}, "version: 'a/b'"),
        ({"image": None}, "image: not given"),
        ({"port": 80, "route": {"hosts": ["a b"]}}, "route.hosts: 'a b'"),
        ({"port": 80, "route": {"hosts": ["x\n  server evil"]}}, "route.hosts"),
        ({"port": 80, "route": {"path": "x"}}, "route.path: 'x'"),
        ({"route": {"path": "/"}}, "port: not given, but there is a route"),
        ({"network_mode": "host", "proxy": "edge"}, "network_mode: host cannot go with"),
        ({"network_mode": "host", "port": 80}, "two versions cannot listen on host port 80"),
        ({"env": {"A B": "1"}}, "env: 'A B'"),
        ({"env": {"A": None}}, "env: the value of A is not a text"),
        ({"memory": "much"}, "memory: 'much' is not a size"),
        ({"cpus": 0}, "cpus: 0 is not a number"),
        ({"security_opt": ["no-new-privileges:maybe"]}, "security_opt: 'maybe' is neither true nor false"),
        ({"ulimits": ["nofile"]}, "ulimits: 'nofile'"),
        ({"labels": {"hotswap.service": "x"}}, "labels: hotswap.service is ours"),
        ({"volumes": ["only"]}, "volumes: 'only'"),
        ({"volumes": ["a:/x", "b:/x"]}, "two things are mounted at /x"),
        ({"stop_signal": "please"}, "stop_signal: 'please'"),
        ({"env_file": ["/nowhere/env"]}, "env_file: /nowhere/env cannot be read"),
        ({"drain_timeout": -1}, "drain_timeout: -1 is too small"),
        ({"drain_timeout": float("nan")}, "drain_timeout: nan is too small, or no number"),
        ({"drain_timeout": float("inf")}, "drain_timeout: inf is"),
        ({"cpus": float("nan")}, "cpus: nan is not a number"),
        ({"gate": {"deadline": "nan"}}, "gate.deadline: 'nan' is not a duration"),
        ({"gate": {"deadline": "-1"}}, "gate.deadline: '-1' is not a duration"),
    ],
)
def test_bad_input_is_refused_by_name(change: dict[str, t.Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make(**change)


def test_a_bad_env_value_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        make(env={"TOKEN": ["s3cret"]})
    assert "s3cret" not in str(caught.value)


def test_env_files_are_read_and_env_wins(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "env"
    file.write_text("# comment\n\nA=1\nB=x=y\n")
    assert make(env_file=[str(file)], env={"A": 2, "C": True}).container.env == {"A": "2", "B": "x=y", "C": "true"}


def test_mounts_in_all_forms() -> None:
    made = make(
        mounts=[{"type": "bind", "source": "/srv", "target": "/a", "read_only": True, "tmpfs_size": None, "options": None}],
        volumes=["data:/b", "/etc/x:/c:ro,z"],
        tmpfs=["/d:size=1m"],
    )
    assert made.container.mounts == (
        Mount("bind", "/a", "/srv", True),
        Mount("volume", "/b", "data"),
        Mount("bind", "/c", "/etc/x", True, 0, ("z",)),
        Mount("tmpfs", "/d", "", False, 1 << 20),
    )


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (None, ("no-new-privileges",)),
        (["label=disable"], ("label=disable", "no-new-privileges")),
        (["seccomp=/no-new-privileges"], ("seccomp=/no-new-privileges", "no-new-privileges")),
        (["no-new-privileges", "label=disable"], ("no-new-privileges", "label=disable")),
        (["no-new-privileges=true"], ("no-new-privileges=true",)),
        (["no-new-privileges:false"], ("no-new-privileges:false",)),
    ],
)
def test_no_new_privileges_unless_the_task_says_otherwise(asked: list[str] | None, given: tuple[str, ...]) -> None:
    assert make(security_opt=asked).container.security_opt == given


def test_what_says_the_default_itself_is_no_new_state() -> None:
    assert make(security_opt=["no-new-privileges"]).key == make().key != make(security_opt=["no-new-privileges:false"]).key


def test_sizes_durations_and_limits() -> None:
    assert container_options.size("memory", "1.5g") == 1610612736
    assert container_options.size("memory", 4096) == 4096
    assert container_options.duration("x", "1m30s") == 90
    assert container_options.ulimit("nofile:1:2") == Ulimit("nofile", 1, 2)


@given(st.floats(0, 1e6, allow_nan=False))
def test_plain_seconds_are_taken_as_they_are(seconds: float) -> None:
    assert container_options.duration("x", seconds) == seconds


@given(st.text(max_size=20) | st.sampled_from(["nan", "inf", "-1", "1e999"]))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        assert 0 <= container_options.duration("x", text) < float("inf")
    except InvalidInput as error:
        assert "not a duration" in str(error)


TRIAL = {"preview": {"host": "Next.example.com"}, "sticky": "GREET", "hold": 20, "maintenance": {"text": "soon", "retry_after": 60}}


def test_a_rollback_brings_everything_back_but_maintenance() -> None:
    made = make(port=80, route=TRIAL, bake={"time": "1m", "max_error_rate": 1})
    label = json.loads(made.instance("n-1", "10.0.0.2").labels[LABEL_SPEC])
    again = spec.from_label("greet", "A", label, params(image=None))
    assert again.route == dataclasses.replace(made.route, maintenance=None)
    assert (again.route.preview, again.route.sticky, again.route.hold) == (Preview(host="next.example.com"), "GREET", 20.0)
    assert again.bake == made.bake
    assert spec.from_label("greet", "A", label, params(image=None, bake={"time": "5"})).bake == BakeSpec(5)


def test_a_route_is_written_as_it_is_read() -> None:
    made = make(port=80, route=TRIAL).route
    assert route_spec.route_of("greet", route_spec.route_to_dict(made)) == made
    assert route_spec.route_to_dict(make(port=80).route) == {"hosts": [], "path": "/"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": "canary"}, "weight: not given, and state: canary needs it"),
        ({"state": "canary", "weight": 100}, "weight: 100 is not a share"),
        ({"state": "canary", "weight": -1}, "weight: -1 is not a share"),
        ({"state": "canary", "weight": 0}, "weight: 0 percent, and no other way"),
        ({"state": "canary", "weight": 5, "order": "stop_first"}, "state: a canary runs beside"),
        ({"state": "candidate", "order": "stop_first"}, "state: a candidate runs beside"),
        ({"order": "stop_first", "after_drain_timeout": "leave"}, "after_drain_timeout: with order: stop_first"),
        ({"route": {"preview": {"host": "a b"}}}, "route.preview.host: 'a b'"),
        ({"route": {"preview": {"host": "a.example", "header": "X"}}}, "route.preview: it takes a host, or a header"),
        ({"route": {"preview": {"header": "X-Trial"}}}, "route.preview: it takes a host, or a header"),
        ({"route": {"preview": {"header": "X Trial", "value": "1"}}}, "route.preview.header: 'X Trial'"),
        ({"route": {"preview": {"header": "X-Trial", "value": "a b"}}}, "route.preview.value: 'a b'"),
        ({"route": {"sticky": "a=b"}}, "route.sticky: 'a=b'"),
        ({"route": {"hold": 0}}, "route.hold: 0 is not a time"),
        ({"route": {"hold": float("nan")}}, "route.hold: nan is not a time"),
        ({"route": {"hold": 3601}}, "route.hold: 3601 is not a time"),
        ({"route": {"maintenance": {"text": "a\x00b"}}}, "route.maintenance.text"),
        ({"route": {"maintenance": {"text": ""}}}, "route.maintenance.text"),
        ({"route": {"maintenance": {"text": "x", "retry_after": -1}}}, "route.maintenance.retry_after: -1"),
    ],
)
def test_states_and_routes_that_cannot_be_are_refused_by_name(change: dict[str, t.Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make(port=80, **change)
