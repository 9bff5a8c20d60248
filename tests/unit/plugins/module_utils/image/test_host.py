# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host decides: which names move, what must be sent, and that nothing is changed when something is refused."""

from __future__ import annotations

import json
import pathlib
import platform
import tarfile
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Container, Image, Storage
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, HotswapError, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._image import bundle, host, names, pieces
from ansible_collections.hotswap.containers.plugins.module_utils._image.archive import Archive

from . import archives

HERE = names.native_platform(platform.machine())
PARAMS: dict[str, t.Any] = {"name": "localhost/greet:1", "tags": [], "mutable": ["latest"], "platform": None}


class Store:
    """An engine with nothing but images; `takes_partial` is whether it takes an archive without the layers that it has."""

    kind = "docker"

    def __init__(self, folder: pathlib.Path, by_config: bool = True, takes_partial: bool = True) -> None:
        self.names: dict[str, str] = {}
        self.here: dict[str, Image] = {}
        self.used_by: dict[str, str] = {}
        self.changes: list[str] = []
        self.registry: dict[str, Image] = {}
        self._folder = folder
        self._by_config = by_config
        self._takes_partial = takes_partial

    def add(self, image: Image, *refs: str) -> None:
        self.here[image.id] = image
        self.names.update(dict.fromkeys(refs, image.id))

    def image(self, ref: str) -> Image | None:
        found = self.here.get(self.names.get(ref, ref))
        return Image(found.id, tuple(name for name, one in self.names.items() if one == found.id), 1, False, found.layers, found.platform) if found else None

    def images(self) -> list[Image]:
        return list(self.here.values())

    def containers(self, labels: t.Mapping[str, str]) -> list[Container]:
        return [Container(name, name, "x", image, "exited") for name, image in self.used_by.items()]

    def storage(self) -> Storage:
        return Storage(str(self._folder), "amd64", self._by_config)

    def pull(self, ref: str) -> Image:
        self.changes.append("pull %s" % ref)
        self.add(self.registry[ref], ref)
        return self.registry[ref]

    def tag(self, image_id: str, ref: str) -> None:
        self.changes.append("tag %s" % ref)
        assert image_id in self.here
        self.names[ref] = image_id

    def remove_image(self, ref: str) -> None:
        self.changes.append("remove %s" % ref)
        image_id = self.names.pop(ref, None)
        if image_id and image_id not in self.names.values():
            assert image_id not in self.used_by.values()
            del self.here[image_id]

    def load(self, chunks: t.Iterable[bytes]) -> None:
        self.changes.append("load")
        path = archives.write(self._folder, b"".join(chunks), "loaded.tar")
        if not self._takes_partial and pathlib.Path(path).stat().st_size < 20_000:
            raise EngineError("layers are missing")
        config = next(iter(_configs(path)))
        self.add(Image(config, (), platform=HERE))


def _configs(path: str) -> t.Iterator[str]:
    """Image ids: by manifest in an OCI archive, else by config. A partial archive is no archive for our own reader."""
    with tarfile.open(path) as tar:
        if "index.json" in tar.getnames():
            yield str(json.load(tar.extractfile("index.json"))["manifests"][0]["digest"])
        else:
            yield "sha256:" + str(json.load(tar.extractfile("manifest.json"))[0]["Config"])[: -len(".json")]


@pytest.fixture
def store(tmp_path: pathlib.Path) -> Store:
    return Store(tmp_path)


def want(**changes: t.Any) -> host.Wanted:
    return host.wanted({**PARAMS, **changes})


def an_image(letter: str, *layers: str, made_for: str = HERE) -> Image:
    return Image("sha256:" + letter * 64, (), layers=layers, platform=made_for)


def offer(letter: str, *layers: str, made_for: str = HERE, manifest: str = "sha256:" + "f" * 64) -> host.Candidate:
    return host.Candidate("sha256:" + letter * 64, made_for, layers, manifest)


class TestNames:
    @pytest.mark.parametrize(
        ("text", "full"),
        [("greet", "greet:latest"), ("localhost/greet:1", "localhost/greet:1"), ("reg.example.com:5000/a/b_c/d-e", "reg.example.com:5000/a/b_c/d-e:latest")],
    )
    def test_a_reference_gets_its_tag(self, text: str, full: str) -> None:
        assert names.check_reference("name", text) == full

    @pytest.mark.parametrize("text", ["", "Greet:1", "a:b:c", "a@sha256:" + "0" * 64, "0" * 64, "a b", "-x", "a:" + "t" * 129, "a/../b", "a\n"])
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="name: "):
            names.check_reference("name", text)

    def test_a_word_is_a_tag_beside_the_name(self) -> None:
        found = want(name="reg:5000/greet:1", tags=["latest", "9f3c", "other:2", "reg:5000/greet:1"])
        assert found.refs == ("reg:5000/greet:1", "reg:5000/greet:latest", "reg:5000/greet:9f3c", "other:2")

    def test_platforms(self) -> None:
        assert names.check_platform("linux/arm64/v8") == "linux/arm64"
        assert names.native_platform("aarch64") == "linux/arm64"
        with pytest.raises(InvalidInput, match="platform"):
            names.check_platform("arm64")


