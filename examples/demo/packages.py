# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo needs of the distribution: Podman is installed when it is missing; HAProxy is only unpacked.

Debian's haproxy package starts a service of the machine's own when it is installed. The demo needs the program for
an image, so it downloads the packages and shows them to the image builder in a file system view of its own.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

HAPROXY = pathlib.Path("/usr/sbin/haproxy")
# Inside a mount namespace of its own: the unpacked packages over the machine's root, read-only. They are copied to a
# file system of their own first: overlayfs refuses a layer that lies inside another one (ELOOP).
OVER_ROOT = 'mount -t tmpfs tmpfs "$2" && cp -a "$1/." "$2" && mount -t overlay overlay -o "lowerdir=$2:/" "$3" && shift 3 && exec "$@"'


class PackageError(Exception):
    """A package could not be had; the text says what to do."""


def install(names: t.Sequence[str], say: t.Callable[[str], None]) -> None:
    """Installs Debian or Ubuntu packages; raises PackageError with the command that a person would run."""
    command = "apt-get install --no-install-recommends " + " ".join(names)
    if shutil.which("apt-get") is None:
        raise PackageError("this machine lacks %s: install them with its package manager" % ", ".join(names))
    say("installing %s" % ", ".join(names))
    try:
        _apt("-y", "--no-install-recommends", "install", *names)
    except PackageError as error:
        raise PackageError("%s\nTo see more, run: %s" % (error, command)) from error


def _apt(*arguments: str) -> str:
    """Runs apt-get; once more with fresh package lists when it fails (those of a new machine may be empty)."""
    options = ("-q", "-o", "DPkg::Lock::Timeout=300")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for before in ((), ("update",)):
        if before:
            subprocess.run(["apt-get", *options, *before], env=environment, capture_output=True, check=False)
        done = subprocess.run(["apt-get", *options, *arguments], env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
    raise PackageError("apt-get %s failed: %s" % (" ".join(arguments), done.stderr.strip()[-400:]))


def build_haproxy(out: pathlib.Path, ref: str, folder: pathlib.Path, say: t.Callable[[str], None]) -> None:
    """Writes the proxy image's archive, with the haproxy of this machine or of its distribution."""
    build = [sys.executable, "-m", "kit.images", "haproxy", "--out", str(out), "--ref", ref]
    if not HAPROXY.exists():
        unpacked = unpack_haproxy(folder / "haproxy", say)
        layer, view = folder / "haproxy" / "layer", folder / "haproxy" / "view"
        for point in (layer, view):
            point.mkdir(exist_ok=True)
        places = [str(unpacked), str(layer), str(view)]
        build = ["unshare", "--mount", "--propagation", "private", "sh", "-c", OVER_ROOT, "sh", *places, *build, "--root", str(view)]
    tests = pathlib.Path(__file__).resolve().parents[2] / "tests"
    done = subprocess.run(build, env={**os.environ, "PYTHONPATH": str(tests)}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError("the proxy image could not be built: %s" % (done.stderr.strip() or done.stdout.strip()))


def unpack_haproxy(folder: pathlib.Path, say: t.Callable[[str], None]) -> pathlib.Path:
    """A folder with the files of haproxy and of the libraries that this machine lacks; nothing is installed."""
    root = folder / "root"
    if root.is_dir():
        return root
    if shutil.which("apt-get") is None:
        raise PackageError("this machine has no haproxy: install it with its package manager")
    say("downloading haproxy (not installed, only unpacked)")
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    _apt("-y", "--no-install-recommends", "--download-only", "-o", "Dir::Cache::archives=%s" % archives, "install", "haproxy")
    work = folder / "unpacking"
    shutil.rmtree(work, ignore_errors=True)
    for package in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(work)], check=True)
    merge_usr(work)
    work.rename(root)
    return root


def merge_usr(root: pathlib.Path) -> None:
    """Moves /bin, /lib and /sbin below /usr, where the machine has them: as folders they would hide its links."""
    for name in ("bin", "lib", "lib64", "sbin"):
        source = root / name
        if source.is_dir() and not source.is_symlink() and (pathlib.Path("/") / name).is_symlink():
            shutil.copytree(source, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(source)
