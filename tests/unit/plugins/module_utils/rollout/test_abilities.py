# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a switch cannot do is refused by the parameter's name."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import abilities
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.state import Step
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Capabilities

from .test_spec import make

NOTHING = Capabilities(shares=1, in_flight=False, lossless_reload=True)
ALL = Capabilities(shares=100, in_flight=True, lossless_reload=True, answers=True, preview=True, sticky=True, hold=True, maintenance=True)
TWELVE = dataclasses.replace(ALL, shares=12, max_instances=12)
ROUTE: dict[str, t.Any] = {"preview": {"header": "X-Trial", "value": "yes"}, "sticky": "GREET", "hold": 20, "maintenance": {"text": "soon"}}


def asked(**given: t.Any) -> t.Any:
    return make(port=80, proxy="edge", **given)


def refused(spec: t.Any, can: Capabilities, state: str = "live", weight: int = 0) -> str:
    with pytest.raises(InvalidInput) as caught:
        abilities.check(spec, state, weight, can, abilities.place_of(spec, "plain"))
    return caught.value.what


@pytest.mark.parametrize("part", sorted(ROUTE))
def test_each_part_of_a_route_needs_its_ability(part: str) -> None:
    spec = asked(route={part: ROUTE[part]})
    assert refused(spec, NOTHING) == "route.%s: the driver plain of proxy edge cannot do it" % part
    assert refused(spec, dataclasses.replace(ALL, **{part: False})).startswith("route.%s:" % part)
    abilities.check(spec, "live", 0, ALL, "here")


def test_error_rates_need_a_driver_that_counts() -> None:
    assert refused(asked(bake={"time": "5", "max_error_rate": 1}), NOTHING).startswith("bake.max_error_rate:")
    abilities.check(asked(bake={"time": "5"}), "live", 0, NOTHING, "here")


@pytest.mark.parametrize(("weight", "can"), [(5, TWELVE), (95, TWELVE), (50, dataclasses.replace(ALL, shares=1))])
def test_a_share_that_is_too_fine_is_refused(weight: int, can: Capabilities) -> None:
    assert refused(asked(), can, "canary", weight) == "weight: the driver plain of proxy edge cannot give a share of %d percent" % weight


@pytest.mark.parametrize(("weight", "can"), [(1, ALL), (99, ALL), (10, TWELVE), (0, TWELVE)])
def test_other_shares_are_not(weight: int, can: Capabilities) -> None:
    abilities.check(asked(), "canary", weight, can, "here")


def test_a_canary_needs_a_switch_that_shares() -> None:
    assert refused(make(), NOTHING, "canary", 5) == "state: canary: the driver plain cannot do it"
    assert abilities.place_of(make(), "") == "a service without a proxy"


def test_no_more_instances_than_the_driver_can_address() -> None:
    abilities.check(asked(replicas=12), "live", 0, TWELVE, "here")
    abilities.check(asked(replicas=13), "live", 0, ALL, "here")
    assert refused(asked(replicas=13), TWELVE) == "replicas: 13 are more than the driver plain of proxy edge can address, which is 12"


def test_a_canary_beside_the_live_version_needs_room_too() -> None:
    names = tuple("greet-%d" % index for index in range(13))
    abilities.check_steps([Step("serve", names[:12])], TWELVE, "here")
    with pytest.raises(InvalidInput, match="replicas: 13 are more"):
        abilities.check_steps([Step("serve", names)], TWELVE, "here")
