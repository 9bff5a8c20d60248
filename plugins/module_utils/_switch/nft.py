# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Redirects in nftables: a table of ours, one chain for each redirect, and maps from ports to those chains.

Everything that belongs to one change is one transaction of `nft -f -`: a connection sees the rules before or after it.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from .._errors import SwitchError
from . import port_redirect_tools as tools
from .port_redirect_types import FULL, IPV4, Destination, Kernel, Redirect

TABLE = "hotswap"
Json = t.Dict[str, t.Any]
# (map, key) of one element: ports for every address of this host, places for one of them.
Element = t.Tuple[str, str]

_OWN = ("service.", "port.", "proxy.")
# Before the engines' own redirects of published ports (-100), so that the first decision, which counts, is ours.
_DSTNAT, _SRCNAT, _RAW = -110, 90, -300
_ADDRESS_TYPE = {IPV4: "ipv4_addr", "ip6": "ipv6_addr"}
_LOOPBACK = {IPV4: "127.0.0.0/8", "ip6": "::1"}


def _base(family: str) -> list[str]:
    """The parts that all redirects share; the same lines again change nothing."""
    table = "%s %s" % (family, TABLE)
    loopback, address = _LOOPBACK[family], _ADDRESS_TYPE[family]
    chains = {
        "guard": ("filter hook prerouting priority %d" % _RAW, ['iif != "lo" %s daddr %s drop' % (family, loopback)]),
        "dispatch": ("", ["meta l4proto . %s daddr . th dport vmap @places" % family, "meta l4proto . th dport vmap @ports"]),
        "prerouting": ("nat hook prerouting priority %d" % _DSTNAT, ["fib daddr type local jump dispatch"]),
        "output": ("nat hook output priority %d" % _DSTNAT, ["fib daddr type local jump dispatch"]),
        "postrouting": (
            "nat hook postrouting priority %d" % _SRCNAT,
            ["%s saddr %s %s daddr != %s ct status dnat masquerade" % (family, loopback, family, loopback)],
        ),
    }
    lines = [
        "add table %s" % table,
        "add map %s ports { type inet_proto . inet_service : verdict; }" % table,
        "add map %s places { type inet_proto . %s . inet_service : verdict; }" % (table, address),
    ]
    for name, (hook, _rules) in chains.items():
        lines += ["add chain %s %s%s" % (table, name, " { type %s; policy accept; }" % hook if hook else ""), "flush chain %s %s" % (table, name)]
    for name, (_hook, rules) in chains.items():
        lines += ["add rule %s %s %s" % (table, name, rule) for rule in rules]
    return lines


def elements(redirect: Redirect) -> set[Element]:
    """The map elements that lead to the redirect's chain."""
    found = set()
    for protocol, address in redirect.places:
        if address:
            found.add(("places", "%s . %s . %d" % (protocol, address, redirect.port)))
        else:
            found.add(("ports", "%s . %d" % (protocol, redirect.port)))
    return found


def script(redirect: Redirect, now: t.Iterable[Element]) -> str:
    """The transaction that puts the redirect in place of the one of its name, whose elements are `now`."""
    table = "%s %s" % (redirect.family, TABLE)
    wanted, there = elements(redirect), set(now)
    lines = _base(redirect.family)
    lines += ["add chain %s %s" % (table, redirect.name), "flush chain %s %s" % (table, redirect.name)]
    if redirect.to:
        lines.append("add rule %s %s meta l4proto { tcp, udp } dnat to %s" % (table, redirect.name, _target(redirect)))
    lines += ["delete element %s %s { %s }" % (table, which, key) for which, key in sorted(there - wanted)]
    lines += ["add element %s %s { %s : goto %s }" % (table, which, key, redirect.name) for which, key in sorted(wanted - there)]
    return "\n".join(lines) + "\n"


def _target(redirect: Redirect) -> str:
    only = redirect.to[0].address
    if len(redirect.to) == 1:
        return "%s:%d" % (only if redirect.family == IPV4 else "[%s]" % only, redirect.to_port)
    slices, first = [], 0
    for one in redirect.to:
        last = first + one.weight - 1
        slices.append("%s : %s" % (first if first == last else "%d-%d" % (first, last), one.address))
        first = last + 1
    return "numgen random mod %d map { %s } : %d" % (first, ", ".join(slices), redirect.to_port)


def removal(family: str, name: str, now: t.Iterable[Element], last: bool) -> str:
    """The transaction that removes a redirect; `last`: with the table."""
    table = "%s %s" % (family, TABLE)
    if last:
        return "delete table %s\n" % table
    lines = ["delete element %s %s { %s }" % (table, which, key) for which, key in sorted(now)]
    return "\n".join([*lines, "flush chain %s %s" % (table, name), "delete chain %s %s" % (table, name)]) + "\n"


