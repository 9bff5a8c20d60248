# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What we ask the engines for: ContainerSpec and NetworkSpec as their API's JSON."""

from __future__ import annotations

import dataclasses
import signal
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine import docker_format, podman_format
from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import (
    ContainerSpec,
    EngineSecret,
    Healthcheck,
    Mount,
    NetworkSpec,
    Publish,
    Ulimit,
)
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput

FULL = ContainerSpec(
    name="greet-A-1",
    image="localhost/greet:A",
    command=("serve",),
    entrypoint=("/bin/app", "-v"),
    env={"GREETING": "Hi"},
    labels={"a": "1"},
    network="edge",
    address="10.1.2.3",
    aliases=("greet",),
    publish=(Publish("127.0.0.1", 8080, 80), Publish("", 53, 53, "udp")),
    mounts=(
        Mount("bind", "/b", "/srv", read_only=True),
        Mount("bind", "/z", "/srv/z", options=("z",)),
        Mount("volume", "/v", "data"),
        Mount("tmpfs", "/t", size=1024, options=("noexec",)),
    ),
    user="1000:1000",
    workdir="/app",
    hostname="greet",
    memory=64 * 1024 * 1024,
    cpus=0.5,
    cap_add=("NET_ADMIN",),
    cap_drop=("ALL",),
    security_opt=("no-new-privileges:true", "label=disable", "seccomp=unconfined", "apparmor=unconfined"),
    read_only=True,
    devices=("/dev/null:/dev/zip:r", "/dev/zero"),
    ulimits=(Ulimit("nofile", 1024, 2048), Ulimit("core", -1, -1)),
    sysctls={"net.ipv4.tcp_tw_reuse": "1"},
    extra_hosts={"db": "10.0.0.9"},
    dns=("10.0.0.53",),
    log_driver="k8s-file",
    log_options={"max-size": "10m", "tag": "x"},
    restart_policy="on-failure:3",
    stop_signal="SIGUSR1",
    stop_timeout=0,
    init=True,
    healthcheck=Healthcheck(("CMD", "true"), interval=0.5, timeout=2, retries=4, start_period=1.5),
)
# Podman only.
SECRETS = (EngineSecret("db", "/run/secrets/password", 0o400, 33, 34),)
CHECK = {"Test": ["CMD", "true"], "Interval": 500_000_000, "Timeout": 2_000_000_000, "Retries": 4, "StartPeriod": 1_500_000_000}
LABELS = {"a": "1", "hotswap.address": "10.1.2.3"}


def test_docker_container() -> None:
    body = docker_format.container_config(FULL)
    host = body.pop("HostConfig")
    assert body == {
        "Image": "localhost/greet:A",
        "Cmd": ["serve"],
        "Entrypoint": ["/bin/app", "-v"],
        "Env": ["GREETING=Hi"],
        "Labels": LABELS,
        "User": "1000:1000",
        "WorkingDir": "/app",
        "Hostname": "greet",
        "StopSignal": "SIGUSR1",
        "StopTimeout": 0,
        "Healthcheck": CHECK,
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "NetworkingConfig": {"EndpointsConfig": {"edge": {"IPAMConfig": {"IPv4Address": "10.1.2.3"}, "Aliases": ["greet"]}}},
    }
    assert host == {
        "NetworkMode": "edge",
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "53/udp": [{"HostIp": "", "HostPort": "53"}]},
        "Memory": 67108864,
        "NanoCpus": 500_000_000,
        "CapAdd": ["NET_ADMIN"],
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true", "label=disable", "seccomp=unconfined", "apparmor=unconfined"],
        "ReadonlyRootfs": True,
        "Devices": [
            {"PathOnHost": "/dev/null", "PathInContainer": "/dev/zip", "CgroupPermissions": "r"},
            {"PathOnHost": "/dev/zero", "PathInContainer": "/dev/zero", "CgroupPermissions": "rwm"},
        ],
        "Sysctls": {"net.ipv4.tcp_tw_reuse": "1"},
        "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 2048}, {"Name": "core", "Soft": -1, "Hard": -1}],
        "ExtraHosts": ["db:10.0.0.9"],
        "Dns": ["10.0.0.53"],
        "LogConfig": {"Type": "k8s-file", "Config": {"max-size": "10m", "tag": "x"}},
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
        "Init": True,
        "Mounts": [{"Type": "bind", "Source": "/srv", "Target": "/b", "ReadOnly": True}, {"Type": "volume", "Source": "data", "Target": "/v"}],
        "Binds": ["/srv/z:/z:z"],
        "Tmpfs": {"/t": "size=1024,noexec"},
    }


