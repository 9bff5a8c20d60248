# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Options that several modules share, and nothing else: the controller reads them for each task."""

from __future__ import annotations

import typing as t

ENGINE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "engine": {"type": "str", "choices": ["docker", "podman"]},
    "engine_url": {"type": "str"},
    "state_dir": {"type": "path"},
}
# What the plan module said of this task; its action plugin has used it by the time that the module runs.
PLANNED_OPTIONS: dict[str, dict[str, t.Any]] = {"planned": {"type": "dict"}}
