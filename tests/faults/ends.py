# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two ends that a case talks to: the agent on the host, and the load in the hosts' network."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import pathlib
import subprocess
import sys
import tarfile
import threading
import time
import typing as t

from kit.bed import Bed
from kit.bed.hosts import Host

Json = t.Dict[str, t.Any]
FOLDER = "hotswap-faults"
COLLECTION = "ansible_collections/hotswap/containers"
STOP_SECONDS = 30


class Broken(Exception):
    """A case did not go as it must; the text says what."""


def pack(root: pathlib.Path, archive: pathlib.Path) -> None:
    """What the agent needs on a host: the collection, Ansible's module_utils, and itself."""
    ansible = pathlib.Path(str(getattr(importlib.util.find_spec("ansible"), "origin", ""))).parent
    with tarfile.open(archive, "w") as tar:
        tar.add(root / "plugins", COLLECTION + "/plugins", filter=_no_caches)
        for name in ("__init__.py", "release.py", "_vendor", "module_utils"):
            tar.add(ansible / name, "ansible/" + name, filter=_no_caches)
        tar.add(pathlib.Path(__file__).with_name("agent.py"), "agent.py")


def _no_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry


class Agent:
    """The agent of one host, over ssh, as the engine's user."""

    def __init__(self, bed: Bed, host: Host, archive: pathlib.Path, log: t.IO[str]) -> None:
        host.ssh("rm -rf %s && mkdir %s && tar -x -C %s" % (FOLDER, FOLDER, FOLDER), stdin=archive)
        command = "cd %s && PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 exec %s agent.py" % (FOLDER, host.spec.python)
        self._words = [str(word) for word in (*bed.lab_words, *host.ssh_words(), command)]
        self._log = log
        self._process = self._open()

    def _open(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True)

    def reopen(self) -> None:
        """Begins again, when the host was gone and is back."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._process = self._open()

    def ask(self, op: str, **request: t.Any) -> Json:
        """One request and its answer.

        Raises:
            Broken: the agent could not do it.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise Broken("the agent has no pipes")
        self._process.stdin.write(json.dumps({"op": op, **request}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: Json = json.loads(line) if line else {"error": "the agent ended"}
        if "error" in answer:
            raise Broken("%s: %s" % (op, answer["error"]))
        return answer

    def close(self) -> None:
        """Ends it."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(STOP_SECONDS)


@dataclasses.dataclass(frozen=True)
class Failure:
    """A request that was lost; times in seconds since 1970."""

    traffic: str
    kind: str
    began: float
    ended: float


class LoadOf:
    """A running load; what it tells is read in a thread."""

    def __init__(self, bed: Bed, url: str, host: str, share: float = 1.0, inside: Host | None = None, options: Json | None = None) -> None:
        """`inside`: from the network of this host, where its 127.0.0.1 is. `options` as in load.py."""
        self.failures: list[Failure] = []
        self.last: Json = {"sent": 0, "ok": 0, "fresh_ok": 0.0, "version": "", "versions": {}, "late": 0.0}
        enter = inside.network_words if inside else bed.lab_words
        words = [*enter, sys.executable, "-m", "faults.load", url, host, str(share), json.dumps(options or {})]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            told = json.loads(line)
            if "sent" in told:
                self.last = told
            else:
                self.failures.append(Failure(**told))

    def answered_since(self, moment: float, seconds: float) -> float:
        """Waits until a request that began after `moment` was answered on a connection of its own: when it began."""
        self._await(lambda: self.last["fresh_ok"] > moment, seconds, "nothing was answered")
        return float(self.last["fresh_ok"])

    def await_version(self, version: str, seconds: float) -> None:
        """Waits until answers come from this version."""
        self._await(lambda: self.last["version"] == version, seconds, "%s does not answer" % version)

    def _await(self, condition: t.Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self._process.poll() is not None:
                raise Broken("%s within %g s; the last answer came from %s" % (what, seconds, self.last["version"]))
            time.sleep(0.02)

    def close(self) -> None:
        """Lets what is open end, and reads the rest."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(STOP_SECONDS)
        self._thread.join(STOP_SECONDS)
