# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The grammar of image references, as the distribution specification has it: a registry or none, lower-case path parts, a tag or none."""

from __future__ import annotations

_WORD = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?/"
_TAG = ":(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})"

# A regular expression for the whole text; the group `tag` has the tag. An id looks like a name.
NAME_AND_TAG = "(?:%s)?%s(?:/%s)*(?:%s)?" % (_REGISTRY, _WORD, _WORD, _TAG)
