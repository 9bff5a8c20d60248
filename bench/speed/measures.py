# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The measurements, each of which returns its figures; in one run, on the same hosts."""

from __future__ import annotations

import pathlib
import re
import subprocess
import typing as t

from run.hosts import bed, call

from speed import plays
from speed.figures import Any, Figure, Limit

# Reload-free, and in a container.
DRIVERS = {"haproxy": 18601, "caddy": 18602, "nginx": 18603}
# Which read for each request where it goes, instead of being told.
LOOK_UP = ("caddy", "nginx")
_GROWN = (1, 10, 50, 200)


def no_op(engine: str, runs: int) -> list[Any]:
    """Nothing to do: network, proxy and service, by our role and by the peers' modules."""
    plays.run("no-op-first", engine, [("clean", {}), ("ours", {"speed_live": "A"}), ("peer_" + engine, {})])
    ours, theirs = plays.pairs("no-op", engine, "ours", "peer_" + engine, runs, unchanged=True, speed_live="A")
    return [Figure("no-op-%s" % engine, "s", _seconds(ours), _seconds(theirs), 0.4, "a play with network, proxy and service as they should be")]


def _seconds(found: t.Sequence[plays.Play]) -> list[float]:
    return [round(one.seconds, 3) for one in found]


def rollout(engine: str, runs: int) -> list[Any]:
    """A new version on one host, by our role and by the engine's command line in one script; without the application's own start and end."""
    ours, theirs = plays.pairs("rollout", engine, "ours", "rollout_script", runs)
    mine = [one.seconds - _waited(one) for one in ours]
    others = [one.seconds - _scripted(one) for one in theirs]
    own = [sum(phase["seconds"] for phase in one.results[0]["phases"]) - _waited(one) for one in ours]
    scripted = [_stamp(one, "stopped") - _stamp(one, "began") - _scripted(one) for one in theirs]
    idle, beside = plays.pairs("rollout-least", engine, "two_runs", "rollout_script", runs)
    least = [one.seconds + mine for one, mine in zip(idle, own)]
    return [
        Figure("rollout-%s" % engine, "s", mine, others, 1.5, "the whole play over ssh, less the application's start, drain and end, as both noted them"),
        Figure("rollout-on-host-%s" % engine, "s", own, scripted, 1.5, "the steps alone: what the module's phases and the script's stamps say"),
        Figure(
            "rollout-least-%s" % engine,
            "s",
            least,
            [one.seconds - _scripted(one) for one in beside],
            0,
            "two module runs that do nothing (ping), and our steps on the host: what any play of two tasks takes at least",
        ),
    ]


def _waited(one: plays.Play) -> float:
    return float(sum(phase["seconds"] for phase in one.results[0]["phases"] if phase["name"] in ("gate", "drain", "stop")))


def _stamp(one: plays.Play, name: str) -> float:
    return float(one.results[0]["stamps"][name])


def _scripted(one: plays.Play) -> float:
    return _stamp(one, "healthy") - _stamp(one, "ran") + _stamp(one, "stopped") - _stamp(one, "switched")


def payload(engine: str, runs: int) -> list[Any]:
    """Bytes that are sent for a module, and the time to its first call of the engine."""
    plays.run("payload", engine, [("payload", {})], pipelining=False)
    found = plays.on_host(engine, "first_call", str(runs), "service", "speed_sdk")
    planned = plays.on_host(engine, "first_call", str(runs), "plan", "speed_sdk")
    sizes = found["bytes"]
    # In AnsiballZ files, base64 of the zipped modules; the peer is the same with nothing but Ansible's own part.
    kb = {name: round(size / 1024, 1) for name, size in sizes.items()}
    return [
        Figure(
            "payload-service",
            "KB",
            [kb["service"]],
            [kb["speed_sdk"]],
            0,
            "the file that is sent; theirs: a module that imports the SDK only, all of it Ansible's",
        ),
        Figure("payload-plan", "KB", [kb["plan"]], [kb["docker_network"]], 0, "theirs: community.docker.docker_network"),
        Figure("first-call-service", "ms", found["ours"], found["theirs"], 1.6, "from the start of the module's process to its first connection to the engine"),
        Figure("first-call-plan", "ms", planned["ours"], planned["theirs"], 1.6, "the same for the module that a no-op consists of"),
    ]


def behind_proxies(engine: str, runs: int, moves: int) -> list[Any]:
    """Cutover latency of each driver, and what its configuration costs against the least that a person would write."""
    found: list[Any] = []
    for driver, port in DRIVERS.items():
        plays.run("pair-" + driver, engine, [("pair", {"speed_driver": driver, "speed_port": port})])
        found += _cutovers(engine, driver, port, moves) + _cost(engine, driver, port, runs)
    return found


