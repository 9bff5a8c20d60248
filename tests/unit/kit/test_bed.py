# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the test bed that need no host."""

from __future__ import annotations

import pathlib

import pytest

from kit.bed import BedError, Host, HostSpec, base, cgroup, files, inventory, lab, shell, spec

HYBRID = """tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""
DEB822 = """Types: deb
# http://snapshot.example/archive/debian/20250520T000000Z
URIs: http://deb.example/debian-security
Suites: trixie

Types: deb
URIs: http://mirror.example/debian/
Suites: trixie
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d01:docker", HostSpec("d01", "docker")),
        ("p01:podman", HostSpec("p01", "podman", socket=True)),
        ("p01:podman:nosocket", HostSpec("p01", "podman")),
        ("r01:rootless", HostSpec("r01", "rootless")),
        ("r01:rootless:socket:bookworm", HostSpec("r01", "rootless", suite="bookworm", socket=True)),
        ("d-2:docker:disk=64M", HostSpec("d-2", "docker", disk="64M")),
    ],
)
def test_host_specs(text: str, expected: HostSpec) -> None:
    assert spec.parse(text) == expected


@pytest.mark.parametrize("text", ["d01", "d01:lxc", "D01:docker", "d:docker", "-d:docker", "d01:docker:fast", "d01:docker:disk=big", ":docker"])
def test_host_specs_that_are_refused(text: str) -> None:
    with pytest.raises(BedError, match=r"host name|engine|option"):
        spec.parse(text)


def test_the_user_and_interpreter_of_a_host() -> None:
    rootless = spec.parse("r01:rootless", suite="bookworm")
    assert (rootless.user, rootless.program, rootless.python) == ("deploy", "podman", "/opt/hotswap/venv/bin/python")
    assert (spec.parse("d01:docker").user, spec.parse("d01:docker").program) == ("root", "docker")


def test_the_inventory_names_groups_users_and_interpreters(tmp_path: pathlib.Path) -> None:
    hosts = [Host(tmp_path, spec.parse(text), index) for index, text in enumerate(("d01:docker", "r01:rootless"), 1)]
    lines = inventory.text(hosts, tmp_path).splitlines()
    assert lines[1].split()[:4] == ["d01", "ansible_host=10.44.1.2", "ansible_user=root", "ansible_python_interpreter=/usr/bin/python3"]
    assert "ansible_user=deploy" in lines[2]
    assert lines[lines.index("[rootless]") + 1] == "r01"
    assert lines[lines.index("[podman]") + 1] == ""
    assert "ansible_pipelining=false" in lines
    assert "ansible_ssh_private_key_file=%s/id_ed25519" % tmp_path in lines


def test_two_beds_never_share_kept_connections(tmp_path: pathlib.Path) -> None:
    texts = [inventory.text([], tmp_path / name) for name in ("a", "b")]
    paths = [line for text in texts for line in text.splitlines() if line.startswith("ansible_control_path_dir=")]
    assert len(set(paths)) == 2


def test_addresses_are_all_different() -> None:
    assert lab.address(1) == "10.44.1.2"
    assert len({lab.address(index) for index in range(1, 10000)}) == 9999
    assert len({lab.mac(index) for index in range(1, 10000)}) == 9999


def test_the_mirror_is_the_machines_own() -> None:
    assert base.parse_mirror(DEB822) == "http://mirror.example/debian"
    assert base.parse_mirror("deb [signed-by=/x] https://m.example/pub/debian trixie main\n") == "https://m.example/pub/debian"
    assert base.parse_mirror("deb http://archive.example/ubuntu noble main\n") is None


def test_another_recipe_is_another_base(monkeypatch: pytest.MonkeyPatch) -> None:
    before = base.location("trixie")
    monkeypatch.setattr(base, "PACKAGES", base.PACKAGES + " one-more")
    assert base.location("trixie") != before
    assert base.location("bookworm").name.startswith("bookworm-")


def test_only_network_settings_of_apt_are_taken_over() -> None:
    taken = [
        line
        for line in ('Acquire::http::Proxy "x";', 'Acquire::https::CaInfo "y";', 'Acquire::cdrom "";', 'APT::Get "";', 'Acquire::Retries "3";')
        if base.APT_SETTING.fullmatch(line)
    ]
    assert taken == ['Acquire::http::Proxy "x";', 'Acquire::https::CaInfo "y";', 'Acquire::Retries "3";']


def test_cgroup_v2_is_found_in_both_layouts() -> None:
    assert cgroup.find_mount(HYBRID) == pathlib.Path("/sys/fs/cgroup/unified")
    assert cgroup.find_mount("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n") == pathlib.Path("/sys/fs/cgroup")
    assert cgroup.find_mount("proc /proc proc rw 0 0\n") is None


@pytest.mark.parametrize(
    ("text", "limits", "expected"),
    [
        ("p01:podman", True, 'runtime = "crun"'),
        ("p01:podman", False, 'crun = ["/usr/local/lib/bed/crun"]'),
        ("p01:podman:bookworm", False, 'runc = ["/usr/local/lib/bed/runc"]'),
        ("r01:rootless:bookworm", True, 'runtime = "crun"'),
    ],
)
def test_podman_settings_follow_what_the_host_can_limit(text: str, limits: bool, expected: str, tmp_path: pathlib.Path) -> None:
    plan = files.Plan(spec.parse(text), 1, "10.44.1.2", "10.44.0.1", limits, "key", tmp_path)
    lines = files.containers_conf(plan).splitlines()
    assert expected in lines
    assert ("pids_limit = 0" in lines) is not limits


def test_a_pid_file_of_a_process_that_ended_names_nobody(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pid"
    assert shell.read_pid(path) is None
    path.write_text("1 %s\n" % shell.start_time(1))
    assert shell.read_pid(path) == 1
    path.write_text("1 12345678901\n")
    assert shell.read_pid(path) is None


def test_errors_show_what_the_program_said() -> None:
    assert shell.run(["cat"], stdin="hello").stdout == "hello"
    with pytest.raises(BedError, match=r"exit 3(.|\n)*broken"):
        shell.run(["sh", "-c", "echo broken >&2; exit 3"])
    with pytest.raises(BedError, match="no-such-program is not on this machine"):
        shell.run(["no-such-program"])
