# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a switch driver is told and what it must do. Knows no engine and no Ansible."""

from __future__ import annotations

import dataclasses
import typing as t

# Inside the proxy's container: conf is read-only there, run holds the control sockets.
CONF_DIR = "/hotswap/conf"
RUN_DIR = "/hotswap/run"


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the proxy's process finds the two folders; other values than the defaults are for a proxy outside a container."""

    conf: str = CONF_DIR
    run: str = RUN_DIR


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What a driver can do; what it cannot is refused before anything is touched.

    `shares`: into how many equal parts traffic can be split between versions (1: all of it goes to one version).
    `in_flight`: it counts open requests by instance. `answers`: it counts answers and errors by instance.
    `lossless_reload`: a new or changed route closes no idle client connection. `max_instances`: 0 is no limit.
    `preview`, `sticky`, `hold`, `maintenance`: it can carry out that part of a Route.
    """

    shares: int
    in_flight: bool
    lossless_reload: bool
    max_instances: int = 0
    answers: bool = False
    preview: bool = False
    sticky: bool = False
    hold: bool = False
    maintenance: bool = False


@dataclasses.dataclass(frozen=True)
class Target:
    """One instance as the proxy sees it: its container's name, fixed address, port, weight (0 to 256, relative to the others)."""

    name: str
    address: str
    port: int
    weight: int = 100


@dataclasses.dataclass(frozen=True)
class Preview:
    """Which requests of a route go to the version on trial: those to `host`, or with `header` equal to `value`."""

    host: str = ""
    header: str = ""
    value: str = ""


@dataclasses.dataclass(frozen=True)
class Maintenance:
    """Every request but a probe is answered 503 with `text`, and with Retry-After: `retry_after` seconds (0: without)."""

    text: str
    retry_after: int = 0


@dataclasses.dataclass(frozen=True)
class Route:
    """How a service is reached: any of `hosts` (empty: every host) below the path prefix `path`.

    `preview`: requests for the version on trial. `sticky`: name of a cookie that keeps a client with the instance that
    answered it first, "" for none. `hold`: seconds that a request may wait while nothing serves, 0: it is answered 503.
    """

    service: str
    hosts: tuple[str, ...] = ()
    path: str = "/"
    preview: Preview | None = None
    sticky: str = ""
    hold: float = 0.0
    maintenance: Maintenance | None = None


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What everybody may see of a certificate that a listener presents; its key is in a file of conf/ alone.

    `fingerprint`: SHA-256 of the certificate (hex). `chain`: a short hash of it and of those that it is sent with.
    `names`: the host names that it is for, lower case, some beginning with "*.". `expires`: like 2027-02-28T23:59:59Z.
    """

    fingerprint: str
    chain: str
    names: tuple[str, ...] = ()
    expires: str = ""


@dataclasses.dataclass(frozen=True)
class Listener:
    """A port that the proxy listens on inside its network namespace: with TLS where there are certificates.

    The first is for clients that ask for no name, or for one that no other is for.
    """

    port: int
    certificates: tuple[Certificate, ...] = ()


@dataclasses.dataclass(frozen=True)
class ProxySettings:
    """What a driver needs to render the proxy's own part of the configuration.

    `token` is the proxy's probe secret: a request whose header X-Hotswap-Probe equals it is answered with
    X-Hotswap-Instance, the name of the instance that answered; the proxy removes the header from the request.
    Times are seconds: `connect_timeout` to an instance, `client_timeout` and `server_timeout` without a byte.
    """

    name: str
    listeners: tuple[Listener, ...]
    token: str
    connect_timeout: float = 5.0
    client_timeout: float = 60.0
    server_timeout: float = 60.0
    max_connections: int = 4096


@dataclasses.dataclass(frozen=True)
class Serving:
    """A route and the instances that its traffic goes to; `preview` are those on trial.

    `held`: nothing serves on purpose, new requests wait (at most `route.hold` seconds) for the next instances.
    """

    route: Route
    targets: tuple[Target, ...]
    preview: tuple[Target, ...] = ()
    held: bool = False


@dataclasses.dataclass(frozen=True)
class Answers:
    """Responses that the proxy has seen from some instances since they were admitted, and those of 5xx among them."""

    total: int
    errors: int


@dataclasses.dataclass(frozen=True)
class ContainerParts:
    """What the driver wants of the proxy's container."""

    image: str
    command: tuple[str, ...]
    entrypoint: tuple[str, ...] | None
    stop_signal: str
    cap_add: tuple[str, ...]
    env: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    sysctls: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


class RunInProxy(t.Protocol):
    def __call__(self, argv: t.Sequence[str]) -> tuple[int, str]:
        """Runs argv inside the proxy's container: exit code and output."""


class Traffic(t.Protocol):
    """What a rollout needs of whatever moves the traffic of a service."""

    capabilities: Capabilities

    def routes(self) -> dict[str, Serving]:
        """Service name to route and targets, as the files on disk say."""

    def written(self, service: str) -> Serving | None:
        """The service's route and targets, as the files on disk say; None for an unknown service."""

    def current(self, service: str) -> dict[str, int]:
        """Instance name to weight, as the RUNNING process has it; {} for an unknown service."""

    def matches(self, route: Route) -> bool:
        """True when the running process has exactly this route."""

    def previewed(self, service: str) -> tuple[str, ...]:
        """Names of the instances on trial, as the RUNNING process has them; () for an unknown service."""

    def serve(self, serving: Serving) -> None:
        """Makes the traffic of the route go to exactly these instances and nothing else; returns once confirmed.

        An instance that is no longer named gets no new request but keeps what it has in flight.
        The same call twice changes nothing. A new or changed route may reload; a change of targets, of those on
        trial, or of `held` never does.
        """

    def in_flight(self, service: str, names: t.Sequence[str]) -> int | None:
        """Requests (and upgraded connections) still open to these instances; None where the proxy cannot tell."""

    def answers(self, service: str, names: t.Sequence[str]) -> Answers | None:
        """What these instances have answered, together; None where the driver cannot tell."""

    def forget(self, service: str, names: t.Sequence[str]) -> None:
        """Removes what the running process still remembers of instances that are no longer served."""

    def remove(self, service: str) -> None:
        """Removes the service's route."""

    def identifies(self, header: str, target: Target) -> bool:
        """True when `header`, the X-Hotswap-Instance of an answer to a probe, means this instance."""


class Switch(Traffic, t.Protocol):
    """Moves the traffic of services behind one running proxy. Raises SwitchError naming proxy and file or socket.

    Rule of every change: the files on disk first (so that a restarted proxy comes back with the truth), then the
    running process, then confirmation read back from the running process.
    """

    driver: str

    def apply(self, settings: ProxySettings) -> None:
        """Makes the running process follow the proxy's own settings, all routes kept; confirmed."""

    def drift(self) -> list[str]:
        """Differences between the running process and the files, one sentence each; [] when there are none."""

    def prepare(self, settings: ProxySettings) -> None:
        """Writes all files for the settings and the routes on disk, before the proxy starts for the first time."""

    def wait_ready(self, seconds: float) -> None:
        """Returns as soon as the proxy's process answers on its control socket; SwitchError after `seconds`."""

    def leave(self) -> None:
        """Has every client told, with its next answer, that its connection ends. Connections that come in are taken all the same."""
