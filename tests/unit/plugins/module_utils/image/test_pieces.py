# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Layers over the wire: what goes in comes out, only what is missing goes, and nothing damaged reaches an engine."""

from __future__ import annotations

import io
import json
import pathlib
import random
import shutil
import tarfile
import typing as t

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError
from ansible_collections.hotswap.containers.plugins.module_utils._image import bundle, codec, pieces
from ansible_collections.hotswap.containers.plugins.module_utils._image.archive import Archive, Source

from . import archives

ENCODINGS = [codec.NONE, codec.GZIP, codec.ZSTD]
NOISE = random.Random(7).randbytes(300_000)
IMAGE = archives.image(NOISE, b"top" * 999, NOISE[:100])
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 64 * 1024)


@given(parts=st.lists(st.binary(max_size=5000), max_size=5), encoding=st.sampled_from([codec.NONE, codec.GZIP]), step=st.integers(min_value=1, max_value=700))
@quick
def test_packed_pieces_are_one_stream(parts: list[bytes], encoding: str, step: int) -> None:
    stream = b"".join(codec.pack(part, encoding) for part in parts)
    chunks = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert b"".join(codec.unpack(chunks, encoding)) == b"".join(parts)


def test_zstd_pieces_are_one_stream() -> None:
    stream = codec.pack(NOISE, codec.ZSTD) + codec.pack(b"", codec.ZSTD) + codec.pack(b"end", codec.ZSTD)
    assert b"".join(codec.unpack([stream[:1000], stream[1000:]], codec.ZSTD)) == NOISE + b"end"
    with pytest.raises(HotswapError, match="zstd"):
        list(codec.unpack([stream[:-9]], codec.ZSTD))
    with pytest.raises(HotswapError, match="zstd"):
        list(codec.unpack([b"no zstd at all"], codec.ZSTD))


def test_an_error_of_the_source_comes_through_zstd() -> None:
    def broken() -> t.Iterator[bytes]:
        yield codec.pack(NOISE, codec.ZSTD)
        raise HotswapError("the disk is gone")

    with pytest.raises(HotswapError, match="the disk is gone"):
        list(codec.unpack(broken(), codec.ZSTD))


def test_without_zstd_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(codec, "_zstd_module", lambda: None)
    assert not codec.has_zstd()
    with pytest.raises(HotswapError, match="compressed with zstd"):
        list(codec.unpack([b""], codec.ZSTD))


def test_the_same_bytes_give_the_same_piece() -> None:
    for encoding in ENCODINGS:
        assert codec.pack(NOISE, encoding) == codec.pack(NOISE, encoding)


class Sent:
    """An image cut into pieces in a folder that stands for the host's."""

    def __init__(self, folder: pathlib.Path, form: bytes, known: int = 0, zstd: bool = False) -> None:
        self.folder = folder / "pieces"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        opened = Archive(archives.write(folder, form), str(folder))
        try:
            self.source: Source = opened.images[0]
            self.layers = pieces.cut(opened, self.source, pieces.unsent(opened, self.source), known, str(self.folder), zstd)
        finally:
            opened.close()

    def bundle(self, oci: bool) -> dict[str, bytes]:
        stream = bundle.stream(oci, self.source.config, self.layers, lambda layer: pieces.content(layer, str(self.folder)))
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream)), mode="r:") as tar:
            return {member.name: tar.extractfile(member).read() for member in tar}


