# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user's file and commands: what is put in, what is put back, and what is kept for the way back."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.template import Commands, Rendered, TemplateSwitch, filled
from ansible_collections.hotswap.containers.plugins.module_utils._switch.tokens import token
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving, Target

A, B = Target("page-A-1", "127.0.0.1", 20001), Target("page-B-1", "127.0.0.1", 20002)
TEXT = "server %s %s:%s;" % tuple(token(0, field) for field in ("name", "address", "port"))


class Place:
    """A folder with the user's file, and commands that leave a trace."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.file = folder / "proxy.conf"
        self.trace = folder / "trace"

    def switch(self, names: t.Sequence[str], text: str = TEXT, more: t.Mapping[str, str] | None = None, **commands: str) -> TemplateSwitch:
        argv = {which: ("sh", "-c", script) for which, script in {"apply": "cat proxy.conf >> trace; echo >> trace", **commands}.items()}
        argv = {which: ("sh", "-c", "cd %s; %s" % (self.folder, words[2])) for which, words in argv.items()}
        texts = {**({str(self.file): text} if text else {}), **{str(self.folder / name): one for name, one in (more or {}).items()}}
        return TemplateSwitch(self.folder / "state", Commands(str(self.file), **argv), Rendered(texts, tuple(names)))


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


def serving(*targets: Target) -> Serving:
    return Serving(Route("page"), targets)


@given(st.integers(1, 12))
def test_every_instance_gets_its_own(count: int) -> None:
    targets = [Target("page-%d" % index, "10.0.0.%d" % index, 8000 + index) for index in range(count)]
    text = "\n".join("%s=%s" % (token(index, "name"), token(index, "port")) for index in range(count))
    assert filled(text, targets) == "\n".join("page-%d=%d" % (index, 8000 + index) for index in range(count))


def test_a_text_for_more_instances_is_refused() -> None:
    with pytest.raises(SwitchError, match="more than the 1 instances"):
        filled(token(1, "name"), [A])


def test_it_writes_and_applies_and_the_way_back_needs_no_template(place: Place) -> None:
    place.switch([A.name]).serve(serving(A))
    place.switch([B.name]).serve(serving(B))
    assert place.file.read_text() == "server page-B-1 127.0.0.1:20002;"
    back = place.switch([], text="")
    back.serve(serving(A))
    assert place.trace.read_text().splitlines() == ["server page-%s 127.0.0.1:%d;" % one for one in (("A-1", 20001), ("B-1", 20002), ("A-1", 20001))]
    assert back.current("page") == {"page-A-1": 100}
    assert back.matches(Route("page"))


def test_another_text_or_an_edited_file_is_another_route(place: Place) -> None:
    place.switch([A.name]).serve(serving(A))
    assert not place.switch([A.name], text=TEXT + "#").matches(Route("page"))
    place.file.write_text("edited")
    assert not place.switch([A.name]).matches(Route("page"))


@pytest.mark.parametrize("which", ["check", "apply"])
def test_what_fails_is_put_back(place: Place, which: str) -> None:
    place.switch([A.name]).serve(serving(A))
    with pytest.raises(SwitchError, match=r"template\.%s: sh ended with 3: wrong" % which):
        place.switch([B.name], **{which: "grep -q page-A proxy.conf || { echo wrong; exit 3; }"}).serve(serving(B))
    assert place.file.read_text() == "server page-A-1 127.0.0.1:20001;"
    assert place.switch([A.name]).current("page") == {"page-A-1": 100}


def test_of_several_files_all_are_written_or_none(place: Place) -> None:
    place.switch([A.name], more={"a.conf": "a " + TEXT, "gone.conf": "gone " + TEXT}).serve(serving(A))
    wrong = place.switch([B.name], more={"a.conf": "a " + TEXT, "new.conf": "new"}, check="ls *.conf > seen; false")
    with pytest.raises(SwitchError, match=r"template\.check"):
        wrong.serve(serving(B))
    assert (place.folder / "seen").read_text().split() == ["a.conf", "new.conf", "proxy.conf"]
    there = {path.name: path.read_text() for path in place.folder.glob("*.conf")}
    of_a = "server page-A-1 127.0.0.1:20001;"
    assert there == {"a.conf": "a " + of_a, "gone.conf": "gone " + of_a, "proxy.conf": of_a}


def test_a_file_that_an_earlier_version_had_goes_and_comes_back(place: Place) -> None:
    place.switch([A.name], more={"gone.conf": "gone"}).serve(serving(A))
    place.switch([B.name]).serve(serving(B))
    assert not (place.folder / "gone.conf").exists()
    assert place.switch([B.name]).matches(Route("page"))
    place.switch([], text="").serve(serving(A))
    assert (place.folder / "gone.conf").read_text() == "gone"


def test_a_file_that_cannot_be_written_leaves_the_others_as_they_were(place: Place) -> None:
    place.switch([A.name]).serve(serving(A))
    with pytest.raises(SwitchError, match="cannot be written"):
        place.switch([B.name], more={"nowhere/a.conf": ""}).serve(serving(B))
    assert place.file.read_text() == "server page-A-1 127.0.0.1:20001;"


def test_commands_know_the_instance(place: Place) -> None:
    place.switch([B.name], confirm="test %s = 20002 && echo %s > said" % (token(0, "port"), token(0, "name"))).serve(serving(B))
    assert (place.folder / "said").read_text() == "page-B-1\n"


def test_a_first_file_that_fails_does_not_stay(place: Place) -> None:
    with pytest.raises(SwitchError):
        place.switch([A.name], check="false").serve(serving(A))
    assert not place.file.exists()


def test_the_mode_stays(place: Place) -> None:
    place.file.write_text("")
    place.file.chmod(0o640)
    place.switch([A.name]).serve(serving(A))
    assert place.file.stat().st_mode & 0o777 == 0o640


def test_a_version_that_was_never_rendered_is_refused(place: Place) -> None:
    with pytest.raises(SwitchError, match="no rendered text for page-B-1"):
        place.switch([A.name]).serve(serving(B))


def test_nothing_to_serve_leaves_the_file(place: Place) -> None:
    one = place.switch([A.name])
    one.serve(serving(A))
    one.serve(serving())
    assert "page-A-1" in place.file.read_text()
    assert one.current("page") == {}
    one.remove("page")
    assert place.file.exists()
