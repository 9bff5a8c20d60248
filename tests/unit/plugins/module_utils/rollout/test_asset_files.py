# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static files on the host: never outside of their folder, whole or not at all, the same after a crash anywhere, and nothing else removed."""

from __future__ import annotations

import errno
import io
import os
import pathlib
import stat
import tarfile
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import (
    LABEL_ASSETS,
    LABEL_HASH,
    LABEL_SPEC,
    LABEL_VERSION,
    Container,
    ContainerSpec,
    Image,
)
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, HotswapError, InvalidInput, NotOurs
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import asset_files, assets, own_folder, service
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.asset_archive import unpack
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.asset_files import Folders
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.asset_spec import Assets, Bridging, Version
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.asset_union import Held, union
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.assets import Bridge
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.observe import Sight
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.state import Instance, Observed

from .test_spec import params

Files = t.Mapping[str, str]
A, B, C = "A-aaaaaa", "B-bbbbbb", "C-cccccc"
PATH = "/app/assets"


def member(name: str, text: str = "", **fields: t.Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(text)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, text.encode()


def folder(name: str = "assets") -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.DIRTYPE, mode=0o700)


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def archive_of(files: Files) -> bytes:
    found = [folder()]
    for above in sorted({above for path in files for above in pathlib.PurePosixPath(path).parents} - {pathlib.PurePosixPath()}):
        found.append(folder("assets/%s" % above))
    return tarred(*found, *(member("assets/" + path, text) for path, text in files.items()))


def unpacked(place: pathlib.Path, *members: tuple[tarfile.TarInfo, bytes]) -> pathlib.Path:
    data = tarred(*members)
    unpack((data[at : at + 700] for at in range(0, len(data), 700)), place, PATH, "localhost/greet:A")
    return place


