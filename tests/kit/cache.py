# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where what is costly to make is kept between runs."""

from __future__ import annotations

import os
import pathlib


def folder(name: str) -> pathlib.Path:
    """The folder `name` in $HOTSWAP_CACHE, else in ~/.cache/hotswap; not made."""
    chosen = os.environ.get("HOTSWAP_CACHE")
    return (pathlib.Path(chosen) if chosen else pathlib.Path.home() / ".cache/hotswap").absolute() / name
