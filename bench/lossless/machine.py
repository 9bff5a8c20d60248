# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the result was measured on."""

from __future__ import annotations

import hashlib
import os
import pathlib
import platform
import re
import subprocess
import typing as t

from run.hosts import PROXIES, bed
from run.report import ROOT

from lossless.drivers import DRIVERS, Driver
from lossless.plays import host_of


def facts(engines: t.Sequence[str], drivers: t.Sequence[str]) -> dict[str, str]:
    """Machine and versions, each as asked of the thing itself."""
    systems = sorted({_on(engine, ". /etc/os-release; echo $PRETTY_NAME") for engine in engines})
    return {
        **about(),
        "hosts": "%s, as namespaces of this machine with systemd, sshd and an engine each" % ", ".join(systems),
        "engines": ", ".join("%s: %s" % (engine, _engine_version(engine)) for engine in engines),
        "proxies": ", ".join(sorted({_proxy_version(engines[0], DRIVERS[name]) for name in drivers if DRIVERS[name].proxy})),
    }


def about() -> dict[str, str]:
    """What every bench says of itself, whatever hosts it has."""
    return {
        "collection": collection(),
        "machine": "%s, %d cores, %.0f GB, kernel %s" % (_cpu(), os.cpu_count() or 0, _memory_gb(), ".".join(platform.release().split(".")[:2])),
        "Ansible": "%s, Python %s, over ssh with pipelining" % (_ansible(), platform.python_version()),
    }


def collection() -> str:
    """The commit, and when what runs on hosts is not as committed, what it is instead."""
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], text=True, capture_output=True, check=False).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "plugins"], text=True, capture_output=True, check=False).stdout.strip()
    return "commit %s%s" % (commit or "unknown", ", with changes in plugins/ (%s)" % _digest(ROOT / "plugins") if changed else "")


def _digest(folder: pathlib.Path) -> str:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()[:12]


def _on(engine: str, command: str) -> str:
    done = subprocess.run(bed("ssh", host_of(engine), command), text=True, capture_output=True, check=False)
    return (done.stdout.strip() or done.stderr.strip() or "unknown").splitlines()[0]


def _engine_version(engine: str) -> str:
    return _on(engine, "docker --version" if engine == "docker" else "podman --version")


def _proxy_version(engine: str, driver: Driver) -> str:
    words = {"haproxy": "haproxy -v", "caddy": "caddy version", "nginx": "nginx -v", "apache": "apache2 -v"}[driver.proxy]
    if driver.front == "container":
        words = "%s run --rm %s %s" % ("docker" if engine == "docker" else "podman", PROXIES[driver.proxy], words)
    text = _on(engine, "PATH=$PATH:/usr/sbin; %s 2>&1" % words)
    found = re.search(r"[0-9]+\.[0-9]+\.[0-9]+", text)
    return "%s %s" % (driver.title, found.group() if found else text)


def _ansible() -> str:
    done = subprocess.run(["ansible-playbook", "--version"], text=True, capture_output=True, check=True)
    return done.stdout.splitlines()[0].strip()


def _cpu() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.split(":")[1].split())
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
