# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contract of a switch driver, against real proxies as they are installed here."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import threading
import typing as t

import pytest
from switch_bed import PROXIES, TOKEN, Bed, binary, echoed, environment, until
from switch_load import Load

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import validate
from ansible_collections.hotswap.containers.plugins.module_utils._switch import drivers, haproxy_runtime
from ansible_collections.hotswap.containers.plugins.module_utils._switch.folder import ProxyFolder
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Listener, Places, ProxySettings, Route, Serving, Target

CUTOVERS = 20
GREET = Route("greet")


def serving(route: Route, targets: t.Sequence[Target]) -> Serving:
    return Serving(route, tuple(targets))


def cut_over(bed: Bed, old: Target, new: Target) -> None:
    bed.switch.serve(serving(GREET, [new]))
    assert bed.switch.current("greet") == {new.name: 100}
    bed.drained("greet", old)
    bed.kill_instance(old)
    bed.switch.forget("greet", [old.name])


def test_first_route(bed: Bed) -> None:
    assert bed.who() == "404"
    assert (bed.switch.current("greet"), bed.switch.matches(GREET), bed.switch.drift()) == ({}, False, [])
    target = bed.instance("greet-a", 1)
    bed.switch.serve(serving(GREET, [target]))
    assert bed.who() == "greet-a"
    assert bed.switch.current("greet") == {"greet-a": 100}
    assert bed.switch.routes() == {"greet": Serving(GREET, (target,))}
    assert bed.switch.matches(GREET)
    assert not bed.switch.matches(Route("greet", ("greet.test",)))
    assert bed.switch.drift() == []


def test_cutovers_lose_nothing(bed: Bed) -> None:
    live = bed.instance("greet-0", 1)
    bed.switch.serve(serving(GREET, [live]))
    with Load(bed.port) as load:
        until(lambda: sum(load.sent.values()) > 100)
        for number in range(1, CUTOVERS + 1):
            new = bed.instance("greet-%d" % number, 1 + number % 2)
            cut_over(bed, live, new)
            live = new
    print(bed.driver, dict(load.sent), dict(load.lost))
    assert load.lost == {}
    assert sum(load.sent.values()) > 50 * CUTOVERS
    assert len(load.answers) == CUTOVERS + 1
    assert bed.switch.drift() == []


def test_replicas_and_back(bed: Bed) -> None:
    old = [bed.instance("greet-a-%d" % number, number) for number in (1, 2)]
    new = [bed.instance("greet-b-%d" % number, 2 + number) for number in (1, 2)]
    bed.switch.serve(serving(GREET, old))
    with Load(bed.port) as load:
        until(lambda: len(load.answers) >= 2)
        for targets in (new, old, new, [*old, *new], new):
            bed.switch.serve(serving(GREET, targets))
            assert set(bed.switch.current("greet")) == {target.name for target in targets}
            names = {bed.who() for _one in range(96 if PROXIES[bed.driver].chance else 24)}
            assert names == {target.name for target in targets}
    assert load.lost == {}


def test_the_next_request_follows_however_quick_the_switches(bed: Bed) -> None:
    pair = [bed.instance("greet-a", 1), bed.instance("greet-b", 2)]
    found = []
    for turn in range(30):
        bed.switch.serve(serving(GREET, [pair[turn % 2]]))
        found.append(bed.who())
    assert found == ["greet-a", "greet-b"] * 15


@pytest.mark.parametrize("shares", [(75, 25), (50, 50), (100, 0)])
def test_weights(bed: Bed, shares: tuple[int, int]) -> None:
    pair = [bed.instance("greet-%d" % number, 1 + number, weight) for number, weight in enumerate(shares)]
    bed.switch.serve(serving(GREET, [Target(one.name, one.address, one.port, 50) for one in pair]))
    bed.switch.serve(serving(GREET, pair))
    assert bed.switch.current("greet") == {one.name: one.weight for one in pair if one.weight}
    # By chance, five standard deviations.
    asked, slack = (600, 61) if PROXIES[bed.driver].chance else (120, 6)
    answers = [bed.who() for _one in range(asked)]
    for one in pair:
        assert abs(answers.count(one.name) - asked * one.weight / 100) <= slack


