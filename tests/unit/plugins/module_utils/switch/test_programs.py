# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of the host: found, fed, bounded, and never an exception for what they do."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._switch import programs


def test_what_goes_in_and_comes_out() -> None:
    assert programs.run(["cat"], "a\nb") == programs.Done(0, "a\nb")
    done = programs.run(["sh", "-c", "echo out; echo wrong >&2; exit 3"])
    assert (done.code, done.output, done.errors, done.said) == (3, "out\n", "wrong\n", "out\nwrong\n")


def test_nothing_is_a_shell() -> None:
    assert programs.run(["echo", "$(id)", ";", "id"]).output == "$(id) ; id\n"


def test_a_program_that_is_not_there() -> None:
    assert programs.run(["no-such-program-of-ours"]) == programs.Done(programs.MISSING, "no-such-program-of-ours is not on this host")


def test_a_file_that_is_no_program(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    assert programs.run([str(path)]) == programs.Done(126, "%s: Exec format error" % path)


def test_one_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "SECONDS", 0.05)
    assert programs.run(["sleep", "60"]) == programs.Done(124, "sleep 60 is not done after 0.05 s")


def test_tools_of_root_are_found_without_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert programs.find("sh").endswith("/sh")
