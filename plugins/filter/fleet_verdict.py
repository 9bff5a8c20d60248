# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_verdict."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError


def fleet_verdict(outcomes: t.Sequence[dict[str, t.Any]], hosts: int, budget: t.Mapping[str, t.Any], kept_out: str = "") -> dict[str, t.Any]:
    """Whether the run may go on. Raises AnsibleFilterError for a budget that is none."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    try:
        return _fleet.verdict(outcomes, hosts, budget, kept_out)
    except _fleet.Wrong as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_verdict": fleet_verdict}
