# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Redirects in iptables, for hosts without nft: chains of ours in nat and raw.

iptables-restore replaces all chains that one call names in one step, as nft does (--noflush: and leaves every other alone).
Each rule says in its comment which redirect it belongs to, so that the kernel's own list is enough to read them back.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from .._errors import SwitchError
from . import port_redirect_tools as tools
from .port_redirect_types import IPV4, Destination, Kernel, Redirect

_CHAIN, _POST, _GUARD = "HOTSWAP", "HOTSWAP-POST", "HOTSWAP-GUARD"
# (table, chain of the kernel, our chain)
_JUMPS = (("raw", "PREROUTING", _GUARD), ("nat", "PREROUTING", _CHAIN), ("nat", "OUTPUT", _CHAIN), ("nat", "POSTROUTING", _POST))
_LOCAL = "-m addrtype --dst-type LOCAL "
_COMMENT = re.compile(r'--comment "?hotswap:(\S+?):(\d+)"?(?:\s|$)')
_FOREIGN = re.compile(r"-A (?!HOTSWAP)(\S+) .*--dports? (\S+) .*-j (?!MASQUERADE|SNAT|ACCEPT|RETURN|LOG|MARK)")


def chain_of(name: str) -> str:
    """The chain of a redirect; iptables allows 28 characters, names of services more."""
    return "%s-%s" % (_CHAIN, hashlib.sha256(name.encode()).hexdigest()[:16])


def restore_text(redirects: t.Mapping[str, Redirect], gone: t.Iterable[str] = ()) -> str:
    """What iptables-restore --noflush gets so that our nat chains hold exactly these; `gone`: names whose chains go."""
    chains = [_CHAIN, _POST, *[chain_of(name) for name in [*redirects, *gone]]]
    lines = ["*nat", *[":%s - [0:0]" % chain for chain in chains]]
    for redirect in redirects.values():
        lines += [_destination_rule(redirect, index, protocol) for protocol in redirect.protocols for index in range(len(redirect.to))]
    # One address before all of them: the first rule that fits decides.
    for specific in (True, False):
        lines += [_dispatch_rule(one, *place) for one in redirects.values() for place in one.places if bool(place[1]) == specific]
    lines.append("-A %s -s 127.0.0.0/8 ! -d 127.0.0.0/8 -m conntrack --ctstate DNAT -j MASQUERADE" % _POST)
    lines += ["-X %s" % chain_of(name) for name in gone]
    return "\n".join([*lines, "COMMIT"]) + "\n"


def _dispatch_rule(redirect: Redirect, protocol: str, address: str) -> str:
    where = "-d %s " % address if address else ""
    comment = "-m comment --comment hotswap:%s:0" % redirect.name
    return "-A %s %s-p %s -m %s --dport %d %s -j %s" % (_CHAIN, where, protocol, protocol, redirect.port, comment, chain_of(redirect.name))


def _destination_rule(redirect: Redirect, index: int, protocol: str) -> str:
    one, rest = redirect.to[index], sum(other.weight for other in redirect.to[index:])
    chance = "" if one.weight == rest else "-m statistic --mode random --probability %.8f " % (one.weight / rest)
    comment = "-m comment --comment hotswap:%s:%d" % (redirect.name, one.weight)
    return "-A %s -p %s %s%s -j DNAT --to-destination %s:%d" % (chain_of(redirect.name), protocol, chance, comment, one.address, redirect.to_port)


def parse(saved: str) -> dict[str, Redirect]:
    """Our redirects, by name, in what iptables-save -t nat says."""
    found: dict[str, Redirect] = {}
    for line in saved.splitlines():
        said = _COMMENT.search(line)
        if line.startswith("-A %s" % _CHAIN) and said:
            name, weight = said.group(1), int(said.group(2))
            was = found.get(name) or Redirect(name, 0, (), (), 0, ())
            found[name] = _with_destination(was, line, weight) if weight else _with_place(was, line)
    return found


def _word(line: str, option: str) -> str:
    found = re.search(r"%s (\S+)" % re.escape(option), line)
    return found.group(1) if found else ""


def _with_place(was: Redirect, line: str) -> Redirect:
    address = _word(line, " -d").partition("/")[0]
    protocols, addresses = {*was.protocols, _word(line, "-p")}, {*was.addresses, address} - {""}
    return dataclasses.replace(was, port=int(_word(line, "--dport")), protocols=tuple(sorted(protocols)), addresses=tuple(sorted(addresses)))


def _with_destination(was: Redirect, line: str, weight: int) -> Redirect:
    address, _colon, port = _word(line, "--to-destination").rpartition(":")
    one = Destination(address, weight)
    return dataclasses.replace(was, to_port=int(port), to=was.to if one in was.to else (*was.to, one))


def foreign(saved: str, port: int) -> str:
    """Names the first rule that is not ours which redirects the port, in what iptables-save -t nat says."""
    for line in saved.splitlines():
        found = _FOREIGN.match(line)
        if found and any(_covers(part, port) for part in found.group(2).split(",")):
            return "iptables table nat, chain %s" % found.group(1)
    return ""


def _covers(part: str, port: int) -> bool:
    first, _colon, last = part.partition(":")
    return int(first) <= port <= int(last or first) if first.isdigit() else False


class IptablesKernel(Kernel):
    """IPv4 redirects through iptables."""

    tool = "iptables"

    def __init__(self, family: str) -> None:
        self.family = family
        if family != IPV4:
            raise SwitchError("redirects to IPv6 addresses need nft, which is not on this host", "Install the package nftables.")

    def redirects(self) -> dict[str, Redirect]:
        """See Kernel."""
        return parse(self._saved("nat"))

    def replace(self, redirect: Redirect) -> None:
        """See Kernel."""
        there = {**self.redirects(), redirect.name: redirect}
        if self._missing():
            self._restore("*raw\n:%s - [0:0]\n-A %s ! -i lo -d 127.0.0.0/8 -j DROP\nCOMMIT\n" % (_GUARD, _GUARD))
        self._restore(restore_text(there))
        for table, chain, ours in self._missing():
            local = _LOCAL if ours == _CHAIN else ""
            tools.output(["iptables", "-w", "-t", table, "-I", chain, "1", *("%s-j %s" % (local, ours)).split()])

    def delete(self, name: str) -> None:
        """See Kernel."""
        there = self.redirects()
        if there.pop(name, None) is None:
            return
        self._restore(restore_text(there, [name]))
        if not there:
            self._clear()

    def foreign(self, port: int) -> str:
        """See Kernel."""
        return foreign(self._saved("nat"), port)

    def _clear(self) -> None:
        for table, chain, ours in _JUMPS:
            local = _LOCAL if ours == _CHAIN else ""
            tools.output(["iptables", "-w", "-t", table, "-D", chain, *("%s-j %s" % (local, ours)).split()])
        for table, ours in {(table, ours) for table, _chain, ours in _JUMPS}:
            tools.output(["iptables", "-w", "-t", table, "-F", ours])
            tools.output(["iptables", "-w", "-t", table, "-X", ours])

    def _missing(self) -> list[tuple[str, str, str]]:
        """Jumps into our chains that are not there."""
        saved = {table: self._saved(table) for table in ("raw", "nat")}
        return [one for one in _JUMPS if not re.search(r"^-A %s .*-j %s$" % (one[1], one[2]), saved[one[0]], re.MULTILINE)]

    def _saved(self, table: str) -> str:
        return tools.output(["iptables-save", "-t", table])

    def _restore(self, text: str) -> None:
        tools.output(["iptables-restore", "-w", "--noflush"], text)
