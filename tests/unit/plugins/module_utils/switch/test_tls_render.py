# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What TLS on a listener becomes in each proxy's configuration: the files in expected/ are to be read."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import caddy_render, haproxy_render, nginx_render, tls
from ansible_collections.hotswap.containers.plugins.module_utils._switch.folder import ProxyFolder
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Certificate, Listener, ProxySettings

from .examples import PLACES, ROUTES, SETTINGS, hosts

EXPECTED = pathlib.Path(__file__).with_name("expected")
FIRST = Certificate("a" * 64, "a" * 16, ("greet.example.com", "www.greet.example.com"), "2027-02-28T23:59:59Z")
SECOND = Certificate("b" * 64, "b" * 16, ("*.greet.example.com", "greet.example.com"), "2027-02-28T23:59:59Z")
BOTH = dataclasses.replace(SETTINGS, listeners=(Listener(8181), Listener(8443, (FIRST, SECOND)), Listener(8444, (FIRST,))))
ALONE = dataclasses.replace(SETTINGS, listeners=(Listener(8443, (FIRST,)),))
RENDER = {"cfg": haproxy_render.render, "json": caddy_render.render, "conf": nginx_render.render}


@pytest.mark.parametrize("kind", RENDER)
def test_file(kind: str) -> None:
    text, expected = RENDER[kind](BOTH, {"greet": ROUTES["greet"]}, PLACES), (EXPECTED / ("tls." + kind)).read_text()
    # caddy.json has few lines, and here it is to be read.
    assert (json.loads(text) == json.loads(expected)) if kind == "json" else (text == expected)


def test_a_renewal_is_no_change_of_nginx_s_configuration_and_one_of_the_others() -> None:
    renewed = dataclasses.replace(ALONE, listeners=(Listener(8443, (dataclasses.replace(FIRST, fingerprint="c" * 64, chain="c" * 16),)),))
    same = {kind: render(ALONE, ROUTES, PLACES) == render(renewed, ROUTES, PLACES) for kind, render in RENDER.items()}
    assert same == {"cfg": False, "json": False, "conf": True}
    assert haproxy_render.description(ALONE, ROUTES, PLACES) != haproxy_render.description(renewed, ROUTES, PLACES)


def test_without_tls_nothing_speaks_of_it() -> None:
    for render in RENDER.values():
        assert not re.search("tls|ssl|https|certificate", render(SETTINGS, ROUTES, PLACES).replace('"automatic_https"', ""))


def test_the_parts_of_a_route_are_those_of_every_server() -> None:
    configuration = json.loads(caddy_render.render(BOTH, ROUTES, PLACES))
    for service, serving in ROUTES.items():
        assert caddy_render.route_part(configuration, service) == caddy_render.expected_part(serving.route, BOTH, PLACES)
    configuration["apps"]["http"]["servers"]["public-8443"]["routes"] = []
    assert not caddy_render.handles(configuration, "greet")


def test_each_part_of_each_server_can_be_asked_for() -> None:
    expected = caddy_render.expected_part(ROUTES["greet"].route, BOTH, PLACES)
    names = [part["@id"] for part in expected]
    assert len(set(names)) == len(names) == 4 * len(caddy_render.pool_ids(BOTH, "greet")) == 12
    assert set(caddy_render.pool_ids(BOTH, "greet")) < set(names)


certificates = st.builds(Certificate, st.just("d" * 64), st.text("0123456789abcdef", min_size=16, max_size=16), st.lists(hosts, max_size=3).map(tuple))
listeners = st.builds(Listener, st.just(8443), st.lists(certificates, min_size=1, max_size=3).map(tuple))


@given(listeners)
def test_no_name_breaks_out_of_its_line(listener: Listener) -> None:
    settings = dataclasses.replace(SETTINGS, listeners=(listener,))
    chosen = list(tls.chosen_by_name(listener))
    assert len({name for name, _number in chosen}) == len(chosen)
    proxied = haproxy_render.render(settings, {}, PLACES)
    assert len(proxied.splitlines()) == len(haproxy_render.render(ALONE, {}, PLACES).splitlines())
    assert proxied.count(" crt /hotswap/conf/tls/") == len(listener.certificates)
    served = nginx_render.render(settings, {}, PLACES)
    assert len(re.findall(r'^ +"~\^8443 \(\?i\)(\[\^\.\]\+)?[\w.\\-]+\$" 8443-[012];$', served, re.MULTILINE)) == len(chosen)
    assert len(served.splitlines()) == len(nginx_render.render(ALONE, {}, PLACES).splitlines()) + len(chosen)
    servers = json.loads(caddy_render.render(settings, {}, PLACES))["apps"]["http"]["servers"]
    policies = servers["public-8443"]["tls_connection_policies"]
    assert [one["match"]["sni"] for one in policies[:-1]] == [[name] for name, _number in chosen]


@pytest.mark.parametrize("bad", ["a b", "a'b", 'a"b', "a\nb", "a{b", "a;b", "../x", "", "ä", "a\0b"])
@pytest.mark.parametrize("field", ["fingerprint", "chain", "names"])
@pytest.mark.parametrize("kind", RENDER)
def test_unsafe_values_are_refused(kind: str, field: str, bad: str) -> None:
    wrong = dataclasses.replace(FIRST, **{field: (bad,) if field == "names" else bad})
    with pytest.raises(SwitchError, match="cannot stand in a proxy configuration"):
        RENDER[kind](dataclasses.replace(SETTINGS, listeners=(Listener(8443, (wrong,)),)), {}, PLACES)


def test_the_record_gives_the_same_settings_back(tmp_path: pathlib.Path) -> None:
    folder = ProxyFolder(tmp_path / "edge")
    folder.create()
    folder.save(BOTH, {}, {})
    assert folder.settings() == BOTH
    # As an earlier release wrote it.
    (tmp_path / "edge" / "proxy.json").write_text('{"name": "edge", "listeners": [{"port": 80}], "token": "0123456789abcdef"}')
    assert folder.settings() == ProxySettings("edge", (Listener(80),), "0123456789abcdef")
