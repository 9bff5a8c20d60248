# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Brings our part of a proxy that the host runs from what it is to what is wanted, and takes it away again."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import pwd
import re
import secrets
import typing as t

from .._errors import HotswapError, InvalidInput, SwitchError, while_doing
from .._switch.folder import ProxyFolder, write
from .._switch.types import ProxySettings, Route, Serving, Switch
from .host_proxy import RECORD, HostProxy, HostSpec, call, check_configuration, check_modules, read, software
from .paths import StateDir
from .ports import clash, listening
from .proxy_plan import Plan, field_changes, settings_changes, settings_of, shown
from .proxy_run import alone, blotted, drift_of
from .route_spec import route_of
from .validate import check_name, check_place, check_positive


@dataclasses.dataclass(frozen=True)
class _Found:
    """What there is of it. `proxy` None: nothing of ours, or a folder without a record."""

    folder: ProxyFolder
    proxy: HostProxy | None
    settings: ProxySettings | None
    routes: t.Mapping[str, Serving]
    running: bool = False
    drift: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Job:
    """One run of the module: what is wanted, what was found, and what to do."""

    state: StateDir
    spec: HostSpec
    settings: ProxySettings
    routes: tuple[Route, ...]
    found: _Found
    plan: Plan
    wait: float

    @property
    def proxy(self) -> HostProxy:
        """The proxy as it will be."""
        return HostProxy(self.spec, self.found.folder)


