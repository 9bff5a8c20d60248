# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option `secrets`: what it comes to, what makes a new state, and what is refused by its place."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils import _module
from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_SPEC, EngineSecret, Mount
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import secret_spec, spec
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS

from .test_spec import make

Json = t.Dict[str, t.Any]
BLANK: Json = {name: option.get("default") for name, option in SERVICE_OPTIONS["secrets"]["options"].items()}


def secret(**given: t.Any) -> Json:
    """One entry as the module gets it."""
    return {**BLANK, "name": "key", **given}


def made(*entries: Json, **asked: t.Any) -> spec.ServiceSpec:
    return make(secrets=list(entries), **asked)


def test_a_value_becomes_a_file_that_can_only_be_read() -> None:
    found = made(secret(content="opaque-value"))
    (mount,) = found.instance("greet-A-1", "").mounts
    assert mount == Mount("bind", "/run/secrets/key", "%s/key" % found.hash, read_only=True)
    assert found.secrets.copied[0].data == b"opaque-value"
    assert found.instance("greet-A-1", "").secrets == ()


def test_what_the_engine_keeps_is_not_mounted_by_us() -> None:
    found = made(secret(external=True, source="other", target="token", mode="400", uid=7)).instance("greet-A-1", "")
    assert found.mounts == ()
    assert found.secrets == (EngineSecret("other", "/run/secrets/token", 0o400, 7, 0),)


def test_hosts_with_selinux_label_the_copies_for_all_instances() -> None:
    found = secret_spec.Secrets(made(secret(content="opaque")).secrets.entries, "/state", True)
    assert found.given_to(make().container, "g").mounts == (Mount("bind", "/run/secrets/key", "/state/g/key", True, options=("z",)),)


@pytest.mark.parametrize("change", [{"content": "other"}, {"mode": "0400"}, {"uid": 1}, {"gid": 1}, {"target": "/key"}, {"name": "other"}])
def test_whatever_changes_in_it_is_a_new_state(change: Json) -> None:
    assert made(secret(**{"content": "opaque", **change})).key != made(secret(content="opaque")).key


def test_a_service_without_has_the_state_that_it_had_before_there_were_any() -> None:
    # It was computed before the option existed: hosts would roll out everything for nothing.
    assert make(secrets=[]).hash == make().hash == "2606850ea48b"


def test_nothing_of_a_value_gets_into_a_label_or_a_representation() -> None:
    found = made(secret(content="s3cret-value"))
    assert "s3cret" not in repr(found) + json.dumps(dict(found.instance("greet-A-1", "").labels))
    assert "key" not in found.instance("greet-A-1", "").labels[LABEL_SPEC]


@pytest.mark.parametrize(("content", "data"), [({"a": [1]}, b'{"a": [1]}'), (7, b"7"), (True, b"true"), ("two\r\nlines\n", b"two\r\nlines\n")])
def test_what_a_template_made_of_a_value(content: t.Any, data: bytes) -> None:
    assert made(secret(content=content)).secrets.copied[0].data == data


def test_a_file_is_read_as_it_is(tmp_path: pathlib.Path) -> None:
    (tmp_path / "key").write_bytes(b"\x00\xff\r\n")
    assert made(secret(file=str(tmp_path / "key"))).secrets.copied[0].data == b"\x00\xff\r\n"


