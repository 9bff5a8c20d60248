# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a proxy should be, and the steps from what it is to that. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t
from types import MappingProxyType

from .._engine.types import LABEL_ADDRESS, LABEL_BRIDGE, LABEL_HASH, LABEL_PROXY, LABEL_SPEC, ContainerSpec, Mount, Publish
from .._errors import InvalidInput
from .._switch.types import CONF_DIR, RUN_DIR, Certificate, ContainerParts, Listener, ProxySettings
from .ports import clash, plain
from .validate import check_image, check_name, check_port, check_positive, check_publish, check_texts

DRIVERS = ("caddy", "haproxy", "nginx")
_SUFFIX = "-proxy"
# Seconds and connections that every proxy can count.
_MOST = 2000000


@dataclasses.dataclass(frozen=True)
class ProxySpec:
    """What only a new container can change."""

    name: str
    driver: str
    image: str
    network: str
    publish: tuple[Publish, ...] = ()
    restart_policy: str = "always"
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def container(self) -> str:
        """The container's name."""
        return self.name + _SUFFIX

    def as_dict(self) -> dict[str, t.Any]:
        """JSON values, also what the label hotswap.spec holds."""
        return dict(
            dataclasses.asdict(self),
            publish=["%s%d:%d" % (_before_port(one.host_ip), one.host_port, one.container_port) for one in self.publish],
        )

    def as_text(self) -> str:
        """The canonical JSON text: the same spec always gives the same text."""
        return json.dumps(self.as_dict(), sort_keys=True)

    def digest(self) -> str:
        """A short hash of the spec, for the label hotswap.hash."""
        return hashlib.sha256(self.as_text().encode()).hexdigest()[:16]


def read_spec(text: str) -> ProxySpec | None:
    """The spec that as_text() wrote; None for any other text (an older or edited label)."""
    try:
        values = json.loads(text)
        publish = tuple(_publish(one) for one in values.pop("publish"))
        return ProxySpec(publish=publish, **values)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidInput):
        return None


def _publish(text: str) -> Publish:
    host, _colon, inside = text.rpartition(":")
    address, port = check_publish("publish", host)
    return Publish(address, port, int(inside))


def _before_port(address: str) -> str:
    if not address:
        return ""
    return "[%s]:" % address if ":" in address else address + ":"


def spec_of(params: t.Mapping[str, t.Any], image: str) -> ProxySpec:
    """The container part of the module's parameters, checked. `image` is the driver's default. Raises InvalidInput."""
    check_texts(params)
    name = check_name("name", params["name"])
    if len(name) > 63 - len(_SUFFIX):
        raise InvalidInput("name: %s is too long" % name, "Use at most %d characters: the container is called NAME%s." % (63 - len(_SUFFIX), _SUFFIX))
    labels = {str(key): str(value) for key, value in (params["labels"] or {}).items()}
    for label in labels:
        if label.startswith("hotswap."):
            raise InvalidInput("labels: %s is a label that hotswap.containers keeps for itself" % label, "Use a name without hotswap. in front.")
    network = check_name("network", params["network"])
    used = check_image("image", params["image"] or image)
    return ProxySpec(name, params["driver"], used, network, _published(params["listen"]), params["restart_policy"], labels)


def _published(listen: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Publish, ...]:
    found: list[Publish] = []
    for entry in listen:
        for text in entry.get("publish") or ():
            address, port = check_publish("listen.publish", str(text))
            other = clash((address, port), [(plain(one.host_ip), one.host_port) for one in found])
            if other:
                raise InvalidInput("listen.publish: %s is asked for twice" % text, "Each address and port of the host can be published once.")
            found.append(Publish(address, port, entry["port"]))
    return tuple(found)


def settings_of(
    params: t.Mapping[str, t.Any],
    token: str,
    certificates: t.Mapping[int, tuple[Certificate, ...]] = MappingProxyType({}),
) -> ProxySettings:
    """The part of the parameters that a running proxy can take over, checked. Raises InvalidInput.

    `certificates`: of each port with TLS, as its files were read.
    """
    ports = [check_port("listen.port", entry["port"]) for entry in params["listen"]]
    if not ports:
        raise InvalidInput("listen: a proxy without a listener reaches nobody", "Name at least one, like listen: [{port: 8080, publish: 8080}].")
    for port in ports:
        if ports.count(port) > 1:
            raise InvalidInput("listen.port: %d is there twice" % port, "Name each port once; publish takes a list.")
    return ProxySettings(
        name=params["name"],
        listeners=tuple(Listener(port, certificates.get(port, ())) for port in ports),
        token=token,
        # HAProxy counts in milliseconds, so less is nothing.
        connect_timeout=check_positive("connect_timeout", params["connect_timeout"], 0.001, _MOST),
        client_timeout=check_positive("client_timeout", params["client_timeout"], 0.001, _MOST),
        server_timeout=check_positive("server_timeout", params["server_timeout"], 0.001, _MOST),
        max_connections=int(check_positive("max_connections", params["max_connections"], 1, _MOST)),
    )


