# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of rollouts: the words, the table, and the watch that asks only while there is something to ask."""

from __future__ import annotations

import subprocess
import threading
import types
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.callback.progress import CallbackModule
from ansible_collections.hotswap.containers.plugins.plugin_utils import _progress

RESULT = {
    "changed": True,
    "version": "B",
    "plan": ["create greet-B-3f2a1c-1"],
    "phases": [{"name": "record", "seconds": 0.1}, {"name": "gate", "seconds": 1.25}, {"name": "serve", "seconds": 0.02}, {"name": "drain", "seconds": 0.4}],
    "drained": 3,
    "cut": 1,
    "instances": [{"name": "greet-B-3f2a1c-1", "phase": "live", "version": "B"}],
    "diff": {"before": {"shares": {"A": 100}}, "after": {"shares": {"B": 100}}},
}
FAILED = {**RESULT, "changed": False, "failed": True, "phase": "gate", "diff": {}}


class Display:
    """Keeps what would be shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def display(self, line: str, **_more: t.Any) -> None:
        self.lines.append(line)

    def banner(self, line: str) -> None:
        self.lines.append(line)


def result_of(found: dict[str, t.Any], module: str = "hotswap.containers.service", host: str = "web1", **args: t.Any) -> t.Any:
    """A task's result as Ansible hands it to callbacks."""
    task = types.SimpleNamespace(action=module, resolved_action=module, args=args)
    return types.SimpleNamespace(_task=task, _result=found, _host=types.SimpleNamespace(get_name=lambda: host))


def shown(*results: t.Any) -> list[str]:
    """All that a run with these results shows."""
    plugin = CallbackModule()
    plugin._display = Display()
    for one in results:
        (plugin.v2_runner_on_failed if one._result.get("failed") else plugin.v2_runner_on_ok)(one)
    plugin.v2_playbook_on_stats(None)
    return list(plugin._display.lines)


def test_one_line_for_a_service_and_a_table_at_the_end() -> None:
    probe = result_of({"lost": 2, "changed": False}, "hotswap.containers.probe")
    assert shown(result_of(RESULT, name="greet"), probe, result_of(FAILED, host="web2", name="greet")) == [
        "web1: greet A -> B: changed (gate 1.2 s, drain 0.4 s)",
        "web2: greet to B: failed in gate (gate 1.2 s, drain 0.4 s)",
        "ROLLOUTS",
        "host  service  before -> after  outcome         seconds             drained/cut  lost",
        "web1  greet    A -> B           changed         gate=1.2 drain=0.4  3/1          2",
        "web2  greet    to B             failed in gate  gate=1.2 drain=0.4  3/1          -",
    ]


def test_items_of_a_loop_are_told_once() -> None:
    plugin = CallbackModule()
    plugin._display = Display()
    item = result_of({**RESULT, "_ansible_item_label": "greet"}, name="{{ item.name }}")
    plugin.v2_runner_item_on_ok(item)
    plugin.v2_runner_on_ok(result_of({"results": [RESULT]}))
    assert len(plugin._display.lines) == 1


def test_an_item_that_failed_is_told_as_failed() -> None:
    plugin = CallbackModule()
    plugin._display = Display()
    plugin.v2_runner_item_on_failed(result_of({**FAILED, "failed": False}, name="greet"))
    assert plugin._display.lines == ["web1: greet to B: failed in gate (gate 1.2 s, drain 0.4 s)"]


@pytest.mark.parametrize("module", ["ansible.builtin.command", "other.containers.service", "hotswap.containers.network"])
def test_of_other_modules_nothing_is_said(module: str) -> None:
    assert shown(result_of(RESULT, module)) == []


def test_what_was_not_walked_has_a_row_and_no_line() -> None:
    lines = shown(result_of({**RESULT, "changed": False, "phases": []}, name="greet"))
    assert [line.split()[:2] for line in lines] == [["ROLLOUTS"], ["host", "service"], ["web1", "greet"]]


def test_what_was_sent_of_an_image() -> None:
    sent = {"bytes": 12_300_000, "layers": 2, "layers_there": 5, "resumed_bytes": 0, "whole_because": ""}
    assert shown(result_of({"sent": sent}, "hotswap.containers.image")) == ["web1: image: 12.3 MB in 2 layers sent, 5 layers were there"]
    assert shown(result_of({"sent": {**sent, "bytes": 0}}, "hotswap.containers.image")) == []


def test_a_service_without_a_name_is_called_by_its_instance() -> None:
    assert _progress.service_of("", RESULT) == "greet"


def test_the_script_reads_the_step_of_a_process_that_is_there(tmp_path: t.Any) -> None:
    folder = tmp_path / "services" / "greet"
    folder.mkdir(parents=True)
    alive = subprocess.Popen(["sleep", "60"])
    try:
        (folder / "now").write_text("%d 17.5 gate greet-B-1\n" % alive.pid)
        asked = subprocess.run(["/bin/sh", "-c", _progress.script("greet", str(tmp_path))], capture_output=True, text=True, check=True)
        assert _progress.now(asked.stdout) == ("%d 17.5" % alive.pid, "gate greet-B-1")
    finally:
        alive.kill()
        alive.wait()
    asked = subprocess.run(["/bin/sh", "-c", _progress.script("greet", str(tmp_path))], capture_output=True, text=True, check=True)
    assert _progress.now(asked.stdout) == ("", "")


@pytest.mark.parametrize("name", ["", "a b", "$(id)", "../x", "a;b"])
def test_a_name_that_no_service_can_have_is_not_asked_for(name: str) -> None:
    assert _progress.script(name, "") == ""


def walked(answers: t.Sequence[t.Any]) -> list[str]:
    """What a watch says that gets these answers, one a look."""
    said: list[str] = []
    left = list(answers)
    done = threading.Event()

    def ask() -> str:
        if not left:
            done.set()
            return ""
        answer = left.pop(0)
        if isinstance(answer, Exception):
            done.set()
            raise answer
        return str(answer)

    with _progress.Watch(ask, said.append, 0.001):
        assert done.wait(60)
    return said


def test_a_step_is_told_when_it_is_new_and_again_when_it_lasts() -> None:
    gate, drain = "hotswap-now 7 1.5 gate greet-B-1\n", "hotswap-now 7 9.5 drain greet-A-1\n"
    assert walked([gate] * 6 + [drain]) == ["gate greet-B-1", "gate greet-B-1, still", "drain greet-A-1"]


def test_a_watch_that_breaks_leaves_the_rollout_alone() -> None:
    assert walked([OSError("no way in")]) == ["the rollout goes on, and cannot be watched: no way in"]


def test_nothing_is_asked_unless_the_callback_is_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    task = types.SimpleNamespace(args={"name": "greet"}, check_mode=False, async_val=0)
    action = types.SimpleNamespace(_task=task)
    assert not isinstance(_progress.watched(action, "web1"), _progress.Watch)
    monkeypatch.setattr("ansible.constants.CALLBACKS_ENABLED", [_progress.PLUGIN])
    assert isinstance(_progress.watched(action, "web1"), _progress.Watch)
    task.check_mode = True
    assert not isinstance(_progress.watched(action, "web1"), _progress.Watch)


@pytest.mark.parametrize(("become_user", "remote_user", "becomes"), [("root", "root", False), ("root", "deploy", True), ("", "root", True)])
def test_the_watch_becomes_another_user_only_where_the_task_does(become_user: str, remote_user: str, becomes: bool) -> None:
    action = types.SimpleNamespace(get_become_option=lambda _name: become_user, _get_remote_user=lambda: remote_user)
    assert _progress._becomes(action) is becomes