REFUSED = [
    ({"name": "a/b", "content": "x"}, "name"),
    ({"name": "", "content": "x"}, "name"),
    ({"name": "..", "content": "x"}, "name"),
    ({}, ""),
    ({"content": "x", "external": True}, ""),
    ({"content": "x", "file": "/etc/passwd"}, ""),
    ({"content": ""}, "content"),
    ({"content": "x" * (500 * 1024 + 1)}, "content"),
    ({"content": "x", "source": "y"}, "source"),
    ({"external": True, "source": "a,b"}, "source"),
    ({"external": True, "source": "../x"}, "source"),
    ({"content": "x", "target": "below/it"}, "target"),
    ({"content": "x", "target": "/etc/../key"}, "target"),
    ({"content": "x", "target": "/etc/key/"}, "target"),
    ({"content": "x", "target": "//key"}, "target"),
    ({"content": "x", "target": "/"}, "target"),
    ({"content": "x", "target": ".."}, "target"),
    ({"content": "x", "target": "/a:b"}, "target"),
    ({"content": "x", "target": "/a\nb"}, "target"),
    ({"content": "x", "mode": 256}, "mode"),
    ({"content": "x", "mode": "4755"}, "mode"),
    ({"content": "x", "mode": "0044"}, "mode"),
    ({"content": "x", "mode": "0800"}, "mode"),
    ({"content": "x", "uid": -1}, "uid"),
    ({"content": "x", "gid": 2**32}, "gid"),
    ({"file": "/nowhere/key"}, "file"),
    ({"file": "/etc"}, "file"),
    ({"file": "/dev/null"}, "file"),
]


@pytest.mark.parametrize(("given", "option"), REFUSED)
def test_what_is_refused_is_named_by_its_place(given: Json, option: str) -> None:
    place = "secrets[1].%s" % option if option else "secrets[1]"
    with pytest.raises(InvalidInput) as error:
        made(secret(name="first", content="x"), secret(**given))
    assert error.value.what.startswith(place + ":")
    assert error.value.fix


def test_an_empty_file_and_a_pipe_are_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(str(tmp_path / "pipe"))
    (tmp_path / "large").write_bytes(b"x" * (500 * 1024 + 1))
    for name, says in (("empty", "it is empty"), ("pipe", "is not a file"), ("large", "more than 500 KiB")):
        with pytest.raises(InvalidInput, match=r"secrets\[0\].file: .*%s" % says):
            made(secret(file=str(tmp_path / name)))


def test_the_largest_that_engines_take(tmp_path: pathlib.Path) -> None:
    assert len(made(secret(content="x" * (500 * 1024))).secrets.copied[0].data) == 512000


@pytest.mark.parametrize("other", [{"name": "key", "target": "/other"}, {"name": "b", "target": "key"}, {"name": "b", "target": "/run/secrets/key/b"}])
def test_two_in_one_place(other: Json) -> None:
    with pytest.raises(InvalidInput, match=r"secrets\[1\]"):
        made(secret(content="x"), secret(content="y", **other))


def test_one_of_the_engine_has_one_target() -> None:
    with pytest.raises(InvalidInput, match=r"secrets\[1\].source: same is there twice"):
        made(secret(external=True, source="same"), secret(name="b", external=True, source="same"))


@pytest.mark.parametrize("taken", [{"volumes": ["/srv:/run/secrets:ro"]}, {"volumes": ["data:/run/secrets/key"]}, {"tmpfs": ["/run/secrets/key"]}])
def test_in_the_way_of_a_mount(taken: Json) -> None:
    with pytest.raises(InvalidInput, match=r"secrets\[0\].target: /run/secrets/key is in the way of the mount at /run/secrets"):
        made(secret(content="x"), **taken)


def test_beside_a_mount_and_inside_of_a_tmpfs_there_is_room() -> None:
    assert len(made(secret(content="x"), tmpfs=["/run"], volumes=["/srv:/run/secrets2"]).instance("greet-A-1", "").mounts) == 3


def test_secrets_are_found_wherever_they_stand() -> None:
    params: Json = {"name": "greet", "env": {"KEY": "hidden", "NUMBER": 7}, "template": {"src": "a", "rendered": {"/etc/x": "hidden too"}}}
    params["secrets"] = [secret(content="two\nlines\n"), secret(file="/etc/passwd")]
    assert _module.secrets(params, SERVICE_OPTIONS) == {"hidden", "7", "hidden too", "two\nlines\n", "two", "lines"}