def shown(settings: ProxySettings | None) -> dict[str, t.Any]:
    """The settings as people may see them: without the token."""
    if settings is None:
        return {}
    values = dataclasses.asdict(settings)
    del values["token"], values["name"]
    values["listeners"] = [_shown(one) for one in settings.listeners]
    return values


def _shown(listener: Listener) -> t.Any:
    """The port; with TLS also what everybody may see of the certificates."""
    if not listener.certificates:
        return listener.port
    return {"port": listener.port, "certificates": [dict(dataclasses.asdict(one), names=list(one.names)) for one in listener.certificates]}


@dataclasses.dataclass(frozen=True)
class Observed:
    """What is there. `exists` and `running` tell of the container; spec and settings are None when unknown or lost."""

    exists: bool = False
    running: bool = False
    spec: ProxySpec | None = None
    settings: ProxySettings | None = None
    drift: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Plan:
    """One `action` of none, create, replace, handover, start, apply; `reasons` name what differs; `downtime`: the listener closes.

    `replace` closes the listeners of a running proxy, `handover` does not.
    """

    action: str
    reasons: tuple[str, ...] = ()
    downtime: bool = False


def decide(spec: ProxySpec, settings: ProxySettings, seen: Observed) -> Plan:
    """The one step that brings the proxy from what was seen to what is wanted."""
    if not seen.exists:
        return Plan("create", ("there is no container %s" % spec.container,))
    fixed = container_changes(spec, seen.spec)
    if seen.settings is None:
        fixed.append("its folder (lost: the container cannot see a new one)")
    if fixed:
        return Plan("replace", tuple(fixed), downtime=seen.running)
    changed = settings_changes(settings, seen.settings)
    if not seen.running:
        return Plan("start", ("the container does not run", *changed))
    if changed or seen.drift:
        return Plan("apply", (*changed, *seen.drift))
    return Plan("none")


def container_changes(spec: ProxySpec, seen: ProxySpec | None) -> list[str]:
    """The fields in which a container made for `seen` differs, as "image from A to B"."""
    if seen is None:
        return ["its label %s (unreadable)" % LABEL_SPEC]
    return field_changes(spec.as_dict(), seen.as_dict())


def field_changes(new: t.Mapping[str, t.Any], old: t.Mapping[str, t.Any]) -> list[str]:
    """What differs, as "image from A to B"."""
    return ["%s from %s to %s" % (key, _word(old.get(key)), _word(new[key])) for key in new if new[key] != old.get(key)]


def settings_changes(settings: ProxySettings, seen: ProxySettings | None) -> list[str]:
    """The settings in which a running proxy differs; the token is not one."""
    return field_changes(shown(settings), shown(seen))


def _word(value: t.Any) -> str:
    if isinstance(value, (list, dict)):
        return json.dumps(value, sort_keys=True)
    return str(value)


def container_spec(spec: ProxySpec, parts: ContainerParts, folder: str, address: str, relabel: bool = False) -> ContainerSpec:
    """The container to create at that address; `folder` on the host holds conf/ and run/. `relabel` for hosts with SELinux."""
    # Z: labelled for this container alone. Without it SELinux lets the proxy read nothing of the folder.
    options = ("Z",) if relabel else ()
    labels = dict(spec.labels)
    labels.update({LABEL_PROXY: spec.name, LABEL_HASH: spec.digest(), LABEL_SPEC: spec.as_text(), LABEL_ADDRESS: address})
    return ContainerSpec(
        name=spec.container,
        image=spec.image,
        command=parts.command,
        entrypoint=parts.entrypoint,
        env=dict(parts.env),
        labels=labels,
        network=spec.network,
        address=address,
        publish=spec.publish,
        mounts=(
            Mount("bind", CONF_DIR, folder + "/conf", read_only=True, options=options),
            Mount("bind", RUN_DIR, folder + "/run", options=options),
        ),
        # The files belong to the user who runs the engine, who alone may read the token and write to the control socket:
        # inside the container that is root, on a rootless engine too. It has no capability but the ones below.
        user="0",
        cap_drop=("ALL",),
        cap_add=parts.cap_add,
        sysctls=dict(parts.sysctls),
        security_opt=("no-new-privileges",),
        restart_policy=spec.restart_policy,
        stop_signal=parts.stop_signal,
    )


def in_bridge(made: ContainerSpec, proxy: str, name: str) -> ContainerSpec:
    """The same container as the one that stands in for the proxy: under another name, and nothing of it is published."""
    labels = {label: value for label, value in made.labels.items() if label != LABEL_PROXY}
    return dataclasses.replace(made, name=name, publish=(), labels={**labels, LABEL_BRIDGE: proxy})