def test_podman_container() -> None:
    assert podman_format.container_body(FULL) == {
        "name": "greet-A-1",
        "image": "localhost/greet:A",
        "command": ["serve"],
        "entrypoint": ["/bin/app", "-v"],
        "env": {"GREETING": "Hi"},
        "labels": LABELS,
        "netns": {"nsmode": "bridge"},
        "Networks": {"edge": {"aliases": ["greet"], "static_ips": ["10.1.2.3"], "static_mac": "02:42:0a:01:02:03"}},
        "portmappings": [
            {"host_ip": "127.0.0.1", "host_port": 8080, "container_port": 80, "protocol": "tcp"},
            {"host_port": 53, "container_port": 53, "protocol": "udp"},
        ],
        "mounts": [
            {"type": "bind", "source": "/srv", "destination": "/b", "options": ["ro", "rbind"]},
            {"type": "bind", "source": "/srv/z", "destination": "/z", "options": ["z", "rbind"]},
            {"type": "tmpfs", "source": "tmpfs", "destination": "/t", "options": ["noexec", "size=1024"]},
        ],
        "volumes": [{"Name": "data", "Dest": "/v", "Options": []}],
        "user": "1000:1000",
        "work_dir": "/app",
        "hostname": "greet",
        "resource_limits": {"memory": {"limit": 67108864, "swap": 134217728}, "cpu": {"quota": 50000, "period": 100000}},
        "cap_add": ["NET_ADMIN"],
        "cap_drop": ["ALL"],
        "no_new_privileges": True,
        "selinux_opts": ["disable"],
        "seccomp_profile_path": "unconfined",
        "apparmor_profile": "unconfined",
        "read_only_filesystem": True,
        "devices": [{"path": "/dev/null:/dev/zip:r"}, {"path": "/dev/zero"}],
        "sysctl": {"net.ipv4.tcp_tw_reuse": "1"},
        "r_limits": [{"type": "nofile", "soft": 1024, "hard": 2048}, {"type": "core", "soft": 2**64 - 1, "hard": 2**64 - 1}],
        "hostadd": ["db:10.0.0.9"],
        "dns_server": ["10.0.0.53"],
        "log_configuration": {"driver": "k8s-file", "size": 10 * 1024 * 1024, "options": {"tag": "x"}},
        "restart_policy": "on-failure",
        "restart_tries": 3,
        "stop_signal": int(signal.SIGUSR1),
        "stop_timeout": 0,
        "init": True,
        "healthconfig": CHECK,
    }


def test_defaults_are_the_engine_s() -> None:
    spec = ContainerSpec("one", "app:1")
    assert docker_format.container_config(spec) == {"Image": "app:1"}
    assert podman_format.container_body(spec) == {"name": "one", "image": "app:1"}


def test_no_entrypoint() -> None:
    spec = ContainerSpec("one", "app:1", entrypoint=())
    assert docker_format.container_config(spec)["Entrypoint"] == [""]
    assert podman_format.container_body(spec)["entrypoint"] == [""]


def test_port_that_the_engine_chooses() -> None:
    spec = ContainerSpec("one", "app:1", publish=(Publish("", 0, 80),))
    assert docker_format.container_config(spec)["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": ""}]}
    assert podman_format.container_body(spec)["portmappings"] == [{"container_port": 80, "protocol": "tcp"}]


@pytest.mark.parametrize(
    ("mode", "body"),
    [
        ("host", {"netns": {"nsmode": "host"}}),
        ("none", {"netns": {"nsmode": "none"}}),
        ("container:db", {"netns": {"nsmode": "container", "value": "db"}}),
        ("ns:/run/netns/x", {"netns": {"nsmode": "path", "value": "/run/netns/x"}}),
        ("pasta", {"netns": {"nsmode": "pasta"}}),
        (
            "slirp4netns:mtu=1500,port_handler=slirp4netns",
            {"netns": {"nsmode": "slirp4netns"}, "network_options": {"slirp4netns": ["mtu=1500", "port_handler=slirp4netns"]}},
        ),
        ("other", {"netns": {"nsmode": "bridge"}, "Networks": {"other": {}}}),
    ],
)
def test_podman_network_modes(mode: str, body: dict[str, t.Any]) -> None:
    assert podman_format.container_body(ContainerSpec("one", "app:1", network_mode=mode)) == dict({"name": "one", "image": "app:1"}, **body)


def test_docker_network_mode_excludes_network() -> None:
    body = docker_format.container_config(ContainerSpec("one", "app:1", network_mode="host"))
    assert body == {"Image": "app:1", "HostConfig": {"NetworkMode": "host"}}


