# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""One proxy on one host, wherever it runs: in a container of its own, or as our part of one that the host runs."""

from __future__ import annotations

import typing as t

from .._engine.types import Engine
from . import host_proxy, proxy_apply
from .paths import StateDir
from .validate import check_name


def converge(engine: t.Callable[[], Engine], state: StateDir, params: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """The whole module: parameters -> result. `engine` is called only for a proxy in a container. Raises HotswapError."""
    name, absent = check_name("name", params["name"]), params["state"] == "absent"
    of_host = host_proxy.read(state.proxy(name)) is not None if absent else params["where"] == "host"
    if not of_host:
        if absent:
            return proxy_apply.remove(engine(), state, name, params["force"], check)
        return proxy_apply.ensure(engine(), state, params, check)
    # Imported here: most hosts have none, and a module's files are compiled anew in each run.
    from . import host_proxy_apply

    if absent:
        return host_proxy_apply.remove(state, name, params["force"], check)
    return host_proxy_apply.ensure(state, params, check)
