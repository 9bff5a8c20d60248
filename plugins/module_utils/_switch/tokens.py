# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What stands in a rendered text of the template switch, and nothing else: the controller reads it for each task."""

from __future__ import annotations

FIELDS = ("name", "address", "port")


def token(index: int, field: str) -> str:
    """What stands in a rendered text for a field of the instance of that index; of letters that no filter changes."""
    return "__hotswap_%d_%s__" % (index, field)
