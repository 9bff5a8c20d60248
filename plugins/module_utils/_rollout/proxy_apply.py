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
from .._errors import HotswapError, InvalidInput, while_doing
from .._switch import tls
from .._switch.drivers import container_parts, driver
from .._switch.types import ProxySettings
from . import abilities, host_proxy
from .paths import StateDir
from .ports import who_holds
from .preflight import to_pull
from .proxy import Found, look, view
from .proxy_plan import Plan, ProxySpec, decide, settings_of, shown, spec_of
from .proxy_run import alone, blotted
from .proxy_start import Seat, confirm, install, start
from .validate import check_name, check_positive

if t.TYPE_CHECKING:
    from .certificates import Loaded
    from .drain import Drained

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
    drain: float
    pull: str
    state: StateDir

    @property
    def seat(self) -> Seat:
        return Seat(self.engine, self.state, self.spec.container, self.found.folder, self.wait)


def ensure(engine: Engine, state: StateDir, params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Makes the proxy run as the parameters say; the module's result. Raises HotswapError before or after a clean return."""
    if not params["network"]:
        raise InvalidInput("network: not given, and a proxy in a container shares one with the services", "Name one of hotswap.containers.network.")
    spec = spec_of(params, container_parts(params["driver"]).image)
    settings_of(params, "")
    loaded = _loaded(params["listen"])
    check_positive("wait_timeout", params["wait_timeout"])
    check_positive("drain_timeout", params["drain_timeout"], 0)
    with alone(state, spec.name, check_mode):
        _check_no_host_proxy(state, spec.name)
        found = look(engine, state, spec.name)
        known = found.observed.settings
        presented = {port: tuple(one.certificate for one in each) for port, each in loaded.items()}
        settings = settings_of(params, known.token if known else secrets.token_hex(16), presented)
        plan, why = _plan(engine, spec, settings, found)
        job = _Job(engine, spec, settings, found, plan, params["wait_timeout"], params["drain_timeout"], params["pull"], state)
        warnings = _preflight(job, "" if params["allow_downtime"] else why, check_mode)
        warnings += [one.warning for each in loaded.values() for one in each if one.warning]
        left = None
        if plan.action != "none" and not check_mode:
            with while_doing("%s of the proxy %s on %s" % (plan.action, spec.name, engine.kind)), blotted(settings.token):
                found.folder.create()
                tls.keep(found.folder.conf, {one.certificate: one.pem for each in loaded.values() for one in each})
                left = _ACTIONS[plan.action](job)
        if not check_mode:
            # What was presented until now is left to the next run: nginx may be reading it for a client.
            tls.sweep(found.folder.conf, settings, known)
    counted = dataclasses.asdict(left) if left else {}
    return dict(_result(job), **counted, **({"warnings": warnings} if warnings else {}))


def _plan(engine: Engine, spec: ProxySpec, settings: ProxySettings, found: Found) -> tuple[Plan, str]:
    """What to do, and why it closes the listeners ("" when it does not)."""
    plan = decide(spec, settings, found.observed)
    if found.folder.bridge.exists():
        return Plan("handover", ("an earlier replacement was interrupted", *plan.reasons)), ""
    if not plan.downtime:
        return plan, ""
    # Imported here: it takes much to import, and proxies are seldom replaced.
    from .proxy_bridge import hindrance

    why = hindrance(engine, spec, found.observed.spec, found.observed.settings is None)
    return (plan, why) if why else (dataclasses.replace(plan, action="handover", downtime=False), "")


def _check_no_host_proxy(state: StateDir, name: str) -> None:
    if host_proxy.read(state.proxy(name)):
        raise InvalidInput("name: %s is a proxy that the host runs" % name, "Use another name, or where: host.")


def _loaded(listen: t.Sequence[t.Mapping[str, t.Any]]) -> t.Mapping[int, t.Sequence[Loaded]]:
    if not any(one.get("tls") for one in listen):
        return {}
    # Imported here: most proxies have no certificate, and a module's files are compiled anew in each run.
    from . import certificates

    return certificates.of_listeners(listen)


def _preflight(job: _Job, forbidden: str, check_mode: bool) -> list[str]:
    """Everything that can be known before something is touched. Warnings; raises InvalidInput or HotswapError.

    `forbidden`: why the listeners would be closed, where they may not be.
    """
    warnings = _check_network(job, check_mode)
    abilities.check_served(job.found.served, driver(job.spec.driver).capabilities, job.spec.driver)
    if forbidden:
        raise HotswapError(
            "proxy %s cannot change while it runs: %s" % (job.spec.name, "; ".join(job.plan.reasons)),
            "This needs a new container, and its listeners would be closed for a moment: %s. Set allow_downtime: true where that may happen." % forbidden,
            reasons=list(job.plan.reasons),
        )
    if job.plan.action in ("create", "replace", "handover"):
        _ensure_image(job, check_mode)
    if job.plan.action in ("create", "replace", "handover", "start"):
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
        install(job.seat, job.spec, job.settings)
    except HotswapError:
        if new:
            job.found.folder.delete()
        raise


def _replace(job: _Job) -> None:
    seen = job.found.observed
    job.engine.stop(job.spec.container, None)
    job.engine.remove(job.spec.container)
    try:
        install(job.seat, job.spec, job.settings)
    except HotswapError as error:
        if seen.spec is None:
            raise
        try:
            install(job.seat, seen.spec, seen.settings or job.settings)
        except HotswapError as second:
            error.what += "; and the earlier proxy could not be put back: %s" % second.what
        else:
            error.what += "; the earlier proxy was put back"
        raise


def _handover(job: _Job) -> Drained:
    from .proxy_bridge import Bridge
    from .proxy_handover import Handover

    seen = job.found.observed
    fits = decide(job.spec, job.settings, seen).action == "none"
    bridge = Bridge(job.engine, job.state, job.spec.name, job.wait)
    return Handover(job.seat, bridge, job.spec, job.settings, job.found.container, seen.spec, seen.settings, fits, job.drain).run()


def _start_again(job: _Job) -> None:
    switch = job.seat.switch(job.spec.driver)
    switch.prepare(job.settings)
    start(job.seat, job.settings, switch)


def _apply(job: _Job) -> None:
    switch = job.seat.switch(job.spec.driver)
    switch.apply(job.settings)
    confirm(job.seat, job.settings, switch)


_ACTIONS: dict[str, t.Callable[[_Job], Drained | None]] = {
    "create": _create,
    "replace": _replace,
    "handover": _handover,
    "start": _start_again,
    "apply": _apply,
}


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
            if found.folder.bridge.exists():
                from .proxy_bridge import Bridge

                Bridge(engine, state, name, 0).remove()
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
