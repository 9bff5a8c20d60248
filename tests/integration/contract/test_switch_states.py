# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a switch does beside a cutover, for each driver that says it can: shares, trials, cookies, held requests, maintenance, counts."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import http.client
import math
import typing as t

import pytest
from switch_bed import PROXIES, TOKEN, Bed, able, unable, until
from switch_load import CLIENTS, Load

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import haproxy_runtime
from ansible_collections.hotswap.containers.plugins.module_utils._switch.drivers import driver
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Answers, Maintenance, Preview, Route, Serving, Target

GREET = Route("greet")
HOLD = Route("greet", hold=12.0)
OTHER = Route("other", ("other.test",))
BY_HOST = Route("greet", preview=Preview(host="next.test"))
BY_HEADER = Route("greet", ("greet.test", "*.greet.test"), "/", preview=Preview(header="X-Try-Next", value="yes"))
TRIALS = 20


def none(capability: str) -> t.Any:
    """For tests of the drivers that have not what others can."""
    return pytest.mark.parametrize("bed", unable(capability), indirect=True)


def all_with(capability: str) -> t.Any:
    return pytest.mark.parametrize("bed", able(capability), indirect=True)


@contextlib.contextmanager
def kept(bed: Bed) -> t.Iterator[t.Callable[[], str]]:
    """A client that asks over one connection, and fails when that is closed under it, as a reload may do."""
    client = http.client.HTTPConnection("127.0.0.1", bed.port, timeout=15)

    def ask() -> str:
        connection = client.sock
        client.request("GET", "/", headers={"Host": "greet.test"})
        assert connection in (None, client.sock)
        response = client.getresponse()
        body = response.read().decode()
        return body.split(" ")[0] if response.status == 200 else str(response.status)

    with contextlib.closing(client):
        yield ask


@pytest.mark.parametrize("bed", [name for name in sorted(PROXIES) if driver(name).capabilities.shares > 1], indirect=True)
def test_canary_gets_its_share_under_load(bed: Bed) -> None:
    share = 10 if bed.switch.capabilities.shares % 10 == 0 else 25
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(Serving(GREET, (old,)))
    with Load(bed.port) as load, kept(bed) as ask:
        until(lambda: load.answers["greet-a"] > 100)
        ask()
        bed.switch.serve(Serving(GREET, (dataclasses.replace(old, weight=100 - share), dataclasses.replace(new, weight=share))))
        before = collections.Counter(load.answers)
        until(lambda: sum(load.answers.values()) - sum(before.values()) > 1500, 30)
        counted = load.answers - before
        bed.switch.serve(Serving(GREET, (old,)))
        bed.drained("greet", new)
        bed.kill_instance(new)
        assert ask() == "greet-a"
    total, expected = sum(counted.values()), share / 100
    print(bed.driver, dict(counted), dict(load.sent), dict(load.lost))
    assert load.lost == {}
    # Five standard deviations of a choice by chance, more than any that takes turns.
    assert abs(counted["greet-b"] - total * expected) < 5 * math.sqrt(total * expected * (1 - expected))


@all_with("preview")
@pytest.mark.parametrize("route", [BY_HOST, BY_HEADER], ids=["host", "header"])
def test_preview(bed: Bed, route: Route) -> None:
    asking: t.Any = {"host": "next.test"} if route is BY_HOST else {"host": "a.greet.test", "X_Try_Next": "yes"}
    live, trial = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(Serving(route, (live,)))
    assert bed.switch.previewed("greet") == ()
    assert bed.ask(**asking)[0] in (502, 503)
    bed.switch.serve(Serving(route, (live,), (trial,)))
    assert (bed.who(), bed.who(**asking)) == ("greet-a", "greet-b")
    assert bed.who(X_Try_Next="no") == "greet-a"
    assert (bed.switch.current("greet"), bed.switch.previewed("greet")) == ({"greet-a": 100}, ("greet-b",))
    assert (bed.switch.matches(route), bed.switch.drift(), bed.switch.routes()) == (True, [], {"greet": Serving(route, (live,), (trial,))})
    _status, _body, headers = bed.ask(X_Hotswap_Probe=TOKEN, **asking)
    assert bed.switch.identifies(headers["x-hotswap-instance"], trial)
    bed.kill()
    bed.start()
    assert (bed.who(), bed.who(**asking), bed.switch.drift()) == ("greet-a", "greet-b", [])
    bed.switch.serve(Serving(dataclasses.replace(route, preview=None), (trial,)))
    assert (bed.switch.current("greet"), bed.switch.previewed("greet"), bed.switch.drift()) == ({"greet-b": 100}, (), [])


