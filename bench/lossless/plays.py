# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the bench's playbooks over ssh, as a person would, and reads what the cutovers noted."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

from run.hosts import HOSTS, PROXIES, bed, logged
from run.report import ROOT, WORK

from lossless.settings import OURS, RECREATE, SEED, WEBSOCKETS, Combo

FOLDER = pathlib.Path(__file__).resolve().parent / "plays"
LOGS = WORK / "logs"
PORT = 18383
# Seconds. The second one is long enough for everything but the websockets, which would stay for ever.
DRAIN_TIMEOUT = {OURS: 30, WEBSOCKETS: 8}


class PlayFailed(Exception):
    """A play of the bench did not end well; the text has the end of its log."""


def host_of(engine: str) -> str:
    """The name of the engine's host."""
    return HOSTS[engine].split(":")[0]


def playbook(combo: Combo) -> str:
    """The playbook of a way."""
    recreate = "recreate_docker" if combo.engine == "docker" else "recreate_podman"
    return {OURS: "hotswap", WEBSOCKETS: "hotswap", SEED: "seed", RECREATE: recreate}[combo.way] + ".yml"


class Stage:
    """Where plays run: the inventory of the bed, and further collections for the peers' modules ("" when there are none)."""

    def __init__(self, inventory: str, collections: str) -> None:
        self._inventory = inventory
        self._collections = collections

    def play(self, combo: Combo, part: str) -> None:
        """Runs one part (prepare, cutovers, clean) of the combination's playbook; raises PlayFailed."""
        log = LOGS / ("%s-%s.log" % (combo.name, part))
        words = ["-i", self._inventory, str(FOLDER / playbook(combo)), "--tags", part, *self._variables(combo)]
        text = logged(bed("lab", "ansible-playbook", *words), log, self._env())
        if "failed=0" not in text or "unreachable=0" not in text:
            raise PlayFailed("%s of %s failed, see %s:\n%s" % (part, combo.name, log, text[-3000:]))

    def cutovers(self, combo: Combo) -> list[dict[str, t.Any]]:
        """Walks all cutovers; a note for each: version, ok, msg, ended (seconds since 1970), phases, drained, cut."""
        out = self._out(combo)
        out.unlink(missing_ok=True)
        self.play(combo, "cutovers")
        notes: list[dict[str, t.Any]] = json.loads(out.read_text())
        return notes

    def _out(self, combo: Combo) -> pathlib.Path:
        return LOGS / ("%s.json" % combo.name)

    def _variables(self, combo: Combo) -> list[str]:
        values = {
            "bench_host": host_of(combo.engine),
            "bench_driver": combo.driver,
            "bench_proxy_image": PROXIES.get(combo.driver, ""),
            "bench_mode": combo.mode,
            "bench_port": PORT,
            "bench_drain_timeout": DRAIN_TIMEOUT.get(combo.way, 0),
            "bench_versions": combo.versions(),
            "bench_out": str(self._out(combo)),
        }
        return ["-e", json.dumps(values)]

    def _env(self) -> dict[str, str]:
        paths = [os.environ["ANSIBLE_COLLECTIONS_PATH"], *([self._collections] if self._collections else [])]
        config = ROOT / "tests" / "integration" / "ansible.cfg"
        return {**os.environ, "ANSIBLE_CONFIG": str(config), "ANSIBLE_COLLECTIONS_PATH": ":".join(paths)}