ROUTES = {
    "any": Route("any"),
    "anyapi": Route("anyapi", (), "/api"),
    "exact": Route("exact", ("greet.test", "www.greet.test")),
    "exactapi": Route("exactapi", ("greet.test",), "/api"),
    "deep": Route("deep", ("greet.test",), "/api/v2"),
    "wild": Route("wild", ("*.greet.test",)),
    "wilder": Route("wilder", ("*.eu.greet.test",), "/"),
    "odd": Route("odd", ("odd.test",), "/a.b~c!$&*+,=:@-_d"),
}

TABLE = [
    ("greet.test", "/", "exact"),
    ("GREET.test:8080", "/?q=/api", "exact"),
    ("www.greet.test", "/api", "exact"),
    ("greet.test", "/api", "exactapi"),
    ("greet.test", "/api?x=1", "exactapi"),
    ("greet.test", "/api/", "exactapi"),
    ("greet.test", "/apix", "exact"),
    ("greet.test", "/API", "exact"),
    ("greet.test", "/api/v2/x", "deep"),
    ("greet.test", "/api/v20", "exactapi"),
    ("a.greet.test", "/api", "wild"),
    ("a.b.greet.test:1", "/", "wild"),
    ("x.eu.greet.test", "/", "wilder"),
    ("eu.greet.test", "/", "wild"),
    ("agreet.test", "/", "any"),
    ("other.test", "/api/z", "anyapi"),
    ("127.0.0.1", "/", "any"),
    ("odd.test", "/a.b~c!$&*+,=:@-_d/x", "odd"),
    ("odd.test", "/aXb~c!$&*+,=:@-_d", "any"),
]


def test_routing_table(bed: Bed) -> None:
    targets = {name: bed.instance(name, number) for number, name in enumerate(ROUTES, 1)}
    for name, route in ROUTES.items():
        bed.switch.serve(serving(route, [targets[name]]))
    assert [(host, path, bed.who(path, host)) for host, path, _who in TABLE] == TABLE
    assert all(bed.switch.matches(route) for route in ROUTES.values())
    assert bed.switch.drift() == []