@all_with("preview")
def test_changing_trials_disturbs_nobody(bed: Bed) -> None:
    live, pair = bed.instance("greet-a", 1), [bed.instance("greet-%d" % number, 2 + number) for number in (0, 1)]
    bed.switch.serve(Serving(BY_HOST, (live,), (pair[1],)))
    with Load(bed.port) as load, kept(bed) as ask:
        until(lambda: sum(load.sent.values()) > 100)
        for number in range(TRIALS):
            assert ask() == "greet-a"
            bed.switch.serve(Serving(BY_HOST, (live,), (pair[number % 2],)))
            assert bed.who(host="next.test") == "greet-%d" % (number % 2)
            assert bed.switch.previewed("greet") == ("greet-%d" % (number % 2),)
        bed.switch.serve(Serving(BY_HOST, (live,)))
        assert ask() == "greet-a"
    print(bed.driver, dict(load.sent), dict(load.lost))
    assert (load.lost, set(load.answers), bed.switch.previewed("greet"), bed.switch.drift()) == ({}, {"greet-a"}, (), [])


@all_with("preview")
def test_clashing_preview_is_refused(bed: Bed) -> None:
    bed.switch.serve(Serving(Route("other", ("next.test",)), (bed.instance("other-a", 1),)))
    with pytest.raises(SwitchError, match=r"both claim host next\.test"):
        bed.switch.serve(Serving(BY_HOST, ()))
    assert (set(bed.switch.routes()), bed.who(host="next.test"), bed.switch.drift()) == ({"other"}, "other-a", [])


@none("preview")
def test_no_preview(bed: Bed) -> None:
    bed.switch.serve(Serving(GREET, (bed.instance("greet-a", 1),)))
    assert bed.switch.previewed("greet") == ()


def cookie_of(bed: Bed, **headers: str) -> tuple[str, str]:
    """The cookie that a client is given, as it would send it, and the instance that answered."""
    status, body, got = bed.ask(**headers)
    assert status == 200
    return got.get("set-cookie", "").split(";")[0], body.split(" ")[0]


@all_with("sticky")
def test_sticky(bed: Bed) -> None:
    route = Route("greet", sticky="greet-to")
    first, second, third = (bed.instance("greet-%d" % number, number) for number in (1, 2, 3))
    bed.switch.serve(Serving(route, (first,)))
    cookie, who = cookie_of(bed)
    assert (cookie.split("=")[0], who) == ("greet-to", "greet-1")
    bed.switch.serve(Serving(route, (first, second, third)))
    assert {bed.who(Cookie=cookie) for _one in range(12)} == {"greet-1"}
    added = dict(reversed(cookie_of(bed)) for _one in range(60 if PROXIES[bed.driver].chance else 12))
    assert set(added) == {"greet-1", "greet-2", "greet-3"}
    for name, value in added.items():
        assert {bed.who(Cookie=value) for _one in range(12)} == {name}
    # It is the proxy's own: no instance sees it, and a client that has it is not given another.
    _status, body, headers = bed.ask("/headers", Cookie="a=b; %s; c=d" % added["greet-3"])
    assert "greet-to" not in body and "a=b" in body and "c=d" in body
    assert "set-cookie" not in headers
    # Another share and a proxy that started again change nothing for those who are somewhere.
    bed.switch.serve(Serving(route, (dataclasses.replace(first, weight=90), dataclasses.replace(second, weight=10), third)))
    bed.kill()
    bed.start()
    for name, value in added.items():
        assert bed.who(Cookie=value) == name
    # The instance is gone: by a crash, or because it serves no more.
    bed.kill_instance(third)
    until(lambda: bed.who(Cookie=added["greet-3"]) in ("greet-1", "greet-2"), 5)
    bed.switch.serve(Serving(route, (second,)))
    assert {bed.who(Cookie=value) for value in added.values()} == {"greet-2"}
    assert bed.switch.drift() == []


