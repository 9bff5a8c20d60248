# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Walks the one step that a proxy needs, and confirms it from the running process."""

from __future__ import annotations

import dataclasses
import pathlib
import secrets
import typing as t

from .._engine.types import Engine
from .._errors import HotswapError, InvalidInput, SwitchError, while_doing
from .._switch import tls
from .._switch.drivers import container_parts, open_switch
from .._switch.sockets import until
from .._switch.types import ProxySettings, Switch
from . import host_proxy, lock
from .addresses import allocate
from .paths import SELINUX, StateDir
from .ports import clash, listening, who_holds
from .preflight import to_pull
from .proxy import Found, look, run_in, view
from .proxy_plan import Plan, ProxySpec, container_spec, decide, settings_of, shown, spec_of
from .proxy_run import alone, blotted, presented_otherwise
from .validate import check_name, check_positive

if t.TYPE_CHECKING:
    from .certificates import Loaded

_LOG_LINES = 50
_LOCK_SECONDS = 60.0
_RELEASE_SECONDS = 15.0
_FIRST_FREE_PORT = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@dataclasses.dataclass(frozen=True)
class _Job:
    """One run of the module: what is wanted, what was found, and with what to get there."""

    engine: Engine
    spec: ProxySpec
    settings: ProxySettings
    found: Found
    plan: Plan
    wait: float
    pull: str
    state: StateDir

    def switch(self, spec: ProxySpec) -> Switch:
        return open_switch(spec.driver, self.found.folder.root, run_in(self.engine, spec.container))


