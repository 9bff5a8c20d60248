# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets of a Compose file: what the option `secrets` of the service gets, and what is refused without repeating a value."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from .test_compose import Folder

Json = t.Dict[str, t.Any]
TOP: Json = {
    "secrets": {
        "db": {"file": "./db.txt"},
        "key": {"environment": "KEY"},
        "own": {"external": True},
        "other": {"external": True, "name": "prefix_other"},
    }
}


@pytest.fixture(name="folder")
def _folder(tmp_path: pathlib.Path) -> Folder:
    (tmp_path / "db.txt").write_bytes(b"two\r\nlines {{ x }}\n")
    return Folder(tmp_path)


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ("db", {"name": "db", "content": "two\r\nlines {{ x }}\n"}),
        ("key", {"name": "key", "content": "from outside"}),
        ("own", {"name": "own", "external": True, "source": "own"}),
        ({"source": "other"}, {"name": "other", "external": True, "source": "prefix_other"}),
        (
            {"source": "key", "target": "/etc/key", "uid": "103", "gid": 104, "mode": 0o440},
            {"name": "key", "content": "from outside", "target": "/etc/key", "uid": 103, "gid": 104, "mode": "0440"},
        ),
        ({"source": "key", "mode": "0400"}, {"name": "key", "content": "from outside", "mode": "0400"}),
    ],
)
def test_what_a_secret_becomes(folder: Folder, written: t.Any, secret: Json) -> None:
    assert folder.service({"secrets": [written]}, TOP, KEY="from outside")["secrets"] == [secret]


def test_an_octal_mode_of_the_file(folder: Folder) -> None:
    text = "name: shop\nservices: {web: {image: 'greet:1', secrets: [{source: db, mode: 0440}]}}\nsecrets: {db: {file: db.txt}}\n"
    assert folder.rollout(text)["services"][0]["secrets"][0]["mode"] == "0440"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("nobody", "services.web.secrets[0]: the secret nobody is not among the secrets of the file"),
        ({"source": "own", "mode": "9"}, "services.web.secrets[0].mode: 9 is no mode"),
        ({"source": "own", "mode": 512}, "services.web.secrets[0].mode: 512 is no mode"),
        ({"source": "own", "uid": "root"}, "services.web.secrets[0].uid: root is not a whole number"),
        ({"source": "own", "type": "env"}, "services.web.secrets[0].type: not supported"),
        ({"target": "/x"}, "services.web.secrets[0].source: it must be one text"),
    ],
)
def test_what_is_refused_in_a_service(folder: Folder, written: t.Any, says: str) -> None:
    assert says in folder.refused({"secrets": [written]}, {"secrets": {"own": {"external": True}}})


def test_one_secret_has_one_target(folder: Folder) -> None:
    assert "services.web.secrets[1]: the secret own is there twice" in folder.refused(
        {"secrets": ["own", {"source": "own", "target": "/x"}]}, {"secrets": {"own": {"external": True}}}
    )


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"file": "gone.txt"}, "secrets.db.file: there is no file gone.txt beside the Compose file"),
        ({"file": "empty.txt"}, "secrets.db.file: empty.txt is empty"),
        ({"environment": "NOBODY"}, "secrets.db.environment: NOBODY is not set"),
        ({"file": "db.txt", "external": True}, "secrets.db: it has file and external"),
        ({}, "secrets.db: it has no value"),
        ({"external": False}, "secrets.db: it has no value"),
        ({"file": "db.txt", "driver": "x"}, "secrets.db.driver: not supported"),
        ({"file": "binary"}, "binary cannot be read"),
    ],
)
def test_what_is_refused_at_the_top(folder: Folder, declared: Json, says: str) -> None:
    (folder.path / "empty.txt").touch()
    (folder.path / "binary").write_bytes(b"\xff\xfe")
    assert says in folder.refused({}, {"secrets": {"db": declared}})
