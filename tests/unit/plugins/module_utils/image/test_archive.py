# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image archives: every form is read, and what is damaged or made to harm is refused."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tarfile
import typing as t

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._image import archive as reading
from ansible_collections.hotswap.containers.plugins.module_utils._image.archive import Archive, Source

from . import archives

ONE = archives.image(b"base" * 5000, b"one")
TWO = archives.image(b"base" * 5000, b"two", ref="localhost/greet:2")
FORMS: dict[str, t.Callable[[], bytes]] = {
    "docker": lambda: archives.tar(archives.docker([ONE])),
    "docker, layers packed": lambda: archives.tar(archives.docker([ONE], archives.zipped)),
    "docker, whole packed": lambda: archives.zipped(archives.tar(archives.docker([ONE]))),
    "docker and oci": lambda: archives.tar({**archives.oci([ONE]), **archives.docker([ONE])}),
    "oci": lambda: archives.tar(archives.oci([ONE])),
    "oci, layers packed": lambda: archives.tar(archives.oci([ONE], archives.zipped)),
    "oci, nested": lambda: archives.tar(archives.oci([ONE], nested=True)),
    "names with a dot": lambda: archives.tar({"./" + name: data for name, data in archives.oci([ONE]).items()}),
}


def read(folder: pathlib.Path, data: bytes) -> tuple[list[Source], list[list[bytes]]]:
    opened = Archive(archives.write(folder, data), str(folder))
    try:
        return opened.images, [[b"".join(opened.content(blob)) for blob in image.blobs] for image in opened.images]
    finally:
        opened.close()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str, tmp_path: pathlib.Path) -> None:
    (source,), (contents,) = read(tmp_path, FORMS[form]())
    assert source.id == "sha256:" + ONE.id
    assert source.config == ONE.config_json()
    assert source.refs == ONE.refs
    assert source.platform.startswith("linux/")
    assert contents == [layer.tar for layer in ONE.layers]


def test_zstd_is_read_wherever_it_is(tmp_path: pathlib.Path) -> None:
    def zstd(data: bytes) -> bytes:
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout

    for data in (zstd(archives.tar(archives.docker([ONE]))), archives.tar(archives.oci([ONE], zstd))):
        _sources, (contents,) = read(tmp_path, data)
        assert contents == [layer.tar for layer in ONE.layers]
    with pytest.raises(HotswapError, match="zstd"):
        read(tmp_path, zstd(archives.tar(archives.docker([ONE])))[:-9])


def test_a_layer_that_is_a_link_is_followed(tmp_path: pathlib.Path) -> None:
    entries = archives.docker([ONE])
    first = ONE.layers[0].digest + "/layer.tar"
    entries["aaaa/layer.tar"] = entries.pop(first)
    _sources, (contents,) = read(tmp_path, archives.tar(entries, {first: "../aaaa/layer.tar"}))
    assert contents == [layer.tar for layer in ONE.layers]


def test_links_in_a_circle_end(tmp_path: pathlib.Path) -> None:
    entries = archives.docker([ONE])
    first = ONE.layers[0].digest + "/layer.tar"
    del entries[first]
    with pytest.raises(InvalidInput, match="lacks the layer"):
        read(tmp_path, archives.tar(entries, {first: "../x/layer.tar", "x/layer.tar": "../" + first}))


def _without(name: str) -> dict[str, bytes]:
    return {key: data for key, data in archives.docker([ONE]).items() if name not in key}


def _manifest(**changes: t.Any) -> dict[str, bytes]:
    entries = archives.docker([ONE])
    (row,) = json.loads(entries["manifest.json"])
    return {**entries, "manifest.json": json.dumps([{**row, **changes}]).encode()}


