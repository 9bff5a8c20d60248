# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From parameters to a load, verdicts, and probes that another task ends."""

from __future__ import annotations

import json
import pathlib
import threading
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError, InvalidInput, LockHeld
from ansible_collections.hotswap.containers.plugins.module_utils._probe import runner
from ansible_collections.hotswap.containers.plugins.module_utils._probe.mailbox import Mailbox

from . import servers

DEFAULTS: dict[str, t.Any] = {
    "url": "http://127.0.0.1:8080/",
    "ca_file": None,
    "method": "GET",
    "headers": None,
    "traffic": None,
    "rate": 20.0,
    "duration": None,
    "requests": None,
    "timeout": 10.0,
    "status": [200],
    "body_regex": None,
    "version_header": "X-Version",
    "max_lost": 0,
}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://example.com/", "ca_file": "/nowhere"}, "ca_file"),
        ({"url": "http:///x"}, "url"),
        ({"url": "http://example.com:99999/"}, "url"),
        ({"url": "http://example.com/a b"}, "url"),
        ({"url": "http://example.com/\r\nX: y"}, "url"),
        ({"rate": 0.0}, "rate"),
        ({"duration": 0.0}, "duration"),
        ({"requests": 0}, "requests"),
        ({"timeout": 0.0}, "timeout"),
        ({"status": []}, "status"),
        ({"status": [700]}, "status"),
        ({"body_regex": "("}, "body_regex"),
        ({"body_regex": "x", "method": "HEAD"}, "body_regex"),
        ({"headers": {"X-A": "b\r\nX-C: d"}}, "headers"),
        ({"headers": {"X A": "b"}}, "headers"),
        ({"headers": {"Content-Length": "3"}}, "headers"),
        ({"traffic": [{"kind": "slow", "rate": 3.0}]}, "slow"),
        ({"traffic": [{"kind": "fresh", "rate": 0.0}]}, "fresh"),
        ({"traffic": [{"kind": "fresh", "connections": 0}]}, "connections"),
        ({"traffic": [{"kind": "fresh", "path": "x"}]}, "path"),
        ({"traffic": [{"kind": "fresh"}, {"kind": "fresh"}]}, "twice"),
        ({"traffic": [{"kind": "slow"}], "requests": 5}, "requests"),
    ],
)
def test_bad_input_is_named_before_anything_is_sent(wrong: dict[str, t.Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named) as caught:
        runner.load_of({**DEFAULTS, **wrong})
    assert caught.value.fix


def run(**settings: t.Any) -> dict[str, t.Any]:
    return runner.run_probe({**DEFAULTS, **settings}, None)


def test_kinds_without_a_rate_share_the_rate() -> None:
    load = runner.load_of({**DEFAULTS, "rate": 30.0, "traffic": [{"kind": "keepalive"}, {"kind": "fresh"}, {"kind": "post", "rate": 5.0}, {"kind": "slow"}]})
    assert [part.rate for part in load._traffic[:3]] == [15.0, 15.0, 5.0]


def test_losses_fail_with_the_counts_unless_allowed() -> None:
    result = run(url="http://127.0.0.1:%d/" % servers.free_port(), requests=4, rate=100.0)
    with pytest.raises(HotswapError, match="refused 4") as caught:
        runner.judge(result, 3)
    assert caught.value.details["lost"] == 4
    runner.judge(result, 4)
    runner.judge(result, -1)


def in_background(mailbox: Mailbox, **settings: t.Any) -> threading.Thread:
    thread = threading.Thread(target=runner.run_probe, args=({**DEFAULTS, **settings}, mailbox))
    thread.start()
    return thread


def test_another_task_ends_a_probe_and_gets_its_counts(tmp_path: pathlib.Path) -> None:
    mailbox = Mailbox(tmp_path / "probes", "greet")
    thread = in_background(mailbox, url="http://127.0.0.1:%d/" % servers.free_port(), duration=60.0)
    result = mailbox.fetch(10.0, 10.0)
    thread.join()
    assert result["ended_by"] == "stopped"
    assert sorted(path.name for path in (tmp_path / "probes").iterdir()) == ["greet.lock"]


def test_a_probe_that_has_ended_by_itself_is_fetched_once(tmp_path: pathlib.Path) -> None:
    mailbox = Mailbox(tmp_path, "greet")
    in_background(mailbox, url="http://127.0.0.1:%d/" % servers.free_port(), requests=2).join()
    assert mailbox.fetch(0.0, 1.0)["sent"] == 2
    with pytest.raises(HotswapError, match="no probe greet"):
        mailbox.fetch(0.0, 1.0)


def test_a_name_is_used_by_one_probe_at_a_time(tmp_path: pathlib.Path) -> None:
    mailbox = Mailbox(tmp_path, "greet")
    with mailbox.running(), pytest.raises(LockHeld, match="greet"), Mailbox(tmp_path, "greet").running():
        pass


def test_what_an_earlier_probe_left_is_forgotten(tmp_path: pathlib.Path) -> None:
    mailbox = Mailbox(tmp_path, "greet")
    (tmp_path / "greet.stop").touch()
    (tmp_path / "greet.json").write_text(json.dumps({"sent": 99}))
    with mailbox.running():
        assert not mailbox.asked_to_stop()
    with pytest.raises(HotswapError, match="no probe greet"):
        mailbox.fetch(0.0, 1.0)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HotswapError, match=str(tmp_path / "file")), Mailbox(tmp_path / "file", "greet").running():
        pass


@pytest.mark.parametrize(("host", "name"), [("a.example:8443", "a.example"), ("a.example", "a.example"), ("[::1]:8443", "::1")])
def test_the_name_of_a_certificate_is_that_of_the_host_header(host: str, name: str) -> None:
    assert runner.name_of({"X-A": "b", "host": host}) == name
