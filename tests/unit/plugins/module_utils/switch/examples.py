# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values for the tests of this folder: one readable example, and hypothesis strategies of everything that validate.py lets in."""

from __future__ import annotations

import contextlib

from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import validate
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Listener, Places, ProxySettings, Route, Serving, Target

SETTINGS = ProxySettings("edge", (Listener(8181), Listener(8182)), "0123456789abcdef")
PLACES = Places()

ROUTES = {
    "greet": Serving(
        Route("greet", ("greet.example.com", "*.greet.example.com"), "/"),
        (Target("greet-a-1", "10.89.0.2", 8282, 90), Target("greet-b-1", "10.89.0.3", 8282, 10)),
    ),
    "api": Serving(Route("api", ("greet.example.com",), "/api/v2"), (Target("api-a-1", "10.89.0.4", 80),)),
    "rest": Serving(Route("rest"), ()),
}


def _passes(check: object, text: str) -> bool:
    with contextlib.suppress(InvalidInput):
        return bool(check("x", text) == text)  # type: ignore[operator]
    return False


_ALNUM = "abcxyzABC0123456789"
_labels = st.text("abcxyz019_-", min_size=1, max_size=9)
names = st.builds(str.__add__, st.sampled_from(_ALNUM), st.text(_ALNUM + "_.-", min_size=1, max_size=62))
hosts = st.builds(str.__add__, st.sampled_from(["", "*."]), st.lists(_labels, min_size=1, max_size=4).map(".".join)).filter(
    lambda text: _passes(validate.check_host, text)
)
paths = st.text(_ALNUM + "._~!$&*+,=:@/-", max_size=60).map("/".__add__).filter(lambda text: _passes(validate.check_path, text))
addresses = st.ip_addresses(v=4).map(str)
targets = st.builds(Target, names, addresses, st.integers(1, 65535), st.integers(0, 100))
target_lists = st.lists(targets, max_size=6, unique_by=lambda target: target.name).map(tuple)
routes = st.builds(Route, names, st.lists(hosts, max_size=4, unique=True).map(tuple), paths)


def _table(found: list[Route], lists: list[tuple[Target, ...]]) -> dict[str, Serving]:
    """Drops whatever would clash: two services with one name, or with one host and path."""
    table: dict[str, Serving] = {}
    taken: set[tuple[str, str]] = set()
    for route, ones in zip(found, lists):
        pairs = {(host, route.path) for host in route.hosts or ("",)}
        if route.service not in table and not pairs & taken:
            taken |= pairs
            table[route.service] = Serving(route, ones)
    return table


tables = st.builds(_table, st.lists(routes, max_size=6), st.lists(target_lists, min_size=6, max_size=6))
