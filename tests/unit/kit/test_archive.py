# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image archives: same content, same bytes, and the shape that both engines read."""

from __future__ import annotations

import io
import json
import pathlib
import tarfile
import typing as t

from kit import archive, images, rootfs


def entries() -> list[archive.Entry]:
    return [
        archive.Entry("/bin/program", b"\x7fELF", 0o755),
        archive.Entry("/tmp", mode=0o1777, folder=True),
        archive.Entry("/bin/alias", link="program"),
        archive.Entry("/var/lib/x", folder=True, mode=0o755, owner=99),
    ]


def members(tar: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as content:
        return {info.name: info for info in content.getmembers()}


def image(ref: str, env: t.Sequence[str] = ()) -> archive.Image:
    return archive.Image((ref,), (archive.layer(entries()),), {"Cmd": ["/bin/program"], "Env": list(env)})


def test_a_layer_does_not_depend_on_the_order_of_its_entries() -> None:
    assert archive.layer(entries()).digest == archive.layer(list(reversed(entries()))).digest


def test_a_layer_has_every_parent_folder_and_no_times() -> None:
    found = members(archive.layer(entries()).tar)
    assert sorted(found) == ["bin", "bin/alias", "bin/program", "tmp", "var", "var/lib", "var/lib/x"]
    assert {info.mtime for info in found.values()} == {0}
    assert (found["tmp"].mode, found["bin"].mode, found["bin/program"].mode) == (0o1777, 0o755, 0o755)
    assert (found["var/lib/x"].uid, found["var/lib"].uid) == (99, 0)


def test_the_last_of_two_entries_for_one_path_counts() -> None:
    twice = [archive.Entry("/a", b"old"), archive.Entry("a", b"new")]
    assert members(archive.layer(twice).tar)["a"].size == 3
    assert archive.layer(twice).digest == archive.layer(twice[1:]).digest


def test_archives_are_the_same_bytes_each_time(tmp_path: pathlib.Path) -> None:
    for name in ("one.tar", "two.tar"):
        archive.write(tmp_path / name, [image("localhost/x:A"), image("localhost/x:B", ["V=B"])])
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.tar", "two.tar"]


def test_versions_share_their_layers_and_differ_in_id(tmp_path: pathlib.Path) -> None:
    first, second = image("localhost/x:A", ["V=A"]), image("localhost/x:B", ["V=B"])
    archive.write(tmp_path / "x.tar", [first, second])
    found = members((tmp_path / "x.tar").read_bytes())
    assert len([name for name in found if name.endswith("layer.tar")]) == 1
    with tarfile.open(tmp_path / "x.tar") as content:
        manifest = json.load(t.cast("t.IO[bytes]", content.extractfile("manifest.json")))
    assert [item["RepoTags"] for item in manifest] == [["localhost/x:A"], ["localhost/x:B"]]
    assert [item["Config"] for item in manifest] == [first.id + ".json", second.id + ".json"]
    assert first.id != second.id


def test_the_config_names_each_layer_by_its_digest() -> None:
    made = image("localhost/x:A")
    config = json.loads(made.config_json())
    assert config["rootfs"]["diff_ids"] == ["sha256:" + made.layers[0].digest]
    assert config["config"]["Cmd"] == ["/bin/program"]


def test_parse_ldd_takes_libraries_and_the_loader() -> None:
    text = (
        "/usr/sbin/haproxy:\n"
        "\tlinux-vdso.so.1 (0x00007ffc1bb5e000)\n"
        "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f9274c1e000)\n"
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f9275bb1000)\n"
        "/bin/static:\n"
        "\tnot a dynamic executable\n"
    )
    assert rootfs.parse_ldd(text) == {"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}


def test_parse_version_reads_the_environment() -> None:
    assert images.parse_version("localhost/greet:C,HEALTHY=no,GREETING=a=b") == ("localhost/greet:C", {"HEALTHY": "no", "GREETING": "a=b"})


def test_a_caddy_image_needs_nothing_but_its_program(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "caddy"
    program.write_bytes(b"\x7fELF static")
    first = images.build("caddy", tmp_path / "a.tar", "localhost/caddy:test", caddy=program)
    second = images.build("caddy", tmp_path / "b.tar", "localhost/caddy:test", caddy=program)
    assert first == second
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