def ensure(engine: Engine, state: StateDir, params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Makes the proxy run as the parameters say; the module's result. Raises HotswapError before or after a clean return."""
    if not params["network"]:
        raise InvalidInput("network: not given, and a proxy in a container shares one with the services", "Name one of hotswap.containers.network.")
    spec = spec_of(params, container_parts(params["driver"]).image)
    settings_of(params, "")
    loaded = _loaded(params["listen"])
    check_positive("wait_timeout", params["wait_timeout"])
    with alone(state, spec.name, check_mode):
        _check_no_host_proxy(state, spec.name)
        found = look(engine, state, spec.name)
        known = found.observed.settings
        presented = {port: tuple(one.certificate for one in each) for port, each in loaded.items()}
        settings = settings_of(params, known.token if known else secrets.token_hex(16), presented)
        plan = decide(spec, settings, found.observed)
        job = _Job(engine, spec, settings, found, plan, params["wait_timeout"], params["pull"], state)
        warnings = [*_preflight(job, params["allow_downtime"], check_mode), *(one.warning for each in loaded.values() for one in each if one.warning)]
        if plan.action != "none" and not check_mode:
            with while_doing("%s of the proxy %s on %s" % (plan.action, spec.name, engine.kind)), blotted(settings.token):
                found.folder.create()
                tls.keep(found.folder.conf, {one.certificate: one.pem for each in loaded.values() for one in each})
                _ACTIONS[plan.action](job)
        if not check_mode:
            # What was presented until now is left to the next run: nginx may be reading it for a client.
            tls.sweep(found.folder.conf, settings, known)
    return dict(_result(job), **({"warnings": warnings} if warnings else {}))


def _check_no_host_proxy(state: StateDir, name: str) -> None:
    if host_proxy.read(state.proxy(name)):
        raise InvalidInput("name: %s is a proxy that the host runs" % name, "Use another name, or where: host.")


def _loaded(listen: t.Sequence[t.Mapping[str, t.Any]]) -> t.Mapping[int, t.Sequence[Loaded]]:
    if not any(one.get("tls") for one in listen):
        return {}
    # Imported here: most proxies have no certificate, and a module's files are compiled anew in each run.
    from . import certificates

    return certificates.of_listeners(listen)


def _preflight(job: _Job, allow_downtime: bool, check_mode: bool) -> list[str]:
    """Everything that can be known before something is touched. Warnings; raises InvalidInput or HotswapError."""
    warnings = _check_network(job, check_mode)
    if job.plan.downtime and not allow_downtime:
        raise HotswapError(
            "proxy %s cannot change while it runs: %s" % (job.spec.name, "; ".join(job.plan.reasons)),
            "This needs a new container, which closes the listeners for a moment. Set allow_downtime: true where that may happen.",
            reasons=list(job.plan.reasons),
        )
    if job.plan.action in ("create", "replace"):
        _ensure_image(job, check_mode)
    if job.plan.action in ("create", "replace", "start"):
        _check_ports(job)
    return warnings


def _check_network(job: _Job, check_mode: bool) -> list[str]:
    if job.engine.network(job.spec.network):
        return []
    error = InvalidInput(
        "network: network %s does not exist on %s" % (job.spec.network, job.engine.kind),
        "Create it with hotswap.containers.network.",
    )
    if not check_mode:
        raise error
    # The task before this one may be the one that would have made it.
    return [str(error)]


def _ensure_image(job: _Job, check_mode: bool) -> None:
    if job.engine.image(job.spec.image):
        return
    for image in to_pull(job.engine, job.spec.image, job.pull):
        if not check_mode:
            job.engine.pull(image)


def _check_ports(job: _Job) -> None:
    container = job.found.container
    own = container.publish if container and container.running else ()
    held = who_holds(job.engine, job.spec.publish, job.spec.container, own)
    if held:
        raise InvalidInput("listen.publish: %s" % held, "Publish another port, or stop what holds it.")
    least = _first_port() if job.engine.rootless else 0
    for one in job.spec.publish:
        if one.host_port < least:
            raise InvalidInput(
                "listen.publish: an ordinary user cannot open port %d on this host" % one.host_port,
                "Publish %d or above, or lower the sysctl net.ipv4.ip_unprivileged_port_start." % least,
            )


def _first_port() -> int:
    try:
        return int(_FIRST_FREE_PORT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1024


def _create(job: _Job) -> None:
    new = job.found.observed.settings is None
    try:
        _install(job, job.spec, job.settings)
    except HotswapError:
        if new:
            job.found.folder.delete()
        raise


def _replace(job: _Job) -> None:
    seen = job.found.observed
    job.engine.stop(job.spec.container, None)
    job.engine.remove(job.spec.container)
    try:
        _install(job, job.spec, job.settings)
    except HotswapError as error:
        if seen.spec is None:
            raise
        try:
            _install(job, seen.spec, seen.settings or job.settings)
        except HotswapError as second:
            error.what += "; and the earlier proxy could not be put back: %s" % second.what
        else:
            error.what += "; the earlier proxy was put back"
        raise


def _install(job: _Job, spec: ProxySpec, settings: ProxySettings) -> None:
    """Files, container, start, confirmation. Removes the container again when it does not come up."""
    switch = job.switch(spec)
    job.found.folder.create()
    switch.prepare(settings)
    folder = str(job.found.folder.root)
    # A fixed address: the host remembers for two minutes where it forwarded a client's port to (conntrack). Had a proxy that
    # the engine restarts another address, a client that uses such a port again would reach nobody (measured, rootful Podman).
    with lock.held(job.state.root / "addresses", "address of the proxy %s" % spec.name, _LOCK_SECONDS):
        job.engine.create(container_spec(spec, container_parts(spec.driver), folder, _address(job, spec), SELINUX.exists()))
    try:
        _start(job, spec, switch)
    except HotswapError:
        job.engine.remove(spec.container, force=True)
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


def _address(job: _Job, spec: ProxySpec) -> str:
    network = job.engine.network(spec.network)
    if network is None:
        raise HotswapError("network %s disappeared" % spec.network, "Create it with hotswap.containers.network.")
    return allocate(network, job.engine.all_addresses(network.name), 1)[0]


def _start(job: _Job, spec: ProxySpec, switch: Switch) -> None:
    try:
        job.engine.start(spec.container)
        _confirm(job, switch)
    except HotswapError as error:
        raise _with_logs(job, spec.container, error) from error


def _confirm(job: _Job, switch: Switch) -> None:
    switch.wait_ready(job.wait)
    container = job.engine.container(job.spec.container)
    drift = [*switch.drift(), *(presented_otherwise(container.pid, job.settings, job.wait) if container else ())]
    if drift:
        raise SwitchError("proxy %s runs, and differs from its files: %s" % (job.spec.name, "; ".join(drift)), "Run this again, or restart the proxy.")


def _with_logs(job: _Job, container: str, error: HotswapError) -> HotswapError:
    """The error with what the proxy wrote."""
    try:
        lines = job.engine.logs(container, _LOG_LINES)
    except HotswapError:
        lines = []
    said = "; its last lines: %s" % " | ".join(lines[-5:]) if lines else ", and it wrote nothing"
    told = SwitchError("container %s did not come up: %s%s" % (container, error.what, said), error.fix, **dict(error.details, logs=lines))
    told.doing = error.doing
    return told


def _start_again(job: _Job) -> None:
    switch = job.switch(job.spec)
    job.found.folder.create()
    switch.prepare(job.settings)
    _start(job, job.spec, switch)


def _apply(job: _Job) -> None:
    switch = job.switch(job.spec)
    switch.apply(job.settings)
    _confirm(job, switch)


_ACTIONS: dict[str, t.Callable[[_Job], None]] = {"create": _create, "replace": _replace, "start": _start_again, "apply": _apply}


def _result(job: _Job) -> dict[str, t.Any]:
    seen = job.found.observed
    after = view(job.spec, job.found.folder, shown(job.settings), job.found.routes)
    before: dict[str, t.Any] = {"state": "absent"}
    if seen.exists and seen.spec:
        before = dict(view(seen.spec, job.found.folder, shown(seen.settings), job.found.routes), state=_state(seen.running))
    elif seen.exists:
        before = {"state": _state(seen.running)}
    return {
        "changed": job.plan.action != "none",
        "engine": job.engine.kind,
        "state": "present",
        "action": job.plan.action,
        "reasons": list(job.plan.reasons) if job.plan.action != "none" else [],
        "proxy": after,
        "diff": {"before": before, "after": dict(after, state="running")},
    }


def _state(running: bool) -> str:
    return "running" if running else "stopped"


def remove(engine: Engine, state: StateDir, name: str, force: bool, check_mode: bool) -> dict[str, t.Any]:
    """Removes container and folder. Raises HotswapError while services have routes, unless forced."""
    check_name("name", name)
    with alone(state, name, check_mode):
        found = look(engine, state, name)
        there = found.container is not None or found.folder.root.exists()
        if found.routes and not force:
            raise HotswapError(
                "proxy %s has routes of %s" % (name, ", ".join(found.routes)),
                "Remove these services first (state: absent), or set force: true.",
                services=list(found.routes),
            )
        if there and not check_mode:
            if found.container is not None:
                engine.stop(found.container.name, None)
                engine.remove(found.container.name)
            found.folder.delete()
    before = {"state": _state(found.observed.running), "routes": list(found.routes)} if there else {"state": "absent"}
    return {
        "changed": there,
        "engine": engine.kind,
        "state": "absent",
        "action": "remove" if there else "none",
        "reasons": [],
        "diff": {"before": before, "after": {"state": "absent"}},
    }
