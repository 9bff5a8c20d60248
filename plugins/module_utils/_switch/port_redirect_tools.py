# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Runs the kernel's network tools: nft, iptables, conntrack."""

from __future__ import annotations

import typing as t

from .._errors import SwitchError
from . import programs

_PACKAGES = {
    "nft": "nftables",
    "iptables": "iptables",
    "iptables-save": "iptables",
    "iptables-restore": "iptables",
    "conntrack": "conntrack (conntrack-tools on Red Hat and SUSE)",
}


def need(tool: str) -> None:
    """Raises SwitchError that names the package when the tool is not on this host."""
    if not programs.find(tool):
        raise SwitchError("%s is not on this host, and redirects need it" % tool, "Install the package %s." % _PACKAGES.get(tool, tool))


def call(words: t.Sequence[str], text: str = "") -> programs.Done:
    """Runs the tool that the first word names, `text` on its standard input."""
    need(words[0])
    return programs.run(words, text)


def output(words: t.Sequence[str], text: str = "") -> str:
    """The output of a call that must succeed. Raises SwitchError with the tool's own words."""
    done = call(words, text)
    if done.code:
        said = " ".join((done.errors or done.output).split())[:500]
        raise SwitchError("%s ended with %d: %s" % (" ".join(words), done.code, said), "Run the task as root (become: true).")
    return done.output
