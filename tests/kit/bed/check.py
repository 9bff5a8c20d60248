# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine needs for the bed, all that is missing named at once."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile

from . import cgroup
from .shell import BedError, cache, run

# program: Debian package
PROGRAMS = {
    "debootstrap": "debootstrap",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mke2fs": "e2fsprogs",
    "ldd": "libc-bin",
}
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RESTRICTED_USERNS = pathlib.Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
MAX_USERNS = pathlib.Path("/proc/sys/user/max_user_namespaces")
# in a throwaway namespace: what is asked of the kernel, and the commands that show it
KERNEL = {
    "bridges and veth links": "ip link add br0 type bridge && ip link add v0 type veth peer name v1",
    "nftables": "nft add table inet try",
    "iptables (nat)": "nft add table ip try && nft add chain ip try post '{ type nat hook postrouting priority 100; }'",
}


def missing() -> list[str]:
    """One sentence for each thing that is missing, with its fix; empty if the bed can work here."""
    if os.geteuid() != 0:
        return ["not root: run with sudo"]
    found = _programs()
    if not found:
        found += _kernel() + _overlay()
    return found + _cgroup() + _users() + _devices()


def _programs() -> list[str]:
    packages = {package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    if not KEYRING.is_file():
        packages.add("debian-archive-keyring")
    if not packages:
        return []
    return ["programs are missing: apt-get install -y --no-install-recommends %s" % " ".join(sorted(packages))]


def _kernel() -> list[str]:
    failed = [what for what, script in KERNEL.items() if run(["unshare", "--net", "sh", "-c", script], check=False).returncode]
    return ["the kernel does not do %s: load its modules, or use a machine that has them" % what for what in failed]


def _overlay() -> list[str]:
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as work:
        script = "cd %s && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m" % work
        done = run(["unshare", "--mount", "sh", "-ec", script], check=False)
    if done.returncode == 0:
        return []
    return ["no overlay on %s: set HOTSWAP_CACHE to a folder on ext4 or xfs (%s)" % (cache(), done.stderr.strip())]


def _cgroup() -> list[str]:
    try:
        mount = cgroup.mount()
    except BedError as error:
        return [str(error)]
    if not os.access(mount, os.W_OK):
        return ["%s is read-only: run the container that this is with --privileged" % mount]
    if not shutil.which("systemd-run") and cgroup.belongs_to_systemd():
        return ["systemd-run is missing: apt-get install systemd"]
    return []


def _users() -> list[str]:
    if int(MAX_USERNS.read_text(encoding="ascii")) == 0:
        return ["user namespaces are off: sysctl -w user.max_user_namespaces=28633"]
    if RESTRICTED_USERNS.exists() and RESTRICTED_USERNS.read_text(encoding="ascii").strip() == "1":
        return ["AppArmor forbids rootless containers: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"]
    return []


def _devices() -> list[str]:
    modules = {"/dev/net/tun": "tun", "/dev/fuse": "fuse"}
    absent = [module for path, module in modules.items() if not pathlib.Path(path).exists()]
    return ["no %s device: modprobe %s" % (module, module) for module in absent]
