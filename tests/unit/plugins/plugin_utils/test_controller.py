# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who the controller is, and who had the lease before."""

from __future__ import annotations

import os
import subprocess
import sys

from ansible_collections.hotswap.containers.plugins.filter.fleet_lease import fleet_lease
from ansible_collections.hotswap.containers.plugins.plugin_utils import _controller


def test_a_run_keeps_its_id_and_lives() -> None:
    assert _controller.run_id() == _controller.run_id()
    assert "/%d/" % os.getpid() in _controller.run_id()
    assert not _controller.is_dead(_controller.run_id())


def test_a_worker_is_its_run() -> None:
    code = "import multiprocessing as m\nfrom %s import run_id\nwith m.get_context('fork').Pool(1) as p: print(p.apply(run_id) == run_id())"
    done = subprocess.run([sys.executable, "-c", code % _controller.__name__], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_a_process_that_ended_is_dead() -> None:
    code = "from %s import run_id; print(run_id())" % _controller.__name__
    gone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert _controller.is_dead(gone)


def test_a_number_that_another_process_has_now_is_dead() -> None:
    machine, _slash, _started = _controller.run_id().rpartition("/")
    assert _controller.is_dead(machine + "/1")


def test_nothing_is_known_of_another_machine() -> None:
    assert not _controller.is_dead("elsewhere/1234abcd/4026531836/1/1")
    assert not _controller.is_dead("ci-4711")
    assert not _controller.is_dead("")


def test_who() -> None:
    job = {"awx_job_id": 12, "awx_job_template_name": "Deploy", "awx_user_name": "kim"}
    assert _controller.who(job) == "job 12 of Deploy by kim"
    assert _controller.who({"tower_job_id": "7"}) == "job 7"
    assert "@" in _controller.who({})


def _refusal(owner: str) -> dict[str, object]:
    return {"item": "h1", "msg": "taken", "failed": True, "holder": {"owner": owner}}


def test_the_lease_of_a_dead_run_may_be_replaced() -> None:
    machine, _slash, _started = _controller.run_id().rpartition("/")
    assert fleet_lease([_refusal(machine + "/1")])["dead"] == [machine + "/1"]
    assert fleet_lease([_refusal(_controller.run_id())])["dead"] == []


def test_one_refusal_keeps_a_run_out() -> None:
    assert fleet_lease([{"item": "h0", "held": True}, _refusal("x")])["kept_out"] == "h1: taken"


def test_one_lease_is_enough() -> None:
    assert fleet_lease([{"item": "h0", "unreachable": True, "msg": "no route"}, {"item": "h1", "held": True}])["kept_out"] == ""


def test_no_lease_is_not() -> None:
    assert fleet_lease([{"item": "h0", "unreachable": True, "msg": "no route"}])["kept_out"].startswith(
        "no host could keep the lease of this run (h0: no route)"
    )
