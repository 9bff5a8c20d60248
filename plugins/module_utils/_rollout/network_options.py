# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The argument spec of the network module, which the plan module takes too."""

from __future__ import annotations

import typing as t

NETWORK_OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "subnet": {"type": "str"},
    "ip_range": {"type": "str"},
    "gateway": {"type": "str"},
    "internal": {"type": "bool", "default": False},
    "labels": {"type": "dict"},
}
