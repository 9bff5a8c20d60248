# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What the rest of the collection knows of a container engine: records, and the Engine protocol.

The records carry no SDK object, so that everything above the adapters is free of engines.
"""

from __future__ import annotations

import dataclasses
import typing as t

LABEL_SERVICE = "hotswap.service"
LABEL_VERSION = "hotswap.version"
LABEL_INSTANCE = "hotswap.instance"
LABEL_HASH = "hotswap.hash"
LABEL_SPEC = "hotswap.spec"
LABEL_ADDRESS = "hotswap.address"
LABEL_PORT = "hotswap.port"
# A container that is never started, out of which the assets of a service are read.
LABEL_ASSETS = "hotswap.assets"
LABEL_PROXY = "hotswap.proxy"
# On the container that stands in for a proxy while its own is replaced.
LABEL_BRIDGE = "hotswap.bridge"
LABEL_NETWORK = "hotswap.network"
# The restart policy of an instance while it has traffic: until then, and afterwards, no boot may start it.
LABEL_RESTART = "hotswap.restart"


@dataclasses.dataclass(frozen=True)
class Healthcheck:
    """A container HEALTHCHECK. Times in seconds. `test` is argv behind CMD or CMD-SHELL, as the OCI config has it."""

    test: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 30.0
    retries: int = 3
    start_period: float = 0.0


@dataclasses.dataclass(frozen=True)
class Mount:
    """One mount. `kind` is bind, volume or tmpfs; `source` is a host path, a volume name or empty; size in bytes (tmpfs)."""

    kind: str
    target: str
    source: str = ""
    read_only: bool = False
    size: int = 0
    options: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class EngineSecret:
    """A secret that the engine itself keeps, as the file `target` in a container: owner and permission bits as the container sees them."""

    source: str
    target: str
    mode: int = 0o444
    uid: int = 0
    gid: int = 0


@dataclasses.dataclass(frozen=True)
class Publish:
    """A published port: host address ("" is every address) and port, to a container port."""

    host_ip: str
    host_port: int
    container_port: int
    protocol: str = "tcp"


@dataclasses.dataclass(frozen=True)
class Ulimit:
    name: str
    soft: int
    hard: int


@dataclasses.dataclass(frozen=True)
class ContainerSpec:
    """Everything needed to create a container. None, 0 and empty mean: the engine's or the image's default.

    Units: memory in bytes, cpus in CPUs (0.5), stop_timeout in seconds.
    `devices` are "host[:container[:permissions]]", `extra_hosts` and `log_options` and `env` are mappings.
    `sysctls` are settings of the container's own network namespace, "net.x.y" to value.
    `address` is the fixed IPv4 address on `network`; the adapter also fixes the MAC where the engine needs it
    (Podman: a re-used address with a new random MAC is unreachable for neighbours with a stale entry, measured).
    `network_mode` (host, none, container:NAME, ...) excludes `network`.
    """

    name: str
    image: str
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    env: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    network: str = ""
    address: str = ""
    aliases: tuple[str, ...] = ()
    network_mode: str = ""
    publish: tuple[Publish, ...] = ()
    mounts: tuple[Mount, ...] = ()
    secrets: tuple[EngineSecret, ...] = ()
    user: str = ""
    workdir: str = ""
    hostname: str = ""
    memory: int = 0
    cpus: float = 0.0
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    read_only: bool = False
    devices: tuple[str, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    extra_hosts: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    dns: tuple[str, ...] = ()
    log_driver: str = ""
    log_options: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    restart_policy: str = ""
    stop_signal: str = ""
    stop_timeout: int | None = None
    init: bool = False
    healthcheck: Healthcheck | None = None
    sysctls: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Container:
    """A container as the engine describes it now.

    `state` is one of created, running, paused, restarting, stopping, exited, dead.
    `pid` is that of the container's first process on the host, 0 when it does not run.
    `health` is "", "starting", "healthy" or "unhealthy". `started_at` and `finished_at` are the engine's
    RFC 3339 texts ("" when never). `networks` maps a network's name to the address there ("" when not running),
    `aliases` to the further names that it has there (some engines count the short id among them).
    `at_boot`: whether a boot of the host starts it; None where that is not for us to say.
    `settings`: a hash of what it was made with; another one is another container, or one that somebody has changed.
    """

    id: str
    name: str
    image: str
    image_id: str
    state: str
    pid: int = 0
    exit_code: int = 0
    restart_count: int = 0
    health: str = ""
    has_healthcheck: bool = False
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    networks: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    publish: tuple[Publish, ...] = ()
    aliases: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    at_boot: bool | None = None
    settings: str = ""

    @property
    def running(self) -> bool:
        """True while its first process runs (also paused: the process is there)."""
        return self.state in ("running", "paused")


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """A bridge network to create. `subnet` in CIDR form; `ip_range` is where the engine itself gives out addresses."""

    name: str
    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    internal: bool = False
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    options: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Network:
    """A network as the engine describes it now; `addresses` maps attached containers' names to their IPv4 addresses."""

    id: str
    name: str
    driver: str
    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    internal: bool = False
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    addresses: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Image:
    """An image on this host. `id` is the config digest with its "sha256:" prefix; `size` in bytes.

    `layers` are the digests of the unpacked layers, the lowest first; `platform` is like linux/amd64.
    """

    id: str
    refs: tuple[str, ...]
    size: int = 0
    has_healthcheck: bool = False
    layers: tuple[str, ...] = ()
    platform: str = ""


