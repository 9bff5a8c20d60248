# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Which phase each version of a service is in, from containers and weights. Pure."""

from __future__ import annotations

import json
import typing as t

from .._engine.types import LABEL_ADDRESS, LABEL_HASH, LABEL_INSTANCE, LABEL_SPEC, LABEL_VERSION, Container
from .shares import shares
from .state import key_of

Weights = t.Mapping[str, int]
Live = t.Dict[str, t.Any]


def spec_label(container: Container) -> dict[str, t.Any]:
    """What the service module wrote into hotswap.spec; {} for a text that is not its JSON."""
    try:
        values = json.loads(container.labels.get(LABEL_SPEC, ""))
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def phase(instances: t.Sequence[Container], weights: Weights, leader: bool) -> str:
    """The phase of one version: live, canary, draining, candidate or retired.

    `weights` is what the running proxy has, by instance name; `leader` says that this is the version that the traffic is for.
    """
    known = [weights[one.name] for one in instances if one.name in weights]
    if any(known):
        return "live" if leader else "canary"
    if not any(one.running for one in instances):
        return "retired"
    return "draining" if known else "candidate"


def leading_version(versions: t.Mapping[tuple[str, str], t.Sequence[Container]], weights: Weights, history: t.Sequence[str]) -> tuple[str, str] | None:
    """The version that was live last of those with traffic, by `history` (keys, the latest last); without a record of any
    that with the greatest share, the older one of two equals; None when none has any."""

    def rank(key: tuple[str, str]) -> tuple[int, int, str]:
        known = history.index(key_of(*key)) if key_of(*key) in history else -1
        return -known, -sum(weights.get(one.name, 0) for one in versions[key]), min(one.created_at for one in versions[key])

    served = [key for key in versions if any(weights.get(one.name) for one in versions[key])]
    return min(served, key=rank) if served else None


def service_view(name: str, containers: t.Sequence[Container], weights: Weights, history: t.Sequence[str] = ()) -> dict[str, t.Any]:
    """Everything about one service as the module returns it; `containers` are all of its instances, `history` the keys that were live."""
    versions: dict[tuple[str, str], list[Container]] = {}
    for one in sorted(containers, key=_order):
        versions.setdefault((one.labels.get(LABEL_VERSION, ""), one.labels.get(LABEL_HASH, "")), []).append(one)
    leader = leading_version(versions, weights, history)
    given = shares({key_of(*key): [weights.get(one.name, 0) for one in found] for key, found in versions.items()})
    newest = max(containers, key=lambda one: one.created_at)
    spec = spec_label(versions[leader][0] if leader else newest)
    return {
        "name": name,
        "version": leader[0] if leader else None,
        "proxy": spec.get("proxy") or None,
        "network": spec.get("network") or None,
        "port": spec.get("port"),
        "route": spec.get("route"),
        "replicas": spec.get("replicas"),
        "versions": [_version_view(key, found, weights, key == leader, given.get(key_of(*key), 0)) for key, found in versions.items()],
        "problems": problems(containers, weights),
        "drift": [],
    }


def live_view(view: t.Mapping[str, t.Any]) -> Live:
    """The part of a service's view that says what is live."""
    found = [{**one, "version": version["version"], "phase": version["phase"]} for version in view["versions"] for one in version["instances"]]
    return live_of(view["name"], found)


def live_of(name: str, instances: t.Iterable[t.Mapping[str, t.Any]]) -> Live:
    """`name` of the service, its live `version` ("" for none) and the names of the live `instances`; each has name, version and phase."""
    live = sorted((one["name"], one["version"]) for one in instances if one["phase"] == "live")
    return {"name": name, "version": live[0][1] if live else "", "instances": [one for one, _version in live]}


def _order(container: Container) -> tuple[str, int, str]:
    index = container.labels.get(LABEL_INSTANCE, "")
    return container.labels.get(LABEL_VERSION, ""), int(index) if index.isdigit() else 0, container.name


def _version_view(key: tuple[str, str], instances: t.Sequence[Container], weights: Weights, leader: bool, share: int) -> dict[str, t.Any]:
    return {
        "version": key[0],
        "hash": key[1],
        "phase": phase(instances, weights, leader),
        "share": share,
        "image": instances[0].image,
        "instances": [_instance_view(one, weights) for one in instances],
    }


def _instance_view(one: Container, weights: Weights) -> dict[str, t.Any]:
    return {
        "name": one.name,
        "state": one.state,
        "health": one.health,
        "address": next((address for address in one.networks.values() if address), "") or one.labels.get(LABEL_ADDRESS, ""),
        "weight": weights.get(one.name, 0),
        "restarts": one.restart_count,
        "at_boot": one.at_boot,
        "exit_code": one.exit_code,
        "image": one.image,
        "image_id": one.image_id,
        "created": one.created_at,
        "started": one.started_at,
    }


def problems(containers: t.Sequence[Container], weights: Weights) -> list[str]:
    """What is wrong with a service, one sentence each."""
    found = {one.name: one for one in containers}
    said = ["instance %s gets traffic and its container is gone" % name for name in sorted(weights) if weights[name] and name not in found]
    for one in containers:
        if weights.get(one.name) and not one.running:
            said.append("instance %s gets traffic and is %s" % (one.name, one.state))
        elif weights.get(one.name) and one.health == "unhealthy":
            said.append("instance %s gets traffic and is unhealthy" % one.name)
    return said