def parse(listing: Json, family: str) -> dict[str, Redirect]:
    """Our redirects, by name, in what `nft -j list table` says."""
    objects = listing.get("nftables", [])
    names = [one["chain"]["name"] for one in objects if "chain" in one and one["chain"]["name"].startswith(_OWN)]
    found = {name: Redirect(name, 0, (), (), 0, (), family) for name in names}
    for one in objects:
        if "map" in one:
            _add_elements(found, one["map"].get("elem") or [])
        elif "rule" in one and one["rule"]["chain"] in found:
            _add_rule(found, one["rule"])
    return found


def _add_elements(found: dict[str, Redirect], listed: t.Iterable[t.Any]) -> None:
    for key, verdict in listed:
        name = verdict["goto"]["target"]
        protocol, *address, port = key["concat"]
        was = found[name]
        protocols, addresses = tuple(sorted({*was.protocols, protocol})), tuple(sorted({*was.addresses, *address}))
        found[name] = dataclasses.replace(was, port=port, protocols=protocols, addresses=addresses)


def _add_rule(found: dict[str, Redirect], rule: Json) -> None:
    dnat = next((one["dnat"] for one in rule["expr"] if "dnat" in one), None)
    if dnat:
        found[rule["chain"]] = dataclasses.replace(found[rule["chain"]], to_port=int(dnat["port"]), to=_destinations(dnat["addr"]))


def _destinations(address: t.Any) -> tuple[Destination, ...]:
    if isinstance(address, str):
        return (Destination(address, FULL),)
    return tuple(Destination(to, _width(numbers)) for numbers, to in address["map"]["data"]["set"])


def _width(numbers: t.Any) -> int:
    return int(numbers["range"][1]) - int(numbers["range"][0]) + 1 if isinstance(numbers, dict) else 1


def foreign(listing: Json, family: str, port: int) -> str:
    """Names the first rule of a table that is not ours which redirects the port, in what `nft -j list ruleset` says."""
    objects = listing.get("nftables", [])
    rules = [one["rule"] for one in objects if "rule" in one and one["rule"]["family"] in (family, "inet")]
    reached = _redirecting_chains([one["chain"] for one in objects if "chain" in one], rules)
    for rule in rules:
        place = (rule["family"], rule["table"], rule["chain"])
        if place in reached and rule["table"] != TABLE and _is_for(rule, port) and _decides(rule):
            return "nftables table %s %s, chain %s" % place
    return ""


def _redirecting_chains(chains: t.Iterable[Json], rules: t.Sequence[Json]) -> set[tuple[str, str, str]]:
    """(family, table, name) of every chain that a new connection passes through before it is routed."""
    reached = {(one["family"], one["table"], one["name"]) for one in chains if (one.get("type"), one.get("hook")) in (("nat", "prerouting"), ("nat", "output"))}
    while True:
        more = {
            (rule["family"], rule["table"], expr[word]["target"])
            for rule in rules
            if (rule["family"], rule["table"], rule["chain"]) in reached
            for expr in rule["expr"]
            for word in ("jump", "goto")
            if word in expr
        }
        if more <= reached:
            return reached
        reached |= more


def _is_for(rule: Json, port: int) -> bool:
    for expr in rule["expr"]:
        match = expr.get("match") or {}
        left = match.get("left")
        if isinstance(left, dict) and (left.get("payload") or {}).get("field") == "dport" and match.get("op") == "==":
            return _covers(match["right"], port)
    return False


def _covers(right: t.Any, port: int) -> bool:
    if isinstance(right, dict) and "range" in right:
        return bool(right["range"][0] <= port <= right["range"][1])
    if isinstance(right, dict) and "set" in right:
        return any(_covers(one, port) for one in right["set"])
    return bool(right == port)


def _decides(rule: Json) -> bool:
    words = {word for expr in rule["expr"] for word in expr}
    return bool(words & {"dnat", "redirect", "jump", "goto", "xt"})


class NftKernel(Kernel):
    """Redirects of one family through nft."""

    tool = "nft"

    def __init__(self, family: str) -> None:
        self.family = family

    def redirects(self) -> dict[str, Redirect]:
        """See Kernel."""
        done = tools.call(["nft", "-j", "list", "table", self.family, TABLE])
        if done.code and "No such file" in done.errors:
            return {}
        if done.code:
            raise SwitchError("the kernel's redirects cannot be read: %s" % " ".join(done.said.split()), "Run the task as root (become: true).")
        return parse(json.loads(done.output), self.family)

    def replace(self, redirect: Redirect) -> None:
        """See Kernel."""
        now = self.redirects().get(redirect.name)
        tools.output(["nft", "-f", "-"], script(redirect, elements(now) if now else ()))

    def delete(self, name: str) -> None:
        """See Kernel."""
        there = self.redirects()
        if name in there:
            tools.output(["nft", "-f", "-"], removal(self.family, name, elements(there[name]), last=len(there) == 1))

    def foreign(self, port: int) -> str:
        """See Kernel."""
        return foreign(json.loads(tools.output(["nft", "-j", "list", "ruleset"])), self.family, port)
