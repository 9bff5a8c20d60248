# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root file system that hosts of one Debian share: built once with debootstrap, then kept in the cache.

The clients inside use this machine's own way to Debian's archive: its mirror, apt settings, proxies and certificates.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import typing as t

from .shell import BedError, cache, run

PACKAGES = (
    "openssh-server python3 python3-venv python3-docker python3-requests sudo iproute2 iptables nftables conntrack procps"
    " curl ca-certificates podman crun runc netavark aardvark-dns slirp4netns uidmap fuse-overlayfs catatonit docker.io haproxy nginx apache2"
    " busybox-static systemd systemd-sysv dbus dbus-user-session libpam-systemd iputils-ping kmod"
)
SUITE_PACKAGES = {
    # The last five are what the services of scenarios are made of.
    "trixie": "docker-cli docker-compose passt python3-podman bind9-dnsutils dnsmasq-base git postgresql zstd",
    "bookworm": "",
}
# A suite with this ending has no engine, and next to nothing: what the role `prepare` may install lies in a folder of packages instead.
BARE = "-bare"
BARE_PACKAGES = "openssh-server python3 sudo iproute2 procps curl ca-certificates systemd systemd-sysv kmod"
OFFER = (
    "docker.io podman crun runc netavark aardvark-dns catatonit slirp4netns passt uidmap dbus-user-session libpam-systemd dbus iptables nftables"
    " conntrack python3-docker python3-venv"
)
SUITE_OFFER = {"trixie": "docker-cli python3-podman", "bookworm": ""}
# Debian's Python of a suite that has no podman SDK: the SDKs go into a venv there.
VENV_PYTHON = {"bookworm": "3.11"}
PYTHONS = {"trixie": "3.13", "bookworm": "3.11"}
SDKS = ("docker", "podman")
DEFAULT_MIRROR = "http://deb.debian.org/debian"
APT_SETTING = re.compile(r"Acquire::(https?|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date)\b.*")
CERTIFICATES = ("etc/ssl/certs", "usr/local/share/ca-certificates")
# However we end, the processes and mounts of a step end with us.
APART = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL")
INSTALL = """
set -e
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
printf 'path-exclude /usr/share/%s/*\\n' doc man locale >/etc/dpkg/dpkg.cfg.d/slim
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io
apt-get -q update
apt-get -q install -y --no-install-recommends $PACKAGES
apt-get clean
rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d
useradd -m -u 1000 -s /bin/bash deploy
echo 'deploy ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/deploy
grep -q ^deploy: /etc/subuid || echo deploy:100000:65536 >>/etc/subuid
grep -q ^deploy: /etc/subgid || echo deploy:100000:65536 >>/etc/subgid
"""
# A repository of its own in a folder: such a host has no way to Debian's.
SHELVE = """
set -e
apt-get -q update
mkdir /opt/debs
apt-get -q install -y --no-install-recommends --download-only -o Dir::Cache::archives=/opt/debs $OFFER
cd /opt/debs
rm -rf lock partial
for file in *.deb; do
    plain=$(echo "$file" | sed 's/%3a/./')
    test "$plain" = "$file" || mv "$file" "$plain"
    dpkg-deb -f "$plain"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$plain" "$(stat -c %s "$plain")" "$(sha256sum "$plain" | cut -d' ' -f1)"
done >Packages
echo 'deb [trusted=yes] file:/opt/debs ./' >/etc/apt/sources.list
rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/*
printf '[global]\nno-index = true\nfind-links = /opt/hotswap/wheels\n' >/etc/pip.conf
: >/etc/subuid
: >/etc/subgid
rm -rf /run/systemd
"""
VENV = """
set -e
python3 -m venv /opt/hotswap/venv
/opt/hotswap/venv/bin/pip install -q --no-index --find-links /opt/hotswap/wheels $SDKS
rm -rf /opt/hotswap/wheels
"""


def location(suite: str) -> pathlib.Path:
    """Where the base of `suite` lies or will lie; another recipe is another place."""
    recipe = json.dumps([suite, packages(suite), VENV_PYTHON.get(suite), SDKS, INSTALL, VENV, [offer(suite), SHELVE] if is_bare(suite) else []])
    return cache() / ("%s-%s" % (suite, hashlib.sha256(recipe.encode()).hexdigest()[:12]))


def is_bare(suite: str) -> bool:
    """Whether it is a Debian without engines."""
    return suite.endswith(BARE)


