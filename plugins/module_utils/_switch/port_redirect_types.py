# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a kernel redirect is, and what a tool that writes it must do. No process is started here."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import math
import typing as t

IPV4, IPV6 = "ip", "ip6"
# The weight of an only destination, which no rule has to tell.
FULL = 100


@dataclasses.dataclass(frozen=True)
class Destination:
    """An address that connections go to; `weight` is relative to the others, 0 gets none."""

    address: str
    weight: int = 1


@dataclasses.dataclass(frozen=True)
class Redirect:
    """New connections to `port` of this host go to `to_port` of the destinations.

    `name` says whose it is: service.NAME, port.PORT or proxy.NAME.PORT. `addresses` are those of this host that it is for, () for all of
    them. `family` is ip or ip6: the kernel redirects within one family only. Without destinations nothing is redirected.
    """

    name: str
    port: int
    protocols: tuple[str, ...]
    addresses: tuple[str, ...]
    to_port: int
    to: tuple[Destination, ...]
    family: str = IPV4

    def plain(self) -> Redirect:
        """The same in the one form in which two that do the same are equal."""
        used = sorted({one.address: one for one in self.to if one.weight > 0}.values(), key=lambda one: one.address)
        divisor = functools.reduce(math.gcd, [one.weight for one in used], 0) or 1
        return dataclasses.replace(
            self,
            protocols=tuple(sorted(self.protocols)),
            addresses=tuple(sorted(self.addresses)),
            to_port=self.to_port if used else 0,
            to=tuple(Destination(one.address, one.weight // divisor) for one in used),
        )

    def same(self, other: Redirect) -> bool:
        """True when both send the same connections to the same places, in the same shares."""
        return self.plain() == other.plain()

    @property
    def places(self) -> list[tuple[str, str]]:
        """(protocol, address) of each entry into it, address "" for every one of this host."""
        return [(protocol, address) for protocol in self.protocols for address in self.addresses or ("",)]


def family_of(address: str) -> str:
    """ip or ip6. Raises ValueError for what is no address."""
    return IPV6 if ipaddress.ip_address(address).version == 6 else IPV4


class Kernel(t.Protocol):
    """The redirects of one address family in this kernel, through one tool. Raises SwitchError with the tool's words."""

    tool: str
    family: str

    def redirects(self) -> dict[str, Redirect]:
        """Ours, by name, as the kernel has them now."""

    def replace(self, redirect: Redirect) -> None:
        """Makes the kernel have this one instead of the one of its name, in one step; others stay as they are."""

    def delete(self, name: str) -> None:
        """Removes one; with the last of them everything of ours. Gone already is no error."""

    def foreign(self, port: int) -> str:
        """Names a rule of somebody else that redirects the port; "" when there is none."""
