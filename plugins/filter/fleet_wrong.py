# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_wrong."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.hotswap.containers.plugins.filter import fleet_files


def fleet_wrong(names: t.Sequence[str], given: t.Mapping[str, t.Any], services: t.Sequence[str], hosts: int) -> list[str]:
    """What is wrong with the variables of a run of the fleet's playbooks, one sentence each; [] when nothing is."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet, _spelling

    return [*_spelling.misspelt(names, _spelling.variables()), *_fleet.wrong(given, services, hosts), *_lost_files(given)]


def _lost_files(given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for name in sorted(given):
        if name.startswith("rollout_hooks_"):
            try:
                fleet_files.fleet_files(given[name], name)
            except AnsibleFilterError as error:
                yield str(error)


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_wrong": fleet_wrong}
