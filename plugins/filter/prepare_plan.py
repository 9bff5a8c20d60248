# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter prepare_plan."""

from __future__ import annotations

import typing as t


def prepare_plan(seen: t.Mapping[str, t.Any], asked: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What a host lacks, and everything that is wrong, at once."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _prepare

    return _prepare.plan(seen, asked)


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"prepare_plan": prepare_plan}
