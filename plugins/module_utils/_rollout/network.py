# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The shared container network: what it should be, what it is, and the way from one to the other."""

from __future__ import annotations

import dataclasses
import ipaddress
import pathlib
import sys
import typing as t

from .._engine.types import LABEL_NETWORK, Engine, Network, NetworkSpec
from .._errors import HotswapError, InvalidInput, NotOurs
from .addresses import first_host, free_subnet, lower_half
from .owner import owner
from .validate import check_name

_ROUTES = pathlib.Path("/proc/net/route")
# RTF_REJECT in linux/route.h: such an entry reaches nothing.
_REJECT = 0x0200


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the task asks for; "" means: whatever an existing network has, or our own choice for a new one."""

    name: str
    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    internal: bool = False
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


def wanted(params: t.Mapping[str, t.Any]) -> Wanted:
    """The module's parameters, checked. Raises InvalidInput."""
    name = check_name("name", params["name"])
    subnet = _subnet(params["subnet"] or "")
    if not subnet and (params["ip_range"] or params["gateway"]):
        raise InvalidInput("ip_range and gateway lie inside a subnet", "Set subnet too.")
    ip_range = _inside(subnet, "ip_range", params["ip_range"] or "")
    gateway = _inside(subnet, "gateway", params["gateway"] or "")
    labels = {str(key): str(value) for key, value in (params["labels"] or {}).items()}
    for label in labels:
        if label.startswith("hotswap."):
            raise InvalidInput("labels: %s is a label that hotswap.containers keeps for itself" % label, "Use a name without hotswap. in front.")
    return Wanted(name, subnet, ip_range, gateway, bool(params["internal"]), labels)


def _subnet(text: str) -> str:
    if not text:
        return ""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise InvalidInput("subnet: %r is not an IPv4 subnet (%s)" % (text, error), "Write it like 10.213.0.0/24.") from None
    if network.prefixlen > 29:
        raise InvalidInput("subnet: %s is too small for a proxy and instances" % text, "Use /29 or larger.")
    return str(network)


def _inside(subnet: str, parameter: str, text: str) -> str:
    if not text:
        return ""
    try:
        part = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise InvalidInput("%s: %r is not right (%s)" % (parameter, text, error), "Use IPv4, inside subnet %s." % subnet) from None
    if not part.subnet_of(ipaddress.IPv4Network(subnet)):
        raise InvalidInput("%s: %s lies outside the subnet %s" % (parameter, text, subnet), "Use one inside it.")
    return text if parameter == "gateway" else str(part)


