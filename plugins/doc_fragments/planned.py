# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a task uses what the module plan said of it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  planned:
    description:
      - This task's part of the result of M(hotswap.containers.plan).
      - Where the plan has nothing to do, the task ends with what the plan says, and the module is not run on the host. A plan that was made for other
        options than this task has, is not used.
    type: dict
"""
