# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a redirect needs beside its rules: Docker's leave to forward, and an end to flows that lead to where nobody is."""

from __future__ import annotations

import re
import shlex
import typing as t

from .._errors import SwitchError
from . import port_redirect_tools as tools
from . import programs
from .port_redirect_types import IPV4, Redirect

# Docker drops what is forwarded to a container whose port it did not publish, and keeps this chain for others' rules.
_USER_CHAIN = "DOCKER-USER"
# Where a flow leads to: an address ("" for any) and a port (0 for any).
Place = t.Tuple[str, int]
EVERYWHERE: Place = ("", 0)
_COMMENT = re.compile(r'--comment "?hotswap:([^:\s"]+):')


def allowing(redirect: Redirect) -> list[str]:
    """The rules that let what is redirected pass, as iptables-save writes them without their -A CHAIN."""
    return [
        "-d %s/32 -p %s -m %s --dport %d -m conntrack --ctstate DNAT --ctorigdstport %d -m comment --comment hotswap:%s: -j ACCEPT"
        % (one.address, protocol, protocol, redirect.to_port, redirect.port, redirect.name)
        for protocol in sorted(redirect.protocols)
        for one in redirect.to
    ]


def changes(saved: str, name: str, wanted: t.Sequence[str]) -> list[list[str]]:
    """iptables arguments that make DOCKER-USER hold exactly these rules of the redirect; [] where there is no such chain.

    New ones come before a last RETURN and behind everything that the host's owner wrote: it is asked first.
    """
    chain = [line for line in saved.splitlines() if line.startswith("-A %s " % _USER_CHAIN)]
    if ":%s " % _USER_CHAIN not in saved:
        return []
    bare = [line.partition(_USER_CHAIN + " ")[2].replace('"', "") for line in chain]
    ours = [rule for rule in bare if _owner(rule) == name]
    end = len(bare) if bare and bare[-1] == "-j RETURN" else len(bare) + 1
    made = [["-I", _USER_CHAIN, str(end), *shlex.split(rule)] for rule in wanted if rule not in ours]
    return made + [["-D", _USER_CHAIN, *shlex.split(rule)] for rule in ours if rule not in wanted]


def _owner(rule: str) -> str:
    found = _COMMENT.search(rule)
    return found.group(1) if found else ""


def allow(name: str, redirects: t.Iterable[Redirect]) -> None:
    """Makes DOCKER-USER let through what these redirects of one name send on, and nothing more of that name."""
    if not programs.find("iptables-save"):
        return  # no Docker without iptables
    wanted = [rule for one in redirects if one.family == IPV4 for rule in allowing(one)]
    for words in changes(tools.output(["iptables-save", "-t", "filter"]), name, wanted):
        tools.output(["iptables", "-w", *words])


def end_flows(redirect: Redirect, protocols: t.Iterable[str], places: t.Iterable[Place], only_closed: bool = False) -> None:
    """Makes the kernel forget the flows to the port that lead to these places; EVERYWHERE means every flow of the port.

    `only_closed`: TCP connections that both ends have closed. A client that uses the same port again goes where those went.

    A UDP flow goes on to where its first packet went for as long as it is used, whatever the rules say since.
    """
    for protocol in protocols:
        for address, port in places:
            only = ["--reply-src", address] if address else []
            only += ["--reply-port-src", str(port)] if port else []
            family = "ipv4" if redirect.family == IPV4 else "ipv6"
            only += ["--state", "TIME_WAIT"] if only_closed else []
            words = ["conntrack", "-D", "-f", family, "-p", protocol, "--orig-port-dst", str(redirect.port), *only]
            done = tools.call(words)
            # It also ends with 1 when there was no such flow, and then says how many it deleted: none.
            if done.code and "flow entries have been deleted" not in done.errors:
                raise SwitchError("%s ended with %d: %s" % (" ".join(words), done.code, " ".join(done.said.split())), "Old flows may go on to where they went.")
