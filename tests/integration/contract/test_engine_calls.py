# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests the modules make to a real engine: calls cost more than anything else that a module does.

A bound here is a promise. Whoever must raise one says why in the commit.
"""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import pathlib
import re
import socket
import tempfile
import threading
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine import podman_service, sockets
from ansible_collections.hotswap.containers.plugins.module_utils._engine.connect import connect
from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Engine
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import network, proxy_apply, service
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.parts import Asked, Parts
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS

KIND = os.environ.get("HOTSWAP_ENGINE", "")
RUN = "calls%d" % os.getpid()
_REQUEST = re.compile(rb"((?:GET|HEAD|POST|PUT|DELETE) /[^ \r\n]*) HTTP/1\.1\r\n")
_VARIABLE = re.compile(r"^(/libpod)?/v[0-9.]+(/libpod)?|\?.*$")

pytestmark = pytest.mark.skipif(not KIND, reason="HOTSWAP_ENGINE says what to test")

Params = t.Dict[str, t.Any]

# With one container of the service, on any engine.
NOTHING_TO_DO = {"network": 5, "proxy": 6, "service": 8}
FIRST_TIME, AGAIN = 44, 32
# The plan of all three in one module run, which is all that a role's run with nothing to do consists of; and for each service more.
PLAN, ONE_MORE = 11, 1

_NETWORK: Params = dict.fromkeys(("subnet", "ip_range", "gateway", "labels"))
_PROXY: Params = {
    "state": "present",
    "where": "container",
    "driver": "haproxy",
    "pull": "never",
    "labels": None,
    "restart_policy": "no",
    "allow_downtime": False,
    "drain_timeout": 30.0,
    "wait_timeout": 30.0,
    "connect_timeout": 5.0,
    "client_timeout": 60.0,
    "server_timeout": 60.0,
    "max_connections": 256,
}


class Counter:
    """A socket in front of the engine's own, in a process of its own, that notes the requests that go through it."""

    def __init__(self, engine_socket: str, folder: pathlib.Path) -> None:
        self.path = str(folder / "count.sock")
        self._log = folder / "requests"
        self._log.touch()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(64)
        # Not a thread: the modules fork, and a process with threads must not.
        self._process = multiprocessing.get_context("fork").Process(target=_accept, args=(listener, engine_socket, self._log), daemon=True)
        self._process.start()
        listener.close()

    @property
    def requests(self) -> list[str]:
        """Method and path of each request so far."""
        return self._log.read_text().splitlines()

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def _accept(listener: socket.socket, engine_socket: str, log: pathlib.Path) -> None:
    while True:
        client, _address = listener.accept()
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(engine_socket)
        threading.Thread(target=_pump, args=(client, engine, log), daemon=True).start()
        threading.Thread(target=_pump, args=(engine, client, None), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, log: pathlib.Path | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if log:
                with log.open("a") as file:
                    file.writelines(found.decode() + "\n" for found in _REQUEST.findall(data))
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def shapes(requests: t.Sequence[str]) -> dict[str, int]:
    """Requests by method and path, versions and queries left out."""
    words = [one.split(" ") for one in requests]
    return dict(collections.Counter("%s %s" % (method, _VARIABLE.sub("", path)) for method, path in words))


def with_defaults(options: t.Mapping[str, t.Any], given: Params) -> Params:
    """The parameters as Ansible hands them to a module."""
    found = {name: given.get(name, option.get("default")) for name, option in options.items()}
    for name, option in options.items():
        inner = option.get("options")
        if inner and isinstance(found[name], dict):
            found[name] = with_defaults(inner, found[name])
        if inner and isinstance(found[name], list):
            found[name] = [with_defaults(inner, one) for one in found[name]]
    return found


class Host:
    """Network, proxy and service as three module runs make them, each with a connection of its own."""

    def __init__(self, counter: Counter, state: pathlib.Path) -> None:
        self._counter = counter
        self._state = StateDir.of(str(state))

    def _run(self, work: t.Callable[[Engine, StateDir], Params]) -> tuple[Params, list[str]]:
        before = len(self._counter.requests)
        engine = connect(KIND, "unix://" + self._counter.path)
        try:
            result = work(engine, self._state)
        finally:
            engine.close()
        return result, self._counter.requests[before:]

    def network(self) -> tuple[Params, list[str]]:
        want = network.wanted({**_NETWORK, "name": RUN, "internal": False})
        return self._run(lambda engine, _state: network.ensure(engine, want, False))

    def proxy(self) -> tuple[Params, list[str]]:
        return self._run(lambda engine, state: proxy_apply.ensure(engine, state, self._proxy_params(), False))

    def _proxy_params(self) -> Params:
        return {**_PROXY, "name": RUN, "network": RUN, "image": "localhost/haproxy:test", "listen": [{"port": 8080, "publish": None}]}

    def plan(self, services: int) -> tuple[Params, list[str]]:
        """The plan for network, proxy and so many services, the first of which is there."""
        where: Params = {"engine": KIND, "engine_url": None, "state_dir": str(self._state.root)}
        names = [RUN, *["%s-%d" % (RUN, number) for number in range(1, services)]]
        wanted = [{**self._service_params("A", name=name, route={"path": "/" if name == RUN else "/" + name}), **where} for name in names]
        asked = Asked({**_NETWORK, "name": RUN, "state": "present", "internal": False, **where}, {**self._proxy_params(), **where}, wanted)
        return self._run(lambda engine, _state: Parts(lambda _options: engine).plan(asked))

    def remove(self) -> None:
        """Takes everything away again."""
        self.service("A", state="absent")
        self._run(lambda engine, state: proxy_apply.remove(engine, state, RUN, True, False))
        self._run(lambda engine, _state: network.remove(engine, RUN, False))

    def service(self, version: str, **given: t.Any) -> tuple[Params, list[str]]:
        params = self._service_params(version, **given)
        return self._run(lambda engine, state: service.converge(engine, state, params, False))

    @staticmethod
    def _service_params(version: str, **given: t.Any) -> Params:
        # Looked at seldom, for each look is a call: what is counted must not depend on how fast the machine is.
        gate = {"http": {"path": "/health"}, "interval": "2", "successes": 1}
        wanted = {"name": RUN, "image": "localhost/greet:" + version, "port": 8282, "proxy": RUN, "gate": gate, **given}
        return with_defaults(SERVICE_OPTIONS, wanted)


@pytest.fixture(scope="module")
def host() -> t.Iterator[Host]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, contextlib.ExitStack() as after:
        own = sockets.docker_socket(os.environ) if KIND == "docker" else sockets.podman_socket(os.environ)
        if KIND == "podman" and not (own and os.path.exists(own)):
            api = podman_service.PodmanService(os.environ)
            after.callback(api.close)
            own = api.path
        counter = Counter(own, pathlib.Path(folder))
        after.callback(counter.close)
        found = Host(counter, pathlib.Path(folder) / "state")
        after.callback(found.remove)
        found.network()
        found.proxy()
        found.service("A")
        yield found


def within(bound: int, requests: t.Sequence[str]) -> None:
    """Fails with the whole list where there are more than allowed."""
    print(len(requests), shapes(requests))
    assert len(requests) <= bound, shapes(requests)


@pytest.mark.parametrize("module", ["network", "proxy", "service"])
def test_nothing_to_do(host: Host, module: str) -> None:
    """What every run of a playbook costs when all is as it should be."""
    run = {"network": host.network, "proxy": host.proxy, "service": lambda: host.service("A")}[module]
    result, requests = run()
    assert not result["changed"]
    within(NOTHING_TO_DO[module], requests)


def test_the_plan_of_all(host: Host) -> None:
    """What a run of the role costs when all is as it should be."""
    result, requests = host.plan(1)
    assert [result["network"]["needed"], result["proxy"]["needed"], result["services"][0]["needed"]] == [False, False, False], result
    within(PLAN, requests)


def test_the_plan_of_several_services_asks_for_what_they_share_once(host: Host) -> None:
    _result, one = host.plan(1)
    result, several = host.plan(4)
    assert [found["needed"] for found in result["services"]] == [False, True, True, True], result
    within(len(one) + 3 * ONE_MORE, several)


def test_a_rollout(host: Host) -> None:
    """A new version, and back to the one before, whose container is there."""
    for version, most in (("B", FIRST_TIME), ("A", AGAIN)):
        result, requests = host.service(version)
        assert result["changed"]
        within(most, requests)
