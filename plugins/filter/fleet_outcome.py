# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_outcome."""

from __future__ import annotations

import typing as t


def fleet_outcome(facts: t.Mapping[str, t.Any], host: str) -> dict[str, t.Any]:
    """What became of a host, from the results that its tasks registered. After the way back: from `was`, `went` and `now`."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    if "was" in facts:
        return _fleet.returned(facts["was"], facts["now"], facts["went"], _fleet.reason(facts.get("failed")))
    return _fleet.outcome(host, {**facts, "failure": _fleet.reason(facts.get("failed"))})


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_outcome": fleet_outcome}