def converge(engine: Engine, params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """The whole module: parameters -> result. Raises HotswapError."""
    if params["state"] == "absent":
        return remove(engine, params["name"], check_mode)
    return ensure(engine, wanted(params), check_mode)


def ensure(engine: Engine, want: Wanted, check_mode: bool) -> dict[str, t.Any]:
    """Makes the network exist as wanted; the module's result. Raises NotOurs, and HotswapError for what can't be changed."""
    found = engine.network(want.name)
    if found is not None:
        _ours(engine, found)
        reasons = differences(want, found)
        if not reasons:
            return _result(False, found, found, engine)
        _refuse_attached(engine, found, "cannot change %s" % ", ".join(reasons))
        want = dataclasses.replace(want, subnet=want.subnet or found.subnet)
    # Its own old subnet is free for the new one.
    spec = to_create(want, [one for one in engine.networks() if one.name != want.name], host_routes())
    if check_mode:
        return _result(True, found, _planned(spec), engine)
    if found is not None:
        engine.remove_network(want.name)
    return _result(True, found, engine.create_network(spec), engine)


def remove(engine: Engine, name: str, check_mode: bool) -> dict[str, t.Any]:
    """Makes the network not exist; refuses while containers are attached, naming them."""
    found = engine.network(check_name("name", name))
    if found is None:
        return _result(False, None, None, engine)
    _ours(engine, found)
    _refuse_attached(engine, found, "cannot be removed")
    if not check_mode:
        engine.remove_network(name)
    return _result(True, found, None, engine)


def differences(want: Wanted, found: Network) -> list[str]:
    """The parameters in which the network differs from what is wanted, as "subnet from A to B"."""
    pairs: list[tuple[str, t.Any, t.Any]] = [("internal", found.internal, want.internal)]
    pairs += [
        (key, getattr(found, key), getattr(want, key))
        # Podman has no gateway on an internal network, whatever was asked for.
        for key in ("subnet", "ip_range") + (() if want.internal else ("gateway",))
        if getattr(want, key)
    ]
    pairs += [("label %s" % key, found.labels.get(key, ""), value) for key, value in want.labels.items()]
    return ["%s from %s to %s" % (key, _word(have), _word(value)) for key, have, value in pairs if have != value]


def _word(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "nothing"


def to_create(want: Wanted, networks: t.Iterable[Network], routes: t.Iterable[str]) -> NetworkSpec:
    """The network to create. Docker gives fixed addresses only in subnets that were asked for, so there always is one."""
    taken = [one.subnet for one in networks if one.subnet]
    subnet = want.subnet or free_subnet(taken + list(routes))
    clash = [one for one in taken if ipaddress.ip_network(one, strict=False).overlaps(ipaddress.ip_network(subnet))]
    if clash:
        raise InvalidInput("subnet: %s overlaps %s of another network of this engine" % (subnet, clash[0]), "Use a free one, or leave it out.")
    labels = dict(want.labels)
    labels[LABEL_NETWORK] = want.name
    # Docker takes the gateway from ip_range where none is named, and that may be a network address.
    gateway = want.gateway or first_host(subnet)
    return NetworkSpec(want.name, subnet, want.ip_range or lower_half(subnet), gateway, want.internal, labels)


def host_routes(path: pathlib.Path = _ROUTES) -> list[str]:
    """Every subnet that the host has an IPv4 route to, the default route left out (proc(5), /proc/net/route)."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    found = []
    for fields in (line.split() for line in lines):
        if len(fields) > 7 and not int(fields[3], 16) & _REJECT:
            # The kernel prints the bytes in network order as one number of its own byte order.
            target, mask = (ipaddress.IPv4Address(int(fields[at], 16).to_bytes(4, sys.byteorder)) for at in (1, 7))
            if int(mask):
                found.append("%s/%s" % (target, bin(int(mask)).count("1")))
    return found


def attached(engine: Engine, network: Network) -> list[str]:
    """Names of the containers on the network, stopped ones too (Docker's own list leaves those out)."""
    names = {one.name for one in engine.containers({}) if network.name in one.networks}
    return sorted(names | set(network.addresses))


def _refuse_attached(engine: Engine, network: Network, what: str) -> None:
    names = attached(engine, network)
    if names:
        raise HotswapError(
            "network %s %s while containers are attached: %s" % (network.name, what, ", ".join(names)),
            "Remove these containers first (services and proxies: state absent), or use another network name.",
            containers=names,
        )


def _ours(engine: Engine, network: Network) -> None:
    if network.labels.get(LABEL_NETWORK) == network.name:
        return
    raise NotOurs(
        "network %s (%s, %s) exists on %s and was not made by hotswap.containers.network: %s"
        % (network.name, network.driver, network.subnet or "no subnet", engine.kind, owner(network.labels)),
        "Use another name, or remove that network.",
    )


def as_dict(network: Network) -> dict[str, t.Any]:
    """The network as the module returns it."""
    return {
        "id": network.id,
        "name": network.name,
        "driver": network.driver,
        "subnet": network.subnet,
        "ip_range": network.ip_range,
        "gateway": network.gateway,
        "internal": network.internal,
        "labels": dict(network.labels),
        "containers": dict(network.addresses),
    }


def _planned(spec: NetworkSpec) -> Network:
    return Network("", spec.name, "bridge", spec.subnet, spec.ip_range, spec.gateway, spec.internal, spec.labels)


def _result(changed: bool, before: Network | None, after: Network | None, engine: Engine) -> dict[str, t.Any]:
    state = {True: "present", False: "absent"}
    result: dict[str, t.Any] = {
        "changed": changed,
        "engine": engine.kind,
        "diff": {"before": _managed(before), "after": _managed(after)},
    }
    result["state"] = state[after is not None]
    if after is not None:
        result["network"] = as_dict(after)
    return result


def _managed(network: Network | None) -> dict[str, t.Any]:
    if network is None:
        return {"state": "absent"}
    kept = {key: value for key, value in as_dict(network).items() if key not in ("id", "driver", "containers")}
    return dict(kept, state="present")
