# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The switch without a proxy: the kernel sends new connections to a port of this host to the live instances.

New connections only. One that exists stays where it began until either end closes it; UDP flows are moved at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import typing as t

from .._errors import SwitchError
from . import port_redirect_boot as boot
from . import port_redirect_flows as flows
from . import port_redirect_tools as tools
from . import programs
from .base import Unrouted
from .folder import sync_folder, target_of, write_all
from .iptables import IptablesKernel
from .nft import NftKernel, script
from .port_redirect_types import IPV4, IPV6, Destination, Kernel, Redirect, family_of
from .types import Capabilities, Route, Serving, Target

NFT, IPTABLES = "nft", "iptables"
_KERNELS: t.Mapping[str, t.Callable[[str], Kernel]] = {NFT: NftKernel, IPTABLES: IptablesKernel}
# A client of this host itself comes from 127.0.0.1: the kernel drops the answers to it unless it is told otherwise.
_ROUTE_LOCALNET = pathlib.Path("/proc/sys/net/ipv4/conf/all/route_localnet")


def choose(tool: str) -> str:
    """The tool that is asked for, else nft, else iptables. Raises SwitchError that names the packages."""
    if tool:
        tools.need(tool if tool == NFT else "iptables-restore")
        return tool
    found = next((name for name, program in ((NFT, NFT), (IPTABLES, "iptables-restore")) if programs.find(program)), "")
    if not found:
        raise SwitchError("neither nft nor iptables is on this host, and redirects need one of them", "Install the package nftables.")
    return found


@dataclasses.dataclass(frozen=True)
class Active:
    """A redirect that the kernel has, and the tool that wrote it."""

    redirect: Redirect
    tool: str

    def does(self, wanted: Redirect, tool: str) -> bool:
        """True when it is what is wanted, and written by that tool."""
        return self.tool == tool and self.redirect.same(wanted)


def _places(redirect: Redirect) -> set[flows.Place]:
    return {(one.address, redirect.to_port) for one in redirect.to}


