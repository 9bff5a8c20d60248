# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control groups of the bed: one group with all hosts, below it one for each host.

    PLACE/lab            the lab's holder
    PLACE/HOST/keep      the process that starts the host (again, after a reboot)
    PLACE/HOST/root      the root of the host's cgroup namespace

On a machine with systemd as PID 1 and plain cgroup v2, PLACE is a scope that systemd delegated to us; elsewhere it is a group
of our own in the v2 hierarchy. In a hybrid layout v2 has no memory, cpu and pids controllers, hence hosts have none.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import time

from .shell import BedError

KILL_SECONDS = 20


def find_mount(mounts: str) -> pathlib.Path | None:
    """Where cgroup v2 is mounted, from the text of /proc/mounts."""
    rows = [line.split() for line in mounts.splitlines()]
    return next((pathlib.Path(row[1]) for row in rows if row[2] == "cgroup2"), None)


def mount() -> pathlib.Path:
    """Where cgroup v2 is mounted on this machine.

    Raises:
        BedError: nowhere.
    """
    found = find_mount(pathlib.Path("/proc/mounts").read_text(encoding="utf-8"))
    if found is None:
        raise BedError("no cgroup v2 hierarchy is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified")
    return found


def belongs_to_systemd() -> bool:
    """Whether systemd runs this machine on plain cgroup v2, so that groups must be asked of it."""
    return pathlib.Path("/run/systemd/system").is_dir() and mount() == pathlib.Path("/sys/fs/cgroup")


def scope_prefix(tag: str) -> list[str]:
    """Words before a command that make its group the bed's place; none where we make the group ourselves."""
    if not belongs_to_systemd():
        return []
    return ["systemd-run", "--scope", "--quiet", "--collect", "--unit", tag, "-p", "Delegate=yes"]


def open_place(tag: str, holder: int) -> pathlib.Path:
    """Makes the bed's group, puts the process `holder` into a leaf of it and hands the controllers down. Returns it."""
    if belongs_to_systemd():
        place = mount() / _group_of(holder).lstrip("/")
    else:
        place = mount() / tag
        _hand_down(mount())
    (place / "lab").mkdir(parents=True, exist_ok=True)
    (place / "lab/cgroup.procs").write_text(str(holder), encoding="ascii")
    _hand_down(place)
    return place


def open_host(place: pathlib.Path, name: str) -> pathlib.Path:
    """Makes the group of one host, with its leaves, anew if a crash left one. Returns it."""
    group = place / name
    if group.is_dir():
        remove(group)
    group.mkdir()
    _hand_down(group)
    for leaf in ("keep", "root"):
        (group / leaf).mkdir()
    return group


def controllers(group: pathlib.Path) -> set[str]:
    """The controllers that a group has."""
    return set((group / "cgroup.controllers").read_text(encoding="ascii").split())


def populated(group: pathlib.Path) -> bool:
    """Whether there is a process in `group` or below it."""
    return "populated 1" in (group / "cgroup.events").read_text(encoding="ascii")


def kill(group: pathlib.Path) -> None:
    """Kills every process below `group` at once and returns when they are gone.

    Raises:
        BedError: some process is still there after KILL_SECONDS.
    """
    if not group.is_dir():
        return
    (group / "cgroup.kill").write_text("1", encoding="ascii")
    end = time.monotonic() + KILL_SECONDS
    while populated(group):
        if time.monotonic() > end:
            raise BedError("processes of %s do not die" % group)
        time.sleep(0.01)


def remove(group: pathlib.Path) -> None:
    """Removes an empty group with all groups below it."""
    for folder, _children, _files in os.walk(group, topdown=False):
        with contextlib.suppress(FileNotFoundError):  # systemd removes its scopes itself
            pathlib.Path(folder).rmdir()


def freeze(group: pathlib.Path, frozen: bool) -> None:
    """Stops all processes of a group, or lets them go on."""
    (group / "cgroup.freeze").write_text("1" if frozen else "0", encoding="ascii")


def _group_of(pid: int) -> str:
    lines = pathlib.Path("/proc/%d/cgroup" % pid).read_text(encoding="utf-8").splitlines()
    return next(line[3:] for line in lines if line.startswith("0::"))


def _hand_down(group: pathlib.Path) -> None:
    for controller in sorted(controllers(group)):
        with contextlib.suppress(OSError):  # one that the kernel does not give away here: hosts then have no such limit
            (group / "cgroup.subtree_control").write_text("+" + controller, encoding="ascii")
