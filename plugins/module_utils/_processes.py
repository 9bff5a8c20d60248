# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The programs that we start ourselves.

Not by AnsibleModule.run_command, which ansible-test asks for: that waits for a program's end without a limit and holds all
that it says in memory, so it can neither keep a service, nor pass a stream on, nor give up.
"""

from __future__ import annotations

import subprocess
import typing as t

# Python 3.8 cannot say of what a Popen is at run time.
if t.TYPE_CHECKING:
    _Popen = subprocess.Popen[bytes]
else:
    _Popen = subprocess.Popen


class Process(_Popen):
    """A program, started by its words and never through a shell. It does not outlive a `with` block: what still runs there is killed."""

    def __exit__(self, *error: t.Any) -> None:
        """Also when the time that `communicate` was given is over."""
        if self.poll() is None:
            self.kill()
        super().__exit__(*error)
