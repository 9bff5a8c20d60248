# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What both engines' JSON has in common. Pure: no engine, no file, no clock."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import typing as t

from .types import LABEL_ADDRESS, ContainerSpec, Healthcheck, Publish

Json = t.Dict[str, t.Any]
NANO = 1_000_000_000
_NEVER = "0001-01-01T00:00:00Z"


def present(values: Json) -> Json:
    """Without what is None, empty, zero or False: the engine's default counts there."""
    return {key: value for key, value in values.items() if value not in (None, "", 0, False, (), [], {})}


def label_filters(labels: t.Mapping[str, str]) -> list[str]:
    """Labels as both engines' list filter wants them; an empty value asks for the key only."""
    return ["%s=%s" % (key, value) if value else key for key, value in sorted(labels.items())]


def carries(found: t.Mapping[str, str], asked: t.Mapping[str, str]) -> bool:
    """True when every asked label is found, with its value unless that is empty."""
    return all(key in found and (not value or found[key] == value) for key, value in asked.items())


def labels_of(spec: ContainerSpec) -> dict[str, str]:
    """The labels to create with; the fixed address is one of them: Podman tells it nowhere while a container is stopped."""
    labels = dict(spec.labels)
    if spec.address:
        labels.setdefault(LABEL_ADDRESS, spec.address)
    return labels


def entrypoint_of(spec: ContainerSpec) -> list[str] | None:
    """None: the image's. Both engines read [""] as none at all, and [] as the image's."""
    if spec.entrypoint is None:
        return None
    return list(spec.entrypoint) or [""]


def healthcheck_json(check: Healthcheck | None) -> Json | None:
    """A healthcheck as both engines store it: times in nanoseconds."""
    if check is None:
        return None
    return {
        "Test": list(check.test),
        "Interval": int(check.interval * NANO),
        "Timeout": int(check.timeout * NANO),
        "Retries": check.retries,
        "StartPeriod": int(check.start_period * NANO),
    }


def has_healthcheck(config: t.Mapping[str, t.Any] | None) -> bool:
    """True when a container's or image's config has a check that is not switched off."""
    test = ((config or {}).get("Healthcheck") or {}).get("Test") or []
    return bool(test) and test != ["NONE"]


# Of an engine's inspect JSON: what stays as it was made, in the same words from one version of the engine to the next.
_MADE_CONFIG = ("Cmd", "Entrypoint", "Image", "Labels", "StopSignal", "User", "WorkingDir")
_MADE_HOST = ("CapAdd", "CapDrop", "CpuPeriod", "CpuQuota", "Memory", "NanoCpus", "NetworkMode", "PortBindings", "Privileged", "ReadonlyRootfs", "SecurityOpt")
# Engines add these by themselves, some of them only when the container starts.
_ENGINES_OWN = ("HOME=", "HOSTNAME=", "PATH=", "TERM=", "container=")


def fingerprint(data: t.Mapping[str, t.Any]) -> str:
    """A short hash of what a container was made with. The restart policy does not count: it changes with the traffic."""
    config, host = data.get("Config") or {}, data.get("HostConfig") or {}
    env = sorted(one for one in config.get("Env") or () if not one.startswith(_ENGINES_OWN))
    mounts = sorted("%s %s %s" % (one.get("Source") or one.get("Name"), one.get("Destination"), one.get("RW")) for one in data.get("Mounts") or ())
    made = [[config.get(key) for key in _MADE_CONFIG], [host.get(key) for key in _MADE_HOST], env, mounts]
    return hashlib.sha256(json.dumps(made, sort_keys=True, default=str).encode()).hexdigest()[:16]


def restart_policy(text: str) -> tuple[str, int]:
    """ "on-failure:3" -> ("on-failure", 3); 0 where no number of retries is given."""
    name, _colon, retries = text.partition(":")
    return name, int(retries) if retries.isdigit() else 0


def stop_timeout(data: t.Mapping[str, t.Any]) -> int:
    """Seconds that a container itself wants between its stop signal and SIGKILL; 10 is both engines' default."""
    found = (data.get("Config") or {}).get("StopTimeout")
    return 10 if found is None else int(found)


def moment(text: t.Any) -> str:
    """An engine's RFC 3339 time, "" for its word for never (the year 1)."""
    return "" if not text or str(text).startswith(_NEVER[:10]) else str(text)


def address_of(text: t.Any) -> str:
    """ "10.1.2.3/24" -> "10.1.2.3"; "" stays."""
    return str(text or "").partition("/")[0]


