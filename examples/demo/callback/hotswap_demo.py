# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible does, as one JSON line for each event: the demo follows it."""

from __future__ import annotations

import json
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: hotswap_demo
type: stdout
short_description: One JSON line for each task that begins or ends
description:
  - The demo of hotswap.containers reads it.
"""

# What the demo tells of a task's result.
KEPT = ("changed", "msg", "version", "previous_version", "phases", "drained", "cut", "phase", "restored", "plan")


class CallbackModule(CallbackBase):
    """Writes {"event": ..., "task": ..., "result": {...}}."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "hotswap_demo"

    def _say(self, event: str, **more: t.Any) -> None:
        self._display.display(json.dumps({"event": event, **more}, default=str))

    def _ended(self, event: str, result: t.Any) -> None:
        values = {key: result._result[key] for key in KEPT if key in result._result}
        self._say(event, task=result._task.get_name(), result=values)

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._say("begins", task=task.get_name())

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._ended("ok", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._ended("failed", result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._ended("failed", result)
