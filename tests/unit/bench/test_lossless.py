# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bench's pure parts: what is measured, how it is added up, and what the page says."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "bench"))

from lossless import drivers, page, queue, record, settings, store, table  # noqa: E402

CLOCK = 1000.0
FACTS = {"date": "today", "machine": "two cores", "hosts": "Debian", "load": "300 requests a second"}
COUNTED: dict[str, t.Any] = {
    "sent": 1200,
    "ok": 1200,
    "lost": 0,
    "lost_by_kind": {},
    "longest_gap": 0.0574,
    "p99_ms": 12.5,
    "websockets": {"opened": 0, "messages": 0, "closed": 0, "lost_by_kind": {}},
    "versions": {"A": {}, "B": {}},
    "failures": [],
    "seconds": 12.0,
    "cpu": 1.5,
}
LOSSY = drivers.Driver("Redirect", "", "redirect", ("docker",), "it moves new connections only")
COMBO = settings.Combo(settings.OURS, "haproxy", "podman", "rude", 2)


def note(version: str, ended: float, **more: t.Any) -> dict[str, t.Any]:
    phases = [{"name": "gate", "seconds": 1.0}, {"name": "serve", "seconds": 0.002}, {"name": "drain", "seconds": 3.0}]
    return {"version": version, "ok": True, "msg": "", "ended": ended, "phases": phases, "drained": 6, "cut": 0, **more}


def row(**more: t.Any) -> record.Row:
    return dataclasses.replace(record.row_of(COMBO, COUNTED, [note("B", CLOCK), note("A", CLOCK + 10)]), **more)


def test_by_default_every_driver_meets_every_engine_of_its_own_and_every_kind_of_application() -> None:
    found = [combo for combo in settings.combos(settings.read({})) if combo.way in (settings.OURS, settings.APART)]
    meetings = sum(len(driver.engines) for driver in drivers.DRIVERS.values()) * len(settings.MODES)
    assert len({combo.name for combo in found}) == len(found) == meetings


def test_what_is_lossy_by_nature_is_a_way_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(t.cast("dict[str, drivers.Driver]", drivers.DRIVERS), "redirect", LOSSY)
    found = settings.combos(settings.read({"DRIVERS": "redirect", "MODES": "rude", "APART_CUTOVERS": "3"}))
    assert [(combo.name, combo.cutovers) for combo in found if combo.way not in settings.PEER_WAYS] == [("apart-redirect-docker-rude", 3)]


def test_docker_rollout_is_measured_where_the_program_is_named() -> None:
    def names(**env: str) -> list[str]:
        return [combo.name for combo in settings.combos(settings.read({"MODES": "rude", **env})) if combo.way == settings.ROLLOUT]

    assert names() == []
    assert names(DOCKER_ROLLOUT="/usr/bin/docker-rollout") == ["rollout-haproxy-docker-rude", "rollout-caddy-docker-rude"]


def test_the_environment_chooses() -> None:
    env = {"ENGINES": "rootless", "DRIVERS": "caddy,haproxy", "MODES": "rude", "PEERS": "none", "CUTOVERS": "3", "WEBSOCKET_CUTOVERS": "0"}
    assert [combo.name for combo in settings.combos(settings.read(env))] == ["hotswap-haproxy-rootless-rude", "hotswap-caddy-rootless-rude"]


@pytest.mark.parametrize("env", [{"ENGINES": "lxc"}, {"CUTOVERS": "many"}, {"RATE": "-1"}])
def test_what_there_is_not_is_named(env: dict[str, str]) -> None:
    with pytest.raises(settings.Unusable, match=next(iter(env))):
        settings.read(env)


def test_versions_take_turns_and_begin_with_the_one_that_is_not_live() -> None:
    assert dataclasses.replace(COMBO, cutovers=5).versions() == ["B", "A", "B", "A", "B"]


def test_a_host_has_one_combination_at_a_time() -> None:
    first, second, other = (
        dataclasses.replace(COMBO, mode=mode, engine=engine) for mode, engine in (("rude", "podman"), ("ignore", "podman"), ("rude", "docker"))
    )
    waiting = queue.Queue([first, second, other])
    assert (waiting.take(), waiting.take()) == (first, other)
    waiting.done(first)
    assert (waiting.take(), waiting.take()) == (second, None)


def test_a_closed_queue_hands_nothing_out() -> None:
    waiting = queue.Queue([COMBO])
    waiting.close()
    assert waiting.take() is None


def test_a_row_adds_up_what_its_cutovers_said() -> None:
    found = row()
    assert (found.cutovers, found.drained, found.cut, found.gap_ms) == (2, 12, 0, 57)
    assert (found.switch_ms, found.cutover_s) == ([2.0, 2.0], [4.0, 4.0])
    assert (found.faults, found.client_cpu) == ([], 0.125)


def test_a_row_that_cannot_count_says_why() -> None:
    failed = note("A", CLOCK, ok=False, msg="gate: /health answered 503")
    found = record.row_of(COMBO, {**COUNTED, "versions": {"A": {}}, "ok": 1199}, [failed])
    assert found.cutovers == 0
    assert [re.search(text, " | ".join(found.faults)) is not None for text in ("answered 503", "1 of 2 cutovers", "from A, not", "1 requests are neither")] == [
        True
    ] * 4


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (CLOCK - 10, "before the steps of cutover 1 to B"),
        (CLOCK - 3.5, "in gate of cutover 1 to B"),
        (CLOCK - 1, "in drain of cutover 1 to B, 1.00 s before its end"),
        (CLOCK + 9, "in drain of cutover 2 to A"),
        (CLOCK + 11, "after the last cutover"),
    ],
)
def test_a_loss_is_placed_into_the_step_it_fell_into(at: float, words: str) -> None:
    assert record.when(at, [note("B", CLOCK), note("A", CLOCK + 10)]).startswith(words)


