# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the module service: renders the user's template, for there is no Jinja2 on the hosts.

Without the option template it is what Ansible does for a module that has no such half: one module run, unchanged.
"""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action.normal import ActionModule as Normal

from ..module_utils._switch.template import token

# Its methods have no types of their own.
_Base: t.Any = Normal
Json = t.Dict[str, t.Any]
# Every instance of the one version that serves gets the same.
_WEIGHT = 100


class ActionModule(_Base):
    """Puts the rendered text into the module's parameters, and leaves the rest to Ansible (check mode, diff, async)."""

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """The task's result; called by Ansible."""
        template = self._task.args.get("template")
        if isinstance(template, dict) and template.get("src"):
            try:
                rendered = self._render(str(template["src"]), task_vars or {})
                self._task.args = {**self._task.args, "template": {**template, "rendered": rendered}}
            except AnsibleError as error:
                return {"failed": True, "changed": False, "msg": "template.src: %s" % error}
        return super().run(tmp, task_vars)

    def _render(self, source: str, task_vars: Json) -> str:
        """The template as ansible.builtin.template would render it, with `hotswap` beside the task's variables."""
        path = self._find_needle("templates", source)
        with open(self._loader.get_real_file(path), encoding="utf-8") as file:
            text = file.read()
        searched = [os.path.dirname(path), *task_vars.get("ansible_search_path", [])]
        self._templar.available_variables = {**task_vars, "hotswap": self._words()}
        with self._templar.set_temporary_context(searchpath=searched):
            return str(self._templar.template(_trusted(text), preserve_trailing_newlines=True, escape_backslashes=False))

    def _words(self) -> Json:
        args = self._task.args
        route = args.get("route") or {}
        count = int(args.get("replicas") or 1)
        instances = [{**{field: token(index, field) for field in ("name", "address", "port")}, "weight": _WEIGHT} for index in range(count)]
        return {
            "service": str(args.get("name", "")),
            "route": {"hosts": list(route.get("hosts") or []), "path": route.get("path") or "/"},
            "instances": instances,
        }


def _trusted(text: str) -> str:
    """The text as one that may be rendered: ansible-core 2.19 and newer want to be told."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return text
    trusted: str = trust_as_template(text)
    return trusted