REFUSED: dict[str, tuple[t.Callable[[], bytes], str]] = {
    "text": (lambda: b"hello", "not a readable tar|holds no image"),
    "nothing": (lambda: b"", "not a readable tar|holds no image"),
    "another tar": (lambda: archives.tar({"a": b"b"}), "holds no image"),
    "only the names of old Docker": (lambda: archives.tar({**_without("manifest.json"), "repositories": b"{}"}), "holds no image"),
    "no layer": (lambda: archives.tar(_without(ONE.layers[0].digest)), "lacks the layer"),
    "no config": (lambda: archives.tar(_without(ONE.id)), "lacks .*json"),
    "a name that leads out": (lambda: archives.tar({"../../etc/x": b"", **archives.docker([ONE])}), "outside of itself"),
    "an absolute name": (lambda: archives.tar({"/etc/x": b"", **archives.docker([ONE])}), "outside of itself"),
    "a layer that leads out": (lambda: archives.tar(_manifest(Layers=["../../etc/passwd", "/etc/passwd"])), "lacks the layer"),
    "a layer too few": (lambda: archives.tar(_manifest(Layers=[ONE.layers[0].digest + "/layer.tar"])), "has 1 layers where"),
    "no images": (lambda: archives.tar({"manifest.json": b"[]"}), "holds 0 images"),
    "a number": (lambda: archives.tar({"manifest.json": b"7"}), "cannot be read"),
    "half of JSON": (lambda: archives.tar({"manifest.json": b'[{"Config": '}), "unreadable manifest"),
    "xz": (lambda: b"\xfd7zXZ\0 and more", "compressed with xz"),
    "gzip that ends": (lambda: archives.zipped(archives.tar(archives.docker([ONE])))[:-20], "ends in the middle|damaged"),
    "a damaged config": (lambda: archives.tar({**archives.oci([ONE]), "blobs/sha256/" + ONE.id: ONE.config_json() + b" "}), "other content"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_by_name(case: str, tmp_path: pathlib.Path) -> None:
    make, words = REFUSED[case]
    with pytest.raises(HotswapError, match=words) as caught:
        read(tmp_path, make())
    assert caught.value.fix


def test_an_absurd_size_is_refused_without_reading(tmp_path: pathlib.Path) -> None:
    info = tarfile.TarInfo("manifest.json")
    info.size = 1 << 50
    with pytest.raises(InvalidInput, match="cut off"):
        read(tmp_path, info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)


def test_a_huge_description_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_JSON_BYTES", 100)
    with pytest.raises(InvalidInput, match="a description of"):
        read(tmp_path, FORMS["docker"]())


def test_too_many_entries_are_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ENTRIES", 3)
    with pytest.raises(InvalidInput, match="more than 3 entries"):
        read(tmp_path, FORMS["docker"]())


def test_a_device_is_refused(tmp_path: pathlib.Path) -> None:
    info = tarfile.TarInfo("tty")
    info.type = tarfile.CHRTYPE
    with pytest.raises(InvalidInput, match="is no file"):
        read(tmp_path, info.tobuf(tarfile.GNU_FORMAT) + FORMS["docker"]())


def test_a_missing_file_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.tar cannot be read"):
        Archive(str(tmp_path / "nowhere.tar"), str(tmp_path))


def test_the_unpacked_copy_leaves_room(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(HotswapError, match="no room"):
        read(tmp_path, FORMS["docker, whole packed"]())


@given(cut=st.integers(min_value=0, max_value=len(FORMS["docker"]().rstrip(b"\0")) - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_cut_archive_is_refused(cut: int, tmp_path: pathlib.Path) -> None:
    # Only zeros follow on the last entry.
    with pytest.raises(HotswapError):
        read(tmp_path, FORMS["docker"]()[:cut])


@given(place=st.integers(min_value=0), value=st.integers(min_value=0, max_value=255), form=st.sampled_from(["docker", "oci", "oci, layers packed"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
def test_a_changed_byte_gives_the_image_or_our_error(place: int, value: int, form: str, tmp_path: pathlib.Path) -> None:
    data = bytearray(FORMS[form]())
    data[place % len(data)] = value
    try:
        sources, _contents = read(tmp_path, bytes(data))
    except HotswapError:
        return
    assert len(sources) == 1


class TestChoose:
    def choose(self, folder: pathlib.Path, images: list[t.Any], name: str, platform: str = "") -> list[str]:
        opened = Archive(archives.write(folder, archives.tar(archives.docker(images))), str(folder))
        try:
            return [source.id for source in opened.choose(name, platform)]
        finally:
            opened.close()

    def test_by_name(self, tmp_path: pathlib.Path) -> None:
        assert self.choose(tmp_path, [ONE, TWO], "localhost/greet:2") == ["sha256:" + TWO.id]

    def test_the_only_one_needs_no_name(self, tmp_path: pathlib.Path) -> None:
        assert self.choose(tmp_path, [ONE], "other:1") == ["sha256:" + ONE.id]

    def test_one_of_several_must_be_named(self, tmp_path: pathlib.Path) -> None:
        with pytest.raises(InvalidInput, match="greet:1, localhost/greet:2"):
            self.choose(tmp_path, [ONE, TWO], "other:1")

    def test_another_platform_is_refused(self, tmp_path: pathlib.Path) -> None:
        with pytest.raises(InvalidInput, match="not for linux/s390x"):
            self.choose(tmp_path, [ONE], "other:1", "linux/s390x")