def test_the_last_line_counts_only_what_it_is_given() -> None:
    lossy = row(lost=3, lost_by_kind={"http_503": 2, "truncated": 1})
    assert record.total([row(), lossy]).line == "lossless: combos=2 cutovers=4 sent=2400 lost=3"
    assert record.total([row(), lossy]).lost_by_kind == {"http_503": 2, "truncated": 1}


def test_the_page_lists_peers_and_websockets_apart_from_ours() -> None:
    sockets = row(way=settings.WEBSOCKETS, websockets={"opened": 8, "messages": 9, "closed": 4, "lost_by_kind": {"truncated": 2}}, cut=4)
    peers = [row(way=settings.SEED, lost=94, lost_by_kind={"http_503": 94}), row(way=settings.RECREATE, driver="", engine="docker", gap_ms=1665)]
    page = table.page({"machine": "two cores"}, [row(), sockets, *peers])
    ours, apart = page.split("## Lossy by nature")
    assert "| HAProxy | Podman | rude | 2 | 1,200 | **0** | 57 | 2 | 2 | 12 | 0 |" in ours
    assert "| HAProxy | Podman | rude | 2 | 1,200 | **0** | 8 | 4 | 2 | 4 |" in apart
    assert "| 94 (http_503 94) |" in apart
    assert "recreate, `community.docker.docker_container`" in apart
    assert page.endswith("lossless: combos=1 cutovers=2 sent=1200 lost=0\n```\n")


def test_a_fault_is_on_the_page() -> None:
    found = table.page({}, [row(faults=["nobody answered"])], ["prepare failed"])
    assert "- hotswap haproxy podman rude: nobody answered\n- not measured: prepare failed\n" in found


def test_the_page_tells_the_lossy_apart_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(t.cast("dict[str, drivers.Driver]", drivers.DRIVERS), "redirect", LOSSY)
    rows = [row(), row(way=settings.APART, driver="redirect", lost=7, lost_by_kind={"truncated": 7})]
    for text in (table.page({}, rows), page.part(FACTS, rows)):
        assert "- Redirect: it moves new connections only.\n" in text
        assert "| Redirect | Podman | rude | 2 | 1,200 | 7" in text
    assert "lossless: combos=1 cutovers=2 sent=1200 lost=0\n" in table.page({}, rows)
    assert "| **all** |  |  | 2 | 1,200 | **0** |" in page.part(FACTS, rows)


def test_rows_are_found_again_when_they_are_of_the_same_code_and_settings(tmp_path: pathlib.Path) -> None:
    kept = store.Store(tmp_path / "rows", "commit a")
    kept.keep(COMBO, 300.0, row())
    kept.keep_facts({"date": "today"})
    again, other = store.Store(tmp_path / "rows", "commit a"), store.Store(tmp_path / "rows", "commit b")
    assert (again.find(COMBO, 300.0), again.facts()) == (row(), {"date": "today"})
    assert (other.find(COMBO, 300.0), other.facts()) == (None, {})
    assert again.find(COMBO, 400.0) is None
    assert again.find(dataclasses.replace(COMBO, cutovers=3), 300.0) is None
    assert again.find(dataclasses.replace(COMBO, mode="ignore"), 300.0) is None
    again.clear()
    assert again.find(COMBO, 300.0) is None


def test_the_documentation_adds_up_the_kinds_of_application() -> None:
    rows = [row(mode=mode, driver=driver, sent=1000) for mode in ("graceful", "rude") for driver in ("caddy", "haproxy")]
    found = page.our_table(rows).splitlines()
    assert found[2:] == [
        "| HAProxy | Podman | graceful, rude | 4 | 2,000 | **0** |",
        "| Caddy | Podman | graceful, rude | 4 | 2,000 | **0** |",
        "| **all** |  |  | 8 | 4,000 | **0** |",
    ]


def test_only_what_is_between_the_marks_is_made_anew() -> None:
    text = "before\n%sold\n%safter\n" % (page.BEGIN, page.END)
    found = page.fill(text, FACTS, [row()])
    assert found.startswith("before\n" + page.BEGIN) and found.endswith(page.END + "after\n")
    assert "old" not in found
    assert page.fill(found, FACTS, [row()]) == found


def committed() -> tuple[dict[str, str], list[record.Row], list[str]]:
    result = json.loads((ROOT / "bench" / "results" / "lossless.json").read_text())
    return result["facts"], [record.Row(**one) for one in result["rows"]], result["missing"]


def test_the_committed_page_is_that_of_the_committed_result() -> None:
    assert (ROOT / "bench" / "results" / "lossless.md").read_text() == table.page(*committed())


def test_the_documentation_says_what_the_committed_result_says() -> None:
    facts, rows, _missing = committed()
    text = (ROOT / "docs" / "how-it-stays-lossless.md").read_text()
    assert page.fill(text, facts, rows) == text