def _cutovers(engine: str, driver: str, port: int, moves: int) -> list[Any]:
    seen = plays.on_host(engine, "cutover", engine, str(moves), "http://127.0.0.1:%d/" % port, "speed-" + driver, "speed-" + driver)["moves"]
    first, last, done = ([round(one[name], 2) for one in seen] for name in ("first", "last", "done"))
    return [
        Limit("cutover-%s-first-p50" % driver, "ms", first, 0.5, 20, "command to the first answer of the new version"),
        Limit("cutover-%s-first-p99" % driver, "ms", first, 0.99, 100, "command to the first answer of the new version"),
        Limit("cutover-%s-last-p50" % driver, "ms", last, 0.5, 20, "command to the last answer of the old version"),
        Limit("cutover-%s-last-p99" % driver, "ms", last, 0.99, 100, "command to the last answer of the old version"),
        Limit("cutover-%s-confirmed-p50" % driver, "ms", done, 0.5, 100, "command to the switch's own word that all is moved"),
    ]


def _cost(engine: str, driver: str, port: int, runs: int) -> list[Any]:
    """Ours, the least that a person would write, and that with the driver's look-up for each request, where it has one (plays/pair.yml)."""
    where = next(line.split()[1] for line in call(bed("status")).splitlines() if line.split()[0] == plays.host_of(engine))
    ports = [port, port + 100, *([port + 200] if driver in LOOK_UP else [])]
    turns = [[_asked(where, one) for one in ports] for _number in range(runs + 1)][1:]
    ours, theirs, *looked = [[turn[at] for turn in turns] for at in range(len(ports))]
    found: list[Any] = [_rate("proxy-%s-requests" % driver, ours, theirs, 0.95, "wrk, 16 connections, 2 s")]
    found += [Figure("proxy-%s-%s" % (driver, at), "ms", [one[at] for one in ours], [one[at] for one in theirs], 1 / 0.95, "the same") for at in ("p50", "p99")]
    return found + [_rate("proxy-%s-look-up" % driver, one, theirs, 0, "the least with a look-up for each request, and nothing else of ours") for one in looked]


def _rate(name: str, ours: t.Sequence[dict[str, float]], theirs: t.Sequence[dict[str, float]], bound: float, told: str) -> Any:
    return Figure(name, "/s", [one["rate"] for one in ours], [one["rate"] for one in theirs], bound, told, more=True)


def _asked(where: str, port: int) -> dict[str, float]:
    text = call(bed("lab", "wrk", "-t1", "-c16", "-d2s", "--latency", "http://%s:%d/" % (where, port)))
    found = {name: _ms(re.search(r"^ +%s%% +(\S+)" % name[1:], text, re.MULTILINE)) for name in ("p50", "p99")}
    rate = re.search(r"Requests/sec: +(\S+)", text)
    if rate is None or "Non-2xx" in text:
        raise plays.Failed("wrk on %s:%d: %s" % (where, port, text))
    return {"rate": float(rate.group(1)), **found}


def _ms(found: re.Match[str] | None) -> float:
    words = re.match(r"([0-9.]+)(us|ms|s)", found.group(1)) if found else None
    if words is None:
        raise plays.Failed("wrk says no latency")
    return float(words.group(1)) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[words.group(2)]


def growth(engine: str, runs: int, most: int) -> list[Any]:
    """What more services, more routes and a longer journal cost, each beside the smallest case."""
    found: list[Any] = []
    for count in [one for one in _GROWN if 1 < one <= most]:
        alone: list[plays.Json] = [{}]
        more = [{"name": "speed-%03d" % number, "route": {"path": "/%03d" % number}} for number in range(1, count)]
        many: list[plays.Json] = [{"name": "speed-greet"}, *more]
        plays.run("grow-%d" % count, engine, [("ours", {"speed_live": "A", "speed_list": many})])
        turns = [("ours", {"speed_live": "A", "speed_list": one}) for _number in range(runs + 1) for one in (many, alone)]
        seen = plays.run("grown-%d" % count, engine, turns)[2:]
        each = [one.seconds / count for one in seen[::2]]
        found.append(Figure("services-%d" % count, "s", each, _seconds(seen[1::2]), 1.0, "a no-op, per service; theirs: the same with one service"))
    grown = plays.on_host(engine, "growth", engine)
    for count, values in list(grown["routes"].items())[1:]:
        found += [
            Figure("routes-%s-%s" % (count, what), "ms", values[what], grown["routes"]["1"][what], 0, "theirs: with one route") for what in ("serve", "look")
        ]
    journal = grown["journal"]
    found.append(
        Figure(
            "journal-100000",
            "ms",
            [one for one, _two in journal],
            [two for _one, two in journal],
            0,
            "a line more, and reading what is remembered; theirs: a journal of one line",
        )
    )
    return found


def transfer(engine: str, folder: pathlib.Path) -> list[Any]:
    """Bytes that are sent for one new layer, against that layer compressed."""
    subprocess.run(["python3", str(pathlib.Path(__file__).with_name("archives.py")), str(folder)], check=True)
    seen = plays.run("transfer", engine, [("transfer", {"speed_folder": str(folder)})])
    sent = [one["bytes"] for one in seen[-1].results if one.get("bytes")]
    layer = float((folder / "layer.gz").stat().st_size)
    whole = float((folder / "two.tar").stat().st_size)
    return [
        Figure("transfer-bytes", "B", [float(sent[-1])], [layer], 1.05, "a new layer of one image; theirs: that layer compressed by gzip"),
        Figure("transfer-of-whole", "B", [float(sent[-1])], [whole], 0, "theirs: the whole archive, which copying and loading it sends"),
    ]
