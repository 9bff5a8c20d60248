# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture of a rollout: what it says, and that nothing in it can be run or loaded."""

from __future__ import annotations

import importlib
import json
import re
import typing as t
import xml.etree.ElementTree

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.hotswap.containers.plugins.plugin_utils import _report, _report_html, _report_svg

NEW, OLD = ["greet-B-1"], ["greet-A-1"]
NASTY = '</script><script>alert(1)</script><img src="http://example.com/x">'


def phase(name: str, at: float, seconds: float, names: t.Sequence[str] = ()) -> dict[str, t.Any]:
    """One phase of a journal."""
    return {"name": name, "at": at, "seconds": seconds, "names": list(names)}


AHEAD = [
    phase("record", 100.0, 0.0, ["A-1"]),
    phase("create", 100.0, 1.0, NEW),
    phase("start", 101.0, 1.0, NEW),
    phase("gate", 102.0, 4.0, NEW),
    phase("serve", 106.0, 0.5, NEW),
    phase("verify", 106.5, 0.5, NEW),
]
REST = [phase("drain", 107.0, 2.0, OLD), phase("stop", 109.0, 1.0, OLD), phase("record", 110.0, 0.0, ["B-1"])]
BACK = [phase("serve", 107.0, 0.5, OLD), phase("stop", 107.5, 1.0, NEW), phase("remove", 108.5, 0.5, NEW)]
ENTRY = {
    "time": "1970-01-01T00:01:50Z",
    "outcome": "done",
    "state": "live",
    "version": "B",
    "before": {"A": 100},
    "shares": {"B": 100},
    "instances": NEW,
    "phases": [*AHEAD, *REST],
    "drained": 3,
    "cut": 0,
    "image": "localhost/greet:B",
    "image_id": "sha256:0123",
}
FAILED = {
    **ENTRY,
    "outcome": "failed",
    "phases": [*AHEAD, *BACK],
    "walked": len(AHEAD),
    "phase": "verify",
    "error": NASTY,
    "restored": True,
    "logs": {"greet-B-1": [NASTY]},
}


def data_of(*entries: dict[str, t.Any], probe: t.Any = None, **more: t.Any) -> dict[str, t.Any]:
    """The picture's data of one host with this journal."""
    return _report.report({"web1": {"journal": {"greet": list(entries)}, "probe": probe}}, **more)


def uses(data: dict[str, t.Any], number: int = 0) -> dict[str, list[tuple[str, float, float]]]:
    """Version -> its pieces: use, from, to."""
    lives = data["hosts"][0]["runs"][number]["lives"]
    return {life["version"]: [(one["use"], round(one["from"], 2), round(one["to"], 2)) for one in life["pieces"]] for life in lives}


def test_old_and_new_overlap() -> None:
    found = uses(data_of(ENTRY))
    assert found["A"] == [("serving", 99.7, 106.5), ("draining", 106.5, 110.0)]
    assert found["B"] == [("waiting", 100.0, 106.5), ("serving", 106.5, 110.3)]


def test_after_a_way_back_the_old_one_serves_again() -> None:
    found = uses(data_of(FAILED))
    assert found["A"] == [("serving", 99.7, 106.5), ("draining", 106.5, 107.5), ("serving", 107.5, 109.3)]
    assert found["B"] == [("waiting", 100.0, 106.5), ("serving", 106.5, 107.5), ("draining", 107.5, 109.0)]


def test_one_that_failed_its_gate_never_serves() -> None:
    gate = {**FAILED, "phases": [*AHEAD[:4], phase("stop", 106.0, 1.0, NEW)], "walked": 4, "phase": "gate"}
    found = uses(data_of(gate))
    assert found["A"] == [("serving", 99.7, 107.3)]
    assert found["B"] == [("waiting", 100.0, 107.0)]
    assert data_of(gate)["hosts"][0]["runs"][0]["cutover"] is None


def test_a_first_version_and_one_that_is_removed() -> None:
    first = {**ENTRY, "before": {}, "phases": AHEAD}
    assert list(uses(data_of(first))) == ["B"]
    gone = {**ENTRY, "state": "absent", "version": "", "phases": [phase("drain", 100, 1, OLD), phase("stop", 101, 1, OLD)], "instances": []}
    assert uses(data_of(gone)) == {"A": [("serving", 99.7, 102.0)]}


def test_an_entry_of_an_older_release_has_its_times_from_the_end() -> None:
    old = {name: value for name, value in ENTRY.items() if name not in ("before", "instances", "image", "image_id")}
    old["previous"] = "A"
    old["phases"] = [{"name": one["name"], "seconds": one["seconds"]} for one in ENTRY["phases"]]  # type: ignore[attr-defined]
    run = data_of(old)["hosts"][0]["runs"][0]
    assert [one["at"] for one in run["phases"]] == [one["at"] for one in ENTRY["phases"]]  # type: ignore[attr-defined]
    assert run["before"] == "A"


