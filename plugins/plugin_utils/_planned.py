# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The controller's half of plan-first: a task whose part of a plan says that there is nothing to do is not run on its host."""

from __future__ import annotations

import hashlib
import json
import secrets
import typing as t

from ansible.plugins.action.normal import ActionModule as Normal

# Its methods have no types of their own.
_Base: t.Any = Normal
Json = t.Dict[str, t.Any]
# Only for the controller.
_NOT_ASKED = ("planned",)


def without_blanks(options: t.Mapping[str, t.Any]) -> Json:
    """The options that are set: a text of blanks only is not (see the filter unless_blank)."""
    return {name: value for name, value in options.items() if not (isinstance(value, str) and not value.strip())}


def fingerprint(options: t.Mapping[str, t.Any], salt: str = "") -> str:
    """SALT:HASH of a task's options, by which a plan is known to be for them. Salted, as they may hold secrets.

    Numbers and truths are compared as texts: some versions of Ansible render templates to texts only.
    """
    salt = salt or secrets.token_hex(8)
    asked = {name: _text(value) for name, value in without_blanks(options).items() if value is not None and name not in _NOT_ASKED}
    return "%s:%s" % (salt, hashlib.sha256((salt + json.dumps(asked, sort_keys=True)).encode()).hexdigest()[:16])


def _text(value: t.Any) -> t.Any:
    if isinstance(value, t.Mapping):
        return {str(name): _text(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_text(one) for one in value]
    return str(value)


def settled(options: t.Mapping[str, t.Any], planned: t.Any) -> Json | None:
    """The task's result where the plan is for these options and has nothing to do; None where the host must be asked."""
    if not isinstance(planned, t.Mapping) or planned.get("needed") is not False:
        return None
    asked = str(planned.get("asked") or "")
    if asked != fingerprint(options, asked.partition(":")[0]):
        return None
    return {**{name: value for name, value in planned.items() if name not in ("needed", "asked")}, "planned": True}


class PlannedAction(_Base):
    """What Ansible does for a module without an action plugin, but for a task that has nothing to do."""

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """The task's result; called by Ansible."""
        args = dict(self._task.args)
        done = settled(args, args.pop("planned", None))
        self._task.args = args
        return super().run(tmp, task_vars) if done is None else done
