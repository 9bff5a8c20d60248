# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Who the controller is: an id that tells this run from every other one, and whether the run behind an id is still there.

An id is HOST/BOOT/NAMESPACE/PID/START. A process is known for dead only where its id can be looked up: on the same
machine, since the same boot, in the same process namespace. Of another controller nothing is known.
"""

from __future__ import annotations

import getpass
import multiprocessing
import os
import pathlib
import socket
import typing as t

PROC = pathlib.Path("/proc")
# What AWX and the automation controller tell every job, by either prefix.
_JOB = ("job_id", "job_template_name", "user_name")


def run_id(proc: pathlib.Path = PROC) -> str:
    """The id of this ansible-playbook: filters run in its workers too, which are its children."""
    parent = multiprocessing.parent_process()
    pid = parent.pid if parent is not None and parent.pid else os.getpid()
    return "%s/%d/%s" % (_machine(proc), pid, _started(pid, proc))


def is_dead(other: str, proc: pathlib.Path = PROC) -> bool:
    """Whether the run with this id has certainly ended."""
    machine, _slash, process = other.rpartition("/")[0].rpartition("/")
    if machine != _machine(proc) or not process.isdigit():
        return False
    return _started(int(process), proc) != other.rpartition("/")[2]


def _machine(proc: pathlib.Path) -> str:
    boot = _read(proc / "sys/kernel/random/boot_id").strip()[:8]
    try:
        namespace = os.readlink(str(proc / "self/ns/pid"))
    except OSError:
        namespace = ""
    return "%s/%s/%s" % (socket.gethostname(), boot, namespace.strip("pid:[]"))


def _started(pid: int, proc: pathlib.Path) -> str:
    """When a process was started, in clock ticks since the boot (proc(5), field 22); "" when there is none."""
    fields = _read(proc / str(pid) / "stat").rpartition(")")[2].split()
    return "" if len(fields) < 20 or fields[0] in "ZX" else fields[19]


def _read(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def who(variables: t.Mapping[str, t.Any]) -> str:
    """Who asked, for people: the job of AWX and its user, else user@controller."""
    told = {name: str(variables.get("awx_" + name) or variables.get("tower_" + name) or "") for name in _JOB}
    if told["job_id"]:
        template = " of %s" % told["job_template_name"] if told["job_template_name"] else ""
        return "job %s%s%s" % (told["job_id"], template, " by %s" % told["user_name"] if told["user_name"] else "")
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return "%s@%s" % (user, socket.gethostname())
