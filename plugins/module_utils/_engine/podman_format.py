# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Our records to Podman's libpod API JSON, and its inspect JSON to our records. Pure.

The body for create is libpod's SpecGenerator, written here and not by podman-py: its create call is wrong, silently or
not, for secrets, volumes, tmpfs, stop signals by name and more, differently in each version (measured).
"""

from __future__ import annotations

import dataclasses
import signal
import typing as t

from .._errors import InvalidInput
from .formats import (
    Json,
    addresses_of,
    aliases_of,
    bindings,
    distinct,
    entrypoint_of,
    fingerprint,
    gateway_of,
    has_healthcheck,
    healthcheck_json,
    host_ip,
    image_id,
    ipv4_of,
    labels_of,
    layers_of,
    lease_range,
    moment,
    platform_of,
    present,
    range_of,
    restart_policy,
)
from .types import Container, ContainerSpec, EngineSecret, Image, Mount, Network, NetworkSpec, Publish, Storage

_CPU_PERIOD = 100_000
_UNLIMITED = 2**64 - 1
_STATES = {
    "configured": "created",
    "initialized": "created",
    "stopped": "exited",
    "removing": "stopping",
    "unknown": "dead",
}
_SIZE_UNITS = {"": 1, "b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3}
# --security-opt word -> SpecGenerator field that takes the value as it is.
_SECURITY_TEXT = {"apparmor": "apparmor_profile", "seccomp": "seccomp_profile_path"}
_SECURITY_LIST = {"label": "selinux_opts", "mask": "mask", "unmask": "unmask", "proc-opts": "procfs_opts"}
# What Docker takes for true; an option without a value is one too.
_YES = ("", "1", "t", "T", "true", "True", "TRUE")


def container_body(spec: ContainerSpec) -> Json:
    """The body of POST /libpod/containers/create.

    Raises:
        InvalidInput: a stop signal, security option or log size that Podman has no word for.
    """
    policy, tries = restart_policy(spec.restart_policy)
    body = present(
        {
            "name": spec.name,
            "image": spec.image,
            "command": list(spec.command or ()),
            "entrypoint": entrypoint_of(spec),
            "env": dict(spec.env),
            "labels": labels_of(spec),
            "user": spec.user,
            "work_dir": spec.workdir,
            "hostname": spec.hostname,
            "cap_add": list(spec.cap_add),
            "cap_drop": list(spec.cap_drop),
            "read_only_filesystem": spec.read_only,
            "devices": [{"path": text} for text in spec.devices],
            "sysctl": dict(spec.sysctls),
            "r_limits": [{"type": each.name, "soft": _limit(each.soft), "hard": _limit(each.hard)} for each in spec.ulimits],
            "hostadd": ["%s:%s" % pair for pair in spec.extra_hosts.items()],
            "dns_server": list(spec.dns),
            "log_configuration": _logging(spec),
            "restart_policy": policy,
            "restart_tries": tries,
            "stop_signal": signal_number(spec.stop_signal) if spec.stop_signal else 0,
            "init": spec.init,
            "healthconfig": healthcheck_json(spec.healthcheck),
            "resource_limits": _resources(spec),
            "portmappings": [_port(each) for each in spec.publish],
            "mounts": [_mount(each) for each in spec.mounts if each.kind != "volume"],
            "volumes": [_volume(each) for each in spec.mounts if each.kind == "volume"],
            "secrets": [_secret(each) for each in spec.secrets],
        }
    )
    if spec.stop_timeout is not None:
        body["stop_timeout"] = spec.stop_timeout
    body.update(_security(spec.security_opt))
    body.update(_networking(spec))
    return body


def fixed_mac(address: str) -> str:
    """The MAC that belongs to an IPv4 address, made as Docker makes it: 02:42 and the address.

    A re-used address with a new random MAC is unreachable for neighbours with a stale entry (measured on Podman).
    """
    return "02:42:" + ":".join("%02x" % int(part) for part in address.split("."))


def signal_number(name: str) -> int:
    """ "SIGTERM", "TERM", "15" or "SIGRTMIN+3" as a number, which is what libpod's create takes.

    Raises:
        InvalidInput: there is no such signal.
    """
    base, _plus, offset = name.upper().partition("+")
    if base.isdigit():
        return int(base)
    found = getattr(signal, base if base.startswith("SIG") else "SIG" + base, None)
    if not isinstance(found, signal.Signals) or (offset and not offset.isdigit()):
        raise InvalidInput("stop_signal: %r is not a signal" % name, "Use a name as SIGTERM, or a number.")
    return int(found) + int(offset or 0)


def _networking(spec: ContainerSpec) -> Json:
    if spec.network_mode:
        return _network_mode(spec.network_mode)
    if not spec.network:
        return {}
    options: Json = {"aliases": list(spec.aliases)}
    if spec.address:
        options.update(static_ips=[spec.address], static_mac=fixed_mac(spec.address))
    return {"netns": {"nsmode": "bridge"}, "Networks": {spec.network: present(options)}}


def _network_mode(text: str) -> Json:
    mode, _colon, value = text.partition(":")
    if mode in ("slirp4netns", "pasta"):
        options = {mode: value.split(",")} if value else {}
        return present({"netns": {"nsmode": mode}, "network_options": options})
    if mode == "ns":
        return {"netns": {"nsmode": "path", "value": value}}
    if mode in ("host", "none", "private", "bridge", "container"):
        return {"netns": present({"nsmode": mode, "value": value})}
    return {"netns": {"nsmode": "bridge"}, "Networks": {text: {}}}


def _limit(value: int) -> int:
    return _UNLIMITED if value < 0 else value


def _resources(spec: ContainerSpec) -> Json:
    # Swap as both engines' command lines have it when only memory is given.
    memory = {"limit": spec.memory, "swap": 2 * spec.memory}
    cpu = {"quota": round(spec.cpus * _CPU_PERIOD), "period": _CPU_PERIOD}
    return present({"memory": memory if spec.memory else {}, "cpu": cpu if spec.cpus else {}})


def _port(port: Publish) -> Json:
    return present({"host_ip": port.host_ip, "host_port": port.host_port, "container_port": port.container_port, "protocol": port.protocol})


def anywhere(ports: t.Iterable[Publish]) -> tuple[Publish, ...]:
    """For root's engine: every address as no address. Old Netavarks take 0.0.0.0 for the destination of packets, and forward none (its issue 636)."""
    return tuple(dataclasses.replace(one, host_ip="") if one.host_ip == "0.0.0.0" else one for one in ports)


