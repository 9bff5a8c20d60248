# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What real proxies make of the strangest routes that are accepted, and what becomes of a proxy whose files are damaged."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import subprocess
import typing as t

import pytest
from switch_bed import PROXIES, TOKEN, Bed

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.route_spec import route_of
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving

GREET = Route("greet")
# What a proxy would put something else in place of, if it read the text as more than a text.
TEXTS = (
    "a'b\"c\\d",
    "{env.HOME} {file./etc/passwd} {http.request.host}",
    "%[env(HOME)] %{ENV:PATH} %{file:/etc/passwd} ${HOME} $host $(id) `id` %s %%",
    "}\n} # server\n;\tend",
    "\u00e9\u2028\U0001f600",
    "x" * 2000,
)
CONFIGURATION = {"apache": "apache.conf", "caddy": "caddy.json", "haproxy": "haproxy.cfg", "nginx": "nginx.conf"}
_CHARS = "abcXYZ019._~!$&*+,=:@-"


def strange(count: int) -> t.Iterator[Route]:
    """The same routes in each run, none of which meets another's hosts."""
    dice = random.Random(6)
    for index in range(count):
        path = "/" + "/".join("".join(dice.choice(_CHARS) for _letter in range(dice.randint(1, 40))) for _part in range(dice.randint(1, 3)))
        host = "%s%s_%d.test" % (dice.choice(["a", "_", "0-"]), "".join(dice.choice("ab09-_") for _letter in range(dice.randint(0, 30))), index)
        value = "v" + "".join(dice.choice("aZ09_.~:/@=+-") for _letter in range(dice.randint(1, 60)))
        header = {"header": "X-%s" % dice.choice(["a_b", "A-9", "__"]), "value": value}
        given = {"hosts": [host, "*." + host], "path": path, "preview": header if dice.random() < 0.5 else None}
        yield route_of("s%d.%s" % (index, "-_." * dice.randint(0, 5) + "z"), given)


def valid(bed: Bed) -> bool:
    """What the proxy's own test says of the configuration."""
    argv = [bed.program, *PROXIES[bed.driver].check(bed.places)]
    return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_strange_routes_lead_where_they_say(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    routes = list(strange(12))
    for route in routes:
        bed.switch.serve(Serving(route, (target,)))
    assert (bed.switch.drift(), valid(bed)) == ([], True)
    assert {name: one.route for name, one in bed.switch.routes().items()} == {route.service: route for route in routes}
    for route in routes:
        assert bed.switch.matches(route)
        for host in (route.hosts[0], "sub." + route.hosts[0]):
            assert (bed.who(route.path, host), bed.who(route.path + "/x?y=z", host)) == ("greet-a", "greet-a"), route
            assert bed.ask(route.path + "x", host)[0] == 404, route


def test_texts_arrive_as_they_are(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    for text in TEXTS:
        bed.switch.serve(Serving(route_of("greet", {"maintenance": {"text": text, "retry_after": 7}}), (target,)))
        status, body, headers = bed.ask()
        assert (status, body, headers["retry-after"]) == (503, text, "7")
        assert (bed.who(X_Hotswap_Probe=TOKEN), valid(bed)) == ("greet-a", True)


def test_a_text_of_nothing_else_is_refused_with_the_proxy_as_it_was(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(GREET, (target,)))
    before = said(bed)
    for bad in (dataclasses.replace(GREET, path="/a' }\n"), dataclasses.replace(GREET, hosts=("a\nb",)), dataclasses.replace(GREET, sticky="a; b")):
        with pytest.raises(SwitchError):
            bed.switch.serve(Serving(bad, (target,)))
    assert (said(bed), bed.who(), bed.switch.drift()) == (before, "greet-a", [])


def said(bed: Bed) -> dict[str, bytes]:
    """Every file of the proxy's configuration and records."""
    found = [path for path in sorted(bed.folder.rglob("*")) if path.is_file() and not path.is_symlink() and bed.folder / "run" not in path.parents]
    return {str(path.relative_to(bed.folder)): path.read_bytes() for path in found}


def configuration(bed: Bed) -> pathlib.Path:
    return bed.folder / "conf" / CONFIGURATION[bed.driver]


@pytest.mark.parametrize("damage", ["half", "edited", "gone"])
def test_a_damaged_configuration_is_told_and_repaired(bed: Bed, damage: str) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(GREET, (target,)))
    file = configuration(bed)
    good = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(good[: len(good) // 2] if damage == "half" else good + b"\n# by hand\n")
    assert bed.who() == "greet-a"
    assert any(file.name in sentence for sentence in bed.open().drift())
    bed.open().apply(bed.settings)
    assert (file.read_bytes(), bed.switch.drift(), bed.who()) == (good, [], "greet-a")
    bed.kill()
    bed.start()
    assert (bed.who(), bed.switch.drift()) == ("greet-a", [])


def test_a_cut_record_is_refused_by_its_name_and_nothing_is_touched(bed: Bed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(Serving(GREET, (target,)))
    record = bed.folder / "routes" / "greet.json"
    good = record.read_bytes()
    record.write_bytes(good[: len(good) // 2])
    before = said(bed)
    for change in (
        lambda: bed.open().serve(Serving(Route("other", ("other.test",)), (target,))),
        lambda: bed.open().apply(bed.settings),
        lambda: bed.open().remove("greet"),
    ):
        with pytest.raises(SwitchError, match=r"greet\.json"):
            change()
    assert (said(bed), bed.who()) == (before, "greet-a")
    record.write_bytes(good)
    assert (bed.open().drift(), bed.who()) == ([], "greet-a")
