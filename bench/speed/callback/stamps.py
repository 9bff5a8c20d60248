# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes when each play of a run began and ended: the controller's own start is in neither side of a comparison."""

from __future__ import annotations

import json
import os
import time
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: stamps
type: aggregate
author: The hotswap.containers contributors (@hotswap-containers)
short_description: Notes the seconds of each play, and of each task in it
description:
  - Writes them as JSON into the file that the environment variable SPEED_STAMPS names.
"""

# Its methods have no types of their own.
_Base: t.Any = CallbackBase


class CallbackModule(_Base):
    """Ansible calls its methods."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "stamps"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._plays: list[dict[str, t.Any]] = []

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        """A play begins, so the one before has ended."""
        self._end()
        self._plays.append({"name": play.get_name(), "began": time.monotonic(), "tasks": [], "results": []})

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        """A task begins."""
        self._plays[-1]["tasks"].append([task.get_name(), time.monotonic()])

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Keeps the phases of a service's rollout."""
        found = result._result
        for one in found.get("results", [found]):
            if isinstance(one, dict) and one.get("phases"):
                self._plays[-1]["results"].append({"phases": one["phases"], "drained": one.get("drained")})
            elif isinstance(one, dict) and "stamps" in str(one.get("stdout", "")):
                self._plays[-1]["results"].append(json.loads(one["stdout"].splitlines()[-1]))
            elif isinstance(one, dict) and isinstance(one.get("sent"), dict):
                self._plays[-1]["results"].append(one["sent"])

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """The end."""
        self._end()
        with open(os.environ["SPEED_STAMPS"], "w", encoding="utf-8") as file:
            json.dump(self._plays, file)

    def _end(self) -> None:
        if self._plays and "ended" not in self._plays[-1]:
            self._plays[-1]["ended"] = time.monotonic()
