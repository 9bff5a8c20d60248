# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter unless_blank."""

from __future__ import annotations

import typing as t


def unless_blank(value: t.Any, otherwise: t.Any = None) -> t.Any:
    """`value`, or `otherwise` when value is a text of blanks only: how AWX surveys send an answer that was left out."""
    return otherwise if isinstance(value, str) and not value.strip() else value


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"unless_blank": unless_blank}