def _mount(mount: Mount) -> Json:
    options = list(mount.options) + (["ro"] if mount.read_only else [])
    if mount.kind == "tmpfs":
        size = ["size=%d" % mount.size] if mount.size else []
        return {"type": "tmpfs", "source": "tmpfs", "destination": mount.target, "options": options + size}
    if not {"bind", "rbind"} & set(options):
        options.append("rbind")
    return {"type": "bind", "source": mount.source, "destination": mount.target, "options": options}


def _volume(mount: Mount) -> Json:
    options = list(mount.options) + (["ro"] if mount.read_only else [])
    return {"Name": mount.source, "Dest": mount.target, "Options": options}


def _secret(secret: EngineSecret) -> Json:
    return {"Source": secret.source, "Target": secret.target, "Mode": secret.mode, "UID": secret.uid, "GID": secret.gid}


def secret_identity(data: Json) -> str:
    """What GET /libpod/secrets/NAME/json has that no other secret has: Podman replaces one by a new one with another id."""
    return "%s %s" % (data["ID"], data.get("UpdatedAt", ""))


def _logging(spec: ContainerSpec) -> Json:
    options = dict(spec.log_options)
    size = options.pop("max-size", "")
    path = options.pop("path", "")
    return present({"driver": spec.log_driver, "path": path, "size": _bytes(size) if size else 0, "options": options})


def _bytes(text: str) -> int:
    digits = text.rstrip("kKmMgGbB")
    unit = text[len(digits) :].lower()
    if not digits.isdigit() or unit not in _SIZE_UNITS:
        raise InvalidInput("log_options: max-size %r is not a size" % text, "Write a number with k, m or g, for example 10m.")
    return int(digits) * _SIZE_UNITS[unit]


