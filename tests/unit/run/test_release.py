# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release, made of a checkout that is nobody's."""

from __future__ import annotations

import pathlib
import shutil
import tarfile

import pytest
import yaml

from unit.house.files import ROOT


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name in ("HOTSWAP_ROOT", "HOTSWAP_WORK", "HOTSWAP_LINKED"):
        monkeypatch.setenv(name, str(ROOT))
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "home"))


@pytest.fixture
def copy(tmp_path: pathlib.Path) -> pathlib.Path:
    """A small collection of our name."""
    folder = tmp_path / "ansible_collections" / "hotswap" / "containers"
    (folder / "changelogs" / "fragments").mkdir(parents=True)
    (folder / "meta").mkdir()
    for name in ("galaxy.yml", "README.md", "COPYING", "changelogs/config.yaml", "meta/runtime.yml"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / "changelogs" / "changelog.yaml").write_text("ancestor: null\nreleases: {}\n")
    (folder / "changelogs" / "fragments" / "one.yml").write_text("minor_changes:\n  - service - can do more.\n")
    return folder


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "1.9.9", "2.0.0"])
def test_what_is_no_new_version_is_refused(version: str) -> None:
    from run import release

    with pytest.raises(release.Refused):
        release.check_version(version, ["1.10.0", "2.0.0", "1.9.0"])
    release.check_version("2.0.1", ["1.10.0", "2.0.0"])
    release.check_version("1.0.0", [])


def test_a_release_has_version_changelog_and_tarball(copy: pathlib.Path, tmp_path: pathlib.Path) -> None:
    from run import release

    checkout = tmp_path / "checkout"
    shutil.copytree(copy, checkout)
    tarball = release.make(copy, "7.8.9")
    with tarfile.open(tarball) as tar:
        assert {"MANIFEST.json", "CHANGELOG.md", "galaxy.yml"} & set(tar.getnames()) == {"MANIFEST.json", "CHANGELOG.md"}
    changed = release.take_over(copy, checkout)
    assert sorted(changed) == ["CHANGELOG.md", "changelogs/changelog.yaml", "changelogs/fragments/one.yml", "galaxy.yml"]
    assert yaml.safe_load((checkout / "galaxy.yml").read_text())["version"] == "7.8.9"
    assert "can do more" in (checkout / "CHANGELOG.md").read_text()
    assert list((checkout / "changelogs" / "fragments").iterdir()) == []


def test_a_fragment_with_an_error_makes_no_release(copy: pathlib.Path) -> None:
    from run import release

    (copy / "changelogs" / "fragments" / "bad.yml").write_text("no_such_section:\n  - x\n")
    with pytest.raises(release.Refused, match="antsibull-changelog lint"):
        release.make(copy, "7.8.9")