@given(st.lists(st.sampled_from("abcd"), max_size=5), st.lists(st.lists(st.sampled_from("abcd"), max_size=5), max_size=4))
def test_known_layers_are_the_longest_common_beginning(layers: list[str], others: list[list[str]]) -> None:
    known = host.known_layers(layers, [an_image("1", *other) for other in others])
    assert known == max([number for number in range(len(layers) + 1) if number == 0 or any(other[:number] == layers[:number] for other in others)])


class TestAsk:
    def test_it_is_there_under_all_names(self, store: Store) -> None:
        store.add(an_image("a"), "localhost/greet:1", "localhost/greet:latest")
        result = host.ask(store, want(tags=["latest"]), [offer("a")], False)
        assert not result["changed"]
        assert "shipment" not in result
        assert store.changes == []

    def test_it_is_there_under_another_name(self, store: Store) -> None:
        store.add(an_image("a"), "localhost/greet:0")
        for check_mode in (True, False):
            result = host.ask(store, want(), [offer("a")], check_mode)
            assert result["changed"]
            assert store.changes == ([] if check_mode else ["tag localhost/greet:1"])

    def test_it_is_there_by_manifest(self, tmp_path: pathlib.Path) -> None:
        store = Store(tmp_path, by_config=False)
        store.add(an_image("f"), "localhost/greet:1")
        assert not host.ask(store, want(), [offer("a")], False)["changed"]

    def test_what_is_missing_is_said(self, store: Store) -> None:
        store.add(an_image("b", "l1", "l2", "l3"), "localhost/greet:0")
        result = host.ask(store, want(), [offer("a", "l1", "l2", "l4")], False)
        assert result["changed"]
        assert result["shipment"]["known"] == 2
        assert result["diff"]["before"] == {"references": {"localhost/greet:1": ""}}
        assert all(place["free"] > 0 for place in result["shipment"]["places"])
        assert store.changes == []

    def test_a_version_keeps_its_content(self, store: Store) -> None:
        store.add(an_image("b"), "localhost/greet:1")
        with pytest.raises(InvalidInput, match=r"localhost/greet:1 names image sha256:b+ on this host") as caught:
            host.ask(store, want(), [offer("a")], False)
        assert "add 1 to mutable" in caught.value.fix
        assert store.changes == []

    @pytest.mark.parametrize("mutable", [["1"], ["localhost/greet:1"]])
    def test_a_mutable_tag_may_move(self, store: Store, mutable: list[str]) -> None:
        store.add(an_image("b"), "localhost/greet:1")
        assert "shipment" in host.ask(store, want(mutable=mutable), [offer("a")], False)

    def test_no_name_moves_when_one_may_not(self, store: Store) -> None:
        store.add(an_image("a"), "localhost/greet:2")
        store.add(an_image("b"), "localhost/greet:latest", "localhost/greet:1")
        with pytest.raises(InvalidInput, match="greet:1 names"):
            host.ask(store, want(tags=["latest"]), [offer("a")], False)
        assert store.changes == []

    def test_the_platform_of_the_host_is_chosen(self, store: Store) -> None:
        result = host.ask(store, want(), [offer("b", made_for="linux/s390x"), offer("a")], False)
        assert result["image"]["id"] == offer("a").id

    def test_another_platform_is_refused(self, store: Store) -> None:
        with pytest.raises(InvalidInput, match="is for linux/s390x, and this host needs " + HERE):
            host.ask(store, want(), [offer("a", made_for="linux/s390x")], False)

    def test_unless_it_is_asked_for(self, store: Store) -> None:
        assert host.ask(store, want(platform="linux/s390x"), [offer("a", made_for="linux/s390x")], False)["changed"]

    def test_a_first_question_refuses_nothing(self, store: Store) -> None:
        store.add(an_image("b"), "localhost/greet:1")
        assert host.ask(store, want(), [offer("a", manifest="")], False) == {"changed": True, "shipment": {}}


