# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev release VERSION [--dry-run]: the version, the changelog out of its fragments, and the tarball.

Everything is done in a copy first; the checkout gets the three files that changed only when all of it went well. Nothing is committed,
tagged or published: the last lines say how.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t

import yaml

from run.checkout import copy_checkout
from run.report import ROOT, say

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_LINE = re.compile(r"^version: .*$", re.MULTILINE)


class Refused(Exception):
    """A release that cannot be; the text says why."""


def check_version(version: str, released: t.Iterable[str]) -> None:
    """Raises Refused for what is no MAJOR.MINOR.PATCH, or not newer than everything that was released."""
    if not _VERSION.fullmatch(version):
        raise Refused("%s is no version: write MAJOR.MINOR.PATCH" % version)
    newest = max(released, key=_parts, default="")
    if newest and _parts(newest) >= _parts(version):
        raise Refused("%s is not newer than %s, which was released" % (version, newest))


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def with_version(text: str, version: str) -> str:
    """galaxy.yml with another version; everything else stays."""
    if len(_LINE.findall(text)) != 1:
        raise Refused("galaxy.yml has not exactly one line with a version")
    return _LINE.sub("version: " + version, text)


def make(copy: pathlib.Path, version: str) -> pathlib.Path:
    """Releases in the copy; returns the tarball. Raises Refused with a tool's own words."""
    galaxy = copy / "galaxy.yml"
    galaxy.write_text(with_version(galaxy.read_text(), version))
    _run(["antsibull-changelog", "lint"], copy)
    _run(["antsibull-changelog", "release", "--version", version, "--reload-plugins"], copy)
    _run(["ansible-galaxy", "collection", "build", "--force", "--output-path", str(copy / "dist"), str(copy)], copy)
    return copy / "dist" / ("hotswap-containers-%s.tar.gz" % version)


def _run(argv: t.Sequence[str], cwd: pathlib.Path) -> None:
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(cwd.parents[2])}
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused("%s: %s" % (" ".join(argv[:2]), (done.stdout + done.stderr).strip()))


def take_over(copy: pathlib.Path, root: pathlib.Path) -> list[str]:
    """Brings version and changelog of the copy into the checkout, removes the fragments that are in it now; returns what changed."""
    for name in ("galaxy.yml", "changelogs/changelog.yaml", "CHANGELOG.md"):
        shutil.copy2(copy / name, root / name)
    kept = {path.name for path in (copy / "changelogs" / "fragments").iterdir()}
    used = [path for path in (root / "changelogs" / "fragments").iterdir() if path.name not in kept]
    for path in used:
        path.unlink()
    return ["galaxy.yml", "changelogs/changelog.yaml", "CHANGELOG.md", *("changelogs/fragments/%s" % path.name for path in used)]


def _unclean() -> str:
    argv = ["git", "-c", "safe.directory=*", "status", "--porcelain"]
    return subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="./dev release", description="Makes a release: version, changelog, tarball.")
    parser.add_argument("version", help="MAJOR.MINOR.PATCH")
    parser.add_argument("--dry-run", action="store_true", help="leave the checkout as it is, and show the changelog")
    asked = parser.parse_args()
    try:
        released = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]
        check_version(asked.version, released)
        if not asked.dry_run and _unclean():
            raise Refused("the checkout has changes: commit them first")
        copy = copy_checkout("release")
        tarball = make(copy, asked.version)
    except Refused as refused:
        say("dev: %s" % refused)
        return 1
    if asked.dry_run:
        say((copy / "CHANGELOG.md").read_text())
        say("dev: would be %s; the checkout is as it was" % tarball.name)
        return 0
    (ROOT / "dist").mkdir(exist_ok=True)
    shutil.copy2(tarball, ROOT / "dist" / tarball.name)
    say("\n".join(take_over(copy, ROOT)))
    say("dev: next: git add -A, git commit, git tag %s; then ansible-galaxy collection publish dist/%s" % (asked.version, tarball.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
