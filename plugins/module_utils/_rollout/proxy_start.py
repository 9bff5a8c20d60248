# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Makes a proxy's container in its seat, starts it, and confirms it from the running process."""

from __future__ import annotations

import dataclasses

from .._engine.types import Engine
from .._errors import HotswapError, SwitchError
from .._switch.drivers import container_parts, open_switch
from .._switch.folder import ProxyFolder
from .._switch.sockets import until
from .._switch.types import ProxySettings, Switch
from . import lock
from .addresses import allocate
from .paths import SELINUX, StateDir
from .ports import clash, listening
from .proxy import run_in
from .proxy_plan import ProxySpec, container_spec, in_bridge
from .proxy_run import presented_otherwise

_LOG_LINES = 50
_LOCK_SECONDS = 60.0
_RELEASE_SECONDS = 15.0


@dataclasses.dataclass(frozen=True)
class Seat:
    """Where one process of a proxy is: its container, and the folder that is mounted there.

    `bridge`: it stands in while the proxy's own container is replaced, and nothing is published. `wait`: seconds that it
    may take to come up.
    """

    engine: Engine
    state: StateDir
    container: str
    folder: ProxyFolder
    wait: float
    bridge: bool = False

    def switch(self, driver: str) -> Switch:
        """The switch of the process in this seat."""
        return open_switch(driver, self.folder.root, run_in(self.engine, self.container))


def install(seat: Seat, spec: ProxySpec, settings: ProxySettings) -> None:
    """Files, container, start, confirmation. Removes the container again when it does not come up."""
    switch = seat.switch(spec.driver)
    switch.prepare(settings)
    # A fixed address: the host remembers for two minutes where it forwarded a client's port to (conntrack). Had a proxy that
    # the engine restarts another address, a client that uses such a port again would reach nobody (measured, rootful Podman).
    with lock.held(seat.state.root / "addresses", "address of the proxy %s" % spec.name, _LOCK_SECONDS):
        made = container_spec(spec, container_parts(spec.driver), str(seat.folder.root), _address(seat.engine, spec), SELINUX.exists())
        seat.engine.create(in_bridge(made, spec.name, seat.container) if seat.bridge else made)
    try:
        start(seat, settings, switch)
    except HotswapError:
        seat.engine.remove(seat.container, force=True)
        if not seat.bridge:
            _wait_released(spec)
        raise


def _wait_released(spec: ProxySpec) -> None:
    """Until nothing listens on the proxy's ports, at most 15 s.

    Podman's API service keeps the ports of a container that failed to start until it ends for want of requests, after 5 s
    (5.4.2, measured); what is started in between finds them in use.
    """
    wanted = [(one.host_ip, one.host_port) for one in spec.publish if one.protocol == "tcp"]

    def released() -> bool | None:
        taken = listening()
        return None if any(clash(place, taken) for place in wanted) else True

    until(released, _RELEASE_SECONDS, 0.1)


def _address(engine: Engine, spec: ProxySpec) -> str:
    network = engine.network(spec.network)
    if network is None:
        raise HotswapError("network %s disappeared" % spec.network, "Create it with hotswap.containers.network.")
    return allocate(network, engine.all_addresses(network.name), 1)[0]


def start(seat: Seat, settings: ProxySettings, switch: Switch) -> None:
    """Starts the container and confirms it. Raises HotswapError with what the proxy wrote."""
    try:
        seat.engine.start(seat.container)
        confirm(seat, settings, switch)
    except HotswapError as error:
        raise _with_logs(seat, error) from error


def confirm(seat: Seat, settings: ProxySettings, switch: Switch) -> None:
    """Raises SwitchError where the running process differs from its files."""
    switch.wait_ready(seat.wait)
    container = seat.engine.container(seat.container)
    drift = [*switch.drift(), *(presented_otherwise(container.pid, settings, seat.wait) if container else ())]
    if drift:
        raise SwitchError("proxy %s runs, and differs from its files: %s" % (settings.name, "; ".join(drift)), "Run this again, or restart the proxy.")


def _with_logs(seat: Seat, error: HotswapError) -> HotswapError:
    """The error with what the proxy wrote."""
    try:
        lines = seat.engine.logs(seat.container, _LOG_LINES)
    except HotswapError:
        lines = []
    said = "; its last lines: %s" % " | ".join(lines[-5:]) if lines else ", and it wrote nothing"
    told = SwitchError("container %s did not come up: %s%s" % (seat.container, error.what, said), error.fix, **dict(error.details, logs=lines))
    told.doing = error.doing
    return told