class TestLoad:
    def ship(self, folder: pathlib.Path, known: int) -> dict[str, t.Any]:
        image = archives.image(b"base" * 5000, b"top")
        opened = Archive(archives.write(folder, archives.tar(archives.docker([image]))), str(folder))
        source = opened.images[0]
        layers = pieces.cut(opened, source, pieces.unsent(opened, source), known, str(folder), False)
        opened.close()
        (folder / source.id[len("sha256:") :]).write_bytes(source.config)
        self.manifest = bundle.manifest_id(source.config, layers)
        return {"id": source.id, "folder": str(folder), "layers": [layer.as_json() for layer in layers]}

    @pytest.mark.parametrize("known", [0, 1, 2])
    def test_it_is_loaded_and_named(self, store: Store, tmp_path: pathlib.Path, known: int) -> None:
        shipment = self.ship(tmp_path, known)
        result = host.load(store, want(tags=["latest"]), shipment)
        assert (result["image"]["id"], result["brought"]) == (shipment["id"], True)
        assert store.changes == ["load", "tag localhost/greet:1", "tag localhost/greet:latest"]

    def test_by_manifest_it_has_the_id_of_its_manifest(self, tmp_path: pathlib.Path) -> None:
        store, shipment = Store(tmp_path, by_config=False), self.ship(tmp_path, 1)
        assert host.load(store, want(), shipment)["image"]["id"] == self.manifest
        assert store.names == {"localhost/greet:1": self.manifest}

    def test_an_engine_that_wants_everything_is_given_everything(self, tmp_path: pathlib.Path) -> None:
        store = Store(tmp_path, takes_partial=False)
        result = host.load(store, want(), self.ship(tmp_path, 1))
        assert result["again"]["whole"]
        assert "layers are missing" in result["again"]["why"]
        assert "again" not in host.load(store, want(), self.ship(tmp_path, 0))

    def test_a_refusal_of_everything_is_an_error(self, store: Store, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_chunks: t.Iterable[bytes]) -> None:
            raise EngineError("no space left on device")

        monkeypatch.setattr(store, "load", full)
        with pytest.raises(EngineError, match="no space left"):
            host.load(store, want(), self.ship(tmp_path, 0))

    def test_a_damaged_piece_is_named_and_nothing_loaded(self, store: Store, tmp_path: pathlib.Path) -> None:
        shipment = self.ship(tmp_path, 0)
        name = shipment["layers"][1]["pieces"][0]["name"]
        (tmp_path / name).write_bytes(b"x")
        assert host.load(store, want(), shipment)["again"]["pieces"] == [name]
        assert store.changes == []

    def test_a_damaged_config_is_refused(self, store: Store, tmp_path: pathlib.Path) -> None:
        shipment = self.ship(tmp_path, 0)
        (tmp_path / shipment["id"][len("sha256:") :]).write_bytes(b"{}")
        with pytest.raises(HotswapError, match=r"config of image .* is damaged"):
            host.load(store, want(), shipment)

    def test_a_name_that_was_taken_meanwhile_is_not_moved(self, store: Store, tmp_path: pathlib.Path) -> None:
        store.add(an_image("b"), "localhost/greet:1")
        with pytest.raises(InvalidInput, match="localhost/greet:1 names"):
            host.load(store, want(), self.ship(tmp_path, 0))
        assert store.changes == []


class TestPull:
    def test_a_version_is_pulled_once(self, store: Store) -> None:
        store.registry = {"localhost/greet:1": an_image("a")}
        runs = [host.present(store, want(), check) for check in (True, False, False)]
        assert [run["changed"] for run in runs] == [True, True, False]
        assert [run.get("brought", False) for run in runs] == [False, True, False]
        assert store.changes == ["pull localhost/greet:1"]

    def test_a_mutable_one_each_time(self, store: Store) -> None:
        store.registry = {"localhost/greet:latest": an_image("a")}
        asked = want(name="localhost/greet")
        runs = [host.present(store, asked, False) for _time in range(2)]
        store.registry = {"localhost/greet:latest": an_image("b")}
        runs.append(host.present(store, asked, False))
        assert [run["changed"] for run in runs] == [run["brought"] for run in runs] == [True, False, True]

    def test_what_somebody_brought_before_is_not_ours(self, store: Store) -> None:
        store.add(an_image("a"), "localhost/greet:latest")
        store.registry = {"localhost/greet:latest": an_image("a")}
        assert not host.present(store, want(name="localhost/greet"), False)["brought"]

    @pytest.mark.parametrize("before", [None, "c"])
    def test_what_is_refused_does_not_keep_the_name(self, store: Store, before: str | None) -> None:
        store.registry = {"localhost/greet:latest": an_image("b", made_for="linux/s390x")}
        if before:
            store.add(an_image(before), "localhost/greet:latest")
        with pytest.raises(InvalidInput, match="s390x"):
            host.present(store, want(name="localhost/greet"), False)
        assert store.names == ({"localhost/greet:latest": an_image(before).id} if before else {})


class TestAbsent:
    def test_only_what_is_named(self, store: Store) -> None:
        store.add(an_image("a"), "localhost/greet:1", "localhost/greet:2", "localhost/greet:3")
        for check_mode, changed in ((True, True), (False, True), (False, False), (True, False)):
            assert host.absent(store, want(tags=["2"]), check_mode)["changed"] == changed
        assert store.names == {"localhost/greet:3": an_image("a").id}

    def test_not_while_a_container_uses_it(self, store: Store) -> None:
        store.add(an_image("a"), "localhost/greet:1", "localhost/greet:2")
        store.used_by = {"web": an_image("a").id}
        with pytest.raises(InvalidInput, match="used by web"):
            host.absent(store, want(tags=["2"]), True)
        assert store.changes == []
        assert host.absent(store, want(), False)["changed"]
        assert store.names == {"localhost/greet:2": an_image("a").id}
