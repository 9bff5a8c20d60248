# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The argument spec of the link module."""

from __future__ import annotations

from .service_options import SERVICE_OPTIONS, Options

_TO: Options = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
}

# The service's, but for what needs a container.
_ROUTE: Options = {name: SERVICE_OPTIONS["route"]["options"][name] for name in ("hosts", "path")}
_GATE: Options = {name: one for name, one in SERVICE_OPTIONS["gate"]["options"].items() if name not in ("exec", "engine")}

LINK_OPTIONS: Options = {
    "name": {"type": "str", "required": True},
    "proxy": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "to": {"type": "list", "elements": "dict", "options": _TO},
    "route": {"type": "dict", "options": _ROUTE},
    "gate": {"type": "dict", "options": _GATE},
    "drain_timeout": SERVICE_OPTIONS["drain_timeout"],
    "lock_timeout": SERVICE_OPTIONS["lock_timeout"],
}
