# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which route wins, for any table and any request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.routing import Rule, rules
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Route, Serving

from .examples import tables


def covers(rule: Rule, host: str, path: str) -> bool:
    """The meaning of a rule, in words that are not the drivers'."""
    by_host = not rule.host or rule.host == host or (rule.wildcard and host.endswith(rule.host[1:]))
    return by_host and (rule.path == "/" or path == rule.path or path.startswith(rule.path + "/"))


def specific(rule: Rule) -> tuple[int, int, int]:
    kind = 0 if not rule.host else 1 if rule.wildcard else 2
    return (kind, len(rule.host) if kind == 1 else 0, len(rule.path))


@given(tables, st.data())
def test_the_most_specific_rule_comes_first(table: dict[str, Serving], data: st.DataObject) -> None:
    found = rules(serving.route for serving in table.values())
    known = [rule.host.replace("*.", "sub.") for rule in found] or [""]
    host = data.draw(st.sampled_from([*known, "elsewhere.test"]))
    path = data.draw(st.sampled_from([rule.path for rule in found] or ["/"])) + data.draw(st.sampled_from(["", "/x", "x"]))
    matching = [rule for rule in found if covers(rule, host, path)]
    if matching:
        assert specific(matching[0]) == max(specific(rule) for rule in matching)


@given(tables)
def test_every_host_of_every_route_is_there_once(table: dict[str, Serving]) -> None:
    found = rules(serving.route for serving in table.values())
    pairs = [(host, serving.route.path, name) for name, serving in table.items() for host in serving.route.hosts or ("",)]
    assert sorted((rule.host, rule.path, rule.service) for rule in found) == sorted(pairs)


def test_two_services_cannot_claim_one_place() -> None:
    with pytest.raises(SwitchError, match=r"services a1 and b1 both claim host x\.test, path /api"):
        rules([Route("a1", ("y.test", "x.test"), "/api"), Route("b1", ("x.test",), "/api")])
    with pytest.raises(SwitchError, match=r"host \(any\), path /"):
        rules([Route("a1"), Route("b1")])
    assert len(rules([Route("a1", ("x.test",)), Route("b1")])) == 2
