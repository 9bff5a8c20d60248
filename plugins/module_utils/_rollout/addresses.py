# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Which IPv4 subnet a new network gets, and which fixed addresses instances get in it. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from .._engine.types import Network
from .._errors import InvalidInput

# Neither Docker's default pools (172.17.0.0/12, 192.168.0.0/16) nor the beginning of Podman's (10.89.0.0/16 upwards),
# which the engines fill from their lower ends (docs of default-address-pools and containers.conf).
_POOLS = ("10.213.0.0/16", "10.214.0.0/15", "10.216.0.0/13", "192.168.128.0/17", "172.16.0.0/16")
_PREFIX = 24


def free_subnet(taken: t.Iterable[str]) -> str:
    """The first /24 of our pools that overlaps none of the `taken` subnets (CIDR texts; IPv6 and default routes do not count).

    Raises InvalidInput when every one is taken.
    """
    used = _numbers(taken)
    for pool in _POOLS:
        for candidate in ipaddress.IPv4Network(pool).subnets(new_prefix=_PREFIX):
            first, last = int(candidate.network_address), int(candidate.broadcast_address)
            if all(last < low or high < first for low, high in used):
                return str(candidate)
    raise InvalidInput("subnet: no free /%d was found in %s" % (_PREFIX, ", ".join(_POOLS)), "Set subnet to one that is free on this host.")


def _numbers(subnets: t.Iterable[str]) -> list[tuple[int, int]]:
    found = []
    for text in subnets:
        network = ipaddress.ip_network(text, strict=False)
        if network.version == 4 and network.prefixlen > 0:
            found.append((int(network.network_address), int(network.broadcast_address)))
    return found


def lower_half(subnet: str) -> str:
    """The half of the subnet that is left to the engine's own leases; the upper one is for fixed addresses."""
    network = ipaddress.IPv4Network(subnet)
    return str(next(network.subnets(prefixlen_diff=1))) if network.prefixlen <= 28 else ""


def first_host(subnet: str) -> str:
    """The first host address: the gateway that both engines would take by themselves."""
    network = ipaddress.IPv4Network(subnet)
    return str(network.network_address + 1)


def allocate(network: Network, taken: set[str], count: int) -> list[str]:
    """`count` free addresses for instances, from the top of the subnet downwards.

    Never the network's own, the broadcast or the gateway's address, never one of `taken`, and never one inside
    ip_range, out of which the engine gives addresses to other containers. Raises InvalidInput when too few are free.
    """
    if not network.subnet:
        raise InvalidInput(
            "network %s has no IPv4 subnet that fixed addresses could come from" % network.name,
            "Create it with hotswap.containers.network.",
        )
    found: list[str] = []
    for address in _candidates(network):
        if len(found) == count:
            return found
        if address not in taken:
            found.append(address)
    if len(found) == count:
        return found
    raise InvalidInput(
        "network %s (%s) has %d free addresses for instances, %d are needed" % (network.name, network.subnet, len(found), count),
        "Remove containers from it, or create a network with a larger subnet.",
    )


def _candidates(network: Network) -> t.Iterator[str]:
    subnet = ipaddress.IPv4Network(network.subnet)
    leases = ipaddress.IPv4Network(network.ip_range, strict=False) if network.ip_range else None
    # Where the engine names no range, it leases from the whole subnet: then its leases are only known by `taken`.
    if leases is not None and leases.prefixlen <= subnet.prefixlen:
        leases = None
    for number in range(int(subnet.broadcast_address) - 1, int(subnet.network_address), -1):
        address = ipaddress.IPv4Address(number)
        if str(address) != network.gateway and (leases is None or address not in leases):
            yield str(address)
