# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half against the host's half, with a folder for a host and counted round trips."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import tempfile
import types
import typing as t

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.hotswap.containers.plugins.action import image as action
from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._image import host

from ..module_utils.image import archives
from ..module_utils.image.test_host import HERE, Store

BASE = b"base" * 5000
ONE = archives.image(BASE, b"one")
TWO = archives.image(BASE, b"two", ref="localhost/greet:2")


class Host(action.ActionModule):
    """The action plugin on a host that is a folder and an engine in memory."""

    def __init__(self, folder: pathlib.Path, store: Store) -> None:
        self.folder = folder / "host"
        self.folder.mkdir(exist_ok=True)
        self.store = store
        self.done: list[str] = []
        self.cut_after = 1000
        self.spoil: set[str] = set()
        self._connection = types.SimpleNamespace(_shell=types.SimpleNamespace(join_path=lambda *parts: "/".join(parts)))

    def task(self, check_mode: bool = False, **args: t.Any) -> dict[str, t.Any]:
        """The task's result; `done` then has what went to the host."""
        self.done.clear()
        self.store.changes.clear()
        self._task = types.SimpleNamespace(args={"name": "localhost/greet:1", **args}, check_mode=check_mode, async_val=0, action="image", delegate_to=None)
        self._vars = {}
        self._play_context = types.SimpleNamespace(check_mode=check_mode)
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as folder:
            try:
                return self._ship(folder)
            except HotswapError as error:
                return {"failed": True, "msg": str(error)}

    def _execute_module(self, module_name: str, module_args: dict[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
        params = json.loads(json.dumps({"tags": [], "mutable": ["latest"], "platform": None, **module_args}))
        shipment = params["shipment"]
        self.done.append("ask" if "offered" in shipment else "load")
        want = host.wanted(params)
        try:
            if "offered" in shipment:
                return host.ask(self.store, want, host.candidates(shipment["offered"]), self._task.check_mode)
            return host.load(self.store, want, shipment)
        except HotswapError as error:
            return {"failed": True, "msg": str(error)}

    def _low_level_execute_command(self, cmd: str, sudoable: bool) -> dict[str, t.Any]:
        assert not sudoable
        self.done.append("command")
        found = subprocess.run(["sh", "-c", cmd], cwd=self.folder, capture_output=True, text=True, check=False)
        return {"rc": found.returncode, "stdout": found.stdout, "stderr": found.stderr}

    def _transfer_file(self, local_path: str, remote_path: str) -> None:
        if len(self.files) >= self.cut_after:
            shutil.copyfile(local_path, remote_path)
            pathlib.Path(remote_path).write_bytes(pathlib.Path(local_path).read_bytes()[:-1])
            raise AnsibleConnectionFailure("the line is cut")
        self.done.append("file " + pathlib.Path(local_path).name)
        shutil.copyfile(local_path, remote_path)
        if len(self.files) in self.spoil:
            pathlib.Path(remote_path).write_bytes(b"x" * pathlib.Path(local_path).stat().st_size)
            self.spoil.clear()

    @property
    def files(self) -> list[str]:
        return [what for what in self.done if what.startswith("file ")]

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("hotswap-image-*/*"))

    def _fixup_perms2(self, paths: list[str], execute: bool) -> None:
        assert all(pathlib.Path(path).exists() for path in paths)

    def _is_become_unprivileged(self) -> bool:
        return False

    def get_shell_option(self, _name: str, default: str) -> str:
        return str(self.folder)


@pytest.fixture
def there(tmp_path: pathlib.Path) -> Host:
    return Host(tmp_path, Store(tmp_path))


@pytest.fixture
def one(tmp_path: pathlib.Path) -> str:
    return archives.write(tmp_path, archives.tar(archives.docker([ONE])), "one.tar")


def test_first_all_then_nothing(there: Host, one: str) -> None:
    first = there.task(archive=one)
    assert first["changed"]
    assert (first["sent"]["layers"], first["sent"]["layers_there"]) == (2, 0)
    assert [what.split(" ")[0] for what in there.done] == ["ask", "command", "file", "file", "file", "load", "command"]
    assert there.left == []
    again = there.task(archive=one)
    assert (again["changed"], again["sent"]["bytes"], there.done) == (False, 0, ["ask"])


def test_check_mode_says_the_bytes_and_sends_none(there: Host, one: str) -> None:
    check = there.task(archive=one, check_mode=True)
    assert there.done == ["ask"]
    assert there.store.changes == []
    assert check["sent"] == there.task(archive=one)["sent"]


def test_a_cut_transfer_goes_on(there: Host, one: str) -> None:
    there.cut_after = 2
    with pytest.raises(AnsibleConnectionFailure, match="the line is cut"):
        there.task(archive=one)
    assert len(there.left) == 3
    assert there.store.changes == []
    there.cut_after = 1000
    result = there.task(archive=one)
    # The config, and the piece that was cut; not the one that was whole.
    assert len(there.files) == 2
    assert result["sent"]["resumed_bytes"] > 0
    assert there.left == []
    assert there.store.image("localhost/greet:1") is not None


def test_a_damaged_piece_is_sent_again_alone(there: Host, one: str) -> None:
    there.spoil = {2}
    result = there.task(archive=one)
    assert result["changed"]
    assert [what.split(" ")[0] for what in there.done] == ["ask", "command", "file", "file", "file", "load", "file", "file", "load", "command"]
    assert there.files[1] == there.files[4]


def test_an_engine_that_refuses_a_part_gets_the_whole(tmp_path: pathlib.Path, one: str) -> None:
    there = Host(tmp_path, Store(tmp_path, takes_partial=False))
    there.store.add(host.Image("sha256:" + "b" * 64, (), layers=("sha256:" + ONE.layers[0].digest,), platform=HERE))
    result = there.task(archive=one)
    assert result["changed"]
    assert "layers are missing" in result["sent"]["whole_because"]
    assert (result["sent"]["layers"], there.left) == (2, [])


@pytest.mark.parametrize("args", [{"name": "localhost/greet:9"}, {}])
def test_what_is_refused_is_refused_before_a_byte(there: Host, one: str, args: dict[str, str]) -> None:
    there.store.add(host.Image("sha256:" + "b" * 64, (), platform=HERE), "localhost/greet:9", "localhost/greet:1")
    assert "would name" in there.task(archive=one, **args)["msg"]
    assert there.done == ["ask"]


def test_a_failed_load_leaves_nothing(there: Host, one: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_chunks: t.Iterable[bytes]) -> None:
        raise HotswapError("no space left on device")

    monkeypatch.setattr(there.store, "load", full)
    assert "no space left" in there.task(archive=one)["msg"]
    assert there.left == []


@pytest.mark.parametrize("place", ["engine", "folder"])
def test_a_full_host_is_refused_before_a_byte(there: Host, one: str, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    if place == "engine":
        monkeypatch.setattr(host, "_places", lambda *_args: [{"folder": "/var/lib/x", "free": 100, "times": 2}])
    else:
        script = action._FOLDER_SCRIPT.replace("df -Pk . | tail -n 1", "echo none 1 1 0 100%% /")
        monkeypatch.setattr(action, "_FOLDER_SCRIPT", script)
    assert "MB free in" in there.task(archive=one)["msg"]
    assert there.files == []
    assert there.left == []


def test_somebody_else_s_folder_is_not_written_to(there: Host, one: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (there.folder / ("hotswap-image-" + ONE.id[:24])).symlink_to(tmp_path / "elsewhere")
    assert "somebody else has it" in there.task(archive=one)["msg"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


class TestControllersEngine:
    @pytest.fixture
    def program(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
        """A podman that knows one image, and writes down what it is asked."""
        archives.write(tmp_path, archives.tar(archives.docker([TWO])), "two.tar")
        layers = ["sha256:" + layer.digest for layer in TWO.layers]
        said = [{"Id": TWO.id, "Os": "linux", "Architecture": HERE.split("/")[1], "RootFS": {"Layers": layers}}]
        (tmp_path / "said").write_text(json.dumps(said))
        program = tmp_path / "bin" / "podman"
        program.parent.mkdir()
        script = 'echo "$*" >> %(f)s/asked\nfor last; do :; done\n[ "$last" = localhost/greet:2 ] || { echo no such image >&2; exit 1; }\n'
        script += "case $1 in image) cat %(f)s/said;; save) cat %(f)s/two.tar;; esac\n"
        program.write_text("#!/bin/sh\n" + script % {"f": tmp_path})
        program.chmod(0o755)
        monkeypatch.setattr(action, "_program", lambda _engine: str(program))
        return tmp_path / "asked"

    def test_it_is_saved_only_when_the_host_lacks_it(self, there: Host, program: pathlib.Path) -> None:
        first = there.task(name="localhost/greet:2", from_engine="podman")
        assert first["image"]["id"] == "sha256:" + TWO.id
        assert program.read_text().splitlines() == ["image inspect localhost/greet:2", "save --format docker-archive localhost/greet:2"]
        program.unlink()
        again = there.task(name="localhost/greet:2", from_engine="podman")
        assert (again["changed"], there.done) == (False, ["ask"])
        assert program.read_text().splitlines() == ["image inspect localhost/greet:2"]

    def test_under_another_name(self, there: Host, program: pathlib.Path) -> None:
        assert there.task(from_engine="podman", from_name="localhost/greet:2")["changed"]
        assert list(there.store.names) == ["localhost/greet:1"]

    def test_one_that_it_has_not_is_named(self, there: Host, program: pathlib.Path) -> None:
        assert "the controller's podman has no image localhost/greet:1: no such image" in there.task(from_engine="podman")["msg"]
        assert there.done == []


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(InvalidInput, match="the controller has no program docker"):
        action._program("docker")
