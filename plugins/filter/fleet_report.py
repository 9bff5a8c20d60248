# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_report."""

from __future__ import annotations

import typing as t


def fleet_report(outcomes: t.Sequence[dict[str, t.Any]], hosts: t.Sequence[str], verdict: dict[str, t.Any], more: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The end of a run: lines for people, values for set_stats, and the whole."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    return _fleet.report(outcomes, hosts, verdict, more)


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_report": fleet_report}
