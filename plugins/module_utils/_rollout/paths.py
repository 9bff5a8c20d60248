# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Where our small state lives on a host. Losing it loses history, never service."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from .validate import check_line

# There where the host has SELinux: without a label of its own a container can read none of our files.
SELINUX = pathlib.Path("/sys/fs/selinux/enforce")


@dataclasses.dataclass(frozen=True)
class StateDir:
    """The state folder of the user who runs the engine (rootless engines have one for each user)."""

    root: pathlib.Path

    @classmethod
    def of(cls, override: str | None = None) -> StateDir:
        """`override` (InvalidInput for one that no path can be), else /var/lib/hotswap for root, else $XDG_STATE_HOME/hotswap (~/.local/state/hotswap)."""
        if override:
            return cls(pathlib.Path(check_line("state_dir", override)))
        if os.geteuid() == 0:
            return cls.of_system()
        home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
        return cls(pathlib.Path(home) / "hotswap")

    @classmethod
    def of_system(cls) -> StateDir:
        """The one of root, where proxies of the host are found by every user that they serve."""
        return cls(pathlib.Path("/var/lib/hotswap"))

    def proxy(self, name: str) -> pathlib.Path:
        """The folder of one proxy: conf/ and run/ are mounted into its container."""
        return self.root / "proxies" / name

    def service(self, name: str) -> pathlib.Path:
        """The folder of one service: lock and journal.jsonl."""
        return self.root / "services" / name
