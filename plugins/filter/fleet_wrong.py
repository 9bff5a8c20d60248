# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_wrong."""

from __future__ import annotations

import functools
import pathlib
import re
import typing as t

import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.hotswap.containers.plugins.filter import fleet_files
from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\brollout_[a-z_]*[a-z]\b")


def fleet_wrong(names: t.Sequence[str], given: t.Mapping[str, t.Any], services: t.Sequence[str], hosts: int) -> list[str]:
    """What is wrong with the variables of a run of the fleet's playbooks, one sentence each; [] when nothing is."""
    return [*_fleet.misspelt(names, _known()), *_fleet.wrong(given, services, hosts), *_lost_files(given)]


@functools.lru_cache(maxsize=None)
def _known() -> frozenset[str]:
    """The variables of the role, and all that the playbooks and the role's tasks read or set."""
    specs = yaml.safe_load((_ROOT / "roles" / "rollout" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    files = [path for folder in ("playbooks", "roles/rollout/tasks") for path in (_ROOT / folder).rglob("*.yml")]
    read = {name for path in files for name in _VARIABLE.findall(path.read_text(encoding="utf-8"))}
    told = set(_fleet.report([], [], _fleet.verdict([], 0, {}), {})["stats"])
    return frozenset(read | told | {name for entry in specs.values() for name in entry["options"]})


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
