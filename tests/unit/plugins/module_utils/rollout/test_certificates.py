# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that a task names: what is read of them, what is refused, and that a key stays where it is."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import time
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import certificates, der
from ansible_collections.hotswap.containers.plugins.module_utils._switch import tls
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Listener, ProxySettings
from kit.tls import self_signed


def issued(folder: pathlib.Path, *words: str, days: int = 30, names: str = "DNS:Greet.Test,DNS:*.greet.test,IP:127.0.0.1,DNS:greet.test") -> dict[str, t.Any]:
    """A pair of our own making; `words` are more for openssl."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=greet.test"]
    command += ["-addext", "subjectAltName=" + names, "-keyout", str(key), "-out", str(certificate), *words]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return {"certificate": str(certificate), "key": str(key)}


def load(asked: t.Mapping[str, t.Any]) -> tuple[certificates.Loaded, ...]:
    return certificates.of_listeners([{"port": 80}, {"port": 8443, "tls": asked}])[8443]


def test_what_openssl_says_is_read(tmp_path: pathlib.Path) -> None:
    asked = issued(tmp_path)
    (one,) = load(asked)
    words = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-enddate", "-dateopt", "iso_8601", "-in", asked["certificate"]]
    said = subprocess.run(words, check=True, text=True, capture_output=True).stdout
    assert one.certificate.fingerprint == said.split("Fingerprint=")[1].split()[0].replace(":", "").lower()
    assert one.certificate.expires.replace("T", " ") in said
    assert one.certificate.names == ("greet.test", "*.greet.test")
    assert one.warning == ""
    assert "PRIVATE KEY" in one.pem
    assert "PRIVATE" not in repr(one)


def test_one_file_may_hold_both_with_anything_around(tmp_path: pathlib.Path) -> None:
    asked = issued(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text("subject=x\n%s\n  global\n%s" % (pathlib.Path(asked["key"]).read_text(), pathlib.Path(asked["certificate"]).read_text()))
    (one,) = load({"certificate": str(both)})
    assert one == load(asked)[0]
    assert "global" not in one.pem and "subject" not in one.pem


def test_another_chain_is_another_certificate(tmp_path: pathlib.Path) -> None:
    asked, other = issued(tmp_path), self_signed(tmp_path / "other", "ca.test")
    alone = load(asked)[0].certificate
    with open(asked["certificate"], "a") as file:
        file.write(other.certificate.read_text())
    chained = load(asked)[0].certificate
    assert (chained.fingerprint, chained.chain != alone.chain) == (alone.fingerprint, True)


@pytest.mark.parametrize(("days", "word"), [(1, "expires on"), (30, "")])
def test_the_end_is_told_a_week_before(tmp_path: pathlib.Path, days: int, word: str) -> None:
    warning = load(issued(tmp_path, days=days))[0].warning
    assert word in warning
    assert bool(warning) == bool(word)


def test_an_expired_one_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = issued(tmp_path)
    later = time.time() + 31 * 86400
    monkeypatch.setattr(certificates.time, "time", lambda: later)
    assert "has expired on" in load(asked)[0].warning


def test_what_cannot_be_used_is_refused_by_name(tmp_path: pathlib.Path) -> None:
    asked, other = issued(tmp_path), self_signed(tmp_path / "other", "other.test")
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(["openssl", "pkey", "-aes256", "-passout", "pass:secret", "-in", asked["key"], "-out", str(encrypted)], check=True)
    old = tmp_path / "old.key"
    old.write_text("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\n@@@@\n-----END CERTIFICATE-----\n")
    short = tmp_path / "short.pem"
    short.write_text("-----BEGIN CERTIFICATE-----\nMAMC\n-----END CERTIFICATE-----\n")
    twice = tmp_path / "twice.key"
    twice.write_text(pathlib.Path(asked["key"]).read_text() * 2)
    wrong = {
        "certificate: %s cannot be read: No such file" % (tmp_path / "none"): {**asked, "certificate": str(tmp_path / "none")},
        "certificate: %s is not a file" % tmp_path: {**asked, "certificate": str(tmp_path)},
        "certificate: %s holds no certificate" % asked["key"]: {**asked, "certificate": asked["key"]},
        "certificate: %s is not in PEM form" % broken: {**asked, "certificate": str(broken)},
        "it cannot be used": {**asked, "certificate": str(short)},
        "key: %s holds no private key" % asked["certificate"]: {"certificate": asked["certificate"]},
        "key: %s holds more than one private key" % twice: {**asked, "key": str(twice)},
        "its key belongs to another certificate": {**asked, "key": str(other.key)},
        "the key in %s is encrypted" % encrypted: {**asked, "key": str(encrypted)},
        "the key in %s is encrypted" % old: {**asked, "key": str(old)},
    }
    for says, bad in wrong.items():
        with pytest.raises(InvalidInput) as refused:
            load(bad)
        assert says in str(refused.value)
        assert str(refused.value).startswith("listen.tls.")
        assert "BEGIN" not in str(refused.value).replace("(BEGIN CERTIFICATE)", "")


def test_a_certificate_that_nobody_would_get_is_refused(tmp_path: pathlib.Path) -> None:
    first, same = issued(tmp_path / "a"), issued(tmp_path / "b")
    with pytest.raises(InvalidInput, match=r"listen.tls.others: no client would get the certificate for greet.test, \*.greet.test"):
        load({**first, "others": [same]})
    assert len(load({**first, "others": [issued(tmp_path / "c", names="DNS:greet.test,DNS:more.test")]})) == 2


def test_only_the_owner_may_read_what_is_kept_and_old_keys_go(tmp_path: pathlib.Path) -> None:
    old, new = load(issued(tmp_path / "a"))[0], load(issued(tmp_path / "b"))[0]
    conf = tmp_path / "conf"
    conf.mkdir()
    tls.keep(conf, {old.certificate: old.pem, new.certificate: new.pem})
    assert {path.stat().st_mode & 0o777 for path in (conf / "tls").iterdir()} == {0o600}
    settings = ProxySettings("edge", (Listener(8443, (new.certificate,)),), "0123456789abcdef")
    tls.Links(conf).point(settings)
    tls.sweep(conf, settings, ProxySettings("edge", (Listener(8443, (old.certificate,)),), "0123456789abcdef"))
    assert len(list((conf / "tls").glob("*.pem"))) == 2
    tls.sweep(conf, settings, None)
    assert [path.read_text() for path in (conf / "tls").glob("*.pem")] == [new.pem]
    assert (conf / "tls" / "at" / "8443-0").read_text() == new.pem
    assert (tls.missing(conf, settings), tls.Links(conf).wrong(settings)) == ([], [])
    tls.sweep(conf, ProxySettings("edge", (Listener(8443),), "0123456789abcdef"))
    assert not list((conf / "tls").glob("*.pem")) and not list((conf / "tls" / "at").iterdir())
    assert tls.missing(conf, settings) and tls.Links(conf).wrong(settings)


def test_extensions_without_anything_are_a_value_error() -> None:
    def part(tag: int, *inside: bytes) -> bytes:
        return bytes([tag, len(b"".join(inside))]) + b"".join(inside)

    ends = part(0x30, part(0x17, b"260101000000Z"), part(0x17, b"270101000000Z"))
    fields = [part(0x02, b"1"), part(0x30), part(0x30), ends]
    assert der.read(part(0x30, part(0x30, *fields))) == der.Says(1798761600, ())
    for extensions in (b"", part(0x30, part(0x30)), part(0x30, part(0x30, part(0x06, b"\x55\x1d\x11"), part(0x04)))):
        with pytest.raises(ValueError):
            der.read(part(0x30, part(0x30, *fields, part(0xA3, extensions))))


@given(st.binary(max_size=60))
def test_bytes_that_are_no_certificate_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        der.read(data)


def test_a_certificate_that_was_cut_or_changed_is_a_value_error_or_says_something(tmp_path: pathlib.Path) -> None:
    pair = self_signed(tmp_path, "greet.test")
    data = certificates._bytes(pair.certificate.read_text())
    for at in range(len(data)):
        for changed in (data[:at], data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]):
            with contextlib.suppress(ValueError):
                assert all(name.isascii() and "\n" not in name for name in der.read(changed).names)
