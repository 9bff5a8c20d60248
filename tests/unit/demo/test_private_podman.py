# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo's private Podman: what it writes for which machine."""

from __future__ import annotations

import dataclasses
import pathlib
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples"
sys.path.append(str(EXAMPLES))

from demo import packages, private_podman  # noqa: E402

RUN = pathlib.Path("/run/hotswap-demo")
STOCK = private_podman.Machine(
    systemd=True,
    cgroup_v2=True,
    pids_limit=True,
    raise_limits=True,
    hard_nofile=1048576,
    hard_nproc=1048576,
    crun=(1, 21),
    runc=False,
    netavark=True,
    overlay_root=False,
)
# The machine of CI: no systemd, cgroup v1 and v2 mixed, no CAP_SYS_RESOURCE, Debian 12.
POOR = dataclasses.replace(STOCK, systemd=False, cgroup_v2=False, raise_limits=False, hard_nofile=20000, hard_nproc=96365, crun=(1, 8), runc=True)


def test_a_stock_machine_gets_what_keeps_the_demo_private_and_nothing_else() -> None:
    conf = private_podman.containers_conf(STOCK, RUN)
    assert "[containers]" not in conf
    for word in ("runtime", "cgroup_manager", "ulimits", "events_logger"):
        assert word not in conf
    assert 'tmp_dir = "/run/hotswap-demo/libpod"' in conf
    assert 'lock_type = "file"' in conf
    assert "10.213.0.0/16" in conf


def test_a_poor_machine_gets_what_it_lacks() -> None:
    conf = private_podman.containers_conf(POOR, RUN)
    for line in ('runtime = "runc"', 'cgroup_manager = "cgroupfs"', 'events_logger = "file"', '"nofile=16384:16384", "nproc=8192:8192"'):
        assert line in conf
    assert "pids_limit" not in conf


def test_without_the_pids_controller_there_is_no_pids_limit() -> None:
    assert "pids_limit = 0" in private_podman.containers_conf(dataclasses.replace(STOCK, pids_limit=False), RUN)


@pytest.mark.parametrize(
    ("machine", "runtime"),
    [
        (STOCK, ""),
        (POOR, "runc"),
        (dataclasses.replace(POOR, crun=(1, 14)), ""),
        (dataclasses.replace(POOR, raise_limits=True), ""),
        (dataclasses.replace(POOR, crun=(), runc=True), "runc"),
    ],
)
def test_runtime(machine: private_podman.Machine, runtime: str) -> None:
    assert private_podman.runtime(machine) == runtime


def test_an_old_crun_alone_is_an_error_with_the_fix() -> None:
    with pytest.raises(RuntimeError, match="apt-get install runc"):
        private_podman.runtime(dataclasses.replace(POOR, runc=False))


def test_storage_on_overlay_is_vfs() -> None:
    keep = pathlib.Path("/var/lib/hotswap-demo")
    assert 'driver = "overlay"' in private_podman.storage_conf(STOCK, keep, RUN)
    assert 'driver = "vfs"' in private_podman.storage_conf(dataclasses.replace(STOCK, overlay_root=True), keep, RUN)


def test_missing_packages() -> None:
    assert private_podman.missing_packages(dataclasses.replace(POOR, runc=False), podman=True)[-1] == "runc"
    missing = private_podman.missing_packages(dataclasses.replace(STOCK, crun=(), netavark=False), podman=False)
    assert missing[:3] == ["podman", "netavark", "crun"]


def test_looking_at_this_machine_works(tmp_path: pathlib.Path) -> None:
    found = private_podman.look(tmp_path)
    assert found.hard_nofile > 0


def test_folders_that_would_hide_links_are_merged_below_usr(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lib/x").mkdir(parents=True)
    (tmp_path / "lib/x/file").write_text("1")
    packages.merge_usr(tmp_path)
    merged = pathlib.Path("/lib").is_symlink()
    assert (tmp_path / ("usr/lib/x/file" if merged else "lib/x/file")).read_text() == "1"
