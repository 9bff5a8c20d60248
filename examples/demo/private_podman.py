# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Podman of the demo's own: other storage, networks and settings than the user's Podman on the same machine.

What the machine cannot do (no systemd, low limits, an old crun) is looked at here, and only these private
settings are adapted to it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import typing as t

CGROUP = pathlib.Path("/sys/fs/cgroup")
# The capability number of CAP_SYS_RESOURCE, see capability.h; and the file system type of overlay, see magic.h.
CAP_SYS_RESOURCE = 24
OVERLAY = "overlay"
PODMAN_NOFILE = 1048576
# Below the hard limits: podman lowers its own limit of processes to kernel.pid_max, and cannot raise it again.
ENOUGH_NOFILE = 16384
ENOUGH_NPROC = 8192
# From this crun on, limits that cannot be raised are no error (measured with 1.8.1 and 1.21).
CRUN_TAKES_LIMITS = (1, 9)
# How long Podman keeps a finished exec; its own 300 s would leave a process for each of them after the demo.
EXEC_SECONDS = 10
HELPERS = ("/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman")


@dataclasses.dataclass(frozen=True)
class Machine:
    """What matters of this machine for a Podman that just works."""

    systemd: bool
    cgroup_v2: bool
    pids_limit: bool
    raise_limits: bool
    hard_nofile: int
    hard_nproc: int
    crun: tuple[int, ...]
    runc: bool
    netavark: bool
    overlay_root: bool

    @property
    def stock(self) -> bool:
        """True on a usual systemd machine, where Podman's own defaults are right."""
        return self.systemd and self.cgroup_v2


def look(folder: pathlib.Path) -> Machine:
    """Looks at the machine; `folder` is where containers will be stored."""
    v2 = (CGROUP / "cgroup.controllers").exists()
    return Machine(
        systemd=pathlib.Path("/run/systemd/system").is_dir(),
        cgroup_v2=v2,
        pids_limit="pids" in (CGROUP / "cgroup.controllers").read_text().split() if v2 else (CGROUP / "pids").is_dir(),
        raise_limits=_has_capability(CAP_SYS_RESOURCE),
        hard_nofile=_hard(resource.RLIMIT_NOFILE),
        hard_nproc=_hard(resource.RLIMIT_NPROC),
        crun=_version("crun"),
        runc=shutil.which("runc") is not None,
        netavark=any((pathlib.Path(place) / "netavark").exists() for place in HELPERS),
        overlay_root=_file_system(folder) == OVERLAY,
    )


def _has_capability(number: int) -> bool:
    status = pathlib.Path("/proc/self/status").read_text()
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(found and int(found.group(1), 16) >> number & 1)


