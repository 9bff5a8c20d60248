# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host of the bed: started, stopped, broken and reached over ssh."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time
import typing as t

from . import base, cgroup, files, lab
from .shell import BedError, Completed, Words, read_pid, run
from .spec import HostSpec

LAUNCH_SECONDS = 20
READY_SECONDS = 90
STOP_SECONDS = 40
SSH_OPTIONS = (
    *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
    *("-o", "IdentitiesOnly=yes", "-o", "GSSAPIAuthentication=no", "-o", "ConnectTimeout=10"),
)
# ours only: a host that died under us must not hang us (Ansible keeps its own defaults)
KEEP_ALIVE = ("-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=3")
# rules of the `loss` fault; at these hooks they meet the traffic of containers too
LOSS = """
table inet bedloss
delete table inet bedloss
table inet bedloss {
  chain in { type filter hook prerouting priority -300; iifname "eth0" numgen random mod 100 < %(percent)d drop; }
  chain out { type filter hook postrouting priority -300; oifname "eth0" numgen random mod 100 < %(percent)d drop; }
}
"""


class Host:
    """A host whose files lie in `state`/hosts/NAME."""

    def __init__(self, state: pathlib.Path, spec: HostSpec, index: int) -> None:
        self.state = state
        self.spec = spec
        self.index = index
        self.name = spec.name
        self.address = lab.address(index)
        self.folder = state / "hosts" / spec.name
        self.lab = lab.Lab(state)
        self.key = state / "id_ed25519"

    @classmethod
    def load(cls, folder: pathlib.Path) -> Host:
        """The host that `create` left in `folder`."""
        known = json.loads((folder / "host.json").read_text(encoding="utf-8"))
        return cls(folder.parent.parent, HostSpec(**known["spec"]), known["index"])

    # made, started, stopped

    def create(self) -> None:
        """Makes the host's files; the lab must be open and the base built."""
        self._forget()
        group = cgroup.open_host(self.lab.place, self.name)
        plan = files.Plan(
            spec=self.spec,
            index=self.index,
            address=self.address,
            gateway=lab.GATEWAY,
            limits={"memory", "pids"} <= cgroup.controllers(group),
            public_key=self.key.with_suffix(".pub").read_text(encoding="ascii"),
            host_key=self.state / "host_key",
        )
        files.create(self.folder, base.require(self.spec.suite), plan)
        known = {"spec": dataclasses.asdict(self.spec), "index": self.index}
        (self.folder / "host.json").write_text(json.dumps(known), encoding="utf-8")

    def start(self) -> None:
        """Starts the host if it is not up, and returns when it has booted and its engine can be used.

        Raises:
            BedError: it ended again, or was not ready after READY_SECONDS; with its console.
        """
        if not self.up:
            self._launch()
        self.wait_ready()

    def _launch(self) -> None:
        self._pid_file.unlink(missing_ok=True)
        group = cgroup.open_host(self.lab.place, self.name)
        code = pathlib.Path(__file__).parent
        env = {
            **os.environ,
            "BED_GROUP": str(group),
            "BED_DIR": str(self.folder),
            "BED_BASE": str(base.require(self.spec.suite)),
            "BED_CODE": str(code),
            "BED_NAME": self.name,
            "BED_LAB": str(self.lab.namespace),
            "BED_LINK": self._link,
            "BED_ADDRESS": self.address,
            "BED_MAC": lab.mac(self.index),
            "BED_GATEWAY": lab.GATEWAY,
        }
        with self._console.open("w", encoding="utf-8") as log:
            words = ["sh", str(code / "keep.sh")]
            keeper = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
        self._await(lambda: self.up or keeper.poll() is not None, LAUNCH_SECONDS, "start")

    def wait_ready(self) -> None:
        """Returns when the host has booted; says on stderr which units failed.

        Raises:
            BedError: it ended, or it is not ready after READY_SECONDS.
        """
        self._await(functools.partial(self._booted, "root", "systemctl"), READY_SECONDS, "boot")
        if self.spec.engine == "rootless" and not self.spec.bare:
            self._await(functools.partial(self._booted, self.spec.user, "systemctl --user"), READY_SECONDS, "boot for its user")

    def _booted(self, user: str, systemctl: str) -> bool:
        if not cgroup.populated(self.lab.place / self.name):
            raise BedError("%s ended while it started:\n%s" % (self.name, self._last_console()))
        # while it boots, packets go nowhere: try again soon
        words = [*self.ssh_words(user, "-o", "ConnectTimeout=3"), systemctl + " is-system-running --wait"]
        done = self.lab.run(words, check=False)
        if done.stdout.strip() == "degraded":
            failed = self.ssh(systemctl + " list-units --failed --plain --no-legend --no-pager", user=user, check=False)
            sys.stderr.write("%s: units failed:\n%s" % (self.name, failed.stdout))
        return done.stdout.strip() in ("running", "degraded")

    def stop(self) -> None:
        """Shuts the host down as its own poweroff would; what does not end in STOP_SECONDS is killed."""
        pid = read_pid(self._pid_file)
        if pid is not None:
            os.kill(pid, signal.SIGRTMIN + 4)  # systemd(1), "SIGNALS": poweroff
            with contextlib.suppress(BedError):
                self._await(lambda: not self.up, STOP_SECONDS, "stop")
        self.crash()

    def reboot(self) -> None:
        """Shuts the host down and starts it."""
        self.stop()
        self.start()

    def crash(self) -> None:
        """Pulls the power cord."""
        if self.lab.place_file.exists():
            cgroup.kill(self.lab.place / self.name)
        self._pid_file.unlink(missing_ok=True)

    def destroy(self) -> None:
        """Kills the host and removes all that it had."""
        self.crash()
        self._forget()

    def _forget(self) -> None:
        if self.lab.place_file.exists():
            cgroup.remove(self.lab.place / self.name)
        if self.folder.is_dir():
            run(["rm", "-rf", "--one-file-system", self.folder])

    @property
    def up(self) -> bool:
        """Whether its PID 1 runs."""
        return read_pid(self._pid_file) is not None

    # reached

    def run(self, argv: Words, *, user: str | None = None, check: bool = True, stdin: str | pathlib.Path = "", timeout: float | None = None) -> Completed:
        """Runs a program on the host, over ssh, as the engine's user or `user`; the rest as in shell.run."""
        return self.ssh(shlex.join(map(str, argv)), user=user, check=check, stdin=stdin, timeout=timeout)

    def ssh(self, script: str, *, user: str | None = None, check: bool = True, stdin: str | pathlib.Path = "", timeout: float | None = None) -> Completed:
        """Like `run` for a line of shell."""
        return self.lab.run([*self.ssh_words(user), script], check=check, stdin=stdin, timeout=timeout)

    def ssh_words(self, user: str | None = None, *options: str) -> list[str]:
        """The ssh command up to and with the host, to be run in the lab; `options` win over ours."""
        return ["ssh", "-i", str(self.key), *options, *SSH_OPTIONS, *KEEP_ALIVE, "%s@%s" % (user or self.spec.user, self.address)]

    def engine(self, *argv: str, check: bool = True) -> Completed:
        """Runs the engine's program, as its user: `host.engine("ps", "-a")`."""
        return self.run([self.spec.program, *argv], check=check)

    def load_image(self, archive: str | pathlib.Path) -> list[str]:
        """Loads an image archive into the host's engine; returns the names that it has then."""
        done = self.run([self.spec.program, "load"], stdin=pathlib.Path(archive))
        return [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("Loaded image")]

    # broken

    def cut(self) -> None:
        """Unplugs the network cable."""
        self.lab.run(["ip", "link", "set", self._link, "down"])

    def heal(self) -> None:
        """Plugs it in again."""
        self.lab.run(["ip", "link", "set", self._link, "up"])

    def freeze(self) -> None:
        """Stops every process of the host."""
        cgroup.freeze(self.lab.place / self.name, True)

    def thaw(self) -> None:
        """Lets them go on."""
        cgroup.freeze(self.lab.place / self.name, False)

    def slow(self, rate: str) -> None:
        """Limits the network both ways to `rate` in tc's words, e.g. "64kbit"."""
        words = ["root", "tbf", "rate", rate, "burst", "8kb", "latency", "2s"]
        self.lab.run(["tc", "qdisc", "replace", "dev", self._link, *words])
        self._in_network(["tc", "qdisc", "replace", "dev", "eth0", *words])

    def loss(self, percent: int) -> None:
        """Drops that share of the packets, each way."""
        self._in_network(["nft", "-f", "-"], stdin=LOSS % {"percent": percent})

    def clear(self) -> None:
        """Ends `slow` and `loss`."""
        self.lab.run(["tc", "qdisc", "del", "dev", self._link, "root"], check=False)
        self._in_network(["tc", "qdisc", "del", "dev", "eth0", "root"], check=False)
        self._in_network(["nft", "delete", "table", "inet", "bedloss"], check=False)

    @property
    def network_words(self) -> list[str]:
        """Words before a command of this machine that is to run in the host's network.

        Raises:
            BedError: the host is down.
        """
        pid = read_pid(self._pid_file)
        if pid is None:
            raise BedError("%s is down" % self.name)
        return ["nsenter", "--net=/proc/%d/ns/net" % pid, "--"]

    def _in_network(self, argv: Words, *, check: bool = True, stdin: str = "") -> Completed:
        return run([*self.network_words, *argv], check=check, stdin=stdin)

    # helpers

    @property
    def _link(self) -> str:
        return "v%d" % self.index

    @property
    def _pid_file(self) -> pathlib.Path:
        return self.folder / "pid"

    @property
    def _console(self) -> pathlib.Path:
        return self.folder / "console.log"

    def _last_console(self) -> str:
        return self._console.read_text(encoding="utf-8", errors="replace")[-2000:]

    def _await(self, condition: t.Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise BedError("%s did not %s within %g s:\n%s" % (self.name, what, seconds, self._last_console()))
            time.sleep(0.02)
