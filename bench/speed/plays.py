# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays in turn (ours, theirs, ours, ...) in one run of ansible-playbook, with the seconds of each."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import typing as t

from lossless import peers
from run.hosts import HOSTS, bed, call, logged
from run.report import ROOT, WORK

FOLDER = pathlib.Path(__file__).resolve().parent
LOGS = WORK / "logs"
Json = t.Dict[str, t.Any]


class Failed(Exception):
    """What was to be measured did not work; the text has the end of its log."""


@dataclasses.dataclass(frozen=True)
class Play:
    """One play that ran: its name, its seconds, and what its modules noted."""

    name: str
    seconds: float
    results: t.Sequence[Json]


def host_of(engine: str) -> str:
    """The name of the engine's host."""
    return HOSTS[engine].split(":")[0]


def run(name: str, engine: str, words: t.Sequence[tuple[str, Json]], pipelining: bool = True, unchanged: bool = False) -> list[Play]:
    """Runs plays by the names of their files, each with variables of its own, one after the other. Raises Failed.

    Without `pipelining` modules are files on the host, and stay there. `unchanged`: a play that changes something is a failure.
    """
    plays = [_import(file, {**values, "speed_host": host_of(engine)}) for file, values in words]
    book, stamps, log = LOGS / (name + ".yml"), LOGS / (name + ".json"), LOGS / (name + ".log")
    LOGS.mkdir(parents=True, exist_ok=True)
    book.write_text(json.dumps(plays))
    stamps.unlink(missing_ok=True)
    inventory = call(bed("inventory", *(["--pipelining"] if pipelining else []))).strip()
    text = logged(bed("lab", "ansible-playbook", "-i", inventory, str(book)), log, {**_env(stamps), **({} if pipelining else _FILES)})
    wanted = ["failed=0", "unreachable=0", *(["changed=0"] if unchanged else [])]
    if not stamps.exists() or not all(word in text for word in wanted):
        raise Failed("%s failed, see %s:\n%s" % (name, log.name, text[-3000:]))
    return [Play(one["name"], one["ended"] - one["began"], one["results"]) for one in json.loads(stamps.read_text()) if not one["name"].startswith("Prepare")]


def _import(file: str, values: Json) -> Json:
    return {"import_playbook": str(FOLDER / "plays" / (file + ".yml")), "vars": values}


def pairs(name: str, engine: str, ours: str, theirs: str, count: int, unchanged: bool = False, **values: t.Any) -> tuple[list[Play], list[Play]]:
    """So many pairs, ours first, after one that is not counted: it opens the connection and builds the modules."""
    versions = ["AB"[number % 2] for number in range(count + 1)]
    found = run(name, engine, [(file, {**values, "speed_version": version}) for version in versions for file in (ours, theirs)], unchanged=unchanged)
    return found[2::2], found[3::2]


def on_host(engine: str, program: str, *words: str) -> Json:
    """Runs one of the programs of on_host on the engine's host, with the collection's files beside it, and reads its last line."""
    subprocess.run(["sh", "-c", "tar -C %s -cf - plugins bench/speed/on_host | %s" % (ROOT, _quoted(bed("ssh", host_of(engine), _UNPACK)))], check=True)
    done = subprocess.run(
        bed("ssh", host_of(engine), "cd /tmp/speed && python3 bench/speed/on_host/%s.py %s" % (program, " ".join(words))),
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise Failed("%s: %s" % (program, (done.stdout + done.stderr)[-3000:]))
    found: Json = json.loads(done.stdout.splitlines()[-1])
    return found


# In a lab nobody minds the files.
_FILES = {"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_PIPELINING": "0"}
_TREE = "/tmp/speed/tree/ansible_collections/hotswap"
_UNPACK = "rm -rf /tmp/speed && mkdir -p %s && tar -C /tmp/speed -xf - && ln -s /tmp/speed %s/containers" % (_TREE, _TREE)


def _quoted(words: t.Sequence[str]) -> str:
    return " ".join("'%s'" % word for word in words)


def _env(stamps: pathlib.Path) -> dict[str, str]:
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "integration" / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": "%s:%s" % (os.environ["ANSIBLE_COLLECTIONS_PATH"], peers.collections()),
        "ANSIBLE_LIBRARY": str(FOLDER / "plays" / "library"),
        "ANSIBLE_CALLBACK_PLUGINS": str(FOLDER / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "stamps",
        "SPEED_STAMPS": str(stamps),
    }
