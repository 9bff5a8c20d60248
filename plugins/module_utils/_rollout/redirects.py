# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Kernel redirects as tasks ask for them: the `redirect` parameter of a service, and what must not be taken over."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import typing as t

from .._engine.types import Engine
from .._errors import InvalidInput
from .._switch.port_redirect_types import IPV4, Redirect, family_of
from .paths import StateDir
from .ports import clash, listening, plain, receiving
from .validate import check_port

if t.TYPE_CHECKING:
    from .._switch.port_redirect import PortRedirectSwitch, Redirects

PROTOCOLS = ("tcp", "udp")


@dataclasses.dataclass(frozen=True)
class Ask:
    """A port of this host, as a service asks for it; `tool` is nft, iptables, or "" for what is there."""

    redirect: Redirect
    tool: str


def folder(state: StateDir) -> t.Any:
    """Where the redirects of this host are noted."""
    return state.root / "redirects"


def ask_of(service: str, value: t.Mapping[str, t.Any] | None) -> Ask | None:
    """The redirect parameter (or its form on a label) -> Ask; None for none. Raises InvalidInput naming the option."""
    if not value:
        return None
    port = check_port("redirect.port", value["port"])
    redirect = Redirect("service.%s" % service, port, protocols_of("redirect.", value), addresses_of("redirect.", value), 0, ())
    if any(family_of(one) != IPV4 for one in redirect.addresses):
        raise InvalidInput(
            "redirect.addresses: instances have IPv4 addresses, and the kernel redirects within one family only",
            "Name IPv4 addresses. For IPv6 clients put a proxy in front, or use port_redirect to an IPv6 address.",
        )
    return Ask(redirect, value.get("tool") or "")


def ask_to_dict(ask: Ask | None) -> dict[str, t.Any]:
    """The inverse of ask_of, as JSON values."""
    if ask is None:
        return {}
    one = ask.redirect
    return {"port": one.port, "protocols": list(one.protocols), "addresses": list(one.addresses), "tool": ask.tool}


def without_tool(redirect: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The redirect in its dictionary form, as the kernel has it whichever tool put it there."""
    return {name: value for name, value in redirect.items() if name != "tool"}


def protocols_of(prefix: str, value: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """The protocols, without doubles; tcp where nothing is said."""
    found = tuple(sorted(set(value.get("protocols") or ["tcp"])))
    unknown = [one for one in found if one not in PROTOCOLS]
    if unknown:
        raise InvalidInput("%sprotocols: %s cannot be redirected" % (prefix, unknown[0]), "Use tcp, udp or both.")
    return found


def addresses_of(prefix: str, value: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """This host's addresses that are meant, in one form; () for all."""
    found = set()
    for text in value.get("addresses") or ():
        try:
            found.add(str(ipaddress.ip_address(text)))
        except ValueError:
            raise InvalidInput("%saddresses: %r is not an address" % (prefix, text), "Write addresses of this host, without a port.") from None
    return tuple(sorted(found))


def switch_of(state: StateDir, ask: Ask) -> PortRedirectSwitch:
    """The switch of a service with a redirect."""
    # Imported here as below: few services have one, and a module's files are compiled anew in each run.
    from .._switch.port_redirect import PortRedirectSwitch

    return PortRedirectSwitch(folder(state), ask.redirect, ask.tool)


def noted(state: StateDir, service: str) -> dict[str, t.Any]:
    """The redirect that a service had, as its label would have it, when its containers are gone; {} for none."""
    found = next((one.redirect for one in _active(state) if one.redirect.name == "service.%s" % service), None)
    return ask_to_dict(Ask(found, "")) if found else {}


def _active(state: StateDir) -> list[t.Any]:
    # Only root can have any, and only root may ask.
    if os.geteuid() != 0 or not folder(state).exists():
        return []
    from .._switch.port_redirect import Redirects

    return Redirects(folder(state)).active()


def check_service(engine: Engine, state: StateDir, ask: Ask) -> None:
    """Refuses what cannot be, before anything is touched. Raises InvalidInput."""
    if engine.rootless or os.geteuid() != 0:
        raise InvalidInput(
            "redirect: a redirect is a rule of the host's own network, which rootless containers are not in",
            "Use a rootful engine, or publish the port and point hotswap.containers.port_redirect (with become) to it.",
        )
    from .._switch.port_redirect import Redirects

    refuse_taken(Redirects(folder(state)), ask.redirect, engine)


def refuse_taken(redirects: Redirects, wanted: Redirect, engine: Engine | None = None) -> None:
    """Raises InvalidInput that says who has the port: a redirect, a rule of others, a container, a process."""
    now = redirects.get(wanted.name, wanted.family)
    if now and now.redirect.port == wanted.port and set(wanted.places) <= set(now.redirect.places):
        return
    said = redirects.taken(wanted) or _published(engine, wanted) or _listener(wanted)
    if said:
        raise InvalidInput(
            "port: %d of this host has %s" % (wanted.port, said),
            "It is left alone. Use another port, or remove that first.",
        )


def _published(engine: Engine | None, wanted: Redirect) -> str:
    for name, one in engine.published() if engine else ():
        if one.protocol in wanted.protocols and _meets(wanted, [(one.host_ip, one.host_port)]):
            return "the container %s, which publishes it" % name
    return ""


def _listener(wanted: Redirect) -> str:
    for protocol, sockets in (("tcp", listening), ("udp", receiving)):
        if protocol in wanted.protocols and _meets(wanted, sockets()):
            return "a process that listens on it (%s)" % protocol
    return ""


def _meets(wanted: Redirect, taken: t.Iterable[tuple[str, int]]) -> bool:
    there = [(plain(address), port) for address, port in taken]
    return any(clash((address, wanted.port), there) for address in wanted.addresses or ("",))
