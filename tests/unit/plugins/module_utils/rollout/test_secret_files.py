# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of secrets: whole or not at all, read by nobody else, removed with their last container, and nothing else with them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import stat
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_HASH, Container, Image
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, HotswapError, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import secret_files, service
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.asked import Host, resolve
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.memory import Memory
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.secret_files import Copies
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.secret_spec import Secret, Secrets

from .test_secret_spec import secret
from .test_spec import params

A, B = "a" * 12, "b" * 12
TWO = Secrets((Secret("key", "/run/secrets/key", 0o400, data=b"\x00\xff"), Secret("word", "/word", 0o444, data=b"word")))


class Store:
    """An engine with an image, without containers; it keeps the secrets of `kept`, or none at all."""

    endpoint = "unix:///nowhere"
    rootless = True

    def __init__(self, kind: str = "podman", **kept: str) -> None:
        self.kind = kind
        self.kept = kept
        self.made: list[t.Any] = []

    def __getattr__(self, name: str) -> t.Any:
        found: dict[str, t.Any] = {"containers": [], "container": None, "published": [], "logs": [], "image": Image("sha256:a", ())}
        return lambda *_asked: found[name]

    def secret(self, name: str) -> str | None:
        if self.kind == "docker":
            raise InvalidInput("secrets: none here", "Use file.")
        return self.kept.get(name)

    def create(self, spec: t.Any) -> t.NoReturn:
        self.made.append(spec)
        raise EngineError("no room")


def copies(root: pathlib.Path) -> Copies:
    return Copies(root / "greet", "podman")


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_generation_is_there_with_its_modes_and_nobody_else_gets_to_it(tmp_path: pathlib.Path) -> None:
    place = tmp_path / "greet" / "secrets"
    assert copies(tmp_path).missing(TWO, A) == ("key", "word")
    copies(tmp_path).write(TWO, A)
    assert copies(tmp_path).missing(TWO, A) == ()
    assert [mode(path) for path in (place, place / "podman", place / "podman" / A)] == [0o700] * 3
    assert {path.name: (mode(path), path.read_bytes()) for path in (place / "podman" / A).iterdir()} == {"key": (0o400, b"\x00\xff"), "word": (0o444, b"word")}


def test_a_folder_that_others_could_enter_is_closed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "greet" / "secrets").mkdir(parents=True, mode=0o755)
    copies(tmp_path).write(TWO, A)
    assert mode(tmp_path / "greet" / "secrets") == 0o700


@pytest.mark.parametrize("damage", ["gone", "other", "mode", "more", "link"])
def test_what_is_damaged_is_missing_and_is_written_again(tmp_path: pathlib.Path, damage: str) -> None:
    copies(tmp_path).write(TWO, A)
    path = tmp_path / "greet" / "secrets" / "podman" / A / "word"
    (tmp_path / "target").write_bytes(b"word")
    if damage in ("gone", "link"):
        path.unlink()
    if damage == "link":
        path.symlink_to(tmp_path / "target")
    if damage == "other":
        path.chmod(0o644)
        path.write_bytes(b"other")
        path.chmod(0o444)
    if damage == "mode":
        path.chmod(0o666)
    if damage == "more":
        (path.parent / "more").touch()
    assert copies(tmp_path).missing(TWO, A) == ("key", "word")
    copies(tmp_path).write(TWO, A)
    assert copies(tmp_path).missing(TWO, A) == ()
    assert (tmp_path / "target").read_bytes() == b"word"


@pytest.mark.parametrize("where", ["secrets", "secrets/podman"])
def test_a_planted_link_is_neither_followed_nor_removed(tmp_path: pathlib.Path, where: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / A).mkdir(parents=True)
    link = tmp_path / "greet" / where
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    with pytest.raises(HotswapError, match="is no folder of the user who runs the task"):
        copies(tmp_path).write(TWO, B)
    copies(tmp_path).remove_unused(())
    assert link.is_symlink() and [path.name for path in elsewhere.iterdir()] == [A]


