# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Which files the folder of a version has: its own, and those of other versions that it lacks and that are young enough; and what to do for it. Pure."""

from __future__ import annotations

import dataclasses
import posixpath
import typing as t

from .asset_spec import Assets, Bridging, Copy, Version, version_of
from .container_options import size_text

# What a version lacks and what it shows and shall not, as paths.
Difference = t.Tuple[t.AbstractSet[str], t.AbstractSet[str]]


@dataclasses.dataclass(frozen=True)
class Held:
    """The files of one version as its image has them: path below the folder -> bytes, and all folders, also empty ones.

    `age`: seconds since it retired, 0 while its containers are in use.
    """

    key: str
    files: t.Mapping[str, int]
    folders: t.AbstractSet[str] = frozenset()
    age: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())


def union(own: Held, others: t.Iterable[Held], keep_for: float) -> dict[str, str]:
    """Path -> key of the version that it is of. What `own` has wins, then what retired last; a path is a file or a folder, never both."""
    found = dict.fromkeys(own.files, own.key)
    folders = set(own.folders) | {folder for path in own.files for folder in above(path)}
    for other in sorted(others, key=lambda one: (one.age, one.key)):
        if other.key == own.key or not young(other, keep_for):
            continue
        for path in sorted(other.files):
            over = above(path)
            if path not in found and path not in folders and not any(one in found for one in over):
                found[path] = other.key
                folders.update(over)
    return found


def young(held: Held, keep_for: float) -> bool:
    """Whether its files are still kept for pages that are open."""
    return held.age < keep_for


def above(path: str) -> list[str]:
    """The folders that a path is in, the nearest first: a/b/c is in a/b and a."""
    found = []
    while posixpath.dirname(path):
        path = posixpath.dirname(path)
        found.append(path)
    return found


def keep_for(assets: Assets, versions: t.Iterable[Version]) -> float:
    """Seconds: as the task says; for one that says nothing the longest that a version was started with."""
    return assets.keep_for if assets.path else max((one.assets.keep_for for one in versions), default=0.0)


def unneeded(held: t.Iterable[Held], stay: t.Iterable[Version], seconds: float) -> list[str]:
    """Keys of versions without containers, whose files are not young any more."""
    there = {one.key for one in stay}
    return [one.key for one in held if one.key not in there and not young(one, seconds)]


def decide(
    asked: Version | None,
    stay: t.Sequence[Version],
    held: t.Mapping[str, Held],
    differences: t.Mapping[str, Difference],
    seconds: float,
    left: t.Iterable[str] = (),
) -> Bridging:
    """What is to be done for the versions that `stay`, with `asked`; without that all are about to go. `left`: of runs that were killed."""
    gone = list(held) if asked is None else unneeded(held.values(), stay, seconds)
    copies = tuple(_copies(asked, stay, held))
    new = asked is not None and asked.key in {one.key for one in copies}
    bridged = _to_come(asked, copies, held, seconds) if asked and new else _lacking(held, differences, seconds)
    pruned = [_told(held[key], held[key].files) for key in gone] + _surplus(held, differences, gone)
    after = {version_of(key) for key in held if key not in gone} | {version_of(one.key) for one in copies}
    said = sorted(pruned) + ["left by a killed run: " + name for name in left]
    return Bridging(copies, tuple(bridged), tuple(said), tuple(sorted({*map(version_of, held)})), tuple(sorted(after)))


def _copies(asked: Version | None, stay: t.Iterable[Version], held: t.Container[str]) -> t.Iterator[Copy]:
    new = asked is not None and asked.shows and asked.key not in held
    for one in stay:
        if one.key not in held and one.shows:
            yield Copy(one.key, one.image, one.assets.path, True)
        elif one.key not in held and one.used and asked and new:
            # A version of before the option: its pages are open, too.
            yield Copy(one.key, one.image, asked.assets.path, False)


def _to_come(asked: Version, copies: t.Iterable[Copy], held: t.Mapping[str, Held], seconds: float) -> list[str]:
    """What the new version will have of others; what an image has is not known before it is copied."""
    known = sorted(_told(one, one.files) for one in held.values() if young(one, seconds) and one.files)
    return known + [version_of(one.key) for one in copies if one.key != asked.key]


def _lacking(held: t.Mapping[str, Held], differences: t.Mapping[str, Difference], seconds: float) -> list[str]:
    """By the version that they are of."""
    found: dict[str, set[str]] = {}
    for key, (lacking, _surplus) in differences.items():
        wanted = union(held[key], held.values(), seconds)
        for path in lacking:
            found.setdefault(wanted[path], set()).add(path)
    return sorted(_told(held[key], paths) for key, paths in found.items())


def _surplus(held: t.Mapping[str, Held], differences: t.Mapping[str, Difference], gone: t.Container[str]) -> list[str]:
    """What versions show and shall not, by those that it was of and that stay; what is of nobody has no name."""
    left = {path for _lacking, surplus in differences.values() for path in surplus}
    told = [_told(one, left & set(one.files)) for one in held.values() if one.key not in gone and left & set(one.files)]
    strange = left - {path for one in held.values() for path in one.files}
    return told + (["of no version (%s)" % _count(strange)] if strange else [])


def _told(held: Held, paths: t.Collection[str]) -> str:
    return "%s (%s, %s)" % (version_of(held.key), _count(paths), size_text(sum(held.files[path] for path in paths)))


def _count(paths: t.Collection[str]) -> str:
    return "%d file%s" % (len(paths), "" if len(paths) == 1 else "s")
