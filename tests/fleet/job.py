# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job as AWX runs it: python -m fleet.job FOLDER, in the hosts' network. FOLDER/job.json says what; result.json is what came of it.

AWX runs ansible-runner with what people answered as extra variables, ends it through its callback, and hands the values of
set_stats to the next node of a workflow.
"""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

import ansible_runner


def run(folder: pathlib.Path, job: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Runs it until it ends, or until a file `cancel` is there: status, exit code, and the artifacts."""
    done = ansible_runner.run(
        private_data_dir=str(folder),
        project_dir=str(folder / "project"),
        playbook=job["playbook"],
        inventory=job["inventory"],
        extravars=job["extravars"],
        limit=job.get("limit") or None,
        envvars=job["environment"],
        settings={"idle_timeout": 300, "job_timeout": 600},
        cancel_callback=(folder / "cancel").exists,
        quiet=True,
        rotate_artifacts=1,
    )
    ends = [event["event_data"] for event in done.events if event["event"] == "playbook_on_stats"]
    return {"status": done.status, "code": done.rc, "artifacts": ends[-1].get("artifact_data", {}) if ends else {}, "log": done.stdout.read()}


if __name__ == "__main__":
    here = pathlib.Path(sys.argv[1])
    (here / "result.json").write_text(json.dumps(run(here, json.loads((here / "job.json").read_text()))))
