# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The comparison of the drivers says what the drivers say of themselves."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._rollout.alias import AliasSwitch
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.direct import DirectSwitch
from ansible_collections.hotswap.containers.plugins.module_utils._switch import haproxy_service
from ansible_collections.hotswap.containers.plugins.module_utils._switch.drivers import NAMES, driver
from ansible_collections.hotswap.containers.plugins.module_utils._switch.port_redirect import PortRedirectSwitch
from ansible_collections.hotswap.containers.plugins.module_utils._switch.port_redirect_types import Redirect
from ansible_collections.hotswap.containers.plugins.module_utils._switch.template import TemplateSwitch
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Capabilities

from .files import ROOT

_REDIRECT = PortRedirectSwitch(pathlib.Path("/nowhere"), Redirect("service.greet", 53, ("udp",), (), 53, ()), "nft")
# The columns of the table, from left to right.
SWITCHES: t.Mapping[str, Capabilities] = {
    "HAProxy": driver("haproxy").capabilities,
    "HAProxy of the host": haproxy_service.CAPABILITIES,
    "Caddy": driver("caddy").capabilities,
    "nginx": driver("nginx").capabilities,
    "Apache": driver("apache").capabilities,
    "`redirect`": _REDIRECT.capabilities,
    "`alias`": AliasSwitch.capabilities,
    "`template`": TemplateSwitch.capabilities,
    "none": DirectSwitch.capabilities,
}


def _yes(value: bool) -> str:
    return "yes" if value else "no"


# The rows: what stands in a cell.
ROWS: t.Mapping[str, t.Callable[[Capabilities], str]] = {
    "parts that traffic is shared in": lambda can: str(can.shares),
    "`route.preview`": lambda can: _yes(can.preview),
    "`route.sticky`": lambda can: _yes(can.sticky),
    "`route.hold`": lambda can: _yes(can.hold),
    "`route.maintenance`": lambda can: _yes(can.maintenance),
    "`bake.max_error_rate`": lambda can: _yes(can.answers),
    "counts requests in flight": lambda can: _yes(can.in_flight),
    "a new route closes no idle connection": lambda can: _yes(can.lossless_reload),
    "instances of a service at once": lambda can: str(can.max_instances or "any"),
}


def _table(page: str = "docs/drivers/README.md", before: str = "## What each can do", after: str = "\n## ") -> list[list[str]]:
    text = (ROOT / page).read_text().split(before, 1)[1].split(after, 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_every_driver_and_every_ability_is_in_the_table() -> None:
    head, _line, *rows = _table()
    assert head == ["", *SWITCHES]
    assert [row[0] for row in rows] == list(ROWS)
    assert len(ROWS) == len(Capabilities.__dataclass_fields__)


@pytest.mark.parametrize("name", NAMES)
def test_every_driver_has_a_page(name: str) -> None:
    assert (ROOT / "docs" / "drivers" / (name + ".md")).exists()


@pytest.mark.parametrize("row", ROWS)
def test_a_row_says_what_the_drivers_can(row: str) -> None:
    shown = next(cells[1:] for cells in _table() if cells[0] == row)
    assert shown == [ROWS[row](can) for can in SWITCHES.values()]


# What the README's rows begin with, and the columns above that they are about.
_IN_THE_README: t.Mapping[str, t.Sequence[str]] = {
    "HAProxy": ["HAProxy"],
    "HAProxy of the host": ["HAProxy of the host"],
    "nginx, also of the host": ["nginx"],
    "Caddy": ["Caddy"],
    "Apache of the host": ["Apache"],
    "`redirect`: the kernel, TCP and UDP": ["`redirect`"],
    "`alias`, `template`: a proxy of yours": ["`alias`", "`template`"],
}


def test_the_readme_says_the_same_in_short() -> None:
    _head, _line, *rows = _table("README.md", "How the traffic moves", "\n## ")
    assert [row[0] for row in rows] == list(_IN_THE_README)
    for name, shares, *able, _route in rows:
        for can in (SWITCHES[column] for column in _IN_THE_README[name]):
            assert shares.split()[0] == ("1/%d" % can.shares if can.shares > 1 else "no"), name
            assert able == [_yes(one) for one in (can.preview, can.sticky, can.hold, can.maintenance, can.in_flight and can.answers)], name
