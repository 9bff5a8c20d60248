# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The decision about a proxy, and ports of the host."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_ADDRESS, Publish
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import ports
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.proxy_plan import (
    Observed,
    ProxySpec,
    container_spec,
    decide,
    read_spec,
    settings_of,
    shown,
    spec_of,
)
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import ContainerParts

PARAMS: dict[str, t.Any] = {
    "name": "edge",
    "driver": "haproxy",
    "image": None,
    "network": "edge",
    "listen": [{"port": 8181, "publish": ["127.0.0.1:8080", "[::1]:8080"]}, {"port": 8282, "publish": None}],
    "restart_policy": "always",
    "labels": None,
    "connect_timeout": 5.0,
    "client_timeout": 60.0,
    "server_timeout": 60.0,
    "max_connections": 4096,
}
SECRET = "0123456789abcdef"


def spec(**changes: t.Any) -> ProxySpec:
    return spec_of(dict(PARAMS, **changes), "localhost/haproxy:test")


def settings(**changes: t.Any) -> t.Any:
    return settings_of(dict(PARAMS, **changes), SECRET)


def seen(**changes: t.Any) -> Observed:
    return dataclasses.replace(Observed(True, True, spec(), settings()), **changes)


def test_nothing_there_is_created() -> None:
    assert decide(spec(), settings(), Observed()).action == "create"


def test_the_same_again_does_nothing() -> None:
    assert decide(spec(), settings(), seen()).action == "none"


def test_a_token_is_no_difference() -> None:
    assert decide(spec(), settings_of(PARAMS, "another"), seen()).action == "none"


@pytest.mark.parametrize(
    "changes", [{"image": "localhost/haproxy:2"}, {"network": "other"}, {"driver": "caddy"}, {"restart_policy": "no"}, {"labels": {"a": "b"}}]
)
def test_what_a_container_is_made_of_needs_a_new_one(changes: dict[str, t.Any]) -> None:
    plan = decide(spec(**changes), settings(), seen())
    assert (plan.action, plan.downtime) == ("replace", True)
    assert next(iter(changes)) in plan.reasons[0]


def test_a_published_port_needs_a_new_container() -> None:
    listen = [{"port": 8181, "publish": ["127.0.0.1:8081"]}]
    plan = decide(spec(listen=listen), settings(listen=listen), seen())
    assert plan.action == "replace" and "publish from" in plan.reasons[0]


def test_replacing_a_stopped_proxy_costs_nothing() -> None:
    assert decide(spec(image="localhost/haproxy:2"), settings(), seen(running=False)).downtime is False


def test_times_and_unpublished_listeners_are_taken_over_by_the_running_process() -> None:
    listen = [*PARAMS["listen"], {"port": 9090}]
    plan = decide(spec(listen=listen), settings(listen=listen, client_timeout=30.0), seen())
    assert plan.action == "apply"
    assert plan.reasons == ("listeners from [8181, 8282] to [8181, 8282, 9090]", "client_timeout from 60.0 to 30.0")


def test_drift_is_repaired() -> None:
    plan = decide(spec(), settings(), seen(drift=("server x is missing",)))
    assert (plan.action, plan.reasons) == ("apply", ("server x is missing",))


def test_a_stopped_one_is_started() -> None:
    assert decide(spec(), settings(), seen(running=False)).action == "start"


def test_a_lost_folder_or_label_needs_a_new_container() -> None:
    assert decide(spec(), settings(), seen(settings=None)).action == "replace"
    assert decide(spec(), settings(), seen(spec=None)).action == "replace"


@given(
    st.builds(
        ProxySpec,
        name=st.just("edge"),
        driver=st.sampled_from(["haproxy", "caddy"]),
        image=st.text(min_size=1),
        network=st.text(min_size=1),
        publish=st.lists(
            st.builds(Publish, st.sampled_from(["", "127.0.0.1", "::1", "fd00::7"]), st.integers(1, 65535), st.integers(1, 65535)), max_size=3
        ).map(tuple),
        labels=st.dictionaries(st.text(), st.text()),
    )
)
def test_a_spec_survives_its_label(one: ProxySpec) -> None:
    again = read_spec(one.as_text())
    assert again == one
    assert again is not None and again.digest() == one.digest()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"publish": 3}', '{"publish": ["x"], "name": "edge"}', '{"publish": [], "other": 1}', "null"])
