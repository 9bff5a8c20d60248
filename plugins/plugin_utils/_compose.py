# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""A Compose file -> what the role rolls out: services in the order of their needs, their network, and the proxy before them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import typing as t

from ..module_utils._errors import InvalidInput
from . import _compose_places as places
from . import _compose_secrets, _compose_yaml
from . import _compose_service as service
from ._compose_at import At
from ._compose_parts import NOTHING
from ._compose_refused import REFUSED_TOP
from ._compose_text import Variables, dotenv, interpolate

Options = t.Dict[str, t.Any]
# `version` is what old files begin with; Compose does not look at it any more.
_TOP = ("name", "version", "services", "networks", "volumes", "secrets")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_DEFAULT = "default"
# Below it a program that is not root may not be allowed to listen.
_FIRST_FREE_PORT = 1024
_RAISED = 8000


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the playbook says beside the file: variables of its own, profiles, and the folder on the host of relative paths."""

    variables: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    profiles: t.Sequence[str] = ()
    folder: str | None = None


def rollout(path: str, asked: Asked, environ: t.Mapping[str, str]) -> Options:
    """What to roll out, with the keys of NOTHING. Raises InvalidInput for anything that cannot be honoured, by file and place."""
    project = Project(path, asked, environ)
    services = project.services()
    network = project.network(services)
    return {**NOTHING, **network, **_proxied(project, services), "services": [project.item(one, network) for one in services], "warnings": project.warnings()}


class Project:
    """A file that was read, with its variables in place."""

    def __init__(self, path: str, asked: Asked, environ: t.Mapping[str, str]) -> None:
        self.at = At(os.path.basename(path))
        self._path = pathlib.Path(path)
        self._asked = asked
        environ = {**environ, **asked.variables}
        beside = self._read(".env") or ""
        self._variables = Variables({**_located(At(".env"), lambda: dotenv(beside, environ)), **environ})
        text = self._read(self._path.name)
        if text is None:
            raise self.at.error("there is no such file in %s" % self._path.parent, "Name the Compose file.")
        self._raw = self.at.mapping(_interpolated(self.at, _located(self.at, lambda: _compose_yaml.load(text)), self._variables))
        self._check_top()
        self.name = self._name()
        self._volumes = self._declared("volumes", ("name", "external", "driver"), ("local",))
        self._networks = self._declared("networks", ("name", "external", "driver", "internal", "ipam", "labels"), ("bridge", "default"))

    def _read(self, name: str) -> str | None:
        """A file beside the Compose file, None when there is none. Raises InvalidInput when it cannot be read."""
        path = self._path.parent / name
        try:
            # As it is: a secret may have other ends of lines.
            return path.read_bytes().decode("utf-8")
        except (FileNotFoundError, IsADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self.at.error("%s cannot be read: %s" % (path, error), "Make it a readable text.") from error

    def _check_top(self) -> None:
        for key, value in self._raw.items():
            if key in REFUSED_TOP and value:
                raise self.at.key(key).error("not supported", REFUSED_TOP[key])
            if key not in _TOP and key not in REFUSED_TOP:
                raise self.at.key(key).error("this is no key of a Compose file that is known here", "Correct the name, or leave it out.")

    def _name(self) -> str:
        """`name`, else that of the environment, else the folder's."""
        given = self._raw.get("name") or self._variables.values.get("COMPOSE_PROJECT_NAME")
        if given is None:
            given = re.sub(r"[^a-z0-9_-]", "", self._path.absolute().parent.name.lower()).lstrip("_-")
        if not _NAME.fullmatch(str(given)):
            raise self.at.key("name").error("%r is no name of a project" % given, "Use small letters, digits, - and _, beginning with a letter or digit.")
        return str(given)

    def _declared(self, section: str, known: t.Sequence[str], drivers: t.Sequence[str]) -> dict[str, Options]:
        """Networks or volumes, each with its `name` on the engine."""
        at = self.at.key(section)
        found = {}
        for name, value in at.mapping(self._raw.get(section)).items():
            given = at.key(name).mapping(value, known)
            if given.get("driver") is not None:
                at.key(name).key("driver").choice(given["driver"], drivers)
            external = at.key(name).key("external").flag(given.get("external") or False)
            own = name if external else "%s_%s" % (self.name, name)
            found[name] = {**given, "external": external, "name": at.key(name).key("name").text(given.get("name") or own)}
        return found

    def warnings(self) -> list[str]:
        """What Compose would warn of, too."""
        return ["%s: the variable %s is not set, and counts as empty" % (self.at.file, name) for name in self._variables.unset]

    def services(self) -> list[service.Service]:
        """Those of the active profiles, each after what it needs."""
        at = self.at.key("services")
        values, volumes = self._variables.values, {key: one["name"] for key, one in self._volumes.items()}
        secrets = _compose_secrets.declared(self.at.key("secrets"), self._raw.get("secrets"), values, self._read)
        around = service.Around(values, places.Places(volumes, self._asked.folder), self._read, secrets)
        found = {name: service.read(name, at.key(name), value, around) for name, value in at.mapping(self._raw.get("services")).items()}
        profiles = {*self._asked.profiles, *filter(None, self._variables.values.get("COMPOSE_PROFILES", "").split(","))}
        active = {name: one for name, one in found.items() if not one.profiles or "*" in profiles or profiles & set(one.profiles)}
        if not active:
            raise at.error("there is none to roll out", "Write one, or name its profile in rollout_compose_profiles.")
        return _in_order(active, found)

    def network(self, services: t.Sequence[service.Service]) -> Options:
        """The one network of the services, as the options of the module network."""
        names = sorted({name for one in services for name in one.networks})
        at = self.at.key("networks")
        if len(names) > 1:
            raise at.error("the services are on different networks (%s)" % ", ".join(names), "Put them on one, or write a Compose file for each network.")
        if not names:
            return {}
        if names[0] != _DEFAULT and names[0] not in self._networks:
            raise at.error("the network %s is not declared" % names[0], "Declare it under networks.")
        given = self._networks.get(names[0], {"name": "%s_%s" % (self.name, _DEFAULT), "external": False})
        return {"network": given["name"], "manage_network": not given["external"], **_network_options(at.key(names[0]), given)}

    def item(self, one: service.Service, network: Options) -> Options:
        """The item of rollout_services."""
        behind_proxy = one.ports and one.by == service.PROXY
        # Both are always said, or those of the other services would count.
        ways = {"network": network["network"] if one.networks else "", "proxy": self.name if behind_proxy else ""}
        return {"name": "%s-%s" % (self.name, one.name), **one.options, **ways, **_reached(one), **one.ours}


