# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The port_redirect module: one port of this host, for people who start and stop their versions themselves."""

from __future__ import annotations

import os
import typing as t

from .._engine.types import LABEL_ADDRESS, LABEL_SERVICE, LABEL_VERSION, Container, Engine
from .._errors import InvalidInput
from .._switch.port_redirect import Active, Redirects
from .._switch.port_redirect_types import FULL, IPV4, IPV6, Destination, Redirect, family_of
from .paths import StateDir
from .redirects import addresses_of, folder, protocols_of, refuse_taken
from .validate import check_port, unset_blank

# Opens the engine that the task names, when it is needed.
Open = t.Callable[[], Engine]


def converge(state: StateDir, params: t.Mapping[str, t.Any], check: bool, engine: Open) -> dict[str, t.Any]:
    """The whole module: parameters -> result. Raises HotswapError, nothing changed."""
    params = unset_blank(params)
    if os.geteuid() != 0:
        raise InvalidInput("redirects are rules of the host's own network, and belong to root", "Run the task with become: true.")
    redirects = Redirects(folder(state))
    before = redirects.active()
    if params["port"] is None:
        return {"changed": False, "redirects": [_view(one) for one in before]}
    port = check_port("port", params["port"])
    present = params["state"] == "present"
    changed = _put(redirects, port, params, check, engine) if present else _drop(redirects, before, port, check)
    after = _expected(before, port, params, engine) if check and changed else redirects.active()
    views = [[_view(one) for one in found if one.redirect.port == port] for found in (before, after)]
    return {"changed": changed, "redirects": [_view(one) for one in after], "diff": {"before": {"redirects": views[0]}, "after": {"redirects": views[1]}}}


def _put(redirects: Redirects, port: int, params: t.Mapping[str, t.Any], check: bool, engine: Open) -> bool:
    wanted = _wanted(port, params, engine)
    refuse_taken(redirects, wanted)
    now = redirects.get(wanted.name, wanted.family)
    tool = params["tool"] or (now.tool if now else "")
    if now and now.does(wanted, tool):
        return False
    if not check:
        redirects.put(wanted, tool, {})
        if now:
            # Without an address: what was there before runs on, and keeps the connections that it has.
            redirects.forget(wanted.name, wanted.family, ())
    return True


def _drop(redirects: Redirects, before: t.Sequence[Active], port: int, check: bool) -> bool:
    there = [one.redirect for one in before if one.redirect.port == port]
    others = [one.name for one in there if one.name != _name(port)]
    if others:
        raise InvalidInput("port: %d is redirected by %s" % (port, others[0].replace(".", " ", 1)), "Remove that service with state: absent.")
    if not check:
        for family in (IPV4, IPV6):
            redirects.drop(_name(port), family)
    return bool(there)


def _expected(before: t.Sequence[Active], port: int, params: t.Mapping[str, t.Any], engine: Open) -> list[Active]:
    if params["state"] == "absent":
        return [one for one in before if one.redirect.port != port]
    wanted = _wanted(port, params, engine)
    rest = [one for one in before if (one.redirect.name, one.redirect.family) != (wanted.name, wanted.family)]
    return sorted([*rest, Active(wanted, params["tool"] or "")], key=lambda one: one.redirect.port)


def _name(port: int) -> str:
    return "port.%d" % port


def _wanted(port: int, params: t.Mapping[str, t.Any], engine: Open) -> Redirect:
    to = params["to"]
    if not to:
        raise InvalidInput("to: not given", "Say where the port leads to: an address and a port, or a service and its version.")
    if bool(to["address"]) == bool(to["service"]):
        raise InvalidInput("to: it needs either address or service", "Name one of them.")
    found = _instances(engine(), to) if to["service"] else [_address(to["address"])]
    family = family_of(found[0])
    addresses = addresses_of("", params)
    if any(family_of(one) != family for one in addresses):
        raise InvalidInput("addresses: %s and %s are of two families" % (addresses[0], found[0]), "The kernel redirects within one family only.")
    destinations = tuple(Destination(one, FULL) for one in found)
    return Redirect(_name(port), port, protocols_of("", params), addresses, _to_port(to, port), destinations, family)


def _to_port(to: t.Mapping[str, t.Any], port: int) -> int:
    return check_port("to.port", to["port"]) if to["port"] is not None else port


def _address(text: str) -> str:
    try:
        family_of(text)
    except ValueError:
        raise InvalidInput("to.address: %r is not an address" % text, "Write the IPv4 or IPv6 address of a container, or 127.0.0.1.") from None
    return text


def _instances(engine: Engine, to: t.Mapping[str, t.Any]) -> list[str]:
    """Addresses of the running instances of the service's version. Raises InvalidInput that names what there is."""
    if engine.rootless:
        raise InvalidInput("to.service: root cannot reach the addresses of rootless containers", "Publish a port, and name 127.0.0.1 and that port.")
    running = [one for one in engine.containers({LABEL_SERVICE: to["service"]}) if one.running]
    versions = sorted({one.labels.get(LABEL_VERSION, "") for one in running})
    version = to["version"] or (versions[0] if len(versions) == 1 else "")
    found = sorted({_own_address(one) for one in running if version and one.labels.get(LABEL_VERSION) == version} - {""})
    if not found:
        raise InvalidInput(
            "to: version %s of service %s does not run with an address here; there are: %s"
            % (to["version"] or "(not given)", to["service"], ", ".join(versions) or "none"),
            "Name one of them in to.version.",
        )
    return found


def _own_address(one: Container) -> str:
    return one.labels.get(LABEL_ADDRESS) or next((address for address in one.networks.values() if address), "")


def _view(active: Active) -> dict[str, t.Any]:
    one = active.redirect
    kind, _dot, owner = one.name.partition(".")
    return {
        "port": one.port,
        "protocols": list(one.protocols),
        "addresses": list(one.addresses),
        "to": [{"address": to.address, "port": one.to_port, "weight": to.weight} for to in one.to],
        "service": owner if kind == "service" else None,
    }
