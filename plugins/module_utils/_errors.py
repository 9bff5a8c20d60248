# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The one family of errors that leaves this collection, and the way to say where they happened."""

from __future__ import annotations

import contextlib
import typing as t


class HotswapError(Exception):
    """Something that the person who runs the playbook must know.

    Args:
        what: what is wrong, naming the thing ("image localhost/greet:A is not on this host").
        fix: what the person can do about it, a full sentence without the words "please" or "try".
        details: extra keys for the module result, JSON values only, never a secret.
    """

    def __init__(self, what: str, fix: str = "", **details: t.Any) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.details = details
        self.doing: list[str] = []

    def __str__(self) -> str:
        """The message that people read: what, while doing what (innermost first), and the fix."""
        text = self.what + "".join(" (while %s)" % step for step in self.doing)
        if not self.fix:
            return text
        return "%s. %s" % (text.rstrip("."), self.fix)


class InvalidInput(HotswapError):
    """A parameter that cannot be right; raised before anything is touched."""


class NotOurs(HotswapError):
    """A container, network or file of that name exists and does not carry our label."""


class EngineError(HotswapError):
    """The container engine refused or could not be reached."""


class NotFound(EngineError):
    """The engine has no such object."""


class SwitchError(HotswapError):
    """The proxy refused a change, or its running state does not confirm it."""


class GateFailed(HotswapError):
    """An instance did not pass its gate."""


class LockHeld(HotswapError):
    """Somebody else is changing the same thing on this host."""


@contextlib.contextmanager
def while_doing(step: str) -> t.Iterator[None]:
    """Adds "while STEP" to any HotswapError that passes through."""
    try:
        yield
    except HotswapError as error:
        error.doing.append(step)
        raise
