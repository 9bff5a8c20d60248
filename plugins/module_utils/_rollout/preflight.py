# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What can be known to go wrong before anything is touched."""

from __future__ import annotations

import typing as t

from .._engine.types import LABEL_VERSION, Container, Engine
from .._errors import InvalidInput, NotOurs
from .owner import owner
from .spec import ServiceSpec

_LOCAL = "localhost/"
_NEW_VERSION = "Give the new content a version of its own (version, or another tag)."


def check_image(engine: Engine, spec: ServiceSpec, needed: bool, pull: str, present: t.Iterable[Container], noted: str = "") -> list[str]:
    """Images to pull before the plan; raises InvalidInput for one that cannot be had, or that is not this version's."""
    if not spec.image:
        if needed:
            raise InvalidInput(
                "image: not given, and not all instances of version %s of %s are on this host" % (spec.version, spec.name), "Name the image to run."
            )
        return []
    image = engine.image(spec.image)
    if image is not None:
        check_pinned(spec, image.id, present, noted)
        return []
    return to_pull(engine, spec.image, pull) if needed else []


def to_pull(engine: Engine, image: str, pull: str) -> list[str]:
    """For an image that is not on the host: itself, where it may be pulled (`pull` missing); raises InvalidInput where not."""
    if pull == "never" or image.startswith(_LOCAL):
        raise InvalidInput(
            "image: %s is not on this host, in %s at %s" % (image, engine.kind, engine.endpoint),
            "Build or load it there first%s." % (", or set pull: missing" if pull == "never" else ""),
        )
    return [image]


def check_pinned(spec: ServiceSpec, image_id: str, present: t.Iterable[Container], noted: str = "") -> None:
    """A version never changes its content: the same version with another image id is refused.

    `noted`: the image id that it ran as, which counts when its containers are gone; "" for none.
    """
    for one in present:
        if one.labels.get(LABEL_VERSION) == spec.version and one.image_id != image_id:
            raise InvalidInput(
                "version: %s of %s is image %s on this host (%s), but %s is now image %s"
                % (spec.version, spec.name, short(one.image_id), one.name, spec.image, short(image_id)),
                _NEW_VERSION,
            )
    if noted not in ("", image_id):
        raise InvalidInput(
            "version: %s of %s ran as image %s on this host, but %s is now image %s" % (spec.version, spec.name, short(noted), spec.image, short(image_id)),
            _NEW_VERSION + " Only state: absent makes this host forget what its versions were.",
        )


def short(image_id: str) -> str:
    """Twelve hex digits of an image id."""
    return image_id.rpartition(":")[2][:12]


def check_names(engine: Engine, names: t.Iterable[str]) -> None:
    """The container names that will be created are free."""
    for name in names:
        found = engine.container(name)
        if found is not None:
            raise NotOurs(
                "container %s exists and is not an instance of this service: %s" % (name, owner(found.labels)),
                "It is left alone. Rename or remove it, or give the service another name.",
            )


def check_network(engine: Engine, spec: ServiceSpec) -> None:
    """The service's network exists."""
    if spec.network and engine.network(spec.network) is None:
        found = ", ".join(sorted(one.name for one in engine.networks()))
        raise InvalidInput(
            "network: %s does not exist in %s at %s; there are: %s" % (spec.network, engine.kind, engine.endpoint, found),
            "Create it with hotswap.containers.network.",
        )


def check_reach(proxy: str, networks: t.Iterable[str] | None, spec: ServiceSpec) -> None:
    """The proxy reaches the service's instances. `networks` None: it runs on the host, where it reaches every port of it."""
    if networks is None:
        return
    if spec.reach.port_env:
        raise InvalidInput(
            "network_mode: proxy %s runs in a container, and does not reach the host's network" % proxy,
            "Leave network_mode and port_env out, or use a proxy with where: host.",
        )
    if spec.network not in networks:
        raise InvalidInput(
            "network: proxy %s is not on %s but on %s" % (proxy, spec.network or "any network", ", ".join(sorted(networks))),
            "Put the service on the proxy's network (leave network out).",
        )


def check_memory(spec: ServiceSpec, new: int, meminfo: str = "/proc/meminfo") -> None:
    """The new instances' memory limits fit into what is available beside the old ones."""
    wanted = spec.container.memory * new
    available = _available(meminfo)
    if wanted and available and wanted > available:
        raise InvalidInput(
            "memory: %d new instances of %s want %d MiB, and %d MiB are available beside the running ones" % (new, spec.name, wanted >> 20, available >> 20),
            "Free memory, lower memory or replicas, or use order: stop_first.",
        )


def _available(meminfo: str) -> int:
    with open(meminfo, encoding="ascii") as file:
        found = [line.split()[1] for line in file if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else 0
