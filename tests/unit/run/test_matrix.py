# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix of ansible-cores: which Python is taken, and that nothing which did not run counts as passed."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from run import cores, matrix
from run.report import Check

from unit.house.files import read_yaml


@pytest.fixture(name="pyenv")
def _pyenv(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A pyenv with Pythons 3.98 (which makes no environments) and 3.99."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    for version, code in (("3.98", 1), ("3.99", 0)):
        commands = tmp_path / "versions" / (version + ".1") / "bin"
        commands.mkdir(parents=True)
        python = commands / ("python" + version)
        python.write_text("#!/bin/sh\nexit %d\n" % code)
        python.chmod(0o755)
    return tmp_path


def test_the_first_python_that_makes_environments_is_taken(pyenv: pathlib.Path) -> None:
    assert cores.find_python(["3.97", "3.98", "3.99"]) == ("3.99", str(pyenv / "versions" / "3.99.1" / "bin" / "python3.99"))


def test_a_core_whose_python_is_not_there_has_failed(pyenv: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cores.CORES, "2.16", ("3.97", "3.98"))
    (check,) = matrix.run_core("2.16", matrix.PARTS, pyenv, "")
    assert not check.passed
    assert "no Python 3.97 or 3.98 with venv" in check.name


def test_a_core_that_cannot_be_installed_has_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    def refuse(number: str) -> cores.Core:
        raise subprocess.CalledProcessError(1, ["pip", number])

    monkeypatch.setattr(matrix, "ready", refuse)
    assert [check.passed for check in matrix.run_core("2.16", matrix.PARTS, tmp_path, "")] == [False]


def test_a_part_that_ran_nothing_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert [(check.name, check.passed) for check in matrix.tell("core 2.16", "unit", [])] == [("core 2.16, unit: nothing ran", False)]
    assert capsys.readouterr().out.split() == ["FAILED", "core", "2.16", "unit", "0", "of", "1", "0", "s"]


def test_each_part_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    checks = matrix.tell("core 2.16", "sanity", [Check("pep8", True, 2.0), Check("import 3.8", True, 3.0)])
    assert [check.name for check in checks] == ["core 2.16, sanity: pep8", "core 2.16, sanity: import 3.8"]
    assert capsys.readouterr().out.split() == ["ok", "core", "2.16", "sanity", "2", "of", "2", "5", "s"]


def test_the_oldest_core_is_the_one_that_the_collection_asks_for() -> None:
    assert read_yaml("meta/runtime.yml")["requires_ansible"] == ">=%s.0" % min(cores.CORES)


def test_what_is_needed_is_in_the_requirements() -> None:
    assert len(cores.requirements()) == len(cores.NEEDED)