@all_with("sticky")
def test_sticky_clients_leave_without_loss(bed: Bed) -> None:
    route = Route("greet", sticky="greet-to")
    live = bed.instance("greet-0", 1)
    bed.switch.serve(Serving(route, (live,)))
    with Load(bed.port) as load:
        until(lambda: sum(load.sent.values()) > 100)
        for number in range(1, 9):
            cookie, who = cookie_of(bed)
            assert who == live.name
            new = bed.instance("greet-%d" % number, 1 + number % 2)
            bed.switch.serve(Serving(route, (new,)))
            assert bed.who(Cookie=cookie) == new.name
            bed.drained("greet", live)
            bed.kill_instance(live)
            bed.switch.forget("greet", [live.name])
            live = new
    print(bed.driver, dict(load.sent), dict(load.lost))
    assert load.lost == {}


@all_with("hold")
def test_held_requests_wait_and_reach_the_next_instance_once(bed: Bed) -> None:
    live = bed.instance("greet-0", 1)
    bed.switch.serve(Serving(HOLD, (live,)))
    waited = 0
    with Load(bed.port) as load:
        for number in range(1, 5):
            until(lambda name=live.name: load.answers[name] > 100)
            bed.switch.serve(Serving(HOLD, (), held=True))
            assert bed.switch.current("greet") == {}
            bed.drained("greet", live)
            bed.kill_instance(live)
            until(lambda: load.waiting == CLIENTS)
            waited += load.waiting
            # The one before is gone: never two of them.
            live = bed.instance("greet-%d" % number, 1 + number % 2)
            bed.switch.serve(Serving(HOLD, (live,)))
            bed.switch.forget("greet", ["greet-%d" % (number - 1)])
        until(lambda: load.answers[live.name] > 100)
    print(bed.driver, dict(load.sent), dict(load.lost), "waited:", waited)
    assert load.lost == {}
    assert waited == 4 * CLIENTS
    assert sorted(bed.seen()) == sorted(load.answered)
    assert len(set(load.answered)) == len(load.answered) == sum(load.sent.values())
    assert bed.switch.drift() == []


