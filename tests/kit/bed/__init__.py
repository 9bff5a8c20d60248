# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with real engines on this machine; see README.md of the kit."""

from .beds import Bed, load_image
from .hosts import Host
from .shell import BedError
from .spec import HostSpec

__all__ = ["Bed", "BedError", "Host", "HostSpec", "load_image"]
