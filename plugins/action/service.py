# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the module service: renders the user's template, and takes a plan's word that there is nothing to do."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError

from ..plugin_utils import _progress
from ..plugin_utils._planned import PlannedAction
from ..plugin_utils._template import with_rendered

Json = t.Dict[str, t.Any]


class ActionModule(PlannedAction):
    """Puts the rendered text into the module's parameters, and leaves the rest to Ansible (check mode, diff, async)."""

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """The task's result; called by Ansible."""
        try:
            self._task.args = with_rendered(self, self._task.args, task_vars or {})
        except AnsibleError as error:
            return {"failed": True, "changed": False, "msg": str(error)}
        with _progress.watched(self, str((task_vars or {}).get("inventory_hostname", ""))):
            return super().run(tmp, task_vars)
