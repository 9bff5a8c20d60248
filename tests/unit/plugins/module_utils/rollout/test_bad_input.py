# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Input that came further than it may, or that ended a module without saying which parameter it was; each found by ./dev test-fuzz."""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._image.names import check_platform, check_reference
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import (
    container_options,
    host_proxy_apply,
    lease,
    proxy_plan,
    spec,
    validate,
)
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.proxy_options import PROXY_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS

BIND = {"type": "bind", "source": "/a", "target": "/b", "read_only": False, "tmpfs_size": None, "options": None}


def params(**given: t.Any) -> dict[str, t.Any]:
    values = {name: option.get("default") for name, option in SERVICE_OPTIONS.items()}
    return {**values, "name": "greet", "image": "localhost/greet:A", **given}


@contextlib.contextmanager
def refused(parameter: str) -> t.Iterator[None]:
    with pytest.raises(InvalidInput) as error:
        yield
    assert str(error.value).startswith(parameter + ":")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("image", "../containers/web"),
        ("image", "localhost/greet:A?force=true"),
        ("image", "localhost/Greet:A"),
        ("image", "localhost/a..b:A"),
        ("replicas", 10**30),
        ("memory", "9" * 400),
        ("memory", "٣m"),
        ("stop_timeout", -1),
        ("stop_timeout", 10**30),
        ("cpus", 1e300),
        ("ulimits", ["nofile:²"]),
        ("ulimits", ["nofile:--1"]),
        ("ulimits", ["nofile:%s" % ("9" * 5000)]),
        ("user", "0\nroot"),
        ("workdir", "/a\n/b"),
        ("hostname", "a\nb"),
        ("network_mode", "host\n"),
        ("extra_hosts", {"a\n10.0.0.1 b": "10.0.0.2"}),
        ("extra_hosts", {"a": "10.0.0.2 b"}),
        ("dns", ["10.0.0.1\noptions x"]),
        ("cap_add", ["ALL,x"]),
        ("security_opt", ["a\nb"]),
        ("devices", ["/dev/a\n"]),
        ("log_options", {"tag\n": "x"}),
        ("mounts", [{**BIND, "target": "/b:rw", "options": ["z"]}]),
        ("mounts", [{**BIND, "options": ["z,rshared"]}]),
        ("mounts", [{**BIND, "source": "/a\nb"}]),
        ("env", {"TOKEN": "a\x00b"}),
        ("command", ["a\x00b"]),
        ("command", ["\ud800"]),
    ],
)
def test_refused_by_name(parameter: str, value: t.Any) -> None:
    with refused(parameter):
        spec.refuse_unfit(params(**{parameter: value}))


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as error:
        spec.from_params(params(env={"TOKEN": "s3cret\x00"}))
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "image",
    [
        "greet",
        "0123456789abcdef" * 4,
        "sha256:" + "0123456789abcdef" * 4,
        "Registry.example:5000/team/greet:1.4.2",
        "[::1]:5000/greet",
        "r.example/a/b__c-d.e@sha256:" + "0" * 64,
        "localhost/greet:A@sha256:" + "0" * 64,
    ],
)
def test_images_that_engines_know(image: str) -> None:
    assert validate.check_image("image", image) == image


@pytest.mark.parametrize("text", ["²", "127.0.0.1:²", "9" * 5000, "٣"])
def test_ports_are_ascii_digits(text: str) -> None:
    with refused("publish"):
        validate.check_publish("publish", text)


@pytest.mark.parametrize("text", ["9" * 400 + "s", "٣s", "1e999", "nan"])
def test_durations_that_nobody_waits(text: str) -> None:
    with refused("gate.interval"):
        container_options.duration("gate.interval", text)


@pytest.mark.parametrize("retries", [-1, 2**31, 10**30])
def test_tries_that_no_engine_counts(retries: int) -> None:
    with refused("healthcheck.retries"):
        container_options.healthcheck({"test": "true", "retries": retries})


def test_a_blank_name_is_none_after_surveys() -> None:
    with refused("name"):
        validate.check_name("name", None)


@pytest.mark.parametrize("text", ["linux/a\x7fb", "linux/../x", "linux/"])
def test_platforms(text: str) -> None:
    with refused("platform"):
        check_platform(text)


@pytest.mark.parametrize("name", ["connect_timeout", "client_timeout", "server_timeout", "max_connections"])
def test_settings_of_proxies_have_an_end(name: str) -> None:
    values = {option: one.get("default") for option, one in PROXY_OPTIONS.items()}
    with refused(name):
        proxy_plan.settings_of({**values, "name": "edge", "listen": [{"port": 80}], name: 1e16}, "0123456789abcdef")


@pytest.mark.parametrize(
    ("name", "value"),
    [("service_unit", "--root=/tmp"), ("service_unit", "a b"), ("include_dir", "etc"), ("config_file", "-x"), ("control_socket", "/run/a\nb")],
)
def test_paths_and_units_of_a_host_are_no_options_of_commands(name: str, value: str) -> None:
    values = {option: one.get("default") for option, one in PROXY_OPTIONS.items()}
    with refused(name):
        host_proxy_apply._spec_of({**values, "name": "edge", "listen": [{"port": 80}], "where": "host", name: value})


def test_a_proxy_is_no_other_place_of_the_engine() -> None:
    values = {option: one.get("default") for option, one in PROXY_OPTIONS.items()}
    with refused("image"):
        proxy_plan.spec_of({**values, "name": "edge", "network": "edge", "listen": [{"port": 80}], "image": "../volumes/x"}, "")


@pytest.mark.parametrize("text", ["a.b_..c-d", "localhost/a..b", "../a"])
def test_names_of_images_have_one_mark_between_words(text: str) -> None:
    with refused("name"):
        check_reference("name", text)


def test_a_state_folder_is_one_path() -> None:
    with refused("state_dir"):
        StateDir.of("/tmp/a\x00b")


def test_a_lease_asked_for_twice_is_one(tmp_path: pathlib.Path) -> None:
    state, claim = StateDir(tmp_path), lease.Claim("me", "", "", 60)
    assert lease.take(state, ["greet", "greet"], claim, 0, False)
    assert lease.release(state, ["greet", "greet"], "me", False)
