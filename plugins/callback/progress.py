# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What rollouts do, while they run and in one table at the end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Shows what rollouts do
version_added: 1.0.0
author:
  - The hotswap.containers contributors (@hotswap-containers)
description:
  - Shows one line with the steps and their seconds when a service was rolled out on a host, and a table of all of them at the end.
  - While a long step runs (a gate, a bake, a drain), the task asks the host over a second connection every two seconds which step it is at, and
    says so. Nothing is asked, and nothing is said, unless this plugin is enabled.
  - The lines are plain text, the same with a terminal and without. Colours are those of Ansible, which obeys E(NO_COLOR).
requirements:
  - C(hotswap.containers.progress) in C(callbacks_enabled) of C(ansible.cfg), or in E(ANSIBLE_CALLBACKS_ENABLED).
"""

import typing as t

from ansible import constants
from ansible.plugins.callback import CallbackBase

from ansible_collections.hotswap.containers.plugins.plugin_utils import _progress

_SHORT = {"service", "image", "probe"}
# Its methods have no types of their own.
_Base: t.Any = CallbackBase
_Colours: t.Any = constants


class CallbackModule(_Base):
    """Keeps what the tasks of this collection returned, and shows it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "hotswap.containers.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self._rows: list[_progress.Row] = []
        self._lost: dict[str, int] = {}

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """A task has ended; the items of a loop were told one by one."""
        if "results" not in result._result:
            self._ended(result, failed=False)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """A task has failed."""
        if "results" not in result._result:
            self._ended(result, failed=True)

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        """One item of a loop has ended."""
        self._ended(result, failed=False)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        """One item of a loop has failed."""
        self._ended(result, failed=True)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """The end: the table."""
        if self._rows:
            self._display.banner("ROLLOUTS")
        for line in _progress.table(self._rows, self._lost):
            self._display.display(line)

    def _ended(self, result: t.Any, failed: bool) -> None:
        kind = self._kind(result._task)
        host, found = result._host.get_name(), result._result
        if kind == "probe" and isinstance(found.get("lost"), int):
            self._lost[host] = self._lost.get(host, 0) + found["lost"]
        elif kind == "image" and found.get("sent", {}).get("bytes"):
            self._say(host, "image: %s" % _progress.sent(found["sent"]), found, failed)
        elif kind == "service" and "plan" in found:
            # A loop of the role has the name of its service as the label of the item.
            row = _progress.row(host, _name(result), found, failed)
            self._rows.append(row)
            if row.phases:
                self._say(host, _progress.line(row), found, failed)

    def _kind(self, task: t.Any) -> str:
        """The module, where it is one of ours."""
        name = str(getattr(task, "resolved_action", None) or task.action)
        collection, _dot, short = name.rpartition(".")
        return short if collection == "hotswap.containers" and short in _SHORT else ""

    def _say(self, host: str, words: str, found: t.Mapping[str, t.Any], failed: bool) -> None:
        colour = _Colours.COLOR_ERROR if failed else _Colours.COLOR_CHANGED if found.get("changed") else _Colours.COLOR_OK
        self._display.display("%s: %s" % (host, words), color=colour)


def _name(result: t.Any) -> str:
    label = result._result.get("_ansible_item_label")
    given = result._task.args.get("name")
    found = label if isinstance(label, str) else given if isinstance(given, str) and "{{" not in given else ""
    return _progress.service_of(found, result._result)
