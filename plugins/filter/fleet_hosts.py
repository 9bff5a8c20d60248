# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_hosts."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError


def fleet_hosts(hosts: t.Any, canary: t.Any = "") -> list[str]:
    """The hosts in the order of the rollout, the canary host first. Raises AnsibleFilterError when it is none of them, or when there are none."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    try:
        return _fleet.ordered(_fleet.words("rollout_hosts", hosts), canary)
    except _fleet.Wrong as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_hosts": fleet_hosts}