def test_same_call_changes_nothing(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [bed.instance("greet-a", 1), bed.instance("greet-b", 2, 30)]
    bed.switch.serve(serving(GREET, targets))
    files = {path: _written(path) for path in bed.folder.rglob("*") if path.is_file() and path.name != "lock"}
    asked: list[str] = []
    module: t.Any = PROXIES[bed.driver].talk
    exchange = module._exchange

    def recorded(*words: t.Any) -> t.Any:
        asked.append(" ".join(map(str, words[1:])))
        return exchange(*words)

    monkeypatch.setattr(module, "_exchange", recorded)
    bed.open().serve(serving(GREET, targets))
    bed.open().apply(bed.settings)
    assert asked and all(words.startswith(("show ", "GET ")) for words in asked)
    assert {path: _written(path) for path in files} == files


def _written(path: pathlib.Path) -> tuple[int, ...]:
    """What changes when the file is written, and not when it is read (a stat_result has the time of that too)."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mode, found.st_mtime_ns, found.st_ctime_ns


def test_proxy_killed_and_started_again(bed: Bed) -> None:
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(GREET, [old]))
    bed.switch.serve(serving(GREET, [new]))
    bed.kill()
    bed.start()
    assert bed.who() == "greet-b"
    assert bed.switch.current("greet") == {"greet-b": 100}
    assert bed.switch.drift() == []
    bed.switch.serve(serving(GREET, [old]))
    assert bed.who() == "greet-a"


def test_instance_killed_and_started_again(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(serving(GREET, [target]))
    assert bed.who() == "greet-a"
    bed.kill_instance(target)
    bed.instance("greet-a", 1)
    until(lambda: bed.who() == "greet-a", 5)


def test_probe_header(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(serving(GREET, [target]))
    _status, body, headers = bed.ask("/headers", X_Hotswap_Probe=TOKEN)
    assert bed.switch.identifies(headers["x-hotswap-instance"], target)
    assert not bed.switch.identifies(headers["x-hotswap-instance"], Target("greet-b", "127.1.0.2", 1))
    assert "hotswap" not in body.lower()
    assert "x-forwarded-for: 127.0.0.1" in body.lower()
    assert "x-forwarded-proto: http\r\n" in body.lower()
    for wrong in ("", TOKEN[:-1], TOKEN.upper(), TOKEN + "," + TOKEN):
        _status, body, headers = bed.ask("/headers", X_Hotswap_Probe=wrong)
        assert "hotswap" not in body.lower()
        assert "x-hotswap-instance" not in headers


def test_probe_without_a_route_names_nobody(bed: Bed) -> None:
    status, body, headers = bed.ask(X_Hotswap_Probe=TOKEN)
    assert (status, headers.get("x-hotswap-instance", "")) == (404, "")
    assert "no route" in body


def refuse(argv: t.Sequence[str]) -> t.NoReturn:
    raise AssertionError("asked to run %s before the proxy is there" % argv)


def odd_table(seed: int) -> dict[str, Serving]:
    """Six services with every character that validate.py lets into names, hosts and paths."""
    chance = random.Random(seed)

    def word(characters: str, longest: int) -> str:
        return "".join(chance.choices(characters, k=chance.randint(1, longest)))

    def route(number: int) -> Route:
        service = validate.check_name("service", "%d%s" % (number, word("azAZ09_.-", 50)))
        hosts = ["%s%s.h%d-%d" % (chance.choice(["", "*."]), word("az09_", 40), number, one) for one in range(chance.randint(1, 4))]
        path = "/" + word("azAZ09._~!$&*+,=:@-", 250)
        return Route(service, tuple(validate.check_host("hosts", host) for host in hosts), validate.check_path("path", path))

    routes = [route(number) for number in range(6)]
    return {
        route.service: Serving(route, tuple(Target("%d%s" % (one, word("azAZ09_.-", 90)), "10.0.0.%d" % one, 80, chance.randint(0, 100)) for one in range(3)))
        for route in routes
    }


@pytest.mark.parametrize("driver", sorted(PROXIES))
@pytest.mark.parametrize("seed", range(8))
def test_every_valid_table_is_a_valid_configuration(seed: int, driver: str) -> None:
    with tempfile.TemporaryDirectory(prefix="hs-", dir="/tmp") as name:
        root = pathlib.Path(name)
        places = Places(name + "/conf", name + "/run")
        folder = ProxyFolder(root)
        folder.create()
        folder.save_routes(odd_table(seed))
        drivers.driver(driver).open(root, refuse, places).prepare(ProxySettings("edge", (Listener(8181),), TOKEN))
        check = [binary(driver), *PROXIES[driver].check(places)]
        done = subprocess.run(check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(root), check=False)
    assert done.returncode == 0 and "[WARNING]" not in done.stdout, done.stdout


def test_clashing_route_is_refused(bed: Bed) -> None:
    bed.switch.serve(serving(GREET, [bed.instance("greet-a", 1)]))
    with pytest.raises(SwitchError, match="services greet and other both claim"):
        bed.switch.serve(serving(Route("other"), [Target("other-a", "127.1.0.9", 1)]))
    assert set(bed.switch.routes()) == {"greet"}
    assert (bed.who(), bed.switch.drift()) == ("greet-a", [])


def test_refused_configuration_leaves_the_old_one(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    bed.switch.serve(serving(GREET, [bed.instance("greet-a", 1)]))
    owner, name, text, says = PROXIES[bed.driver].bogus
    monkeypatch.setattr(owner, name, lambda *_arguments: text)
    with pytest.raises(SwitchError, match=says) as refused:
        bed.switch.serve(serving(Route("other", ("other.test",)), [Target("other-a", "127.1.0.9", 1)]))
    assert TOKEN not in str(refused.value)
    monkeypatch.undo()
    assert not list(bed.folder.rglob("candidate*"))
    assert (bed.who(), bed.switch.drift()) == ("greet-a", [])


def test_port_in_use_leaves_the_old_settings(bed: Bed) -> None:
    bed.switch.serve(serving(GREET, [bed.instance("greet-a", 1)]))
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        changed = ProxySettings("edge", (Listener(bed.port), Listener(taken.getsockname()[1])), TOKEN)
        with pytest.raises(SwitchError, match="did not load"):
            bed.switch.apply(changed)
    assert ProxyFolder(bed.folder).settings() == bed.settings
    assert (bed.who(), bed.switch.drift()) == ("greet-a", [])
    bed.switch.apply(changed)
    assert (bed.who(), bed.switch.drift(), ProxyFolder(bed.folder).settings()) == ("greet-a", [], changed)
    bed.switch.serve(serving(Route("other", ("other.test",)), [bed.instance("other-a", 2)]))
    assert (bed.who(), bed.who(host="other.test")) == ("greet-a", "other-a")


def test_remove(bed: Bed) -> None:
    bed.switch.serve(serving(GREET, [bed.instance("greet-a", 1)]))
    bed.switch.serve(serving(Route("other", ("other.test",)), [bed.instance("other-a", 2)]))
    bed.switch.remove("greet")
    bed.switch.remove("greet")
    assert (bed.who(), bed.who(host="other.test")) == ("404", "other-a")
    assert (bed.switch.current("greet"), set(bed.switch.routes()), bed.switch.drift()) == ({}, {"other"}, [])
    assert not [path for path in bed.folder.rglob("*") if "greet" in path.name]


def test_no_instance_left(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(serving(GREET, [target]))
    bed.switch.serve(serving(GREET, []))
    assert bed.switch.current("greet") == {}
    assert bed.who() in ("502", "503")
    bed.switch.serve(serving(GREET, [target]))
    assert bed.who() == "greet-a"


def test_crash_between_files_and_process(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_arguments: object) -> t.NoReturn:
        raise Killed

    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(GREET, [old]))
    monkeypatch.setattr(*PROXIES[bed.driver].turn, die)
    with pytest.raises(Killed):
        bed.switch.serve(serving(GREET, [new]))
    monkeypatch.undo()
    assert (bed.who(), bed.switch.current("greet")) == ("greet-a", {"greet-a": 100})
    assert len(bed.switch.drift()) >= 1
    bed.switch.serve(serving(GREET, [new]))
    assert (bed.who(), bed.switch.current("greet"), bed.switch.drift()) == ("greet-b", {"greet-b": 100}, [])


def test_killed_between_any_two_files(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(Route("other", ("other.test",)), [old]))
    replace, left = os.replace, 0

    def die_in_the_end(here: str, there: str) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        replace(here, there)

    for number in range(20):
        bed.switch.serve(serving(GREET, [old]))
        left = number
        monkeypatch.setattr(os, "replace", die_in_the_end)
        with contextlib.suppress(Killed):
            bed.open().serve(serving(GREET, [new]))
        monkeypatch.undo()
        bed.open().serve(serving(GREET, [new]))
        assert (bed.who(), bed.switch.current("greet"), bed.switch.matches(GREET), bed.switch.drift()) == ("greet-b", {"greet-b": 100}, True, [])
        if left > 0:
            return
    pytest.fail("a move renames more than 20 files")


def test_moved_address(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(serving(GREET, [target]))
    bed.kill_instance(target)
    bed.switch.serve(serving(GREET, [bed.instance("greet-a", 2)]))
    assert (bed.who(), bed.switch.drift()) == ("greet-a", [])


def test_two_services_at_once(bed: Bed) -> None:
    pairs = {name: [bed.instance("%s-%d" % (name, number), base + number) for number in (0, 1)] for name, base in (("one", 1), ("two", 3))}
    failures: list[BaseException] = []

    def switch(name: str) -> None:
        try:
            for turn in range(6):
                bed.open().serve(serving(Route(name, (name + ".test",)), [pairs[name][turn % 2]]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=switch, args=(name,)) for name in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [bed.who(host=name + ".test") for name in pairs] == ["one-1", "two-1"]
    assert bed.switch.drift() == []


def test_websocket_survives_a_cutover(bed: Bed) -> None:
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(GREET, [old]))
    with bed.websocket() as stream:
        bed.switch.serve(serving(GREET, [new]))
        bed.switch.serve(serving(Route("other", ("other.test",)), [new]))
        assert echoed(stream, b"hello\n")
        assert bed.switch.in_flight("greet", ["greet-a"]) in (1, None)
        assert bed.switch.in_flight("greet", ["greet-b"]) in (0, None)
    assert bed.who() == "greet-b"
    bed.drained("greet", old)


def test_route_changes_lose_nothing(haproxy_bed: Bed) -> None:
    bed = haproxy_bed
    live = bed.instance("greet-0", 1)
    bed.switch.serve(serving(GREET, [live]))
    with Load(bed.port) as load:
        until(lambda: sum(load.sent.values()) > 100)
        for number in range(1, 9):
            new = bed.instance("greet-%d" % number, 1 + number % 2)
            # One reload for the route of another service, and one for the route of this one.
            bed.switch.serve(serving(Route("other", ("other-%d.test" % number,)), [new]))
            bed.switch.serve(serving(Route("greet", (), "/") if number % 2 else Route("greet", ("greet.test",)), [new]))
            bed.drained("greet", live)
            bed.drained("other", live)
            bed.kill_instance(live)
            live = new
    print(dict(load.sent), dict(load.lost))
    assert load.lost == {}


def test_client_kept_alive_over_a_reload_follows_the_switch(haproxy_bed: Bed) -> None:
    bed = haproxy_bed
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(GREET, [old]))
    client = http.client.HTTPConnection("127.0.0.1", bed.port, timeout=10)
    with contextlib.closing(client):
        client.request("GET", "/", headers={"Host": "greet.test"})
        assert client.getresponse().read() == b"greet-a 0"
        connection = client.sock
        bed.switch.serve(serving(Route("other", ("other.test",)), [new]))
        bed.switch.serve(serving(GREET, [new]))
        bed.drained("greet", old)
        bed.kill_instance(old)
        client.request("GET", "/headers", headers={"Host": "greet.test", "X-Hotswap-Probe": TOKEN})
        assert client.sock is connection
        response = client.getresponse()
        assert (response.status, response.getheader("X-Hotswap-Instance")) == (200, "greet-b")
        forwarded = [line for line in response.read().decode().lower().split("\r\n") if line.startswith("x-forwarded-")]
        assert sorted(forwarded) == ["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"]
        assert response.getheader("Connection") == "close"


def test_replaced_worker_that_ends_while_it_is_asked(haproxy_bed: Bed) -> None:
    bed = haproxy_bed
    bed.switch.serve(serving(GREET, [bed.instance("greet-a", 1)]))
    runtime = haproxy_runtime.Runtime(bed.folder / "run" / "admin.sock", bed.folder / "run" / "master.sock")
    client = http.client.HTTPConnection("127.0.0.1", bed.port, timeout=10)
    with contextlib.closing(client):
        client.request("GET", "/", headers={"Host": "greet.test"})
        client.getresponse().read()
        bed.switch.serve(serving(Route("other", ("other.test",)), []))
        (old,) = runtime.replaced()
        os.kill(old, signal.SIGSTOP)
        # Longer than one question waits, so that it is asked again and found to be gone.
        killer = threading.Timer(1.5, os.kill, (old, signal.SIGKILL))
        killer.start()
        assert bed.switch.in_flight("greet", ["greet-a"]) == 0
        killer.join()
    assert runtime.replaced() == ()
    assert bed.who() == "greet-a"


def test_forget(haproxy_bed: Bed) -> None:
    bed = haproxy_bed
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(GREET, [old]))
    assert bed.who() == "greet-a"
    bed.switch.serve(serving(GREET, [new]))
    runtime = haproxy_runtime.Runtime(bed.folder / "run" / "admin.sock", bed.folder / "run" / "master.sock")
    assert set(runtime.servers("service:greet")) == {"greet-a", "greet-b"}
    bed.switch.forget("greet", ["greet-a", "greet-b", "greet-never"])
    assert set(runtime.servers("service:greet")) == {"greet-b"}
    bed.switch.serve(serving(GREET, [old]))
    assert bed.who() == "greet-a"