def test_only_the_last_run_is_drawn_unless_more_is_asked_for() -> None:
    before = {**ENTRY, "phases": [{**one, "at": one["at"] - 60} for one in ENTRY["phases"]]}  # type: ignore[attr-defined]
    count = [
        len(data_of(before, ENTRY, **more)["hosts"][0]["runs"])
        for more in ({"minutes": 0.5}, {"minutes": 5.0}, {"since": 90.0}, {"since": 30.0}, {"since": 500.0})
    ]
    assert count == [1, 2, 1, 2, 0]


def test_runs_of_one_service_do_not_claim_each_others_time() -> None:
    later = {**ENTRY, "before": {"B": 100}, "version": "C", "phases": [{**one, "at": one["at"] + 30} for one in ENTRY["phases"]]}  # type: ignore[attr-defined]
    data = data_of(ENTRY, later)
    assert uses(data)["B"][-1] == ("serving", 106.5, 130.0)
    assert uses(data, 1)["B"][0] == ("serving", 110.0, 136.5)


@pytest.mark.parametrize("facts", [{}, {"journal": None}, {"journal": {"greet": [{}]}}, {"journal": {"greet": [{"phases": [3]}]}}, {"probe": {"sent": 0}}])
def test_a_host_without_a_story_is_there_all_the_same(facts: dict[str, t.Any]) -> None:
    data = _report.report({"web1": facts})
    assert [host["host"] for host in data["hosts"]] == ["web1"]
    assert "nothing was done here" in _report_svg.svg(data)


PROBE = {
    "sent": 400,
    "lost": 3,
    "failures": [{"at": 103.0, "kind": "http_503"}],
    "timeline": {"from": 100.0, "step": 1, "ok": [40] * 10, "lost": [0] * 9 + [3]},
}


@pytest.mark.parametrize("entry", [ENTRY, FAILED])
def test_the_picture_is_xml_with_titles(entry: dict[str, t.Any]) -> None:
    root = xml.etree.ElementTree.fromstring(_report_svg.svg(data_of(entry, probe=PROBE)))
    titles = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "Rollout of greet on 1 host"
    assert any(title.startswith("gate, 4.000 s: greet-B-1") for title in titles)
    assert "probe: 400 requests sent, 3 lost" in titles
    assert len([one for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("class") == "lost"]) == 1


def test_what_was_logged_cannot_be_run() -> None:
    data = data_of({**FAILED, "version": NASTY}, probe=PROBE, title=NASTY)
    page = _report_html.page(data)
    assert "<img" not in page and page.count("<script") == 1
    assert re.search(r'<script type="application/json" id="rollout-data">(.*?)</script>', page, re.DOTALL)
    embedded = page.split('id="rollout-data">', 1)[1].split("</script>", 1)[0]
    assert json.loads(embedded) == json.loads(json.dumps(data))
    assert "default-src 'none'" in page and "http://" not in page.replace("http://www.w3.org/2000/svg", "").replace(
        r"src=&quot;http://example.com/x", ""
    ).replace(r"http://example.com/x\"", "")


def test_the_page_says_what_failed_and_what_it_cost() -> None:
    page = _report_html.page(data_of(FAILED, probe=PROBE))
    for words in ("Everything is back where it was.", "in verify", "sha256:0123", "3 / 0", "http_503 (1)", "gate 4.0"):
        assert words in page


def test_the_filter() -> None:
    filters = importlib.import_module("ansible_collections.hotswap.containers.plugins.filter.fleet_picture").FilterModule().filters()
    hosts = {"web1": {"journal": {"greet": [ENTRY]}}}
    found = filters["fleet_picture"](hosts, "Of today", "1970-01-01T00:00:10Z", "")
    assert sorted(found) == ["html", "json", "svg"]
    assert json.loads(found["json"])["title"] == "Of today"
    for wrong in ("yesterday", "2026-13-01T00:00:00Z"):
        with pytest.raises(AnsibleFilterError):
            filters["fleet_picture"](hosts, "", wrong)


def luminance(colour: str) -> float:
    """The relative luminance of #RRGGBB or #RGB (WCAG 2)."""
    digits = colour.lstrip("#")
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)] if len(digits) == 6 else [int(one * 2, 16) / 255 for one in digits]
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """How much two colours differ, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_words_and_bars_can_be_told_from_what_is_behind_them(mode: int) -> None:
    colours = dict(re.findall(r"--(\w+):(#\w+)", _report_svg.STYLE.split("@media")[mode]))
    for name in ("ink", "soft", "bad"):
        assert contrast(colours[name], colours["ground"]) >= 4.5, name
    for name in ("serving", "waiting", "draining", "phase", "bad"):
        assert contrast(colours["on"], colours[name]) >= 4.5, name
    assert contrast(colours["ink"], colours["area"]) >= 4.5


def test_a_host_that_could_not_be_asked_says_so() -> None:
    assert "the journal could not be read: no way in" in _report_svg.svg(_report.report({"web1": {"error": "no way in"}}))