FORMS = {
    "plain": lambda: archives.tar(archives.docker([IMAGE])),
    "packed": lambda: archives.tar(archives.oci([IMAGE], archives.zipped)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zstd", [False, True])
@pytest.mark.parametrize("known", range(4))
def test_an_engine_gets_the_missing_layers_only(form: str, zstd: bool, known: int, tmp_path: pathlib.Path) -> None:
    sent = Sent(tmp_path, FORMS[form](), known, zstd)
    assert [layer.size for layer in sent.layers] == [len(layer.tar) for layer in IMAGE.layers]
    assert [bool(layer.pieces) for layer in sent.layers] == [number >= known for number in range(3)]
    inside = sent.bundle(oci=False)
    (row,) = json.loads(inside["manifest.json"])
    assert inside[row["Config"]] == IMAGE.config_json()
    assert row["Layers"] == [layer.digest + "/layer.tar" for layer in IMAGE.layers]
    assert [inside.get(name) for name in row["Layers"]] == [None] * known + [layer.tar for layer in IMAGE.layers[known:]]


def test_an_oci_bundle_is_an_archive_that_we_can_read(tmp_path: pathlib.Path) -> None:
    sent = Sent(tmp_path, FORMS["packed"]())
    inside = sent.bundle(oci=True)
    opened = Archive(archives.write(tmp_path, archives.tar(inside), "again.tar"), str(tmp_path))
    (again,) = opened.images
    opened.close()
    assert (again.id, again.diff_ids) == (sent.source.id, sent.source.diff_ids)
    (row,) = json.loads(inside["index.json"])["manifests"]
    assert row["digest"] == bundle.manifest_id(sent.source.config, sent.layers)
    # Podman takes a HEALTHCHECK only with Docker's kind of manifest.
    assert row["mediaType"] == archives.DOCKER_MANIFEST


def test_a_packed_layer_is_not_packed_again(tmp_path: pathlib.Path) -> None:
    sent = Sent(tmp_path, FORMS["packed"]())
    stored = b"".join((sent.folder / piece.name).read_bytes() for piece in sent.layers[0].pieces)
    assert stored == archives.zipped(IMAGE.layers[0].tar)


def test_a_layer_twice_is_sent_once(tmp_path: pathlib.Path) -> None:
    base = archives.image(b"same")
    twice = type(base)(base.refs, base.layers * 2, base.config)
    sent = Sent(tmp_path, archives.tar(archives.docker([twice])))
    assert len(pieces.to_send(sent.layers, {})) == 1
    assert len([name for name in sent.bundle(oci=False) if name.endswith("layer.tar")]) == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_with_other_content_is_refused_before_it_is_sent(form: str, tmp_path: pathlib.Path) -> None:
    other = archives.image(NOISE, b"TOP" * 999, NOISE[:100])
    entries = archives.docker([IMAGE], archives.zipped if form == "packed" else archives.plain)
    name = IMAGE.layers[1].digest + "/layer.tar"
    entries[name] = archives.zipped(other.layers[1].tar) if form == "packed" else other.layers[1].tar
    with pytest.raises(HotswapError, match="sha256:%s is damaged" % IMAGE.layers[1].digest):
        Sent(tmp_path, archives.tar(entries))


def test_layers_come_back_out_of_module_parameters(tmp_path: pathlib.Path) -> None:
    layers = Sent(tmp_path, FORMS["plain"](), 1).layers
    assert [pieces.Layer.of(json.loads(json.dumps(layer.as_json()))) for layer in layers] == layers


@given(data=st.data())
@quick
def test_a_cut_transfer_goes_on(data: st.DataObject, tmp_path: pathlib.Path) -> None:
    layers = Sent(tmp_path, FORMS["plain"]()).layers
    names = [piece.name for piece in pieces.to_send(layers, {})]
    arrived = data.draw(st.sets(st.sampled_from(names)))
    there = {piece.name: piece.size for layer in layers for piece in layer.pieces if piece.name in arrived}
    partial = data.draw(st.sampled_from(names))
    there[partial] = there.get(partial, 1) - 1
    assert {piece.name for piece in pieces.to_send(layers, there)} == (set(names) - arrived) | {partial}


def test_damaged_and_missing_pieces_are_found_on_the_host(tmp_path: pathlib.Path) -> None:
    sent = Sent(tmp_path, FORMS["plain"]())
    assert pieces.damaged(sent.layers, str(sent.folder)) == []
    first, second = (piece.name for piece in sent.layers[0].pieces[:2])
    (sent.folder / first).unlink()
    (sent.folder / second).write_bytes(b"x" * sent.layers[0].pieces[1].size)
    assert pieces.damaged(sent.layers, str(sent.folder)) == sorted([first, second])


@pytest.mark.parametrize("oci", [False, True])
def test_other_content_never_ends_as_a_whole_stream(oci: bool, tmp_path: pathlib.Path) -> None:
    sent = Sent(tmp_path, FORMS["plain"]())
    last = sent.layers[-1].pieces[-1].name
    (sent.folder / last).write_bytes(codec.pack(b"other", codec.GZIP))
    with pytest.raises(HotswapError, match="is damaged"):
        sent.bundle(oci)