def packages(suite: str) -> str:
    """What is installed."""
    return BARE_PACKAGES if is_bare(suite) else "%s %s" % (PACKAGES, SUITE_PACKAGES[suite])


def offer(suite: str) -> str:
    """What a bare host finds in its folder of packages."""
    return "%s %s" % (OFFER, SUITE_OFFER[suite.replace(BARE, "")])


def build(suite: str, say: t.Callable[[str], None]) -> pathlib.Path:
    """The base of `suite`, built if it is not in the cache yet (about a minute). Runs of several processes wait for each other.

    Raises:
        BedError: a step failed; what it printed is in the message, and nothing half-built is ever used.
    """
    root = location(suite)
    root.parent.mkdir(parents=True, exist_ok=True)
    with _locked(root.with_name(root.name + ".lock")):
        if root.is_dir():
            return root
        for leftover in root.parent.glob(root.name + ".building-*"):
            _remove(leftover)
        work = pathlib.Path(tempfile.mkdtemp(prefix=root.name + ".building-", dir=root.parent))
        try:
            _build(suite, work, say)
            work.chmod(0o755)
            work.rename(root)
        finally:
            _remove(work)
    return root


def _build(suite: str, root: pathlib.Path, say: t.Callable[[str], None]) -> None:
    say("base %s: debootstrap" % suite)
    run([*APART, "debootstrap", "--variant=minbase", suite.replace(BARE, ""), root, mirror()])
    _copy_client_settings(root)
    say("base %s: packages" % suite)
    _chroot(root, INSTALL, PACKAGES=packages(suite))
    if is_bare(suite):
        say("base %s: what can be installed" % suite)
        _chroot(root, SHELVE, OFFER=offer(suite))
        _download_sdks(PYTHONS[suite.replace(BARE, "")], root / "opt/hotswap/wheels")
    if suite in VENV_PYTHON:
        say("base %s: SDKs" % suite)
        _download_sdks(VENV_PYTHON[suite], root / "opt/hotswap/wheels")
        _chroot(root, VENV, SDKS=" ".join(SDKS))


def mirror() -> str:
    """$HOTSWAP_DEBIAN_MIRROR, else the Debian archive of this machine's apt sources, else (no Debian) Debian's own."""
    if "HOTSWAP_DEBIAN_MIRROR" in os.environ:
        return os.environ["HOTSWAP_DEBIAN_MIRROR"]
    sources = [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    for path in sources:
        if path.is_file():
            found = parse_mirror(path.read_text(encoding="utf-8", errors="replace"))
            if found:
                return found
    return DEFAULT_MIRROR


def parse_mirror(text: str) -> str | None:
    """The first archive of an apt source file (both formats) whose path ends in /debian."""
    lines = [line for line in text.splitlines() if re.match(r"\s*(deb\s|URIs:)", line)]
    return next((uri for line in lines for uri in re.findall(r"https?://\S+/debian(?=/?(?:\s|$))", line)), None)


def _copy_client_settings(root: pathlib.Path) -> None:
    settings = run(["apt-config", "dump"]).stdout.splitlines()
    kept = [line for line in settings if APT_SETTING.fullmatch(line)]
    (root / "etc/apt/apt.conf.d/99machine").write_text("\n".join(kept) + "\n", encoding="utf-8")
    for folder in CERTIFICATES:
        if pathlib.Path("/", folder).is_dir():
            shutil.copytree(pathlib.Path("/", folder), root / folder, symlinks=True, dirs_exist_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")


def _download_sdks(python: str, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    target = ["--python-version", python, "--implementation", "cp", "--only-binary", ":all:"]
    run([sys.executable, "-m", "pip", "download", "-q", "-d", folder, *target, *SDKS])


def _chroot(root: pathlib.Path, script: str, **variables: str) -> None:
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **proxies, **variables}
    assignments = ["%s=%s" % item for item in env.items()]
    run([*APART, "chroot", root, "env", "-i", *assignments, "sh", "-c", script])


def _remove(path: pathlib.Path) -> None:
    if path.exists():
        run(["rm", "-rf", "--one-file-system", path])


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> t.Iterator[None]:
    with path.open("w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require(suite: str) -> pathlib.Path:
    """The base of `suite`, which must have been built.

    Raises:
        BedError: it is not in the cache.
    """
    root = location(suite)
    if not root.is_dir():
        raise BedError("the base %s is not built: run `up` or `base`" % root)
    return root