def test_a_link_in_the_place_of_a_generation_is_replaced(tmp_path: pathlib.Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "greet" / "secrets" / "podman").mkdir(parents=True, mode=0o700)
    (tmp_path / "greet" / "secrets" / "podman" / A).symlink_to(elsewhere)
    copies(tmp_path).write(TWO, A)
    assert copies(tmp_path).missing(TWO, A) == () and list(elsewhere.iterdir()) == []


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies(tmp_path).write(TWO, A)
    before = sorted(tmp_path.rglob("*"))

    def full(*_asked: t.Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(secret_files.files, "stage", full)
    with pytest.raises(OSError, match="No space"):
        copies(tmp_path).write(dataclasses.replace(TWO, entries=TWO.entries[:1]), A)
    assert sorted(tmp_path.rglob("*")) == before and copies(tmp_path).missing(TWO, A) == ()


def test_what_no_container_uses_goes_and_nothing_else(tmp_path: pathlib.Path) -> None:
    for generation in (A, B):
        copies(tmp_path).write(TWO, generation)
    place = tmp_path / "greet" / "secrets" / "podman"
    (place / (".%s.12.tmp" % A)).mkdir()
    (place / "mine").mkdir()
    used = secret_files.used_by([Container("1", "greet-A", "", "", "exited", labels={LABEL_HASH: B})])
    assert copies(tmp_path).unused(used) == (".%s.12.tmp" % A, A)
    copies(tmp_path).remove_unused(used)
    assert sorted(path.name for path in place.iterdir()) == [B, "mine"]
    (place / "mine").rmdir()
    copies(tmp_path).remove_unused(())
    assert list((tmp_path / "greet").iterdir()) == []


def test_another_engine_of_the_host_has_its_own(tmp_path: pathlib.Path) -> None:
    copies(tmp_path).write(TWO, A)
    Copies(tmp_path / "greet", "docker").remove_unused(())
    assert copies(tmp_path).missing(TWO, A) == ()


def asked(root: pathlib.Path, engine: t.Any, *entries: t.Any) -> Secrets:
    state = StateDir(root)
    host = Host(engine, state, Memory(state.service("greet")), "greet")
    return resolve(host, params(secrets=list(entries))).spec.secrets


def test_a_secret_of_the_engine_that_was_made_anew_is_a_new_state(tmp_path: pathlib.Path) -> None:
    first, again = (asked(tmp_path, Store(other=identity), secret(external=True, source="other")) for identity in ("1 monday", "2 tuesday"))
    assert [one.entries[0].identity for one in (first, again)] == ["1 monday", "2 tuesday"]
    assert first.hashed() != again.hashed()


def test_a_secret_that_the_engine_has_not_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidInput, match=r"secrets\[0\].external: there is no secret other in podman at unix:///nowhere"):
        asked(tmp_path, Store(), secret(external=True, source="other"))
    with pytest.raises(InvalidInput, match=r"secrets\[0\].external: none here. Use file"):
        asked(tmp_path, Store("docker"), secret(external=True))


def test_who_a_copy_can_be_given_to(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1000)
    rootless, rootful = Store(), Store()
    rootful.rootless = False
    for engine, owner in ((rootless, 0), (rootful, 1000)):
        assert asked(tmp_path, engine, secret(content="x", uid=owner, gid=owner)).entries[0].uid == owner
        with pytest.raises(InvalidInput, match=r"secrets\[0\].gid: only root, with an engine of root, can give a file to 33"):
            asked(tmp_path, engine, secret(content="x", gid=33))
    assert asked(tmp_path, Store(key="1"), secret(external=True, uid=33)).entries[0].uid == 33


def test_the_engine_of_a_user_cannot_read_what_root_keeps(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(InvalidInput, match="is a user's, who cannot read what root keeps"):
        asked(tmp_path, Store(), secret(content="x"))


def test_root_gives_a_copy_away(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _handle, uid, gid: given.append((uid, gid)))
    monkeypatch.setattr(secret_files.own_folder, "ours", lambda path: path.is_dir() and not path.is_symlink())
    copies(tmp_path).write(Secrets((Secret("key", "/key", 0o400, 33, data=b"x"),)), A)
    assert given == [(33, 0)]


def test_a_run_that_fails_leaves_no_copy_and_check_mode_writes_none(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(str(tmp_path)).st_uid)
    engine: t.Any = Store("docker")
    engine.rootless = os.geteuid() != 0
    given = params(secrets=[secret(content="opaque-value")], gate={"exec": ["true"]}, lock_timeout=0)
    result = service.converge(engine, StateDir(tmp_path), given, True)
    assert result["plan"][0] == "write key" and result["changed"]
    assert not list(tmp_path.rglob("key"))
    with pytest.raises(EngineError, match="no room") as error:
        service.converge(engine, StateDir(tmp_path), given, False)
    (mount,) = engine.made[0].mounts
    assert mount.source.startswith(str(tmp_path / "services" / "greet" / "secrets" / "docker"))
    assert [one["name"] for one in error.value.details["phases"]][:2] == ["write", "create"]
    assert not (tmp_path / "services" / "greet" / "secrets").exists()


def test_what_a_killed_run_left_is_planned_to_go(tmp_path: pathlib.Path) -> None:
    engine: t.Any = Store("docker")
    engine.rootless = os.geteuid() != 0
    Copies(tmp_path / "services" / "greet", "docker").write(TWO, A)
    result = service.converge(engine, StateDir(tmp_path), params(state="absent", lock_timeout=0), True)
    assert (result["changed"], result["plan"]) == (True, ["prune secrets " + A])
    service.converge(engine, StateDir(tmp_path), params(state="absent", lock_timeout=0), False)
    assert service.converge(engine, StateDir(tmp_path), params(state="absent", lock_timeout=0), True)["changed"] is False
