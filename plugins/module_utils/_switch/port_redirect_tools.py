# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Runs the kernel's network tools (nft, iptables, conntrack), which are not always in PATH for a module."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t

from .._errors import SwitchError

# Where they are: users other than root often lack these in PATH.
_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")
_SECONDS = 60
_PACKAGES = {
    "nft": "nftables",
    "iptables": "iptables",
    "iptables-save": "iptables",
    "iptables-restore": "iptables",
    "conntrack": "conntrack (conntrack-tools on Red Hat and SUSE)",
}


def find(tool: str) -> str:
    """The path of the tool, "" when it is not on this host."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS])
    return shutil.which(tool, path=path) or ""


def need(tool: str) -> str:
    """The path of the tool. Raises SwitchError that names the package."""
    path = find(tool)
    if not path:
        raise SwitchError("%s is not on this host, and redirects need it" % tool, "Install the package %s." % _PACKAGES.get(tool, tool))
    return path


def call(words: t.Sequence[str], text: str | None = None) -> tuple[int, str, str]:
    """Runs the tool that the first word names, `text` on its standard input; exit code, output, messages."""
    argv = [need(words[0]), *words[1:]]
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SwitchError("%s: %s" % (" ".join(words), error)) from error
    return done.returncode, done.stdout, done.stderr


def output(words: t.Sequence[str], text: str | None = None) -> str:
    """The output of a call that must succeed. Raises SwitchError with the tool's own words."""
    code, said, wrong = call(words, text)
    if code:
        raise SwitchError("%s ended with %d: %s" % (" ".join(words), code, " ".join(wrong.split())[:500]), "Run the task as root (become: true).")
    return said
