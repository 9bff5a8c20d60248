# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real rollout over three hosts under load, recorded: what the picture in the documentation is drawn from."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

from run.hosts import build_images, logged
from run.report import OUTPUT, WORK

from kit.bed import Bed, inventory

FOLDER = pathlib.Path(__file__).parent
RECORDED = FOLDER / "journals.json"
HOSTS = ("web1:docker", "web2:podman:socket", "web3:rootless:socket")
# Nobody's clients may know what a host is called, who rolled out, and from where.
_PRIVATE = ("who", "reason")
# What a picture needs of a probe's result.
_OF_PROBE = ("sent", "ok", "lost", "lost_by_kind", "failures", "longest_gap", "timeline", "versions", "seconds", "requests_per_second")


def record() -> str:
    """Version A everywhere, then B, which the third host refuses so that all go back. Writes journals.json; returns what the rollout said."""
    with Bed(HOSTS, state=WORK / "report") as bed:
        archives = {path.stem: path for path in build_images()}
        for host in bed.hosts:
            for image in ("app", "haproxy" if host.spec.engine == "docker" else "caddy"):
                host.load_image(archives[image])
        said = _run(bed, WORK / "report.json")
    found = json.loads((WORK / "report.json").read_text())
    RECORDED.write_text(json.dumps({host: _plain(facts) for host, facts in found.items()}, indent=1, sort_keys=True) + "\n")
    return said


def _run(bed: Bed, found: pathlib.Path) -> str:
    hosts = bed.state / "report.ini"
    inventory.write(bed, hosts, pipelining=True)
    names = FOLDER.parent / "fleet"
    env = {**os.environ, "ANSIBLE_CONFIG": str(names / "ansible.cfg"), "ANSIBLE_CALLBACKS_ENABLED": "hotswap.containers.progress"}

    def play(number: int, playbook: str, **variables: t.Any) -> str:
        words = [*bed.lab_words, "ansible-playbook", "-i", str(hosts), playbook, "-e", "@%s" % (names / "vars.yml"), "-e", json.dumps(variables)]
        return logged(words, OUTPUT / ("report-%d.log" % number), env)

    rollout = "hotswap.containers.rollout"
    play(1, rollout, rollout_version="A")
    play(2, str(FOLDER / "load.yml"))
    said = play(3, rollout, rollout_version="B", rollout_batches="1", fleet_bad_on=["web3"], fleet_gate=2, rollout_bake={"time": 4})
    play(4, str(FOLDER / "read.yml"), report_file=str(found))
    return said


def _plain(facts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    journal = {service: [{**entry, **dict.fromkeys(_PRIVATE, "")} for entry in entries] for service, entries in facts["journal"].items()}
    return {"journal": journal, "probe": {name: facts["probe"][name] for name in _OF_PROBE}}
