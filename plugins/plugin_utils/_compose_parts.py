# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The parts that a Compose file comes to, and nothing else: most rollouts have no such file, and each task that asks would read all that can."""

from __future__ import annotations

import typing as t

NOTHING: dict[str, t.Any] = {
    "services": [],
    "network": "",
    "manage_network": True,
    "subnet": "",
    "ip_range": "",
    "gateway": "",
    "internal": "",
    "labels": {},
    "proxy": "",
    "listen": [],
    "warnings": [],
}