def texts(root: pathlib.Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_files_keep_content_and_time_and_everybody_may_read_them(tmp_path: pathlib.Path) -> None:
    place = unpacked(
        tmp_path / "own",
        folder(),
        member("assets/app.css", "x" * 5000, mode=0o600, uid=33, mtime=1234567),
        folder("assets/js"),
        member("assets/js/run", "go", mode=0o4750),
        member("assets/js/same", type=tarfile.LNKTYPE, linkname="assets/js/run"),
        member("assets/latest.css", type=tarfile.SYMTYPE, linkname="app.css"),
        member("assets/js/up.css", type=tarfile.SYMTYPE, linkname="/app/assets/app.css"),
    )
    modes = {name: stat.S_IMODE((place / name).lstat().st_mode) for name in ("", "app.css", "js", "js/run")}
    assert modes == {"": 0o755, "app.css": 0o644, "js": 0o755, "js/run": 0o755}
    assert (place / "app.css").stat().st_mtime == 1234567
    assert (place / "app.css").read_text() == "x" * 5000 == (place / "latest.css").read_text()
    assert (place / "js/same").samefile(place / "js/run")
    assert os.readlink(str(place / "js/up.css")) == "/app/assets/app.css"


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ([member("assets", "text")], InvalidInput, "assets.path: /app/assets in localhost/greet:A is no folder"),
        ([member("assets", type=tarfile.SYMTYPE, linkname="/")], InvalidInput, "is no folder. Name the folder itself, and no link to it"),
        ([], InvalidInput, "is no folder"),
        ([folder(), member("assets/../../x", "out")], HotswapError, "leads outside"),
        ([folder(), member("/etc/x", "out")], HotswapError, "leads outside"),
        ([folder(), member("assets-2/x", "out")], HotswapError, "leads outside"),
        ([folder("."), member("../x", "out")], HotswapError, "leads outside"),
        ([folder(), member("assets/up", type=tarfile.SYMTYPE, linkname="../secret")], InvalidInput, "'up', a link that leads outside to '../secret'"),
        ([folder(), member("assets/up", type=tarfile.SYMTYPE, linkname="/etc/passwd")], InvalidInput, "a link that leads outside to '/etc/passwd'"),
        ([folder(), member("assets/d", type=tarfile.SYMTYPE, linkname="."), member("assets/d/x", "in")], HotswapError, "'d/x' in the wrong place"),
        ([folder(), member("assets/x", "1"), member("assets/x", "2")], HotswapError, "'x' in the wrong place"),
        ([folder(), member("assets/a/b", "1")], HotswapError, "'a/b' in the wrong place"),
        ([folder(), member("assets/h", type=tarfile.LNKTYPE, linkname="assets/none")], InvalidInput, "'h', the same file as 'none'"),
        ([folder(), member("assets/h", type=tarfile.LNKTYPE, linkname="etc/passwd")], HotswapError, "leads outside"),
        ([folder(), member("assets/null", type=tarfile.CHRTYPE)], InvalidInput, "'null', which is a device"),
        ([folder(), member("assets/pipe", type=tarfile.FIFOTYPE)], InvalidInput, "'pipe', which is a pipe"),
    ],
)
def test_nothing_leaves_the_folder(tmp_path: pathlib.Path, members: list[tuple[tarfile.TarInfo, bytes]], error: type[HotswapError], message: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(error, match=message.replace("(", r"\(")):
        unpacked(tmp_path / "in" / "own", *members)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_archive_that_ends_early_is_damaged(tmp_path: pathlib.Path) -> None:
    with pytest.raises(HotswapError, match="the engine's archive of /app/assets in localhost/greet:A cannot be read"):
        unpack([archive_of({"app.css": "x" * 4000})[:1500]], tmp_path / "own", PATH, "localhost/greet:A")


def built(root: pathlib.Path, **versions: Files) -> Folders:
    """Folders with versions by the first letter of their keys."""
    found = Folders(root, "docker")
    for name, files in versions.items():
        found.build({"a": A, "b": B, "c": C}[name], lambda place, files=files: unpack([archive_of(files)], place, PATH, "image"))  # type: ignore[misc]
    return found


def arrange(folders: Folders, key: str, *others: str) -> None:
    versions = {one: folders.held(one, 0.0) for one in (key, *others)}
    folders.arrange(key, union(versions[key], versions.values(), 60.0), versions[key].folders)


def test_what_is_shown_are_links_that_follow_what_is_wanted(tmp_path: pathlib.Path) -> None:
    folders = built(tmp_path, a={"app-a.css": "a", "shared.css": "of a", "x/y/z.svg": "z"}, b={"app-b.css": "b", "shared.css": "of b", "x": "file"})
    shown = folders.root / B / "shown"
    before = shown.stat().st_ino
    arrange(folders, B, A)
    assert texts(shown) == {"app-a.css": "a", "app-b.css": "b", "shared.css": "of b", "x": "file"}
    assert (shown / "app-a.css").samefile(folders.root / A / "own" / "app-a.css")
    arrange(folders, A, B)
    assert texts(folders.root / A / "shown") == {"app-a.css": "a", "app-b.css": "b", "shared.css": "of a", "x/y/z.svg": "z"}
    arrange(folders, B)
    assert texts(shown) == {"app-b.css": "b", "shared.css": "of b", "x": "file"}
    arrange(folders, A)
    assert not (folders.root / A / "shown" / "app-b.css").exists()
    # Containers have this very folder mounted.
    assert shown.stat().st_ino == before
    assert folders.differs(A, {"app-a.css": A}) == (set(), {"shared.css", "x/y/z.svg"})


def test_what_was_changed_by_hand_is_put_back(tmp_path: pathlib.Path) -> None:
    folders = built(tmp_path, a={"app.css": "a", "x/y": "y"})
    arrange(folders, A)
    shown = folders.root / A / "shown"
    (shown / "app.css").unlink()
    (shown / "app.css").symlink_to("/etc/passwd")
    (shown / "x" / "y").unlink()
    (shown / "strange").mkdir()
    assert folders.differs(A, {"app.css": A, "x/y": A}) == ({"app.css", "x/y"}, set())
    arrange(folders, A)
    assert (texts(shown), sorted(path.name for path in shown.iterdir())) == ({"app.css": "a", "x/y": "y"}, ["app.css", "x"])


def test_a_version_is_there_whole_or_not_at_all(tmp_path: pathlib.Path) -> None:
    folders = Folders(tmp_path, "docker")

    def full(place: pathlib.Path) -> None:
        place.mkdir()
        (place / "half").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        folders.build(A, full)
    assert list(folders.root.iterdir()) == []
    folders.tidy()
    assert list(tmp_path.iterdir()) == []


def test_what_it_owns_is_put_back_beside_what_is_mounted(tmp_path: pathlib.Path) -> None:
    folders = built(tmp_path, a={"app.css": "a"})
    arrange(folders, A)
    shown = folders.root / A / "shown"
    before = shown.stat().st_ino
    own_folder.remove(folders.root / A / "own")
    assert folders.versions() == ()
    built(tmp_path, a={"app.css": "a"})
    assert (folders.versions(), shown.stat().st_ino) == ((A,), before)


def test_only_ours_is_seen_and_removed(tmp_path: pathlib.Path) -> None:
    folders = built(tmp_path, a={})
    (folders.root / ("." + A + ".7.tmp")).mkdir()
    (folders.root / "notes").mkdir()
    (folders.root / B).symlink_to("/")
    assert (folders.versions(), folders.left()) == ((A,), ("." + A + ".7.tmp",))
    (folders.root / "retired.json").write_text("[damaged")
    assert folders.retired() == {}
    for name in (A, "." + A + ".7.tmp"):
        folders.remove(name)
    folders.tidy()
    assert sorted(path.name for path in folders.root.iterdir()) == [B, "notes"]


class Shelf:
    """An engine with images of files, whose containers are what is put into `found`."""

    kind = "docker"
    endpoint = "unix:///nowhere"

    def __init__(self, **images: Files) -> None:
        self.rootless = os.geteuid() != 0
        self.images = images
        self.found: dict[str, Container] = {}
        self.made: list[ContainerSpec] = []
        self.published = lambda: ()
        self.logs = lambda *_asked: ()

    def containers(self, labels: t.Mapping[str, str]) -> list[Container]:
        return [
            one for one in self.found.values() if all(one.labels.get(key) in (value, None if value else one.labels.get(key)) for key, value in labels.items())
        ]

    def container(self, name: str) -> Container | None:
        return self.found.get(name)

    def image(self, ref: str) -> Image:
        return Image(ref.rpartition(":")[2], ())

    def create(self, spec: ContainerSpec) -> Container:
        if LABEL_ASSETS not in spec.labels:
            self.made.append(spec)
            raise EngineError("no room")
        self.found[spec.name] = Container("1", spec.name, spec.image, spec.image, "created", labels=spec.labels)
        return self.found[spec.name]

    def archive(self, name: str, path: str) -> list[bytes] | None:
        files = self.images[self.found[name].image.rpartition(":")[2]]
        return [archive_of(files)] if path == PATH and files else None

    def remove(self, name: str, force: bool = False) -> None:
        self.found.pop(name, None)


def instance(key: str, running: bool = True, option: bool = True) -> tuple[Instance, Container]:
    label = '{"assets": {"path": "%s", "keep_for": 60}}' % PATH if option else "{}"
    labels = {LABEL_VERSION: key[:1], LABEL_HASH: key[2:] + "000000", LABEL_SPEC: label}
    name = "greet-%s-1" % key
    return Instance(name, key, running, 1 if running else 0), Container("1", name, key[:1], key[:1], "running", labels=labels)


def sight(*instances: tuple[Instance, Container]) -> Sight:
    return Sight(Observed(tuple(one for one, _container in instances)), {one.name: container for one, container in instances})


ASSETS = Assets(PATH, 60.0)


class Stage:
    """A service on a host: its bridge, and what it shows."""

    def __init__(self, root: pathlib.Path, **images: Files) -> None:
        self.engine = Shelf(**images)
        self.root = root / "assets" / "docker"
        self.bridge = Bridge(t.cast(t.Any, self.engine), "greet", root)

    def plan(self, key: str, now: Sight, gone: t.Container[str] = ()) -> Bridging:
        return self.bridge.plan(ASSETS, Version(key, "sha256:" + key[:1], ASSETS, True), now, gone)

    def walk(self, key: str, now: Sight) -> Bridging:
        plan = self.plan(key, now)
        self.bridge.walk(plan, ASSETS, Version(key, "sha256:" + key[:1], ASSETS, True), now)
        return plan

    def shown(self, key: str) -> dict[str, str]:
        return texts(self.root / key / "shown")


@pytest.fixture
def stage(tmp_path: pathlib.Path) -> Stage:
    return Stage(tmp_path, A={"a.css": "a"}, B={"b.css": "b"}, C={"c.css": "c"}, D={})


def rolled_out(stage: Stage) -> None:
    """A, then B, and A retired."""
    stage.walk(A, sight())
    stage.walk(B, sight(instance(A)))
    stage.bridge.settle(ASSETS, sight(instance(A, False), instance(B)))


def test_both_versions_show_both_and_a_second_run_has_nothing_to_do(stage: Stage) -> None:
    rolled_out(stage)
    assert stage.shown(A) == stage.shown(B) == {"a.css": "a", "b.css": "b"}
    now = sight(instance(A, False), instance(B))
    assert stage.plan(B, now).first + stage.plan(B, now).last == []
    assert stage.bridge.shown(B, ASSETS, now) == {"own": 1, "bridged": 1, "size": 2}
    assert (stage.engine.found, list(Folders(stage.root.parents[1], "docker").retired())) == ({}, [A])


def test_files_outlive_the_containers_of_their_version_until_they_are_too_old(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rolled_out(stage)
    only = sight(instance(B))
    stage.bridge.settle(ASSETS, only)
    assert stage.shown(B) == {"a.css": "a", "b.css": "b"}
    now = assets.time.time()
    monkeypatch.setattr(assets.time, "time", lambda: now + 61)
    assert stage.plan(B, only).last == ["prune assets A (1 file, 1 bytes)"]
    stage.bridge.settle(ASSETS, only)
    assert (stage.shown(B), sorted(path.name for path in stage.root.iterdir())) == ({"b.css": "b"}, [B, "retired.json"])
    assert stage.plan(B, only).first + stage.plan(B, only).last == []


def test_a_version_that_is_in_use_again_is_young_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rolled_out(stage)
    stage.bridge.settle(ASSETS, sight(instance(A), instance(B, False)))
    assert list(Folders(stage.root.parents[1], "docker").retired()) == [B]
    now = assets.time.time()
    monkeypatch.setattr(assets.time, "time", lambda: now + 61)
    stage.walk(C, sight(instance(A), instance(B, False)))
    assert stage.shown(C) == {"a.css": "a", "c.css": "c"}


def test_a_version_of_before_the_option_gives_its_files(stage: Stage) -> None:
    plan = stage.walk(B, sight(instance(A, option=False)))
    assert plan.first == ["copy assets A", "copy assets B", "bridge assets A"]
    assert stage.shown(B) == {"a.css": "a", "b.css": "b"}
    assert stage.shown(A) == {}


def test_one_of_before_the_option_without_the_folder_is_in_nobody_s_way(stage: Stage) -> None:
    stage.walk(B, sight(instance("D-dddddd", option=False)))
    assert stage.shown(B) == {"b.css": "b"}


def test_an_image_without_the_folder_is_refused_and_leaves_nothing(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match=r"assets.path: there is no /app/assets in image sha256:D. Name the folder"):
        stage.walk("D-dddddd", sight())
    stage.bridge.settle(ASSETS, sight())
    assert (stage.engine.found, stage.root.parent.exists()) == ({}, False)


def test_a_container_of_somebody_else_is_left_alone(stage: Stage) -> None:
    name = "greet-%s-assets" % A
    stage.engine.found[name] = Container("1", name, "x", "x", "running")
    with pytest.raises(NotOurs, match="container %s exists and does not read the assets of this service" % name):
        stage.walk(A, sight())
    assert name in stage.engine.found


def test_what_a_killed_run_left_is_planned_and_goes(stage: Stage) -> None:
    rolled_out(stage)
    now = sight(instance(A, False), instance(B))
    (stage.root / ("." + C + ".7.tmp")).mkdir()
    stage.engine.create(ContainerSpec("greet-%s-assets" % C, "C", labels={LABEL_ASSETS: "greet"}))
    assert stage.plan(B, now).last == ["prune assets left by a killed run: .%s.7.tmp" % C, "prune assets left by a killed run: greet-%s-assets" % C]
    stage.bridge.settle(ASSETS, now)
    assert stage.plan(B, now).last == []


ACTS = ("mkdir", "link", "replace", "rename", "symlink", "unlink", "rmdir")


class Killed(BaseException):
    """The process is gone: nothing that would clean up runs."""


def test_a_run_that_is_killed_anywhere_converges(tmp_path: pathlib.Path) -> None:
    killed = [act for act in range(1, 60) if _killed_at(tmp_path / str(act), act)]
    assert killed == list(range(1, len(killed) + 1))
    assert 15 < len(killed) < 59


def _killed_at(root: pathlib.Path, act: int) -> bool:
    """Whether a run that adds B had that many acts; after it was killed at this one, the next one must come to the same end."""
    root.mkdir()
    stage = Stage(root, A={"a.css": "a", "x/y.svg": "y"}, B={"b.css": "b", "x/z.svg": "z"})
    stage.walk(A, sight())
    stage.bridge.settle(ASSETS, sight(instance(A)))
    killed = _killed(act, lambda: stage.walk(B, sight(instance(A))))
    shown = stage.shown(A)
    assert (shown["a.css"], shown["x/y.svg"]) == ("a", "y")
    stage.walk(B, sight(instance(A)))
    both = sight(instance(A), instance(B))
    stage.bridge.settle(ASSETS, both)
    assert stage.shown(A) == stage.shown(B) == {"a.css": "a", "b.css": "b", "x/y.svg": "y", "x/z.svg": "z"}
    assert sorted(path.name for path in stage.root.iterdir()) == [A, B]
    assert stage.plan(B, both).first == []
    return killed


def _killed(act: int, work: t.Callable[[], t.Any]) -> bool:
    left = [act]

    def counted(real: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def do(*asked: t.Any, **more: t.Any) -> t.Any:
            left[0] -= 1
            if left[0] <= 0:
                raise Killed
            return real(*asked, **more)

        return do

    with pytest.MonkeyPatch.context() as patch:
        for name in ACTS:
            patch.setattr(os, name, counted(getattr(os, name)))
        try:
            work()
        except Killed:
            return True
    return False


def test_a_run_that_fails_before_anybody_saw_the_version_leaves_nothing_of_it(tmp_path: pathlib.Path) -> None:
    engine: t.Any = Shelf(A={"a.css": "a"})
    engine.rootless = os.geteuid() != 0
    asked = params(assets={"path": PATH, "keep_for": "1h"}, gate={"exec": ["true"]}, lock_timeout=0)
    result = service.converge(engine, StateDir(tmp_path), asked, True)
    assert (result["plan"][0], result["diff"]["after"]["assets"], list(tmp_path.iterdir())) == ("copy assets A", ["A"], [])
    with pytest.raises(EngineError, match="no room") as error:
        service.converge(engine, StateDir(tmp_path), asked, False)
    assert [one["name"] for one in error.value.details["phases"]][:2] == ["bridge", "create"]
    (mount,) = engine.made[0].mounts
    assert (mount.target, mount.read_only) == (PATH, True)
    assert mount.source.startswith(str(tmp_path / "services" / "greet" / "assets" / "docker"))
    assert not (tmp_path / "services" / "greet" / "assets").exists()


def test_a_full_disk_is_said_before_anything_of_the_version_is_there(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine: t.Any = Shelf(A={"a.css": "a"})
    asked = params(assets={"path": PATH, "keep_for": "1h"}, gate={"exec": ["true"]}, lock_timeout=0)

    def full(*_asked: t.Any) -> t.NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(HotswapError, match=r"bridge: .*No space left on device. Look at the space and the permissions of"):
        service.converge(engine, StateDir(tmp_path), asked, False)
    assert (engine.made, engine.found, (tmp_path / "services" / "greet" / "assets").exists()) == ([], {}, False)


def test_the_engine_of_a_user_cannot_read_what_root_keeps(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine: t.Any = Shelf()
    engine.rootless = True
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(InvalidInput, match="assets: the engine at unix:///nowhere is a user's"):
        assets.placed(ASSETS, engine, tmp_path, False)
    assert assets.placed(Assets(), engine, tmp_path, False) == Assets()


def test_a_service_without_files_of_ours_asks_the_engine_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bridge, "_readers", None)
    bridge = Bridge(t.cast(t.Any, Shelf()), "greet", tmp_path)
    assert bridge.plan(Assets(), None, sight(), ()).first == []
    bridge.settle(Assets(), sight())
    assert bridge.shown(A, Assets(), sight()) is None


def test_held_files_are_those_of_the_image(tmp_path: pathlib.Path) -> None:
    folders = built(tmp_path, a={"x/y": "12345"})
    assert folders.held(A, 7.0) == Held(A, {"x/y": 5}, {"x"}, 7.0)
    assert asset_files.folder_of(tmp_path, "docker") == folders.root