class Redirects:
    """All redirects of this host: a folder that says what they should be, and the kernel, which is asked what they are."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def active(self) -> list[Active]:
        """Ours, as the kernel has them now, whichever tool wrote them. Raises SwitchError without the right to ask."""
        found = []
        for kernel in self._kernels():
            found += [Active(one, kernel.tool) for one in kernel.redirects().values()]
        return sorted(found, key=lambda one: (one.redirect.port, one.redirect.name))

    def get(self, name: str, family: str = IPV4) -> Active | None:
        """One of them, None when the kernel does not have it."""
        return next((one for one in self.active() if (one.redirect.name, one.redirect.family) == (name, family)), None)

    def taken(self, wanted: Redirect) -> str:
        """Says who redirects the same port already, of ours or of others; "" when nobody does."""
        for one in self.active():
            other = one.redirect
            same_place = (other.family, other.port) == (wanted.family, wanted.port) and bool(set(other.places) & set(wanted.places))
            if same_place and other.name != wanted.name:
                return "a redirect of ours, %s" % other.name
        for kernel in self._kernels(wanted.family):
            rule = kernel.foreign(wanted.port)
            if rule:
                return "a rule that is not ours: %s" % rule
        return ""

    def put(self, wanted: Redirect, tool: str, record: t.Mapping[str, t.Any]) -> bool:
        """Files first, then the kernel, then the kernel's own word for it. False when all of it was so already."""
        tool = choose(tool)
        tools.need("conntrack")
        with self._locked():
            changed = write_all(self._texts(wanted, tool, record))
            moved = self._to_kernel(wanted, tool)
            self._for_boot(wanted, tool)
            return moved or changed

    def _for_boot(self, wanted: Redirect, tool: str) -> None:
        at_boot = self._paths(wanted.name, wanted.family)[-1]
        if tool == NFT:
            boot.put(wanted.name, at_boot)
        else:
            boot.drop(at_boot)

    def _to_kernel(self, wanted: Redirect, tool: str) -> bool:
        now = self.get(wanted.name, wanted.family)
        if now and now.does(wanted, tool):
            return False
        before = _places(now.redirect) if now else set()
        # What is let through to those that leave stays until their last connection is gone (see forget).
        flows.allow(wanted.name, [dataclasses.replace(now.redirect, port=wanted.port), wanted] if now else [wanted])
        _KERNELS[tool](wanted.family).replace(wanted)
        self._route_localnet(True)
        if now and now.tool != tool:
            _KERNELS[now.tool](wanted.family).delete(wanted.name)
        confirmed = self.get(wanted.name, wanted.family)
        if not confirmed or not confirmed.does(wanted, tool):
            raise SwitchError("redirect %s: the kernel does not confirm it, but has %s" % (wanted.name, confirmed), "See what else changes this host's rules.")
        left = sorted(before - _places(wanted)) if before else [flows.EVERYWHERE]
        flows.end_flows(wanted, {"udp"} & set(wanted.protocols), left)
        return True

    def forget(self, name: str, family: str, addresses: t.Iterable[str]) -> None:
        """Ends what the kernel still remembers of addresses where nobody is any more."""
        now = self.get(name, family)
        if now:
            flows.allow(name, [now.redirect])
            flows.end_flows(now.redirect, now.redirect.protocols, [(address, 0) for address in sorted(addresses)])

    def forget_closed(self, redirect: Redirect) -> None:
        """Makes the kernel forget where connections to the port went that are closed."""
        flows.end_flows(redirect, redirect.protocols, [flows.EVERYWHERE], only_closed=True)

    def drop(self, name: str, family: str = IPV4) -> bool:
        """Removes one redirect, in the kernel and on disk; with the last one every trace. False when there was none."""
        with self._locked():
            now = self.get(name, family)
            if now:
                _KERNELS[now.tool](family).delete(name)
                flows.end_flows(now.redirect, {"udp"} & set(now.redirect.protocols), [flows.EVERYWHERE])
                flows.allow(name, [])
            boot.drop(self._paths(name, family)[-1])
            there = [path for path in self._paths(name, family) if path.exists()]
            for path in there:
                path.unlink()
            if not self.active():
                self._route_localnet(False)
            return bool(now or there)

    def record(self, name: str, family: str = IPV4) -> dict[str, t.Any]:
        """What was noted with the redirect when it was put; {} when nothing was."""
        try:
            found = json.loads(self._paths(name, family)[0].read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _kernels(self, family: str = "") -> list[Kernel]:
        found: list[Kernel] = []
        if programs.find(NFT):
            found += [NftKernel(one) for one in (IPV4, IPV6) if family in ("", one)]
        if programs.find("iptables-save") and family in ("", IPV4):
            found.append(IptablesKernel(IPV4))
        return found

    def _paths(self, name: str, family: str) -> list[pathlib.Path]:
        """Our note, nft's transaction, and the script that a boot runs."""
        return [self.folder / ("%s.%s.%s" % (name, family, end)) for end in ("json", "nft", "sh")]

    def _texts(self, wanted: Redirect, tool: str, record: t.Mapping[str, t.Any]) -> dict[pathlib.Path, str]:
        note, again, at_boot = self._paths(wanted.name, wanted.family)
        texts = {note: json.dumps({**record, "tool": tool}, indent=2, sort_keys=True) + "\n"}
        if tool == NFT:
            return {**texts, again: script(wanted, ()), at_boot: boot.script(wanted, again, self._mark)}
        for path in (again, at_boot):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        return texts

    @property
    def _mark(self) -> pathlib.Path:
        """There while route_localnet is on because of us."""
        return self.folder / "route_localnet"

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(str(self.folder / "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
            sync_folder(self.folder)
        finally:
            os.close(handle)

    def _route_localnet(self, wanted: bool) -> None:
        """Switches it on, and off again if it was us: a rule of ours drops what the kernel would have dropped without it."""
        mark = self._mark
        on = _ROUTE_LOCALNET.read_text(encoding="ascii").strip() == "1"
        if wanted and not on:
            mark.touch(mode=0o600)
            _ROUTE_LOCALNET.write_text("1", encoding="ascii")
        elif not wanted and mark.exists():
            _ROUTE_LOCALNET.write_text("0", encoding="ascii")
            mark.unlink()


class PortRedirectSwitch(Unrouted):
    """The Traffic of one service: `ask` says which port of this host is redirected, to any destination."""

    def __init__(self, folder: pathlib.Path, ask: Redirect, tool: str) -> None:
        self._all = Redirects(folder)
        self._ask = ask
        self._tool = tool
        self.capabilities = Capabilities(shares=100, in_flight=False, lossless_reload=True)

    def routes(self) -> dict[str, Serving]:
        record = self._all.record(self._ask.name)
        service = self._ask.name.partition(".")[2]
        return {service: Serving(Route(service), tuple(target_of(one) for one in record["targets"]))} if "targets" in record else {}

    def current(self, service: str) -> dict[str, int]:
        now = self._all.get(self._ask.name)
        weights = {one.address: one.weight for one in now.redirect.to} if now else {}
        # What our note does not name is an instance all the same: it has the traffic.
        names = {one.address: one.name for one in self._known()}
        return {names.get(address, address): weight for address, weight in weights.items()}

    def matches(self, route: Route) -> bool:
        now = self._all.get(self._ask.name)
        mine = self._ask.plain()
        return now is not None and (now.redirect.port, now.redirect.protocols, now.redirect.addresses) == (mine.port, mine.protocols, mine.addresses)

    def serve(self, serving: Serving) -> None:
        to = tuple(Destination(one.address, one.weight) for one in serving.targets if one.weight > 0)
        port = serving.targets[0].port if serving.targets else 0
        # Those that lose their traffic now are still to be forgotten by their address.
        leaving = [one for one in self._known() if one.name in self.current(serving.route.service)]
        known = {one.name: one for one in [*leaving, *serving.targets]}
        record = {"targets": [dataclasses.asdict(one) for one in serving.targets], "known": [dataclasses.asdict(one) for one in known.values()]}
        self._all.put(dataclasses.replace(self._ask, to=to, to_port=port), self._tool, record)

    def forget(self, service: str, names: t.Sequence[str]) -> None:
        self._all.forget(self._ask.name, IPV4, [one.address for one in self._known() if one.name in names])

    def remove(self, service: str) -> None:
        self._all.drop(self._ask.name)

    def _known(self) -> list[Target]:
        return [target_of(one) for one in self._all.record(self._ask.name).get("known", ())]


__all__ = ["IPTABLES", "NFT", "Active", "PortRedirectSwitch", "Redirects", "choose", "family_of"]
