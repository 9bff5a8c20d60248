# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS on the listeners of each driver whose proxy we run in a container: what is presented, renewed under load, chosen by name."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import pathlib
import socket
import ssl
import subprocess
import typing as t

import pytest
from switch_bed import Bed, listens, until
from switch_load import Load, anybody

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import certificates, handshake, netns
from ansible_collections.hotswap.containers.plugins.module_utils._switch import tls
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Listener, ProxySettings, Route, Serving

RENEWALS = 8
OURS = ("haproxy", "caddy", "nginx")
every_driver = pytest.mark.parametrize("bed", OURS, indirect=True)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def issued(folder: pathlib.Path, *names: str, algorithm: str = "ec") -> dict[str, str]:
    """A new pair for these names, as a task would name it."""
    certificate, key = str(folder / (names[0] + ".pem")), str(folder / (names[0] + ".key"))
    words = ["openssl", "req", "-x509", "-newkey", algorithm, "-nodes", "-days", "30", "-subj", "/CN=" + names[0], "-keyout", key, "-out", certificate]
    words += ["-pkeyopt", "ec_paramgen_curve:prime256v1"] if algorithm == "ec" else []
    words += ["-addext", "subjectAltName=" + ",".join("DNS:" + name for name in names)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return {"certificate": certificate, "key": key}


def present(bed: Bed, port: int, asked: t.Mapping[str, t.Any], *plain: int) -> ProxySettings:
    """What the module does: the files are read and kept, then the running process is told."""
    loaded = certificates.of_listeners([{"port": port, "tls": asked}])[port]
    listeners = (*(Listener(one) for one in plain), Listener(port, tuple(one.certificate for one in loaded)))
    settings = dataclasses.replace(bed.settings, listeners=listeners)
    tls.keep(bed.folder / "conf", {one.certificate: one.pem for one in loaded})
    bed.open().apply(settings)
    assert handshake.otherwise(netns.HERE, settings, 10.0) == []
    assert bed.open().drift() == []
    tls.sweep(bed.folder / "conf", settings)
    return settings


def fingerprint(port: int, name: str = "greet.test") -> str:
    return handshake.presented(netns.HERE, port, name)


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=15, context=anybody())
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": "greet.test", "X-Forwarded-Proto": "gopher"})
        response = connection.getresponse()
        return response.status, response.read().decode().lower()


def talk(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))


@every_driver
def test_plain_and_encrypted_listeners_lead_to_the_same_services(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(Route("greet"), (target,)))
    port = free_port()
    present(bed, port, issued(bed.root, "greet.test"), bed.port)
    assert [line for line in get(port, "/headers")[1].splitlines() if "proto" in line] == ["x-forwarded-proto: https"]
    assert [line for line in bed.ask("/headers")[1].lower().splitlines() if "proto" in line] == ["x-forwarded-proto: http"]
    assert bed.switch.current("greet") == {"greet-a": 100}
    assert bed.switch.matches(Route("greet"))


@every_driver
def test_an_encrypted_listener_alone_survives_a_kill(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(Route("greet"), (target,)))
    settings = present(bed, free_port(), issued(bed.root, "greet.test", algorithm="rsa:2048"))
    port = settings.listeners[0].port
    until(lambda: not listens("127.0.0.1", bed.port))
    bed.kill()
    bed.start()
    assert handshake.otherwise(netns.HERE, settings, 10.0) == []
    assert get(port, "/")[0] == 200
    second = bed.instance("greet-b", 2)
    bed.switch.serve(Serving(Route("greet"), (second,)))
    assert get(port, "/")[1].startswith("greet-b")
    assert [one.stat().st_mode & 0o777 for one in (bed.folder / "conf" / "tls").glob("*.pem")] == [0o600]


@every_driver
def test_the_profile(bed: Bed) -> None:
    port = free_port()
    present(bed, port, issued(bed.root, "greet.test"))
    context = anybody()
    context.set_alpn_protocols(["h2", "http/1.1"])
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.minimum_version = context.maximum_version = version
        with talk(port, context) as link:
            assert (link.version(), link.selected_alpn_protocol()) == (version.name.replace("_", "."), "http/1.1")
    old = anybody()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):
        talk(port, old)
    weak = anybody()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA")
    with pytest.raises(OSError):
        talk(port, weak)


@every_driver
def test_a_certificate_for_each_name(bed: Bed) -> None:
    port = free_port()
    asked = {
        **issued(bed.root, "greet.test", "www.greet.test"),
        "others": [issued(bed.root, "*.wild.test", "greet.test", algorithm="rsa:2048"), issued(bed.root, "one.wild.test")],
    }
    first, wild, one = (each.fingerprint for each in present(bed, port, asked, bed.port).listeners[1].certificates)
    names = {"greet.test": first, "WWW.greet.test": first, "any.wild.test": wild, "one.wild.test": one, "other.test": first, "": first}
    assert {name: fingerprint(port, name) for name in names} == names
    asked["others"] = asked["others"][1:]
    present(bed, port, asked, bed.port)
    assert fingerprint(port, "any.wild.test") == first


@every_driver
def test_renewals_under_load(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(Route("greet"), (target,)))
    port = free_port()
    present(bed, port, issued(bed.root, "greet.test"), bed.port)
    seen = [fingerprint(port)]
    with Load(port, encrypted=True) as load:
        until(lambda: sum(load.sent.values()) > 100)
        for _renewal in range(RENEWALS):
            before = sum(load.sent.values())
            present(bed, port, issued(bed.root, "greet.test"), bed.port)
            seen.append(fingerprint(port))
            until(lambda so_far=before: sum(load.sent.values()) > so_far + 50)
    print(bed.driver, dict(load.sent), dict(load.lost))
    assert len(set(seen)) == RENEWALS + 1
    assert sum(load.sent.values()) > 50 * RENEWALS
    # Caddy can only load its configuration anew, which closes what is idle.
    assert load.lost == {} or bed.driver == "caddy"
    assert len(list((bed.folder / "conf" / "tls").glob("*.pem"))) == 1


@every_driver
def test_what_presents_another_certificate_is_told(bed: Bed) -> None:
    port = free_port()
    settings = present(bed, port, issued(bed.root, "greet.test"), bed.port)
    other = certificates.of_listeners([{"port": port, "tls": issued(bed.root, "greet.test")}])[port][0].certificate
    wrong = dataclasses.replace(settings, listeners=(Listener(port, (other,)), Listener(bed.port, (other,))))
    said = handshake.otherwise(netns.HERE, wrong)
    assert said[0] == "port %d presents another certificate than written." % port
    assert said[1].startswith("port %d of the proxy: no TLS: " % bed.port)
    (bed.folder / "conf" / "tls" / tls.file_name(settings.listeners[1].certificates[0])).unlink()
    assert any(one.endswith(".pem is missing.") for one in bed.open().drift())


@pytest.mark.parametrize("bed", ["haproxy", "caddy"], indirect=True)
def test_a_file_that_the_proxy_refuses_changes_nothing(bed: Bed) -> None:
    port = free_port()
    settings = present(bed, port, issued(bed.root, "greet.test"), bed.port)
    other = certificates.of_listeners([{"port": port, "tls": issued(bed.root, "greet.test")}])[port][0].certificate
    (bed.folder / "conf" / "tls" / tls.file_name(other)).write_text("no certificate\n")
    with pytest.raises(SwitchError, match="refuses the new configuration"):
        bed.open().apply(dataclasses.replace(settings, listeners=(Listener(port, (other,)),)))
    assert (handshake.otherwise(netns.HERE, settings), bed.open().drift()) == ([], [])
