# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Which retired versions go so that the disk keeps room. Pure: sizes and free bytes in, versions out."""

from __future__ import annotations

import dataclasses
import typing as t

from .container_options import size_text
from .state import Names

Chain = t.Tuple[str, ...]
# Image id -> its chains; bytes count only of images that go.
Stored = t.Mapping[str, t.Mapping[Chain, int]]
# Key of a version that may go -> ids of its containers' images; the oldest first.
Retired = t.Mapping[str, t.AbstractSet[str]]


@dataclasses.dataclass(frozen=True)
class Disk:
    """The file system that has the engine's images, in bytes; `least`: what is to stay free of it."""

    folder: str
    free: int
    total: int
    least: int

    @property
    def missing(self) -> int:
        """Bytes that would have to become free; 0 when there is enough."""
        return max(0, self.least - self.free)

    def __str__(self) -> str:
        return "%s has %s free of %s, less than min_free_disk (%s)" % (self.folder, *map(size_text, (self.free, self.total, self.least)))


def chains(layers: Chain, sizes: t.Sequence[int]) -> dict[Chain, int]:
    """Each layer with all that is below it, as engines keep it, to its bytes. Engines leave out sizes of empty layers, taken for the lowest here."""
    known = (*[0] * len(layers), *sizes)[len(sizes) :]
    return {layers[: index + 1]: one for index, one in enumerate(known)}


def freed(going: t.Collection[str], stored: Stored) -> int:
    """The bytes of the layers that no other image has when these images, by id, are gone."""
    kept = {chain for image_id, held in stored.items() if image_id not in going for chain in held}
    gone = {chain: size for image_id in going for chain, size in stored.get(image_id, {}).items()}
    return sum(size for chain, size in gone.items() if chain not in kept)


def going_with(picked: t.Container[str], retired: Retired, can_go: t.Iterable[str]) -> set[str]:
    """Images that go with these of the retired versions. `can_go`: those that would with all of them."""
    return {image_id for image_id in can_go if all(key in picked or image_id not in ids for key, ids in retired.items())}


def chosen(retired: Retired, can_go: t.Collection[str], stored: Stored, missing: int) -> Names:
    """Keys to remove so that `missing` bytes become free: the first ones, as few as will do; all that help when none will do.

    One whose image would stay helps nobody, and stays too.
    """

    def freed_by(keys: Names) -> int:
        return freed(going_with(keys, retired, can_go), stored)

    keys: Names = tuple(retired)
    best: Names = ()
    for count in range(1, len(keys) + 1):
        if freed_by(best) >= missing:
            break
        best = keys[:count] if freed_by(keys[:count]) > freed_by(best) else best
    gone = going_with(best, retired, can_go)
    return tuple(key for key in best if gone & retired[key])
