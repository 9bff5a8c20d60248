# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Phases of versions."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import Container
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.info_view import service_view

SPEC = {"port": 8282, "network": "edge", "proxy": "edge", "route": {"hosts": [], "path": "/"}, "replicas": 2}


def instance(version: str, index: int = 0, state: str = "running", created: str = "2026-01-01T00:00:00Z", **more: t.Any) -> Container:
    labels = {
        "hotswap.service": "greet",
        "hotswap.version": version,
        "hotswap.instance": str(index),
        "hotswap.hash": "h" + version,
        "hotswap.spec": json.dumps(SPEC),
    }
    return Container("id", "greet-%s-%d" % (version, index), "localhost/greet:" + version, "sha256:1", state, created_at=created, labels=labels, **more)


def phases(view: dict[str, t.Any]) -> dict[str, str]:
    return {one["version"]: one["phase"] for one in view["versions"]}


def test_admitted_is_live_stopped_is_retired_and_running_is_a_candidate() -> None:
    view = service_view("greet", [instance("A", state="exited"), instance("B"), instance("C")], {"greet-B-0": 100})
    assert phases(view) == {"A": "retired", "B": "live", "C": "candidate"}
    assert view["version"] == "B" and view["port"] == 8282 and view["problems"] == []


def test_with_two_versions_the_larger_share_is_live() -> None:
    view = service_view("greet", [instance("A"), instance("B", created="2026-02-01T00:00:00Z")], {"greet-A-0": 90, "greet-B-0": 10})
    assert phases(view) == {"A": "live", "B": "canary"}


def test_a_canary_with_the_larger_share_is_a_canary() -> None:
    view = service_view("greet", [instance("A"), instance("B")], {"greet-A-0": 1, "greet-B-0": 4}, ("A-hA",))
    assert phases(view) == {"A": "live", "B": "canary"}
    assert {one["version"]: one["share"] for one in view["versions"]} == {"A": 20, "B": 80}


def test_of_equal_shares_the_older_version_is_live() -> None:
    view = service_view(
        "greet", [instance("B", created="2026-01-01T00:00:00Z"), instance("A", created="2026-02-01T00:00:00Z")], {"greet-A-0": 100, "greet-B-0": 100}
    )
    assert phases(view) == {"A": "canary", "B": "live"}


def test_a_weight_of_zero_is_draining() -> None:
    assert phases(service_view("greet", [instance("A"), instance("B")], {"greet-A-0": 0, "greet-B-0": 100}))["A"] == "draining"


def test_one_version_with_other_settings_is_another_entry() -> None:
    changed = instance("A", 1)
    labels = dict(changed.labels)
    labels["hotswap.hash"] = "other"
    other = Container("id", changed.name, changed.image, "sha256:1", "running", labels=labels)
    assert len(service_view("greet", [instance("A"), other], {"greet-A-0": 1})["versions"]) == 2


def test_traffic_to_dead_unhealthy_or_missing_instances_is_a_problem() -> None:
    view = service_view("greet", [instance("A", 0, "exited"), instance("A", 1, health="unhealthy")], {"greet-A-0": 1, "greet-A-1": 1, "greet-A-2": 1})
    assert view["problems"] == [
        "instance greet-A-2 gets traffic and its container is gone",
        "instance greet-A-0 gets traffic and is exited",
        "instance greet-A-1 gets traffic and is unhealthy",
    ]


def test_an_unreadable_label_is_no_crash() -> None:
    one = Container("id", "greet-A-0", "i", "sha256:1", "running", labels={"hotswap.service": "greet", "hotswap.spec": "[1]", "hotswap.instance": "x"})
    view = service_view("greet", [one], {})
    assert view["port"] is None and phases(view) == {"": "candidate"}


def test_the_address_of_a_stopped_instance_is_the_reserved_one() -> None:
    one = Container("id", "greet-A-0", "i", "sha256:1", "exited", labels={"hotswap.address": "10.0.0.9"}, networks={"edge": ""})
    assert service_view("greet", [one], {})["versions"][0]["instances"][0]["address"] == "10.0.0.9"
