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

from lossless.drivers import DRIVERS
from lossless.settings import APART, OURS, RECREATE, ROLLOUT, SEED, WEBSOCKETS, Combo

FOLDER = pathlib.Path(__file__).resolve().parent / "plays"
LOGS = WORK / "logs"
PORT = 18383
# Seconds. The shorter one is long enough for everything but what stays for ever: websockets, and clients that no proxy can move.
DRAIN_TIMEOUT = {OURS: 30, APART: 8, WEBSOCKETS: 8}


class PlayFailed(Exception):
    """A play of the bench did not end well; the text has the end of its log."""


def host_of(engine: str) -> str:
    """The name of the engine's host."""
    return HOSTS[engine].split(":")[0]


def playbook(combo: Combo) -> str:
    """The playbook of a way."""
    recreate = "recreate_docker" if combo.engine == "docker" else "recreate_podman"
    return {SEED: "seed", RECREATE: recreate, ROLLOUT: "rollout"}.get(combo.way, "hotswap") + ".yml"


class Stage:
    """Where plays run: the inventory of the bed, further collections for the peers' modules, and docker-rollout ("" for none).

    `hosted`: some combinations of the run have a proxy of the host, which the others must find stopped.
    """

    def __init__(self, inventory: str, collections: str, rollout: str, hosted: bool) -> None:
        self._inventory = inventory
        self._collections = collections
        self._rollout = rollout
        self._hosted = hosted

    def play(self, combo: Combo, part: str) -> None:
        """Runs one part (prepare, cutovers) of the combination's playbook; raises PlayFailed."""
        log = LOGS / ("%s-%s.log" % (combo.name, part))
        words = ["-i", self._inventory, str(FOLDER / playbook(combo)), "--tags", part, *self._variables(combo)]
        text = logged(bed("lab", "ansible-playbook", *words), log, self._env())
        if "failed=0" not in text or "unreachable=0" not in text:
            raise PlayFailed("%s failed, see %s:\n%s" % (part, log.name, text[-3000:]))

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
        driver = DRIVERS.get(combo.driver)
        values = {
            "bench_host": host_of(combo.engine),
            "bench_driver": driver.proxy if driver else "",
            "bench_front": driver.front if driver else "",
            "bench_service": driver.service(PORT) if driver else {},
            # The alias has a Caddy before it, which is not ours.
            "bench_proxy_image": PROXIES.get(driver.proxy or "caddy", "") if driver else "",
            "bench_rollout": self._rollout,
            "bench_hosted": self._hosted,
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
