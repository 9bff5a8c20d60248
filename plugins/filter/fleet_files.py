# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_files."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleFilterError


def fleet_files(value: t.Any, name: str = "files") -> list[str]:
    """Absolute paths of task files on the controller; relative ones are below the current folder. Raises AnsibleFilterError for one that is not there."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    try:
        found = [os.path.abspath(os.path.expanduser(one)) for one in _fleet.words(name, value)]
    except _fleet.Wrong as error:
        raise AnsibleFilterError(str(error)) from error
    for path in found:
        if not os.path.isfile(path):
            raise AnsibleFilterError(
                "%s: there is no file %s. Name it from the root, or from the folder that Ansible is run in (%s)." % (name, path, os.getcwd())
            )
    return found


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_files": fleet_files}
