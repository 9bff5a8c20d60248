# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_problems."""

from __future__ import annotations

import typing as t


def fleet_problems(info: t.Mapping[str, t.Any], after: t.Mapping[str, str]) -> list[str]:
    """What is wrong with services that were rolled out a while ago, one sentence each."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    return _fleet.problems(info, after)


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_problems": fleet_problems}