def test_other_labels_are_not_a_spec(text: str) -> None:
    assert read_spec(text) is None


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"name": "a/b"}, "name: 'a/b'"),
        ({"name": "a" * 58}, "at most 57"),
        ({"network": "a b"}, "network"),
        ({"listen": []}, "without a listener"),
        ({"listen": [{"port": 0}]}, "0 is not a port"),
        ({"listen": [{"port": 70000}]}, "70000 is not a port"),
        ({"listen": [{"port": 80}, {"port": 80}]}, "80 is there twice"),
        ({"listen": [{"port": 80, "publish": ["8080"]}, {"port": 81, "publish": ["127.0.0.1:8080"]}]}, "asked for twice"),
        ({"listen": [{"port": 80, "publish": ["host:8080"]}]}, "not a place"),
        ({"listen": [{"port": 80, "publish": ["0"]}]}, "0 is not a port"),
        ({"connect_timeout": 0.0}, "connect_timeout"),
        ({"max_connections": 0}, "max_connections"),
        ({"labels": {"hotswap.proxy": "x"}}, "keeps for itself"),
    ],
)
def test_bad_input_names_the_parameter(changes: dict[str, t.Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        spec(**changes)
        settings(**changes)


def test_the_token_is_never_shown_and_never_in_a_label() -> None:
    parts = ContainerParts("img", ("run",), None, "SIGUSR1", ("NET_BIND_SERVICE",))
    made = container_spec(spec(), parts, "/state/proxies/edge", "10.213.0.254")
    assert SECRET not in str(shown(settings())) + str(made)
    assert made.name == "edge-proxy" and made.cap_drop == ("ALL",) and made.mounts[0].read_only and not made.mounts[1].read_only


def test_the_proxy_keeps_its_address_when_the_engine_restarts_it() -> None:
    parts = ContainerParts("img", ("run",), None, "SIGUSR1", ())
    made = container_spec(spec(), parts, "/f", "10.213.0.254")
    assert made.address == "10.213.0.254" == made.labels[LABEL_ADDRESS]


def test_on_selinux_the_folder_is_labelled_for_the_container() -> None:
    parts = ContainerParts("img", ("run",), None, "SIGUSR1", ())
    assert [one.options for one in container_spec(spec(), parts, "/f", "", relabel=True).mounts] == [("Z",), ("Z",)]
    assert [one.options for one in container_spec(spec(), parts, "/f", "").mounts] == [(), ()]


# Listening sockets of a host of the test bed: sshd on 0.0.0.0:22, resolved on 127.0.0.53:53, an established one, [::]:8080, [::1]:631.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2
   2: 02012C0A:0016 01012C0A:C350 01 00000000:00000000 00:00000000 00000000     0        0 3
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A
   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A
   2: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A
"""


def test_listening_sockets_are_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "tcp").write_text(TCP, encoding="ascii")
    (tmp_path / "tcp6").write_text(TCP6, encoding="ascii")
    found = ports.listening([tmp_path / "tcp", tmp_path / "tcp6", tmp_path / "none"])
    assert found == {("", 22), ("127.0.0.53", 53), ("", 8080), ("::1", 631), ("127.0.0.1", 8081)}


@pytest.mark.parametrize(
    "wanted, taken, hit",
    [
        (("", 80), [("127.0.0.1", 80)], True),
        (("127.0.0.1", 80), [("", 80)], True),
        (("127.0.0.1", 80), [("127.0.0.2", 80)], False),
        (("0.0.0.0", 80), [("10.0.0.1", 80)], True),
        (("", 80), [("", 81)], False),
    ],
)
def test_ports_clash_by_address(wanted: tuple[str, int], taken: list[tuple[str, int]], hit: bool) -> None:
    assert (ports.clash(wanted, taken) is not None) is hit
