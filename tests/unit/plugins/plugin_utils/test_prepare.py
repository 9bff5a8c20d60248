# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done on a host for an engine, and what is said of one that cannot have it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.plugin_utils import _prepare

SEEN: dict[str, t.Any] = {
    "distribution": "Debian",
    "version": "13",
    "family": "Debian",
    "init": "systemd",
    "python": "/usr/bin/python3",
    "uid": 0,
    "installed": "installed=podman\ndeinstall=docker.io\nconfig-files=crun",
    "passwd": {"deploy": ["x", "1000", "1000", "", "/home/deploy", "/bin/sh"]},
    "subuid": "",
    "subgid": "",
    "low_port": "1024\n",
    "cgroups_v2": True,
    "linger": "",
    "user_units": "",
    "venv": "",
}
ASKED: dict[str, t.Any] = {"engine": "podman", "user": "", "sdk": "", "venv": "/opt/v", "packages": None, "socket": True, "low_port": ""}


def plan(seen: t.Mapping[str, t.Any] | None = None, **asked: t.Any) -> dict[str, t.Any]:
    return _prepare.plan({**SEEN, **(seen or {})}, {**ASKED, **asked})


def test_roots_podman_needs_packages_and_nothing_of_a_user() -> None:
    done = plan()
    assert done["problems"] == []
    assert "crun" in done["packages"] and "podman" not in done["packages"]
    assert "passt" not in done["packages"]
    assert (done["python"], done["venv"], done["sdks"]) == ("/usr/bin/python3", False, [])
    assert (done["subids"], done["linger"], done["socket"], done["low_port"]) == ({}, False, False, 0)


def test_a_users_podman() -> None:
    done = plan({"subuid": "other:100000:65536\n", "subgid": "deploy:100000:65536\n"}, user="deploy", low_port="80")
    assert {"uidmap", "passt", "dbus-user-session"} <= set(done["packages"])
    assert done["subids"] == {"subuid": 165536}
    assert (done["uid"], done["linger"], done["socket"], done["low_port"]) == (1000, True, True, 80)


def test_what_is_so_already_is_left_alone() -> None:
    there = {"subuid": "deploy:100000:65536", "subgid": "deploy:100000:70000", "linger": "deploy", "user_units": "podman.socket", "low_port": "80\n"}
    every = "\n".join("installed=" + name for one in _prepare.PLATFORMS.values() for name in " ".join(str(field) for field in one[:6]).split())
    done = plan({**there, "installed": every}, user="deploy", low_port="443")
    assert (done["packages"], done["subids"], done["linger"], done["socket"], done["low_port"]) == ([], {}, False, False, 0)


@pytest.mark.parametrize(
    ("distribution", "version", "engine", "sdk"),
    [
        ("Debian", "12", "docker", "python3-docker"),
        ("Debian", "12", "podman", "python3-venv"),
        ("Debian", "13", "podman", "python3-podman"),
        ("Ubuntu", "22.04", "docker", "python3-docker"),
        ("Ubuntu", "24.04", "docker", "python3-venv"),
        ("Ubuntu", "24.04", "podman", "python3-venv"),
        ("Fedora", "41", "podman", "python3-podman"),
        ("Rocky", "9.4", "podman", "python3-pip"),
    ],
)
def test_the_sdk_comes_from_where_it_works(distribution: str, version: str, engine: str, sdk: str) -> None:
    family = "RedHat" if distribution in ("Fedora", "Rocky") else "Debian"
    done = plan({"distribution": distribution, "version": version, "family": family, "installed": ""}, engine=engine)
    assert done["problems"] == []
    assert sdk in done["packages"]
    by_venv = sdk in ("python3-venv", "python3-pip")
    assert (done["venv"], done["python"]) == (by_venv, "/opt/v/bin/python" if by_venv else "/usr/bin/python3")
    assert bool(done["notes"]) == (distribution != "Debian")


@pytest.mark.parametrize(
    ("there", "sdks"),
    [("", ["podman>=5.0"]), ("pip==24.0", ["podman>=5.0"]), ("podman==4.7.0", ["podman>=5.0"]), ("Podman==5.4.0.1", []), ("podman==10.0", [])],
)
def test_a_virtual_environment_gets_what_it_lacks(there: str, sdks: list[str]) -> None:
    assert plan({"venv": there}, sdk="venv")["sdks"] == sdks


def test_packages_of_ones_own_win_on_any_system() -> None:
    done = plan({"distribution": "Gentoo", "version": "2"}, packages=["podman", "passt"])
    assert (done["problems"], done["packages"]) == ([], ["passt"])
    assert plan({"distribution": "Gentoo", "version": "2"}, packages=[])["packages"] == []


@pytest.mark.parametrize(
    ("seen", "asked", "word"),
    [
        ({}, {"engine": ""}, "prepare_engine"),
        ({}, {"sdk": "conda"}, "prepare_sdk"),
        ({}, {"engine": "docker", "user": "deploy"}, "prepare_user"),
        ({}, {"user": "root"}, "prepare_user"),
        ({}, {"user": "de ploy"}, "prepare_user"),
        ({}, {"user": "nobody-here"}, "nobody-here"),
        ({"passwd": {"gone": None}}, {"user": "gone"}, "gone"),
        ({}, {"low_port": "high"}, "prepare_low_port"),
        ({}, {"low_port": "0"}, "prepare_low_port"),
        ({"init": "sysvinit"}, {}, "sysvinit"),
        ({"uid": 1000}, {}, "become"),
        ({"distribution": "Gentoo", "version": "2"}, {}, "prepare_packages"),
        ({"distribution": "Ubuntu", "version": "22.04"}, {}, "too old"),
        ({"distribution": "Rocky", "version": "9.4", "family": "RedHat"}, {"engine": "docker"}, "no Docker"),
        ({"version": "12"}, {"sdk": "os"}, "prepare_sdk: venv"),
        ({"cgroups_v2": False}, {"user": "deploy"}, "cgroups v2"),
    ],
)
def test_what_is_wrong_is_said(seen: dict[str, t.Any], asked: dict[str, t.Any], word: str) -> None:
    assert any(word in problem for problem in plan(seen, **asked)["problems"])


def test_everything_that_is_wrong_is_said_at_once() -> None:
    seen = {"init": "runit", "uid": 5, "cgroups_v2": False}
    assert len(plan(seen, user="nobody-here", sdk="conda", low_port="x")["problems"]) == 6