@all_with("hold")
def test_held_after_the_proxy_started_again(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(HOLD, (target,)))
    bed.switch.serve(Serving(HOLD, (), held=True))
    bed.kill()
    bed.start()
    assert (bed.switch.drift(), bed.switch.current("greet"), bed.switch.routes()["greet"].held) == ([], {}, True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(bed.who)
        with pytest.raises(concurrent.futures.TimeoutError):
            waiting.result(1)
        bed.switch.serve(Serving(HOLD, (target,)))
        assert waiting.result(15) == "greet-a"
    assert (bed.switch.drift(), bed.switch.routes()["greet"].held) == ([], False)


def test_crash_before_held_requests_are_let_go(haproxy_bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    bed = haproxy_bed
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(HOLD, (target,)))
    bed.switch.serve(Serving(HOLD, (), held=True))
    change = haproxy_runtime.Runtime.change

    def die_at_del(runtime: haproxy_runtime.Runtime, command: str) -> str:
        if command.startswith("del map"):
            raise Killed
        return change(runtime, command)

    monkeypatch.setattr(haproxy_runtime.Runtime, "change", die_at_del)
    with pytest.raises(Killed):
        bed.switch.serve(Serving(HOLD, (target,)))
    monkeypatch.undo()
    # The instance is there, and nothing comes to it: whoever looks must not take that for done.
    assert (bed.switch.current("greet"), len(bed.switch.drift())) == ({}, 1)
    bed.switch.serve(Serving(HOLD, (target,)))
    assert (bed.who(), bed.switch.current("greet"), bed.switch.drift()) == ("greet-a", {"greet-a": 100}, [])


@all_with("hold")
def test_hold_changes_close_no_connection(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(HOLD, (target,)))
    with kept(bed) as ask:
        for _one in range(5):
            assert ask() == "greet-a"
            bed.switch.serve(Serving(HOLD, (), held=True))
            bed.switch.serve(Serving(HOLD, (target,)))
        assert ask() == "greet-a"


@all_with("hold")
def test_hold_is_over_in_the_end(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    short = dataclasses.replace(HOLD, hold=1.0)
    bed.switch.serve(Serving(short, (target,)))
    bed.switch.serve(Serving(short, (), held=True))
    assert [bed.ask()[0] for _one in range(2)] == [503, 503]
    bed.switch.serve(Serving(short, (target,)))
    assert bed.who() == "greet-a"


@all_with("hold")
def test_route_changes_while_requests_wait(bed: Bed) -> None:
    if not bed.switch.capabilities.lossless_reload:
        # Such a reload ends what is held: docs/drivers say so.
        return
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(HOLD, (target,)))
    with Load(bed.port) as load:
        for number in range(4):
            until(lambda: load.answers["greet-a"] > 100)
            bed.switch.serve(Serving(HOLD, (), held=True))
            until(lambda: load.waiting == CLIENTS)
            bed.switch.serve(Serving(Route("other", ("other-%d.test" % number,)), ()))
            assert load.waiting == CLIENTS
            bed.switch.serve(Serving(HOLD, (target,)))
            load.answers.clear()
        until(lambda: load.answers["greet-a"] > 100)
    print(bed.driver, dict(load.sent), dict(load.lost))
    assert load.lost == {}
    assert sorted(bed.seen()) == sorted(load.answered)


@all_with("hold")
def test_other_services_do_not_wait(bed: Bed) -> None:
    bed.switch.serve(Serving(OTHER, (bed.instance("other-a", 1),)))
    bed.switch.serve(Serving(Route("deep", ("greet.test",), "/deep"), (bed.instance("deep-a", 2),)))
    bed.switch.serve(Serving(HOLD, (bed.instance("greet-a", 3),)))
    bed.switch.serve(Serving(HOLD, (), held=True))
    assert (bed.who(host="other.test"), bed.who("/deep/er")) == ("other-a", "deep-a")
    bed.switch.remove("greet")
    assert (bed.who(host="nobody.test"), bed.switch.drift()) == ("404", [])


CLOSED = Maintenance('We are back at 10:00: "soon" & it\'s $HOME %[src] {now} \\ #1\nZo\u00eb', 120)


@all_with("maintenance")
def test_maintenance(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    closed = dataclasses.replace(GREET, maintenance=CLOSED)
    bed.switch.serve(Serving(GREET, (target,)))
    bed.switch.serve(Serving(closed, (target,)))
    status, body, headers = bed.ask()
    assert (status, body.encode("latin-1").decode() if "\u00c3" in body else body, headers["retry-after"]) == (503, CLOSED.text, "120")
    assert headers["content-type"].replace(" ", "").lower() == "text/plain;charset=utf-8"
    status, body, headers = bed.ask("/headers", X_Hotswap_Probe=TOKEN)
    assert (status, bed.switch.identifies(headers["x-hotswap-instance"], target), "hotswap" in body.lower()) == (200, True, False)
    assert bed.ask(X_Hotswap_Probe=TOKEN[:-1])[0] == 503
    assert (bed.switch.current("greet"), bed.switch.matches(closed), bed.switch.matches(GREET), bed.switch.drift()) == ({"greet-a": 100}, True, False, [])
    bed.kill()
    bed.start()
    assert (bed.ask()[0], bed.switch.drift()) == (503, [])
    bed.switch.serve(Serving(dataclasses.replace(GREET, maintenance=Maintenance("Moved.")), (target,)))
    status, body, headers = bed.ask()
    assert (status, body, headers.get("retry-after")) == (503, "Moved.", None)
    bed.switch.serve(Serving(GREET, (target,)))
    assert bed.who() == "greet-a"


@all_with("maintenance")
def test_maintenance_under_load(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    closed = dataclasses.replace(GREET, maintenance=CLOSED)
    bed.switch.serve(Serving(GREET, (target,)))
    with Load(bed.port) as load:
        for number in range(1, 13):
            until(lambda: load.answers["greet-a"] > 100)
            bed.switch.serve(Serving(closed, (target,)))
            bed.drained("greet", target)
            assert [bed.ask()[0] for _one in range(5)] == [503] * 5
            until(lambda least=60 * number: sum(load.lost.values()) > least)
            bed.switch.serve(Serving(GREET, (target,)))
            # The first word of each: no answer without the text, however close to the end of maintenance.
            assert set(load.answers) == {"greet-a", "We"}
            load.answers.clear()
            assert bed.who() == "greet-a"
        until(lambda: load.answers["greet-a"] > 100)
    print(bed.driver, dict(load.sent), dict(load.lost))
    assert {kind.partition(": ")[2] for kind in load.lost} == {"503"}
    assert sorted(bed.seen()) == sorted(load.answered)


@all_with("answers")
def test_answers(bed: Bed) -> None:
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(Serving(GREET, (old,)))
    assert bed.switch.answers("greet", ["greet-a", "greet-b"]) == Answers(0, 0)
    for path in ("/", "/status/404", "/status/500", "/status/503", "/"):
        bed.ask(path)
    assert bed.switch.answers("greet", ["greet-a", "greet-b"]) == Answers(5, 2)
    bed.switch.serve(Serving(GREET, (old, new)))
    for _one in range(6):
        bed.ask("/status/502")
    assert bed.switch.answers("greet", ["greet-b"]) == Answers(3, 3)
    assert bed.switch.answers("greet", ["greet-a", "greet-b"]) == Answers(11, 8)
    assert (bed.switch.answers("greet", []), bed.switch.answers("never", ["greet-a"])) == (Answers(0, 0), Answers(0, 0))
    # An instance that is gone answers nothing, which its clients see as an error all the same.
    bed.switch.serve(Serving(GREET, (new,)))
    bed.kill_instance(new)
    assert bed.ask()[0] >= 500
    assert bed.switch.answers("greet", ["greet-b"]) == Answers(4, 4)


@none("answers")
def test_no_answers(bed: Bed) -> None:
    bed.switch.serve(Serving(GREET, (bed.instance("greet-a", 1),)))
    assert bed.switch.answers("greet", ["greet-a"]) is None


def test_answers_of_replaced_workers_count(haproxy_bed: Bed) -> None:
    bed = haproxy_bed
    bed.switch.serve(Serving(GREET, (bed.instance("greet-a", 1),)))
    client = http.client.HTTPConnection("127.0.0.1", bed.port, timeout=10)
    with contextlib.closing(client):
        client.request("GET", "/", headers={"Host": "greet.test"})
        client.getresponse().read()
        bed.switch.serve(Serving(OTHER, ()))
        bed.ask()
        assert bed.switch.answers("greet", ["greet-a"]) == Answers(2, 0)


def test_what_changes_without_a_reload(haproxy_bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    bed = haproxy_bed
    route = dataclasses.replace(BY_HOST, hold=5.0, sticky="greet-to")
    first, second = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(Serving(route, (first,)))
    asked: list[str] = []
    exchange = haproxy_runtime._exchange

    def recorded(where: t.Any, words: str, *more: t.Any) -> str:
        asked.append(words)
        return exchange(where, words, *more)

    monkeypatch.setattr(haproxy_runtime, "_exchange", recorded)
    for serving in (
        Serving(route, (first,), (second,)),
        Serving(route, (first, dataclasses.replace(second, weight=10))),
        Serving(route, (), (second,), held=True),
        Serving(route, (second,), (first,)),
        Serving(route, ()),
    ):
        bed.switch.serve(serving)
        assert bed.switch.drift() == []
    assert "reload" not in asked
    assert "add map %s/held.map greet on" % bed.places.conf in asked


@pytest.mark.parametrize(
    ("serving", "says"),
    [
        (Serving(HOLD, (Target("greet-a", "127.1.0.9", 1),), held=True), "is to be held, and to serve"),
        (Serving(GREET, (), (Target("greet-a", "127.1.0.9", 1),)), "on trial and no way to them"),
    ],
)
def test_contradictions_are_refused(haproxy_bed: Bed, serving: Serving, says: str) -> None:
    bed = haproxy_bed
    with pytest.raises(SwitchError, match=says):
        bed.switch.serve(serving)
    assert (bed.switch.routes(), bed.switch.drift()) == ({}, [])