def addresses_of(settings: t.Mapping[str, t.Any], status: str) -> dict[str, str]:
    """Network -> address from inspect's NetworkSettings; "" unless it runs: for a moment after the end Podman still has the old one."""
    alive = status in ("running", "paused")
    return {name: address_of((each or {}).get("IPAddress")) if alive else "" for name, each in (settings.get("Networks") or {}).items()}


def aliases_of(settings: t.Mapping[str, t.Any]) -> dict[str, tuple[str, ...]]:
    """Network -> further names there, from inspect's NetworkSettings."""
    return {name: tuple((each or {}).get("Aliases") or ()) for name, each in (settings.get("Networks") or {}).items()}


def host_ip(text: t.Any) -> str:
    """The host address of a published port, "" for every address."""
    return "" if text in (None, "0.0.0.0", "::") else str(text)


def bindings(host_config: t.Mapping[str, t.Any], settings: t.Mapping[str, t.Any]) -> tuple[Publish, ...]:
    """Published ports from inspect: as configured, and as given by the engine where the configuration leaves the port to it."""
    actual = settings.get("Ports") or {}
    found = []
    for key, wanted in (host_config.get("PortBindings") or {}).items():
        for index, binding in enumerate(wanted or []):
            given = (actual.get(key) or [])[index : index + 1]
            port = int(binding.get("HostPort") or 0) or int((given[0] if given else {}).get("HostPort") or 0)
            number, _slash, protocol = key.partition("/")
            found.append(Publish(host_ip(binding.get("HostIp")), port, int(number), protocol or "tcp"))
    return tuple(found)


def distinct(ports: t.Iterable[Publish]) -> tuple[Publish, ...]:
    """In order, each once: engines list a port on every address twice, for IPv4 and IPv6."""
    return tuple(dict.fromkeys(ports))


def image_id(text: t.Any) -> str:
    """An image id with its "sha256:" prefix, which Podman leaves out."""
    found = str(text or "")
    return found if not found or ":" in found else "sha256:" + found


def layers_of(data: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """The digests of an image's unpacked layers, from either engine's inspect."""
    return tuple((data.get("RootFS") or {}).get("Layers") or ())


def layer_sizes(history: t.Iterable[t.Mapping[str, t.Any]]) -> tuple[int, ...]:
    """The bytes of an image's layers, the lowest first, from either engine's history. What only changed settings made no layer, and has none."""
    sizes = [int(row.get("Size") or 0) for row in history]
    return tuple(one for one in reversed(sizes) if one)


def platform_of(data: t.Mapping[str, t.Any]) -> str:
    """ "linux/amd64" from either engine's inspect of an image, without the variant."""
    return "%s/%s" % (data.get("Os") or "linux", data.get("Architecture") or "")


def split_ref(ref: str) -> tuple[str, str]:
    """An image reference as name and tag or digest, "latest" where it has neither."""
    name, at, digest = ref.partition("@")
    if at:
        return name, digest
    head, slash, last = ref.rpartition("/")
    last, _colon, tag = last.partition(":")
    return head + slash + last, tag or "latest"


def gateway_of(subnet: str, gateway: str) -> str:
    """The gateway asked for, else the subnet's first address: the engines would choose differently with an ip_range."""
    if gateway or not subnet:
        return gateway
    return str(ipaddress.ip_network(subnet)[1])


def lease_range(subnet: str, ip_range: str) -> tuple[str, str]:
    """First and last address of ip_range that a container of the subnet can have."""
    whole = ipaddress.ip_network(subnet)
    part = ipaddress.ip_network(ip_range)
    start = part[0] if part[0] != whole[0] else part[1]
    end = part[-1] if part[-1] != whole[-1] else part[-2]
    return str(start), str(end)


def range_of(start: t.Any, end: t.Any) -> str:
    """The smallest CIDR block that holds both addresses: what lease_range was made from. "" without addresses."""
    if not start or not end:
        return ""
    block = ipaddress.ip_network(str(start))
    while ipaddress.ip_address(str(end)) not in block:
        block = block.supernet()
    return str(block)


def ipv4_of(subnets: t.Iterable[t.Mapping[str, t.Any]], key: str) -> t.Mapping[str, t.Any]:
    """The first subnet of a network that is IPv4, else an empty mapping."""
    return next((each for each in subnets if "." in str(each.get(key, ""))), {})