@dataclasses.dataclass(frozen=True)
class Storage:
    """Where an engine keeps images: its folder, and the architecture of its host in the engine's own word (x86_64, amd64, ...).

    `by_config` is false where images go by the digest of their manifest (Docker's containerd image store).
    """

    folder: str
    architecture: str
    by_config: bool = True


@dataclasses.dataclass(frozen=True)
class ExecResult:
    """Exit code of a command in a container and its merged output, decoded with replacement."""

    exit_code: int
    output: str


class Engine(t.Protocol):
    """One container engine on this host. Every method raises EngineError (or NotFound) naming engine and socket."""

    kind: str  # docker | podman
    endpoint: str  # the socket, as a URL
    rootless: bool

    def containers(self, labels: t.Mapping[str, str]) -> list[Container]:
        """All containers, also stopped ones, that carry every one of the labels ("" as value: the key is enough)."""

    def all_addresses(self, network: str) -> set[str]:
        """Every IPv4 address that any container, also a stopped one, uses or has reserved on the network."""

    def published(self) -> list[tuple[str, Publish]]:
        """(container name, port) for every port that a running container publishes."""

    def container(self, name: str) -> Container | None:
        """One container by name, or None."""

    def create(self, spec: ContainerSpec) -> Container:
        """Creates, does not start. The image must be there."""

    def start(self, name: str) -> None:
        """Starts what was created or has ended."""

    def start_at_boot(self, name: str, policy: str) -> None:
        """From now on a boot of the host starts it as this restart policy says; "no": never. Twice is once."""

    def stop(self, name: str, timeout: int | None) -> None:
        """Stop signal, then SIGKILL after timeout seconds (None: the container's own). Stopped already is no error."""

    def kill(self, name: str, signal: str) -> None:
        """Sends a signal ("HUP") to the container's first process."""

    def remove(self, name: str, force: bool = False) -> None:
        """Removes with its anonymous volumes. Gone already is no error."""

    def logs(self, name: str, tail: int) -> list[str]:
        """The last lines of stdout and stderr."""

    def execute(self, name: str, argv: t.Sequence[str], timeout: float) -> ExecResult:
        """Runs argv in the running container; raises EngineError after timeout seconds.

        A program that is not in the container ends with 126 or 127, as in a shell.
        """

    def archive(self, name: str, path: str) -> t.Iterable[bytes] | None:
        """What the container has at the absolute path, as a tar archive in chunks; None when there is nothing.

        The container need not run. The first member is the file or folder itself. Errors come while it is read, too.
        """

    def health(self, name: str) -> str:
        """The HEALTHCHECK's verdict now: "", starting, healthy, unhealthy.

        On Podman this runs the check itself: without systemd its timers do not exist (measured).
        """

    def secret(self, name: str) -> str | None:
        """What tells a secret that the engine keeps from one that was made anew under its name; None when there is none.

        Raises InvalidInput on an engine that keeps none.
        """

    def networks(self) -> list[Network]:
        """All networks of the engine."""

    def network(self, name: str) -> Network | None:
        """One network by name, or None."""

    def create_network(self, spec: NetworkSpec) -> Network:
        """Creates a bridge network with DNS; a network of that name is an error.

        Callers always give a subnet: without one the engine picks, and Docker then refuses fixed addresses.
        The gateway is the subnet's first address unless the spec says otherwise.
        """

    def remove_network(self, name: str) -> None:
        """Removes; containers on it are an error, gone already is none."""

    def reconnect(self, name: str, network: str, address: str, aliases: t.Sequence[str]) -> None:
        """Takes the container off the network and puts it back at once with exactly these aliases, at the same address.

        The MAC stays too, so that connections survive: what is sent meanwhile is sent again. Not there before is no error.
        """

    def image(self, ref: str) -> Image | None:
        """The image that a reference or id names on this host, or None."""

    def images(self) -> list[Image]:
        """Every image on this host, also those without a name."""

    def layer_sizes(self, image_id: str) -> tuple[int, ...]:
        """Bytes of an image's layers, the lowest first; empty ones may be left out. () for an image without a history, or that is gone."""

    def pull(self, ref: str) -> Image:
        """Fetches from the registry, also when an image of that name is here. Errors carry the registry's words."""

    def load(self, archive: t.Iterable[bytes]) -> None:
        """Takes images out of an archive that comes in chunks. What its producer raises is raised."""

    def tag(self, image_id: str, ref: str) -> None:
        """Makes the reference (with its tag) name the image, whatever it named before."""

    def remove_image(self, ref: str) -> None:
        """Takes the name away, and with the last name the image, never by force. Gone already is no error."""

    def storage(self) -> Storage:
        """Where images are kept, and for what machine."""

    def close(self) -> None:
        """Ends a transient service that this object started."""
