# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_batches."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError


def fleet_batches(value: t.Any) -> list[int | str]:
    """Sizes of batches for serial, from a number, a share, a list, or a text with commas. Raises AnsibleFilterError."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    try:
        return _fleet.batches(value)
    except _fleet.Wrong as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_batches": fleet_batches}
