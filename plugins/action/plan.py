# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the module plan: renders the services' templates, and marks each part with what it was asked."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action.normal import ActionModule as Normal

from ..module_utils._options import ENGINE_OPTIONS
from ..plugin_utils._planned import fingerprint, without_blanks
from ..plugin_utils._template import with_rendered

# Its methods have no types of their own.
_Base: t.Any = Normal
Json = t.Dict[str, t.Any]


class ActionModule(_Base):
    """One module run for all parts."""

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """The task's result; called by Ansible."""
        asked = dict(self._task.args)
        common = {name: asked[name] for name in ENGINE_OPTIONS if asked.get(name) is not None}
        try:
            services = [with_rendered(self, _part(common, one), task_vars or {}) for one in asked.get("services") or []]
        except AnsibleError as error:
            return {"failed": True, "changed": False, "msg": "services.template.src: %s" % error}
        parts = {name: _part(common, asked.get(name)) for name in ("network", "proxy")}
        self._task.args = {**asked, **parts, "services": services}
        result: Json = super().run(tmp, task_vars)
        if result.get("failed") or result.get("unreachable"):
            return result
        for name, options in parts.items():
            result[name] = _marked(result.get(name), options)
        result["services"] = [_marked(one, options) for one, options in zip(result.get("services") or [], services)]
        result["needed"] = any(one and one["needed"] for one in (result["network"], result["proxy"], *result["services"]))
        return result


def _part(common: Json, options: t.Any) -> Json:
    return without_blanks({**common, **options}) if isinstance(options, t.Mapping) and options else {}


def _marked(found: Json | None, options: Json) -> Json | None:
    return {**found, "asked": fingerprint(options)} if found else None