def _hard(limit: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return PODMAN_NOFILE if hard == resource.RLIM_INFINITY else hard


def _version(program: str) -> tuple[int, ...]:
    """The version that the program says, () when it is not there."""
    if shutil.which(program) is None:
        return ()
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return tuple(int(part) for part in found.groups()) if found else ()


def _file_system(folder: pathlib.Path) -> str:
    """The type of the file system that the folder is on, as /proc/mounts has it."""
    kind, longest = "", 0
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _device, point, this, *_rest = line.split(" ")
        inside = folder == pathlib.Path(point) or pathlib.Path(point) in folder.parents
        if inside and len(point) >= longest:
            kind, longest = this, len(point)
    return kind


def missing_packages(machine: Machine, podman: bool) -> list[str]:
    """The packages that this machine lacks for Podman (`podman`: whether the program is there)."""
    missing = [] if podman else ["podman"]
    if not machine.netavark:
        missing.append("netavark")
    if not (machine.crun or machine.runc):
        missing.append("crun")
    if shutil.which("iptables") is None and shutil.which("nft") is None:
        missing += ["iptables", "nftables"]
    if podman and machine.crun and not (machine.raise_limits or machine.runc or machine.crun >= CRUN_TAKES_LIMITS):
        missing.append("runc")
    return missing


def runtime(machine: Machine) -> str:
    """The OCI runtime to name, "" for Podman's own choice; raises RuntimeError when none would work here."""
    if machine.raise_limits or machine.crun >= CRUN_TAKES_LIMITS:
        return ""
    if machine.runc:
        return "runc"
    if not machine.crun:
        return ""
    raise RuntimeError("crun %d.%d cannot start containers without CAP_SYS_RESOURCE: apt-get install runc" % machine.crun[:2])


def containers_conf(machine: Machine, run: pathlib.Path) -> str:
    """The text of containers.conf for this machine: nothing but what keeps it private on a stock one.

    `run` is a folder that a reboot empties. Without a tmp_dir and locks of its own, a second Podman of the same user
    takes part in the locks and in the after-boot clean-up of the first.
    """
    containers: list[str] = []
    engine = ['tmp_dir = "%s"' % (run / "libpod"), 'lock_type = "file"', "exit_command_delay = %d" % EXEC_SECONDS]
    if not machine.pids_limit:
        containers.append("pids_limit = 0")
    if not machine.raise_limits and machine.hard_nofile < PODMAN_NOFILE:
        limits = (min(machine.hard_nofile, ENOUGH_NOFILE),) * 2 + (min(machine.hard_nproc, ENOUGH_NPROC),) * 2
        containers.append('default_ulimits = ["nofile=%d:%d", "nproc=%d:%d"]' % limits)
    if not machine.stock:
        engine += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
        containers.append('log_driver = "k8s-file"')
    if runtime(machine):
        engine.append('runtime = "%s"' % runtime(machine))
    # Other addresses than a usual Podman's, so that the user's networks keep theirs.
    network = ['default_subnet_pools = [{"base" = "10.213.0.0/16", "size" = 24}]']
    if machine.netavark:
        network.append('network_backend = "netavark"')
    sections = {"containers": containers, "engine": engine, "network": network}
    return "".join("[%s]\n%s\n" % (name, "\n".join(lines)) for name, lines in sections.items() if lines)


def storage_conf(machine: Machine, folder: pathlib.Path, run: pathlib.Path) -> str:
    """The text of storage.conf: the demo's folders, and a driver that works on their file system."""
    driver = "vfs" if machine.overlay_root else "overlay"
    return '[storage]\ndriver = "%s"\ngraphroot = "%s"\nrunroot = "%s"\n' % (driver, folder / "storage", run / "storage")


class PrivatePodman:
    """Runs the demo's own Podman: its API service, and commands."""

    def __init__(self, folder: pathlib.Path, run: pathlib.Path) -> None:
        self._folder = folder
        self._run = run
        self.socket = run / "podman.sock"

    def configure(self) -> None:
        """Writes the private settings, as this machine needs them."""
        machine = look(self._folder)
        conf = self._folder / "conf"
        conf.mkdir(parents=True, exist_ok=True)
        (self._folder / "networks").mkdir(exist_ok=True)
        (conf / "containers.conf").write_text(containers_conf(machine, self._run))
        (conf / "storage.conf").write_text(storage_conf(machine, self._folder, self._run))

    @property
    def environment(self) -> dict[str, str]:
        conf = self._folder / "conf"
        private = {"CONTAINERS_CONF": str(conf / "containers.conf"), "CONTAINERS_STORAGE_CONF": str(conf / "storage.conf")}
        return {**os.environ, **private}

    def argv(self, *arguments: str) -> list[str]:
        return ["podman", "--network-config-dir", str(self._folder / "networks"), *arguments]

    def call(self, *arguments: str) -> str:
        """Runs one command and returns its output; raises RuntimeError with what Podman said."""
        done = subprocess.run(self.argv(*arguments), env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError("podman %s: %s" % (" ".join(arguments), done.stderr.strip() or "failed"))
        return done.stdout

    def serve(self, log: t.IO[str]) -> subprocess.Popen[str]:
        """Starts the API service in a session of its own, so that Ctrl-C leaves it to the teardown."""
        self.socket.unlink(missing_ok=True)
        argv = self.argv("system", "service", "--time", "0", "unix://%s" % self.socket)
        return subprocess.Popen(argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, text=True)

    def end_monitors(self) -> None:
        """Ends the monitors (conmon) of finished execs that wait for their time; only those of this storage."""
        storage = str(self._folder / "storage") + "/"
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                argv = entry.read_bytes().decode("utf-8", "replace").split("\0")
                if argv[0].endswith("conmon") and any(word.startswith(storage) for word in argv):
                    os.kill(int(entry.parent.name), signal.SIGKILL)

    def remove_all(self) -> None:
        """Removes every container and network of this private Podman, and no image."""
        containers = json.loads(self.call("ps", "--all", "--format", "json") or "[]")
        if containers:
            self.call("rm", "--force", "--time", "0", *(one["Id"] for one in containers))
        networks = json.loads(self.call("network", "ls", "--format", "json") or "[]")
        ours = [one["name"] for one in networks if one["name"] != "podman"]
        if ours:
            self.call("network", "rm", "--force", *ours)

    def load(self, archive: pathlib.Path) -> None:
        """Loads every image of a docker-archive."""
        self.call("load", "--quiet", "--input", str(archive))

    def destroy(self) -> None:
        """Removes everything, images too."""
        self.remove_all()
        self.call("rmi", "--all", "--force")
