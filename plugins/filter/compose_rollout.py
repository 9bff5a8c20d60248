# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter compose_rollout."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible.utils.unsafe_proxy import wrap_var

Json = t.Dict[str, t.Any]


def compose_rollout(path: t.Any, base: str = "", variables: t.Mapping[str, t.Any] | None = None, profiles: t.Any = None, folder: t.Any = None) -> Json:
    """What a Compose file comes to, nothing for a blank path. Raises AnsibleFilterError for what cannot be honoured."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils._compose_parts import NOTHING

    file = str(path or "").strip()
    return _read(_found(file, base), variables or {}, profiles, str(folder or "").strip() or None) if file else dict(NOTHING)


def _read(path: str, variables: t.Mapping[str, t.Any], profiles: t.Any, folder: str | None) -> Json:
    from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _compose, _fleet

    texts = {str(key): str(value) for key, value in variables.items()}
    try:
        asked = _compose.Asked(texts, _fleet.words("rollout_compose_profiles", profiles), folder)
        found = _compose.rollout(path, asked, os.environ)
    except (HotswapError, _fleet.Wrong) as error:
        raise AnsibleFilterError("rollout_compose: %s" % error) from error
    for warning in found["warnings"]:
        Display().warning(warning)
    # What stands in the file is meant for Compose: Ansible must not look for templates in it.
    return dict(wrap_var(found))


def _found(path: str, base: str) -> str:
    """The path, when it is relative below the playbook's folder, else below the one that Ansible was started in."""
    path = os.path.expanduser(path)
    beside = os.path.join(base, path)
    return os.path.abspath(beside if os.path.exists(beside) else path)


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"compose_rollout": compose_rollout}