def ensure(state: StateDir, params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Makes our part of the host's proxy as the parameters say; the module's result. Raises HotswapError before or after a clean return."""
    spec = _spec_of(params)
    settings_of(params, "")
    check_positive("wait_timeout", params["wait_timeout"])
    routes = tuple(route_of(check_name("routes.service", one["service"]), one) for one in params["routes"] or ())
    _check_root()
    with alone(state, spec.name, check_mode):
        found = _look(state, spec.name)
        settings = settings_of(params, found.settings.token if found.settings else secrets.token_hex(16))
        plan = _decide(spec, settings, routes, found)
        job = _Job(state, spec, settings, routes, found, plan, params["wait_timeout"])
        _preflight(job)
        if plan.action != "none" and not check_mode:
            with while_doing("%s of the proxy %s in %s" % (plan.action, spec.name, spec.service_unit)), blotted(settings.token):
                _ACTIONS[plan.action](job)
    return _result(job)


def _spec_of(params: t.Mapping[str, t.Any]) -> HostSpec:
    name = check_name("name", params["name"])
    for other in ("network", "image", "labels"):
        if params[other]:
            raise InvalidInput("%s: it is of a container, and this proxy is none" % other, "Leave it out, or set where: container.")
    if any(one.get("publish") for one in params["listen"]):
        raise InvalidInput("listen.publish: a proxy of the host has no ports to publish", "Its port is the one on the host: leave publish out.")
    if any(one.get("tls") for one in params["listen"]):
        raise InvalidInput("listen.tls: TLS of a host's proxy is in a site of your own", "Leave tls out, and pass requests on to our port from there.")
    folder, unit = _place(params["driver"])
    owner = params["owner"] or ""
    if owner:
        _user(owner)
    wants = software(params["driver"])
    return HostSpec(
        name,
        params["driver"],
        _unit(params["service_unit"] or unit),
        check_place("include_dir", params["include_dir"] or folder),
        "" if owner == "root" else owner,
        config=check_place("config_file", params["config_file"] or wants.config) if wants.config else "",
        control=check_place("control_socket", params["control_socket"] or wants.control) if wants.control else "",
    )


def _unit(name: str) -> str:
    # systemd.unit(5); what begins otherwise would be an option of systemctl.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9:_.@\\-]{0,250}", name):
        raise InvalidInput("service_unit: %r is not the name of a unit" % name[:80], "Write it like haproxy.service.")
    return name if "." in name else name + ".service"


def _place(driver: str) -> tuple[str, str]:
    """Folder of includes and unit as this distribution has them; the first known ones where it has none."""
    places = software(driver).places
    return next((place for place in places if pathlib.Path(place[0]).is_dir()), places[0])


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise InvalidInput("owner: there is no user %s on this host" % name, "Name the user who runs the engine.") from None


def _check_root() -> None:
    if os.geteuid() != 0:
        raise InvalidInput(
            "where: the configuration of a proxy of the host belongs to root", "Run this task with become: true; see owner for a rootless engine."
        )


def _look(state: StateDir, name: str) -> _Found:
    folder = ProxyFolder(state.proxy(name))
    proxy = read(folder.root)
    if proxy is None:
        if folder.root.exists():
            raise InvalidInput("name: %s is a proxy in a container" % name, "Use another name, or where: container.")
        return _Found(folder, None, None, {})
    settings = folder.stored_settings()
    running = proxy.running
    drift = drift_of(proxy.switch()) if settings and running and _included(proxy) else ()
    return _Found(folder, proxy, settings, folder.routes(), running, drift)


def _included(proxy: HostProxy) -> bool:
    if proxy.spec.include is None:
        return True
    with contextlib.suppress(OSError):
        return proxy.spec.include.read_text(encoding="utf-8") == proxy.spec.include_text(proxy.folder)
    return False


def _decide(spec: HostSpec, settings: ProxySettings, routes: t.Sequence[Route], found: _Found) -> Plan:
    new = tuple("route of %s" % one.service for one in routes if _differs(one, found))
    if found.proxy is None or found.settings is None:
        return Plan("create", ("there is no %s" % (spec.include or found.folder.root), *new))
    fixed = field_changes(dataclasses.asdict(spec), dataclasses.asdict(found.proxy.spec))
    if fixed:
        return Plan("replace", (*fixed, *new))
    missing = () if _included(found.proxy) else ("the include %s is not as written" % spec.include,)
    reasons = (*missing, *settings_changes(settings, found.settings), *found.drift, *new)
    return Plan("apply", reasons) if reasons else Plan("none")


def _differs(route: Route, found: _Found) -> bool:
    known = found.routes.get(route.service)
    return known is None or (known.route.hosts, known.route.path) != (route.hosts, route.path)


def _preflight(job: _Job) -> None:
    """Everything that can be known before something is touched. Raises InvalidInput or HotswapError."""
    before = job.found.proxy
    if before and before.spec.driver != job.spec.driver:
        raise InvalidInput("driver: proxy %s is one of %s" % (job.spec.name, before.spec.driver), "Remove it first (state: absent), or use another name.")
    if job.plan.action == "none":
        return
    check_configuration(job.spec)
    if not job.proxy.running:
        raise HotswapError("service_unit: %s does not run" % job.spec.service_unit, "Start it with: systemctl start %s." % job.spec.service_unit)
    if not pathlib.Path(job.spec.include_dir).is_dir():
        raise InvalidInput("include_dir: there is no folder %s" % job.spec.include_dir, "Name one whose *.conf files %s reads." % job.spec.service_unit)
    check_modules(job.spec)
    _check_ports(job)


def _check_ports(job: _Job) -> None:
    known = {one.port for one in job.found.settings.listeners} if job.found.settings else set()
    taken = listening()
    for listener in job.settings.listeners:
        if job.spec.include is None:
            _check_listens(job.spec, listener.port, bool(clash(("", listener.port), taken)))
            continue
        if listener.port not in known and clash(("", listener.port), taken):
            raise InvalidInput("listen.port: %d is held by another process of this host" % listener.port, "Listen on another port, or stop what holds it.")


def _check_listens(spec: HostSpec, port: int, taken: bool) -> None:
    if not taken:
        raise InvalidInput("listen.port: %s does not listen on %d" % (spec.service_unit, port), "Name a port of your own frontend, by which clients come in.")


def _create(job: _Job) -> None:
    fresh = not job.found.folder.root.exists()
    try:
        _install(job)
    except BaseException:
        with contextlib.suppress(HotswapError):
            _take_out(job.spec)
        if fresh:
            job.found.folder.delete()
        raise


def _replace(job: _Job) -> None:
    before = job.found.proxy
    if before:
        _unlink(before.spec)
    try:
        _install(job)
    except BaseException:
        _unlink(job.spec)
        if before:
            write(before.folder.root / RECORD, before.spec.as_text())
            _put_in(before)
        raise


def _unlink(spec: HostSpec) -> bool:
    """The include away; False when there was none."""
    if spec.include is None or not spec.include.exists():
        return False
    spec.include.unlink()
    return True


def _install(job: _Job) -> None:
    switch = job.proxy.switch()
    job.found.folder.create()
    # First: what a crash leaves behind is then known to be ours.
    write(job.found.folder.root / RECORD, job.spec.as_text())
    switch.prepare(job.settings)
    _open_up(job)
    _put_in(job.proxy)
    _finish(job, switch)


def _put_in(proxy: HostProxy) -> None:
    """The include, tested and read by the running process; taken away again where the test fails."""
    if proxy.spec.include is None:
        return
    write(proxy.spec.include, proxy.spec.include_text(proxy.folder))
    proxy.spec.include.chmod(0o644)
    try:
        check_configuration(proxy.spec)
    except HotswapError:
        _unlink(proxy.spec)
        raise
    _reload(proxy.spec)


def _reload(spec: HostSpec) -> None:
    code, output = call(("systemctl", "reload", spec.service_unit))
    if code:
        raise SwitchError("%s was not reloaded: %s" % (spec.service_unit, " ".join(output.split())), "Look at: journalctl -u %s." % spec.service_unit)


def _apply(job: _Job) -> None:
    switch = job.proxy.switch()
    if not _included(job.proxy):
        _put_in(job.proxy)
    switch.wait_ready(job.wait)
    switch.apply(job.settings)
    _finish(job, switch)


def _finish(job: _Job, switch: Switch) -> None:
    switch.wait_ready(job.wait)
    for route in job.routes:
        if _differs(route, job.found):
            switch.serve(_with_route(job.found.routes.get(route.service), route))
    _open_up(job)
    drift = switch.drift()
    if drift:
        raise SwitchError(
            "proxy %s runs, and differs from its files: %s" % (job.spec.name, "; ".join(drift)), "Run this again, or restart %s." % job.spec.service_unit
        )


def _with_route(known: Serving | None, route: Route) -> Serving:
    """What is served stays, at the new hosts and path."""
    if known is None:
        return Serving(route, ())
    return dataclasses.replace(known, route=dataclasses.replace(known.route, hosts=route.hosts, path=route.path))


def _open_up(job: _Job) -> None:
    """Lets the proxy's own user reach its files, and the owner change what a switch changes. What root loads stays root's."""
    folder = job.found.folder
    more = 0o055 if job.spec.owner else 0o011
    for path in (job.state.root, folder.root.parent, folder.root):
        path.chmod(path.stat().st_mode | more)
    (folder.root / RECORD).chmod(0o644)
    if job.spec.owner:
        owner = _user(job.spec.owner)
        (folder.root / "lock").touch(mode=0o600)
        theirs = [folder.root / "lock", *_tree(folder.root / "routes"), *_tree(folder.run)]
        theirs += [path for below in folder.conf.iterdir() if below.is_dir() for path in _tree(below)]
        for path in theirs:
            os.chown(str(path), owner.pw_uid, owner.pw_gid, follow_symlinks=False)
        for path in [folder.root / "proxy.json", *(one for one in folder.conf.iterdir() if one.is_file())]:
            os.chown(str(path), 0, owner.pw_gid)
            path.chmod(0o640)


def _tree(folder: pathlib.Path) -> list[pathlib.Path]:
    return [folder, *folder.rglob("*")]


_ACTIONS: dict[str, t.Callable[[_Job], None]] = {"create": _create, "replace": _replace, "apply": _apply}


def _view(spec: HostSpec, folder: ProxyFolder, settings: ProxySettings | None, routes: t.Iterable[str]) -> dict[str, t.Any]:
    values = dataclasses.asdict(spec)
    values.update(where="host", include=str(spec.include or ""), folder=str(folder.root), settings=shown(settings), routes=sorted(routes))
    return values


def _result(job: _Job) -> dict[str, t.Any]:
    found = job.found
    after = _view(job.spec, found.folder, job.settings, {*found.routes, *(one.service for one in job.routes)})
    before: dict[str, t.Any] = {"state": "absent"}
    if found.proxy:
        before = dict(_view(found.proxy.spec, found.folder, found.settings, found.routes), state="running" if found.running else "stopped")
    return {
        "changed": job.plan.action != "none",
        "state": "present",
        "action": job.plan.action,
        "reasons": list(job.plan.reasons),
        "proxy": after,
        "diff": {"before": before, "after": dict(after, state="running")},
    }


def remove(state: StateDir, name: str, force: bool, check_mode: bool) -> dict[str, t.Any]:
    """Takes our include out, reloads, and removes our folder. Raises HotswapError while services have instances there, unless forced."""
    _check_root()
    with alone(state, name, check_mode):
        found = _look(state, name)
        served = sorted(name for name, one in found.routes.items() if one.targets or one.preview)
        if served and not force:
            raise HotswapError(
                "proxy %s has routes of %s" % (name, ", ".join(served)),
                "Remove these services first (state: absent), or set force: true.",
                services=served,
            )
        if found.proxy and not check_mode:
            _remove(found, found.proxy)
    before = {"state": "running" if found.running else "stopped", "routes": sorted(found.routes)} if found.proxy else {"state": "absent"}
    return {
        "changed": found.proxy is not None,
        "state": "absent",
        "action": "remove" if found.proxy else "none",
        "reasons": [],
        "diff": {"before": before, "after": {"state": "absent"}},
    }


def _remove(found: _Found, proxy: HostProxy) -> None:
    if found.running:
        check_configuration(proxy.spec)
    if _unlink(proxy.spec) and found.running:
        _reload(proxy.spec)
    found.folder.delete()


def _take_out(spec: HostSpec) -> None:
    """The include away, and whatever it made the running process do."""
    if _unlink(spec):
        _reload(spec)
