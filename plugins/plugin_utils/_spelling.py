# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Names that nobody reads, and that are nearly one that somebody does: Ansible itself says nothing of a variable that is not used."""

from __future__ import annotations

import difflib
import functools
import pathlib
import re
import typing as t

from . import _fleet

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\brollout_[a-z_]*[a-z]\b")
# The same letters but for one or two, as a share of them.
_NEARLY = 0.9


@functools.lru_cache(maxsize=None)
def variables() -> frozenset[str]:
    """The variables of the role, and all that the playbooks and the role's tasks read or set."""
    files = [path for folder in ("playbooks", "roles/rollout") for path in (_ROOT / folder).rglob("*.yml")]
    read = {name for path in files for name in _VARIABLE.findall(path.read_text(encoding="utf-8"))}
    told = set(_fleet.report([], [], _fleet.verdict([], 0, {}), {})["stats"])
    return frozenset(read | told)


def misspelt(names: t.Iterable[str], known: t.Collection[str]) -> list[str]:
    """Of names that begin with rollout_, those that nobody reads and that are nearly one that somebody does; one sentence each.

    A known name with more words behind it may be somebody's own.
    """
    found = []
    for name in sorted(set(names) - set(known)):
        near = difflib.get_close_matches(name, known, 1, _NEARLY)
        if near and not re.match(re.escape(near[0]) + r"[_\d]", name):
            found.append("%s: nobody reads it. Is %s meant?" % (name, near[0]))
    return found


def unknown(where: str, names: t.Iterable[str], known: t.Collection[str]) -> list[str]:
    """Of names that stand where nothing else than the known ones may, the others; one sentence each."""
    found = []
    for name in sorted(set(map(str, names)) - set(known)):
        near = difflib.get_close_matches(name, known, 1)
        found.append("%s: %s is no option of it.%s" % (where, name, " Is %s meant?" % near[0] if near else ""))
    return found
