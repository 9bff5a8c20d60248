# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the module network: nothing but the option planned."""

from __future__ import annotations

from ..plugin_utils._planned import PlannedAction


class ActionModule(PlannedAction):
    """One module run, or none where the plan has nothing to do."""
