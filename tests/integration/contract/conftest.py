# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proxies that the contract of the switch drivers is tried on."""

from __future__ import annotations

import typing as t

import pytest
from switch_bed import PROXIES, Bed


def new_bed(driver: str) -> t.Iterator[Bed]:
    """A proxy that runs and has no route yet."""
    bed = Bed(driver)
    try:
        bed.switch.prepare(bed.settings)
        bed.start()
        bed.switch.apply(bed.settings)
        yield bed
    finally:
        bed.close()


@pytest.fixture(params=sorted(PROXIES))
def bed(request: pytest.FixtureRequest) -> t.Iterator[Bed]:
    """Every driver in turn, or those that a test names by `parametrize(..., indirect=True)`."""
    yield from new_bed(request.param)


@pytest.fixture()
def haproxy_bed() -> t.Iterator[Bed]:
    """HAProxy alone."""
    yield from new_bed("haproxy")