@pytest.mark.parametrize(("name", "number"), [("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", int(signal.SIGRTMIN) + 3), ("usr2", int(signal.SIGUSR2))])
def test_signal_numbers(name: str, number: int) -> None:
    assert podman_format.signal_number(name) == number


@pytest.mark.parametrize("name", ["SIGNOTHING", "signal", "default_int_handler", "TERM+x", "SIG_DFL"])
def test_no_signal(name: str) -> None:
    with pytest.raises(InvalidInput, match="stop_signal"):
        podman_format.signal_number(name)


def test_every_address_is_no_address() -> None:
    ports = (Publish("0.0.0.0", 80, 8080), Publish("127.0.0.1", 81, 8080), Publish("", 82, 8080))
    assert [one.host_ip for one in podman_format.anywhere(ports)] == ["", "127.0.0.1", ""]


@pytest.mark.parametrize("word", ["nothing", "label", "credentialspec=file://x"])
def test_security_words_that_podman_has_not(word: str) -> None:
    with pytest.raises(InvalidInput, match="security_opt"):
        podman_format.container_body(ContainerSpec("one", "app:1", security_opt=(word,)))


def test_other_security_words() -> None:
    words = ("mask=/a:/b", "systempaths=unconfined", "label:type:spc_t", "label=level:s0")
    body = podman_format.container_body(ContainerSpec("one", "app:1", security_opt=words))
    assert (body["mask"], body["unmask"], body["selinux_opts"]) == (["/a", "/b"], ["ALL"], ["type:spc_t", "level:s0"])


@pytest.mark.parametrize(
    ("word", "guarded"),
    [("no-new-privileges", True), ("no-new-privileges=true", True), ("no-new-privileges:1", True), ("no-new-privileges:false", False)],
)
def test_both_forms_of_no_new_privileges(word: str, guarded: bool) -> None:
    body = podman_format.container_body(ContainerSpec("one", "app:1", security_opt=(word,)))
    assert body["no_new_privileges"] is guarded


@pytest.mark.parametrize(("text", "size"), [("10", 10), ("2k", 2048), ("1MB", 1024**2), ("1g", 1024**3)])
def test_log_sizes(text: str, size: int) -> None:
    body = podman_format.container_body(ContainerSpec("one", "app:1", log_options={"max-size": text}))
    assert body["log_configuration"] == {"size": size}


def test_log_size_that_is_none() -> None:
    with pytest.raises(InvalidInput, match="max-size"):
        podman_format.container_body(ContainerSpec("one", "app:1", log_options={"max-size": "big"}))


NETWORK = NetworkSpec("edge", subnet="10.9.0.0/24", ip_range="10.9.0.128/25", labels={"a": "1"}, internal=True, options={"mtu": "1400"})


def test_docker_network() -> None:
    assert docker_format.network_body(NETWORK) == {
        "name": "edge",
        "driver": "bridge",
        "check_duplicate": True,
        "internal": True,
        "labels": {"a": "1"},
        "options": {"mtu": "1400"},
        "ipam": {"Driver": "default", "Config": [{"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.128/25", "Gateway": "10.9.0.1"}]},
    }
    assert docker_format.network_body(NetworkSpec("edge"))["ipam"] == {"Driver": "default", "Config": []}


def test_podman_network() -> None:
    assert podman_format.network_body(NETWORK) == {
        "name": "edge",
        "driver": "bridge",
        "dns_enabled": True,
        "internal": True,
        "labels": {"a": "1"},
        "options": {"mtu": "1400"},
        "subnets": [{"subnet": "10.9.0.0/24", "gateway": "10.9.0.1", "lease_range": {"start_ip": "10.9.0.128", "end_ip": "10.9.0.254"}}],
    }
    assert podman_format.network_body(NetworkSpec("edge")) == {"name": "edge", "driver": "bridge", "dns_enabled": True}


def test_secrets_of_the_engine() -> None:
    body = podman_format.container_body(dataclasses.replace(FULL, secrets=SECRETS))
    assert body["secrets"] == [{"Source": "db", "Target": "/run/secrets/password", "Mode": 0o400, "UID": 33, "GID": 34}]
    assert "secrets" not in podman_format.container_body(FULL)
    with pytest.raises(InvalidInput, match="Docker keeps secrets for Swarm only"):
        docker_format.container_config(dataclasses.replace(FULL, secrets=SECRETS))


def test_a_secret_that_was_made_anew_is_told_from_the_one_before() -> None:
    before = {"ID": "0a1b", "UpdatedAt": "2026-01-01T00:00:00Z", "Spec": {"Name": "db"}}
    assert podman_format.secret_identity(before) != podman_format.secret_identity({**before, "ID": "2c3d"})
    assert podman_format.secret_identity({"ID": "0a1b"}) == "0a1b "
