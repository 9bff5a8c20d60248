# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's own files: the upper layer over its base, and the plain folders that its engine stores on."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib

from .shell import run
from .spec import HostSpec

SYSTEM_UNITS = "/usr/lib/systemd/system"
DATA = ("var/lib/containers", "var/lib/docker", "var/lib/containerd")
DEPLOY_UID = 1000
# No devices, no clock, no kernel of its own, no console, and nothing that works at random times.
MASKED = (
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-resolved.service",
    "systemd-networkd.service",
    "systemd-timesyncd.service",
    "systemd-remount-fs.service",
    "systemd-modules-load.service",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-update-done.service",
    "systemd-journal-catalog-update.service",
    "systemd-pcrlock-make-policy.service",
    "systemd-tpm2-setup.service",
    "systemd-tpm2-setup-early.service",
    "systemd-pstore.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-kernel-config.mount",
    "modprobe@.service",
    "ldconfig.service",
    "console-getty.service",
    "getty@tty1.service",
    "getty.target",
    "apache2.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "haproxy.service",
    "nginx.service",
    "podman-auto-update.timer",
    "podman-auto-update.service",
    "podman-clean-transient.service",
    "postgresql.service",
)
DOCKER_UNITS = ("docker.service", "docker.socket", "containerd.service")
SSHD = """HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
PasswordAuthentication no
MaxStartups 100
PrintMotd no
"""
JOURNALD = """[Journal]
Storage=volatile
RuntimeMaxUse=8M
ReadKMsg=no
"""
STORAGE = """[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a host's files depend on. `limits` says whether the host's cgroup can limit memory and pids."""

    spec: HostSpec
    index: int
    address: str
    gateway: str
    limits: bool
    public_key: str
    host_key: pathlib.Path


def create(folder: pathlib.Path, base: pathlib.Path, plan: Plan) -> None:
    """Fills the folder of a new host."""
    upper, data = folder / "upper", folder / "data"
    for path in (upper, folder / "work", folder / "root", *(data / name for name in DATA)):
        path.mkdir(parents=True)
    run(["cp", "-a", base / "home", data / "home"])
    _system(upper, plan)
    _keys(upper, data, plan)
    _units(upper, plan.spec)
    _engine(upper, plan)
    if plan.spec.engine == "rootless" and not plan.spec.bare:
        _rootless(upper, data, plan.spec)
    if plan.spec.disk:
        run(["truncate", "-s", plan.spec.disk, folder / "disk.img"])
        run(["mke2fs", "-q", "-t", "ext4", "-m", "0", "-d", data, folder / "disk.img"])


def containers_conf(plan: Plan) -> str:
    """Podman's settings: only what this kind of host demands, all else is the distribution's default."""
    # crun of bookworm wants to raise RLIMIT_MEMLOCK, which needs a capability that the machine may not have
    runtime = "runc" if plan.spec.suite.startswith("bookworm") and plan.spec.engine == "podman" else "crun"
    lines = ["[containers]", 'default_ulimits = ["nofile=16384:16384", "nproc=8192:8192"]']
    if not plan.limits:
        lines.append("pids_limit = 0")
    lines += ["[engine]", 'runtime = "%s"' % runtime]
    if not plan.limits:
        lines += ["[engine.runtimes]", '%s = ["/usr/local/lib/bed/%s"]' % (runtime, runtime)]
    return "\n".join(lines) + "\n"


def _put(root: pathlib.Path, path: str, text: str, mode: int = 0o644) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    target.chmod(mode)


def _link(root: pathlib.Path, path: str, target: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).symlink_to(target)


def _system(upper: pathlib.Path, plan: Plan) -> None:
    _put(upper, "etc/hostname", plan.spec.name + "\n")
    _put(upper, "etc/hosts", "127.0.0.1 localhost\n%s %s\n" % (plan.address, plan.spec.name))
    # nobody serves names there, and says so at once
    _put(upper, "etc/resolv.conf", "nameserver %s\noptions timeout:1 attempts:1\n" % plan.gateway)
    _put(upper, "etc/machine-id", "%032x\n" % plan.index)
    _put(upper, "etc/systemd/journald.conf.d/bed.conf", JOURNALD)
    _put(upper, "etc/ssh/sshd_config.d/bed.conf", SSHD)


def _keys(upper: pathlib.Path, data: pathlib.Path, plan: Plan) -> None:
    for root, home in ((upper, "root"), (data, "home/deploy")):
        _put(root, home + "/.ssh/authorized_keys", plan.public_key, 0o600)
        (root / home / ".ssh").chmod(0o700)
    (upper / "root").chmod(0o700)
    _own(data / "home/deploy/.ssh")
    _put(upper, "etc/ssh/ssh_host_ed25519_key", plan.host_key.read_text(encoding="ascii"), 0o600)


def _units(upper: pathlib.Path, spec: HostSpec) -> None:
    units = "etc/systemd/system"
    # A bare host is for what sets it up, and what that writes must hold after a boot.
    settings = () if spec.bare else ("systemd-sysctl.service",)
    for unit in (*MASKED, *settings, *(() if spec.engine == "docker" else DOCKER_UNITS)):
        _link(upper, "%s/%s" % (units, unit), "/dev/null")
    _link(upper, units + "/default.target", SYSTEM_UNITS + "/multi-user.target")
    # network-online: what starts at boot for a user waits up to 90 s for it, and nothing else pulls it in
    enabled = ["multi-user.target.wants/ssh.service", "multi-user.target.wants/network-online.target"]
    if spec.engine == "podman" and not spec.bare:
        enabled.append("multi-user.target.wants/podman-restart.service")
        enabled += ["sockets.target.wants/podman.socket"] if spec.socket else []
    for unit in enabled:
        _link(upper, "%s/%s" % (units, unit), "%s/%s" % (SYSTEM_UNITS, unit.rpartition("/")[2]))


def _engine(upper: pathlib.Path, plan: Plan) -> None:
    _put(upper, "etc/containers/containers.conf", containers_conf(plan))
    _put(upper, "etc/containers/storage.conf", STORAGE)
    _put(upper, "etc/docker/daemon.json", json.dumps({"storage-driver": "overlay2"}) + "\n")
    shim = "#!/usr/bin/python3 -IS\n" + pathlib.Path(__file__).with_name("runtime.py").read_text(encoding="utf-8")
    for runtime in ("crun", "runc"):
        _put(upper, "usr/local/lib/bed/" + runtime, shim, 0o755)


def _rootless(upper: pathlib.Path, data: pathlib.Path, spec: HostSpec) -> None:
    _put(upper, "var/lib/systemd/linger/deploy", "")
    wants = {"default.target.wants": ["podman-restart.service"], "sockets.target.wants": ["podman.socket"] if spec.socket else []}
    for target, units in wants.items():
        for unit in units:
            _link(data, "home/deploy/.config/systemd/user/%s/%s" % (target, unit), "/usr/lib/systemd/user/" + unit)
    _own(data / "home/deploy/.config")


def _own(path: pathlib.Path) -> None:
    for entry in (path, *path.rglob("*")):
        os.lchown(entry, DEPLOY_UID, DEPLOY_UID)