def _located(at: At, read: t.Callable[[], t.Any]) -> t.Any:
    """What `read` returns; its error gets the place."""
    try:
        return read()
    except InvalidInput as error:
        raise at.error(error.what, error.fix) from error


def _interpolated(at: At, value: t.Any, variables: Variables) -> t.Any:
    """The value with all variables of its texts replaced. Keys have none, and extensions are left alone."""
    if isinstance(value, dict):
        return {key: one if str(key).startswith("x-") and key != service.OURS else _interpolated(at.key(key), one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_interpolated(at.key(number), one, variables) for number, one in enumerate(value)]
    return _located(at, lambda: interpolate(value, variables)) if isinstance(value, str) else value


def _in_order(active: t.Mapping[str, service.Service], known: t.Mapping[str, service.Service]) -> list[service.Service]:
    """Each after what it needs, else in the order of the file."""
    done: list[str] = []

    def visit(name: str, way: tuple[str, ...]) -> None:
        at = active[name].at.key("depends_on")
        if name in way:
            raise at.error("%s need each other" % ", ".join((*way[way.index(name) :], name)), "Take one of them out.")
        for other, required in active[name].needs.items() if name not in done else ():
            if other in active:
                visit(other, (*way, name))
            elif required:
                why = "its profiles are not active" if other in known else "there is no such service"
                raise at.key(other).error(why, "Write required: false, or see that it is there.")
        if name not in done:
            done.append(name)

    for name in active:
        visit(name, ())
    return [active[name] for name in done]


def _network_options(at: At, given: Options) -> Options:
    ipam = at.key("ipam").mapping(given.get("ipam"), ("driver", "config"))
    at.key("ipam").key("driver").choice(ipam.get("driver") or "default", ("default",))
    pools = at.key("ipam").key("config").items(ipam.get("config"))
    if len(pools) > 1:
        raise at.key("ipam").key("config").error("more than one subnet is not supported", "Leave one.")
    place = at.key("ipam").key("config")
    pool = place.mapping(pools[0] if pools else None, ("subnet", "ip_range", "gateway"))
    found: Options = {name: place.key(name).text(one) for name, one in pool.items()}
    if given.get("internal") is not None:
        found["internal"] = at.key("internal").flag(given["internal"])
    labels = at.key("labels").pairs(given.get("labels"))
    return {**found, **({"labels": {key: one or "" for key, one in labels.items()}} if labels else {})}


def _reached(one: service.Service) -> Options:
    """How the service gets its traffic: published through the proxy or the kernel, or by its name on the network."""
    at = one.at.key("ports")
    targets = sorted({port.target for port in one.ports})
    if len(targets) > 1:
        raise at.error("%s are published" % " and ".join(map(str, targets)), "A service is public on one of its ports here: leave the others out.")
    if one.ports and not one.networks:
        raise at.error("with network_mode nothing is published", "Leave ports out.")
    if one.by == service.REDIRECT:
        return _redirected(one, at)
    if any(port.protocol != "tcp" for port in one.ports):
        raise at.error("UDP does not go through a proxy for HTTP", "Write x-hotswap: {by: redirect} in this service.")
    if targets:
        return {"port": targets[0]}
    return {"port": one.exposed[0], "alias": one.name} if one.exposed and one.networks else {}


def _redirected(one: service.Service, at: At) -> Options:
    published = sorted({port.published for port in one.ports})
    if len(published) != 1:
        raise at.error("a redirect needs one published port, not %d" % len(published), "Publish one port.")
    addresses = sorted({port.address for port in one.ports if port.address})
    redirect: Options = {"port": published[0], "protocols": sorted({port.protocol for port in one.ports})}
    return {"port": one.ports[0].target, "redirect": {**redirect, **({"addresses": addresses} if addresses else {})}}


def _proxied(project: Project, services: t.Sequence[service.Service]) -> Options:
    """The proxy and its listeners, nothing when no service is behind one."""
    public = [one for one in services if one.ports and one.by == service.PROXY]
    _check_apart(services)
    bare = [one for one in public if not (one.ours.get("route") or {}).get("hosts") and (one.ours.get("route") or {}).get("path", "/") == "/"]
    if len(bare) > 1:
        raise (
            bare[1]
            .at.key("ports")
            .error(
                "%s and %s are behind one proxy, which could not tell their requests apart" % (bare[0].name, bare[1].name),
                "Write x-hotswap: {route: {hosts: [NAME]}} in one of them, or {by: redirect}.",
            )
        )
    listen: list[Options] = []
    for port in dict.fromkeys(port.publish for one in public for port in one.ports):
        listen.append({"port": _listening(int(port.rpartition(":")[2]), {each["port"] for each in listen}), "publish": port})
    return {"proxy": project.name, "listen": listen} if public else {}


def _check_apart(services: t.Sequence[service.Service]) -> None:
    """Two services do not publish the same port of the same address."""
    taken: dict[tuple[int, str], tuple[str, str]] = {}
    for one in services:
        for port in one.ports:
            other, address = taken.setdefault((port.published, port.protocol), (one.name, port.address))
            behind_proxy = one.by == service.PROXY and (one.ours.get("route") or {}).get("hosts")
            if other != one.name and not behind_proxy and (not address or not port.address or address == port.address):
                raise one.at.key("ports").error(
                    "%s publishes port %d, too" % (other, port.published), "Publish another one, or give each hosts with x-hotswap."
                )


def _listening(published: int, taken: t.Collection[int]) -> int:
    """The port inside the proxy's container."""
    port = published if published >= _FIRST_FREE_PORT else published + _RAISED
    while port in taken:
        port += 1
    return port
