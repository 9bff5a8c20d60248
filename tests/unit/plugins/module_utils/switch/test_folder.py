# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy's folder: no reader ever sees half a file, nobody changes it twice at once, a failed change leaves no trace."""

from __future__ import annotations

import multiprocessing
import pathlib
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.folder import ProxyFolder, write, write_all
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving

from .examples import ROUTES, SETTINGS, tables


@pytest.fixture()
def folder(tmp_path: pathlib.Path) -> ProxyFolder:
    found = ProxyFolder(tmp_path / "proxies" / "edge")
    found.create()
    return found


def test_a_reader_sees_old_or_new(tmp_path: pathlib.Path) -> None:
    path, over, seen = tmp_path / "file", threading.Event(), set()
    texts = {letter * 200000 for letter in "ab"}
    write(path, "a" * 200000)

    def read() -> None:
        while not over.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(40):
        write(path, "ab"[turn % 2] * 200000)
    over.set()
    reader.join()
    assert seen <= texts


def test_write(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    assert write(path, "one")
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.stat()
    assert not write(path, "one")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert write(path, "two")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_modes(folder: ProxyFolder) -> None:
    for path in (folder.root, folder.conf, folder.run):
        assert path.stat().st_mode & 0o777 == 0o700


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(tables)
def test_routes_come_back_as_they_were(folder: ProxyFolder, table: dict[str, Serving]) -> None:
    folder.save_routes(table)
    assert folder.routes() == table


def test_settings_come_back_as_they_were(folder: ProxyFolder) -> None:
    assert folder.stored_settings() is None
    with pytest.raises(SwitchError, match="reverse_proxy"):
        folder.settings()
    folder.save(SETTINGS, {}, {})
    assert folder.settings() == SETTINGS


def test_unsafe_values_never_become_file_names(folder: ProxyFolder) -> None:
    with pytest.raises(SwitchError):
        folder.save_routes({"../../x": ROUTES["rest"]})
    assert folder.routes() == {}


def test_unreadable_record_is_named(folder: ProxyFolder) -> None:
    folder.save_routes(ROUTES)
    path = folder.root / "routes" / "greet.json"
    path.write_text("{")
    with pytest.raises(SwitchError, match=r"greet\.json cannot be read"):
        folder.routes()


def test_restore(folder: ProxyFolder) -> None:
    file = folder.conf / "haproxy.cfg"
    folder.save(SETTINGS, {"greet": ROUTES["greet"]}, {})
    before = folder.snapshot(file)
    write(file, "new")
    folder.save_routes({"rest": ROUTES["rest"]})
    folder.restore(before)
    assert not file.exists()
    assert folder.routes() == {"greet": ROUTES["greet"]}
    assert folder.settings() == SETTINGS


def _add(root: pathlib.Path, counter: pathlib.Path) -> None:
    for _turn in range(25):
        with ProxyFolder(root).locked():
            value = int(counter.read_text())
            time.sleep(0.0005)
            counter.write_text(str(value + 1))


def test_lock(folder: ProxyFolder, tmp_path: pathlib.Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=_add, args=(folder.root, counter)) for _one in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert counter.read_text() == "75"


def test_no_folder(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SwitchError, match="proxy edge has no folder"), ProxyFolder(tmp_path / "edge").locked():
        pass


def test_delete(folder: ProxyFolder) -> None:
    folder.delete()
    folder.delete()
    assert not folder.root.exists()


def test_files_that_belong_together_change_all_or_none(tmp_path: pathlib.Path) -> None:
    first, second = tmp_path / "haproxy.cfg", tmp_path / "no such folder" / "greet.json"
    write(first, "old")
    with pytest.raises(FileNotFoundError, match=r"greet\.json"):
        write_all({first: "new", second: "new"})
    assert first.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["haproxy.cfg"]


def test_of_many_routes_only_the_changed_one_is_read_and_written_again(folder: ProxyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"s%d" % number: Serving(Route("s%d" % number), ()) for number in range(20)}
    folder.save_routes(table)
    assert folder.routes() == table
    read: list[str] = []
    real = folder._read
    monkeypatch.setattr(folder, "_read", lambda path: read.append(path.stem) or real(path))
    before = {path.name: path.stat().st_ino for path in (folder.root / "routes").glob("*.json")}
    changed = {**table, "s7": Serving(Route("s7", path="/seven"), ())}
    folder.save_routes(changed)
    assert folder.routes() == changed
    after = {path.name: path.stat().st_ino for path in (folder.root / "routes").glob("*.json")}
    assert read == ["s7"]
    assert [name for name in before if before[name] != after[name]] == ["s7.json"]


def test_one_route_alone(folder: ProxyFolder) -> None:
    folder.save_routes({"a": Serving(Route("a"), ())})
    (folder.root / "routes" / "broken.json").write_text("{")
    wanted = Serving(Route("a", path="/a"), ())
    folder.save_route(wanted, {folder.conf / "a.cfg": "text"})
    assert (folder.route("a"), folder.route("b"), (folder.conf / "a.cfg").read_text()) == (wanted, None, "text")
    with pytest.raises(SwitchError, match=r"broken\.json"):
        folder.route("broken")


def test_what_somebody_else_wrote_is_read_again(folder: ProxyFolder) -> None:
    folder.save_routes({"greet": Serving(Route("greet"), ())})
    folder.routes()
    path = folder.root / "routes" / "greet.json"
    path.write_text(path.read_text().replace('"path": "/"', '"path": "/a"'))
    assert folder.routes()["greet"].route.path == "/a"
    ProxyFolder(folder.root).save_routes({})
    assert folder.routes() == {}
