# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units that start Podman's containers at boot, in folders of the test."""

from __future__ import annotations

import pathlib
import pwd

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils import _units
from ansible_collections.hotswap.containers.plugins.module_utils._engine.podman_boot import PodmanBoot, policy_of
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError

ROOTS = "/run/podman/podman.sock"


@pytest.fixture
def units(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The folder of root's units, on a host with systemd."""
    monkeypatch.setattr(_units, "SYSTEMD", tmp_path)
    monkeypatch.setattr(_units, "SYSTEM_UNITS", tmp_path / "units")
    monkeypatch.setattr(_units.os, "geteuid", lambda: 0)
    monkeypatch.delenv("CONTAINER_HOST", raising=False)
    return tmp_path / "units"


def files(folder: pathlib.Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure:3"])
def test_a_policy_is_a_unit_and_a_link_to_it(units: pathlib.Path, policy: str) -> None:
    boot = PodmanBoot(ROOTS, own_service=False)
    for _twice in range(2):
        boot.set("greet-A-1", policy)
        assert files(units) == ["hotswap-greet-A-1.service", "multi-user.target.wants/hotswap-greet-A-1.service"]
        assert boot.starts("greet-A-1")
    text = (units / "multi-user.target.wants" / "hotswap-greet-A-1.service").read_text()
    assert " start greet-A-1\n" in text
    assert " container exists greet-A-1\n" in text
    assert "After=network-online.target" in text


def test_no_policy_is_no_unit(units: pathlib.Path) -> None:
    boot = PodmanBoot(ROOTS, own_service=False)
    boot.set("greet-A-1", "always")
    for _twice in range(2):
        boot.set("greet-A-1", "no")
        assert files(units) == []
        assert boot.starts("greet-A-1") is False


def test_a_users_unit_waits_for_nothing_of_the_system(units: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_units.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(_units.pwd, "getpwuid", lambda _uid: pwd.struct_passwd(("deploy", "x", 1000, 1000, "", str(tmp_path), "/bin/sh")))
    boot = PodmanBoot("/tmp/x.sock", own_service=True)
    boot.set("greet-A-1", "always")
    assert not units.exists()
    text = (tmp_path / ".config/systemd/user" / "default.target.wants" / "hotswap-greet-A-1.service").read_text()
    assert "network-online" not in text
    assert "WantedBy=default.target" in text


def test_of_another_engine_or_without_systemd_nothing_is_said(units: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boots = [PodmanBoot("/run/user/1000/podman/podman.sock", own_service=False)]
    monkeypatch.setattr(_units, "SYSTEMD", units / "missing")
    boots.append(PodmanBoot(ROOTS, own_service=False))
    for boot in boots:
        boot.set("greet-A-1", "always")
        assert boot.starts("greet-A-1") is None
    assert not units.exists()


def test_a_folder_that_cannot_be_written_is_named(units: pathlib.Path) -> None:
    units.write_text("a file where the folder should be")
    with pytest.raises(EngineError) as caught:
        PodmanBoot(ROOTS, own_service=False).set("greet-A-1", "always")
    assert str(units) in caught.value.fix


def test_podman_itself_is_to_start_nothing() -> None:
    assert [policy_of(one) for one in ("always", "unless-stopped", "on-failure:3", "no", "")] == ["unless-stopped", "unless-stopped", "on-failure:3", "no", ""]
