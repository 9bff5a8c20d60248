# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_services."""

from __future__ import annotations

import typing as t


def fleet_services(items: t.Any, name: str = "", only: t.Sequence[str] | None = None, differing: t.Any = None, info: t.Any = None) -> list[t.Any]:
    """The items of rollout_services with their names; `only` these, or those whose live version is another than before the run."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    if differing is not None:
        only = _fleet.differing(differing, info or {})
    return _fleet.services(items, name, only)


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_services": fleet_services}
