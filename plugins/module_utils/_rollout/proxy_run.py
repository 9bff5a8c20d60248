# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What every change of a proxy is done under, and how one that runs is looked at."""

from __future__ import annotations

import contextlib
import json
import typing as t

from .._errors import HotswapError
from .._switch.types import ProxySettings, Switch
from . import lock
from .paths import StateDir

_LOCK_SECONDS = 60.0
# How long a process that runs already may take to answer on its control socket: the engine may just have restarted it.
_READY_SECONDS = 10.0


@contextlib.contextmanager
def alone(state: StateDir, name: str, check_mode: bool) -> t.Iterator[None]:
    """Keeps other runs of the module for this proxy out, and says what is wrong with the state folder."""
    # Not the folder's own lock: the switch takes that one itself, for each change of routes.
    own = lock.held(state.root / "locks" / ("proxy-" + name), "reverse_proxy %s" % name, _LOCK_SECONDS)
    try:
        with contextlib.nullcontext() if check_mode else own:
            yield
    except OSError as error:
        raise HotswapError(
            "the state folder %s cannot be used: %s" % (state.root, error),
            "Give it to the user who runs the engine, or set state_dir.",
        ) from error


@contextlib.contextmanager
def blotted(token: str) -> t.Iterator[None]:
    """Keeps the token out of errors: HAProxy quotes the lines that it does not understand."""
    try:
        yield
    except HotswapError as error:
        error.what = error.what.replace(token, "(token)")
        error.details = json.loads(json.dumps(error.details).replace(token, "(token)"))
        raise


def drift_of(switch: Switch) -> tuple[str, ...]:
    """What differs between the running process and its files; why, when that cannot be told."""
    try:
        switch.wait_ready(_READY_SECONDS)
        return tuple(switch.drift())
    except HotswapError as error:
        return (str(error),)


def presented_otherwise(pid: int, settings: ProxySettings, patience: float = 0.0) -> tuple[str, ...]:
    """Where the process presents another certificate than written, after `patience` seconds at most."""
    if not any(one.certificates for one in settings.listeners):
        return ()
    # Imported here: few proxies have TLS.
    from . import handshake

    return tuple(handshake.otherwise(pid, settings, patience))
