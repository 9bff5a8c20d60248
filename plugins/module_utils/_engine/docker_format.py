# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Our records to Docker's API JSON, and Docker's inspect JSON to our records. Pure; fields as in the Engine API reference."""

from __future__ import annotations

import typing as t

from .._errors import InvalidInput
from .formats import (
    NANO,
    Json,
    address_of,
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
    ipv4_of,
    labels_of,
    layers_of,
    moment,
    platform_of,
    present,
    restart_policy,
)
from .types import Container, ContainerSpec, Image, Mount, Network, NetworkSpec, Publish, Storage

# Our words for what Docker calls differently.
_STATES = {"removing": "stopping"}


def no_secrets() -> InvalidInput:
    """The error for a secret of the engine."""
    return InvalidInput("secrets: Docker keeps secrets for Swarm only, and gives a container none", "Give the value in file or content.")


def container_config(spec: ContainerSpec) -> Json:
    """The body of POST /containers/create.

    Raises:
        InvalidInput: a secret of the engine is wanted.
    """
    if spec.secrets:
        raise no_secrets()
    config = present(
        {
            "Image": spec.image,
            "Cmd": list(spec.command or ()),
            "Entrypoint": entrypoint_of(spec),
            "Env": ["%s=%s" % pair for pair in spec.env.items()],
            "Labels": labels_of(spec),
            "User": spec.user,
            "WorkingDir": spec.workdir,
            "Hostname": spec.hostname,
            "StopSignal": spec.stop_signal,
            "Healthcheck": healthcheck_json(spec.healthcheck),
            "ExposedPorts": {_port_key(port): {} for port in spec.publish},
            "HostConfig": _host_config(spec),
            "NetworkingConfig": _networking_config(spec),
        }
    )
    if spec.stop_timeout is not None:
        config["StopTimeout"] = spec.stop_timeout
    return config


def _host_config(spec: ContainerSpec) -> Json:
    return present(
        {
            "NetworkMode": spec.network_mode or spec.network,
            "PortBindings": _port_bindings(spec.publish),
            "Memory": spec.memory,
            "NanoCpus": round(spec.cpus * NANO),
            "CapAdd": list(spec.cap_add),
            "CapDrop": list(spec.cap_drop),
            "SecurityOpt": list(spec.security_opt),
            "ReadonlyRootfs": spec.read_only,
            "Devices": [_device(text) for text in spec.devices],
            "Sysctls": dict(spec.sysctls),
            "Ulimits": [{"Name": each.name, "Soft": each.soft, "Hard": each.hard} for each in spec.ulimits],
            "ExtraHosts": ["%s:%s" % pair for pair in spec.extra_hosts.items()],
            "Dns": list(spec.dns),
            "LogConfig": present({"Type": spec.log_driver, "Config": dict(spec.log_options)}),
            "RestartPolicy": restart_json(spec.restart_policy),
            "Init": spec.init,
            "Mounts": [_mount(each) for each in spec.mounts if each.kind != "tmpfs" and not each.options],
            "Binds": [_bind(each) for each in spec.mounts if each.kind != "tmpfs" and each.options],
            "Tmpfs": {each.target: _tmpfs_options(each) for each in spec.mounts if each.kind == "tmpfs"},
        }
    )


def _networking_config(spec: ContainerSpec) -> Json:
    if not spec.network or spec.network_mode:
        return {}
    endpoint = present({"IPAMConfig": present({"IPv4Address": spec.address}), "Aliases": list(spec.aliases)})
    return {"EndpointsConfig": {spec.network: endpoint}}


def _port_key(port: Publish) -> str:
    return "%d/%s" % (port.container_port, port.protocol)


def _port_bindings(ports: t.Iterable[Publish]) -> Json:
    found: Json = {}
    for port in ports:
        found.setdefault(_port_key(port), []).append({"HostIp": port.host_ip, "HostPort": str(port.host_port or "")})
    return found


def _device(text: str) -> Json:
    host, _colon, rest = text.partition(":")
    inside, _colon, permissions = rest.partition(":")
    return {"PathOnHost": host, "PathInContainer": inside or host, "CgroupPermissions": permissions or "rwm"}


def restart_json(text: str) -> Json:
    """Our word for a restart policy as Docker has it."""
    name, retries = restart_policy(text)
    return present({"Name": name, "MaximumRetryCount": retries})