def _security(words: t.Iterable[str]) -> Json:
    found: Json = {}
    for text in words:
        key, equals, value = text.partition("=" if "=" in text else ":")
        if key == "no-new-privileges":
            found["no_new_privileges"] = value in _YES
        elif equals and key in _SECURITY_TEXT:
            found[_SECURITY_TEXT[key]] = value
        elif equals and key in _SECURITY_LIST:
            found.setdefault(_SECURITY_LIST[key], []).extend([value] if key == "label" else value.split(":"))
        elif text == "systempaths=unconfined":
            found["unmask"] = ["ALL"]
        else:
            raise InvalidInput("security_opt: Podman has no %r" % text, "Use no-new-privileges, label=, apparmor=, seccomp=, mask= or unmask=.")
    return found


def container_record(data: Json) -> Container:
    """GET /libpod/containers/NAME/json as our record."""
    state, config = data.get("State") or {}, data.get("Config") or {}
    status = str(state.get("Status", ""))
    settings = data.get("NetworkSettings") or {}
    return Container(
        id=data["Id"],
        name=str(data.get("Name", "")),
        image=str(data.get("ImageName") or config.get("Image", "")),
        image_id=image_id(data.get("Image")),
        state=_STATES.get(status, status),
        pid=int(state.get("Pid") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        restart_count=int(data.get("RestartCount") or 0),
        health=health(state),
        has_healthcheck=has_healthcheck(config),
        created_at=moment(data.get("Created")),
        started_at=moment(state.get("StartedAt")),
        finished_at=moment(state.get("FinishedAt")),
        labels=config.get("Labels") or {},
        networks=addresses_of(settings, status),
        publish=distinct(bindings(data.get("HostConfig") or {}, settings)),
        aliases=aliases_of(settings),
        settings=fingerprint(data),
    )


def health(state: Json) -> str:
    """The verdict in a container's State; "Healthcheck" is its older name."""
    return str((state.get("Health") or state.get("Healthcheck") or {}).get("Status") or "")


def published_ports(row: Json) -> tuple[Publish, ...]:
    """Published ports of one entry of GET /libpod/containers/json; ranges are taken apart."""
    found = []
    for each in row.get("Ports") or []:
        for offset in range(max(1, int(each.get("range") or 1)) if each.get("host_port") else 0):
            ports = int(each["host_port"]) + offset, int(each["container_port"]) + offset
            found += [Publish(host_ip(each.get("host_ip")), ports[0], ports[1], protocol) for protocol in str(each.get("protocol") or "tcp").split(",")]
    return distinct(found)


def network_body(spec: NetworkSpec) -> Json:
    """The body of POST /libpod/networks/create: a bridge with DNS for the containers' names."""
    body = present({"internal": spec.internal, "labels": dict(spec.labels), "options": dict(spec.options)})
    body.update(name=spec.name, driver="bridge", dns_enabled=True)
    if spec.subnet:
        subnet: Json = {"subnet": spec.subnet, "gateway": gateway_of(spec.subnet, spec.gateway)}
        if spec.ip_range:
            start, end = lease_range(spec.subnet, spec.ip_range)
            subnet["lease_range"] = {"start_ip": start, "end_ip": end}
        body["subnets"] = [subnet]
    return body


def network_record(data: Json, addresses: t.Mapping[str, str]) -> Network:
    """GET /libpod/networks/NAME/json as our record; addresses come from the containers, as old Podman does not list them here."""
    subnet = ipv4_of(data.get("subnets") or [], "subnet")
    lease = subnet.get("lease_range") or {}
    return Network(
        id=str(data.get("id", "")),
        name=data["name"],
        driver=str(data.get("driver", "")),
        subnet=str(subnet.get("subnet", "")),
        ip_range=range_of(lease.get("start_ip"), lease.get("end_ip")),
        gateway=str(subnet.get("gateway", "")),
        internal=bool(data.get("internal")),
        labels=data.get("labels") or {},
        addresses=addresses,
    )


def storage_record(data: Json) -> Storage:
    """GET /libpod/info as our record."""
    return Storage(data["store"]["graphRoot"], data["host"]["arch"])


def image_record(data: Json) -> Image:
    """GET /libpod/images/REF/json as our record; refs are tags, then digests."""
    return Image(
        id=image_id(data.get("Id")),
        refs=tuple(data.get("RepoTags") or ()) + tuple(data.get("RepoDigests") or ()),
        size=int(data.get("Size") or 0),
        has_healthcheck=has_healthcheck({"Healthcheck": data.get("Healthcheck") or data.get("HealthCheck")}) or has_healthcheck(data.get("Config")),
        layers=layers_of(data),
        platform=platform_of(data),
    )
