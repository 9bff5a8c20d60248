# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab: a network namespace with a bridge that all hosts of a bed are plugged into. It has no way out.

Everything that talks to hosts (ssh, curl, ansible) runs in it; the machine's own network is never touched, and two beds may
use the same addresses.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import signal
import subprocess

from . import cgroup
from .shell import BedError, Completed, Words, read_pid, run, start_time

PREFIX = "10.44"
GATEWAY = PREFIX + ".0.1"
HOLDER = """
ip link set lo up
ip link add br0 type bridge
ip address add %s/16 dev br0
ip link set br0 up
echo ready
exec sleep infinity >/dev/null
""" % (GATEWAY,)


def address(index: int) -> str:
    """The address of the host number `index` (1 to 9999)."""
    return "%s.%d.%d" % (PREFIX, 1 + index // 200, 1 + index % 200)


def mac(index: int) -> str:
    """The link address of that host: the same after each boot, or others would send to the former one for a while."""
    return "02:00:00:00:%02x:%02x" % divmod(index, 256)


class Lab:
    """The lab of the bed whose state folder is `state`."""

    def __init__(self, state: pathlib.Path) -> None:
        self.pid_file = state / "lab.pid"
        self.place_file = state / "lab.cgroup"
        self.log = state / "lab.log"
        self.tag = "hotswap-bed-" + hashlib.sha256(str(state).encode()).hexdigest()[:8]

    @property
    def place(self) -> pathlib.Path:
        """The cgroup that holds the hosts' groups."""
        return pathlib.Path(self.place_file.read_text(encoding="utf-8"))

    @property
    def namespace(self) -> pathlib.Path:
        """The network namespace.

        Raises:
            BedError: the lab is not up.
        """
        pid = read_pid(self.pid_file)
        if pid is None:
            raise BedError("this bed has no lab: run `up` first")
        return pathlib.Path("/proc/%d/ns/net" % pid)

    @property
    def enter(self) -> list[str]:
        """Words before a command that is to run in the lab."""
        return ["nsenter", "--net=%s" % self.namespace, "--"]

    def run(self, argv: Words, *, check: bool = True, stdin: str | pathlib.Path = "", timeout: float | None = None) -> Completed:
        """Runs a program in the lab; arguments and errors as in shell.run."""
        return run([*self.enter, *argv], check=check, stdin=stdin, timeout=timeout)

    def open(self) -> None:
        """Starts the lab if it is not up."""
        if read_pid(self.pid_file) is not None:
            return
        words = [*cgroup.scope_prefix(self.tag), "unshare", "--net", "sh", "-ec", HOLDER]
        with self.log.open("w", encoding="utf-8") as log:
            holder = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        if holder.stdout is None or holder.stdout.readline() != "ready\n":
            raise BedError("the lab did not start: %s" % self.log.read_text(encoding="utf-8").strip())
        self.place_file.write_text(str(cgroup.open_place(self.tag, holder.pid)), encoding="utf-8")
        self.pid_file.write_text("%d %s" % (holder.pid, start_time(holder.pid)), encoding="ascii")

    def close(self) -> None:
        """Ends every process that runs in the lab, left over ssh connections included."""
        if read_pid(self.pid_file) is not None:
            for pid in self._members():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.place_file.exists():
            cgroup.kill(self.place)
            cgroup.remove(self.place)
        self.pid_file.unlink(missing_ok=True)
        self.place_file.unlink(missing_ok=True)

    def _members(self) -> list[int]:
        ours = os.readlink(self.namespace)
        members = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                if os.readlink(folder / "ns/net") == ours and int(folder.name) != os.getpid():
                    members.append(int(folder.name))
        return members