def _mount(mount: Mount) -> Json:
    return present({"Type": mount.kind, "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only})


def _bind(mount: Mount) -> str:
    # Only this old form carries options such as z and Z (SELinux); unlike Mounts it makes a missing host folder.
    options = (["ro"] if mount.read_only else []) + list(mount.options)
    return "%s:%s:%s" % (mount.source, mount.target, ",".join(options))


def _tmpfs_options(mount: Mount) -> str:
    size = ["size=%d" % mount.size] if mount.size else []
    return ",".join((["ro"] if mount.read_only else []) + size + list(mount.options))


def container_record(data: Json) -> Container:
    """GET /containers/NAME/json as our record."""
    state, config = data.get("State") or {}, data.get("Config") or {}
    status = str(state.get("Status", ""))
    settings = data.get("NetworkSettings") or {}
    return Container(
        id=data["Id"],
        name=str(data.get("Name", "")).lstrip("/"),
        image=str(config.get("Image", "")),
        image_id=str(data.get("Image", "")),
        state=_STATES.get(status, status),
        pid=int(state.get("Pid") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        restart_count=int(data.get("RestartCount") or 0),
        health=_health(state),
        has_healthcheck=has_healthcheck(config),
        created_at=moment(data.get("Created")),
        started_at=moment(state.get("StartedAt")),
        finished_at=moment(state.get("FinishedAt")),
        labels=config.get("Labels") or {},
        networks=addresses_of(settings, status),
        publish=distinct(bindings(data.get("HostConfig") or {}, settings)),
        aliases=aliases_of(settings),
        settings=fingerprint(data),
        at_boot=((data.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name") not in (None, "", "no"),
    )


def _health(state: Json) -> str:
    status = str((state.get("Health") or {}).get("Status", ""))
    return "" if status == "none" else status


def reserved_addresses(data: Json, network: str) -> set[str]:
    """Addresses that a container, running or not, has on the network: the present one and the configured one."""
    endpoint = ((data.get("NetworkSettings") or {}).get("Networks") or {}).get(network) or {}
    configured = (endpoint.get("IPAMConfig") or {}).get("IPv4Address")
    return {each for each in (address_of(endpoint.get("IPAddress")), address_of(configured)) if each}


def published_ports(row: Json) -> tuple[Publish, ...]:
    """Published ports of one entry of GET /containers/json."""
    ports = [each for each in row.get("Ports") or [] if each.get("PublicPort")]
    return distinct(Publish(host_ip(each.get("IP")), int(each["PublicPort"]), int(each["PrivatePort"]), str(each.get("Type", "tcp"))) for each in ports)


def network_body(spec: NetworkSpec) -> Json:
    """Keyword arguments of the SDK's create_network, IPAM as the API has it."""
    pool = present({"Subnet": spec.subnet, "IPRange": spec.ip_range, "Gateway": gateway_of(spec.subnet, spec.gateway)})
    body = present({"driver": "bridge", "internal": spec.internal, "labels": dict(spec.labels), "options": dict(spec.options)})
    body.update(name=spec.name, check_duplicate=True, ipam={"Driver": "default", "Config": [pool] if pool else []})
    return body


def network_record(data: Json) -> Network:
    """GET /networks/ID as our record."""
    pool = ipv4_of((data.get("IPAM") or {}).get("Config") or [], "Subnet")
    attached = (data.get("Containers") or {}).values()
    return Network(
        id=data["Id"],
        name=data["Name"],
        driver=str(data.get("Driver", "")),
        subnet=str(pool.get("Subnet", "")),
        ip_range=str(pool.get("IPRange", "")),
        gateway=str(pool.get("Gateway", "")),
        internal=bool(data.get("Internal")),
        labels=data.get("Labels") or {},
        addresses={each["Name"]: address_of(each.get("IPv4Address")) for each in attached},
    )


def storage_record(data: Json) -> Storage:
    """GET /info as our record."""
    store = {str(row[0]): str(row[1]) for row in data.get("DriverStatus") or ()}
    return Storage(data["DockerRootDir"], data["Architecture"], not store.get("driver-type", "").startswith("io.containerd"))


def image_record(data: Json) -> Image:
    """GET /images/REF/json as our record; refs are tags, then digests."""
    return Image(
        id=data["Id"],
        refs=tuple(data.get("RepoTags") or ()) + tuple(data.get("RepoDigests") or ()),
        size=int(data.get("Size") or 0),
        has_healthcheck=has_healthcheck(data.get("Config")),
        layers=layers_of(data),
        platform=platform_of(data),
    )
