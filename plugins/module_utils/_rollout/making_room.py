# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Looks at the disk of one engine's images, and asks room.py which retired versions of a service go."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from .._engine.types import Engine, Image
from .._errors import HotswapError, InvalidInput
from .after import after
from .container_options import Bound, size_text
from .images import Images
from .observe import Sight
from .plan import plan, spare
from .room import Disk, chains, chosen, freed, going_with
from .state import Desired, Names, Observed, Step, meaningful

# What there is, and names of containers that do not count -> references of images that the service needs.
Needed = t.Callable[[Sight, t.Container[str]], t.Set[str]]


@dataclasses.dataclass(frozen=True)
class Making:
    """Instances that go before anything else (`first`) and at the end (`last`), the bytes that `first` (`early`) and all removals free (`frees`),
    and those that are missing after all that (`short`)."""

    disk: Disk
    first: Names = ()
    last: Names = ()
    early: int = 0
    frees: int = 0
    short: int = 0

    def check(self, service: str) -> None:
        """Raises InvalidInput when a pull would find too little room, also when `first` is gone."""
        if self.disk.missing > self.early:
            raise InvalidInput(
                "min_free_disk: %s, and what can go of %s frees no more than %s; nothing was pulled" % (self.disk, service, size_text(self.early)),
                "Free some room there ('docker system df' or 'podman system df' shows what takes it), or lower min_free_disk.",
            )

    @property
    def warnings(self) -> list[str]:
        """About too little room when all is done."""
        return ["%s, and nothing more of this service can go" % self.disk] if self.short else []

    def as_dict(self) -> dict[str, t.Any]:
        """As the result has it."""
        return {**dataclasses.asdict(self.disk), "removed": [*self.first, *self.last], "freed": self.frees}


@dataclasses.dataclass(frozen=True)
class Room:
    """The disk of one engine's images, and what of one service may go for it."""

    engine: Engine
    images: Images
    bound: Bound
    needed: Needed

    def disk(self) -> Disk:
        """The file system of the engine's images now. Raises HotswapError when it cannot be seen from here."""
        folder = self.engine.storage().folder
        try:
            found = os.statvfs(folder)
        except OSError as error:
            what = "min_free_disk: the room in %s, where %s keeps its images, cannot be seen: %s" % (folder, self.engine.kind, error.strerror)
            raise HotswapError(what) from error
        total = found.f_blocks * found.f_frsize
        return Disk(folder, found.f_bavail * found.f_frsize, total, self.bound.of(total))

    def plan(self, desired: Desired, sight: Sight) -> tuple[list[Step], Making]:
        """The plan, and around it what goes for room. Raises HotswapError."""
        disk = self.disk()
        first, early = self._choose(desired, sight, sight.observed, (), disk.missing)
        left = _without(first, desired, sight.observed)
        steps = plan(desired, left)
        gone = (*first, *(name for step in steps if step.action == "remove" for name in step.names))
        last, frees = self._choose(desired, sight, after(steps, left, desired.key), gone, disk.missing)
        making = Making(disk, first, last, early, frees, max(0, disk.missing - frees))
        return meaningful([Step("remove", first), *steps, Step("remove", last)]), making

    def shrink(self, desired: Desired, now: Sight, making: Making) -> tuple[Sight, Making]:
        """Removes the retired versions that have to go now; what is there then. Raises HotswapError."""
        disk = self.disk()
        names, frees = self._choose(desired, now, now.observed, (), disk.missing)
        for name in names:
            self.engine.remove(name)
        left = {name: one for name, one in now.containers.items() if name not in names}
        made = dataclasses.replace(making, disk=disk, last=making.last + names, frees=making.frees + frees, short=disk.missing)
        return Sight(_without(names, desired, now.observed), left), made

    def _choose(self, desired: Desired, sight: Sight, then: Observed, gone: Names, missing: int) -> tuple[Names, int]:
        """Instances to remove `then`, and the bytes that become free with them and `gone`."""
        if not missing:
            return (), 0
        spared = spare(desired, then)
        retired = {key: {sight.containers[one.name].image_id for one in then.instances if one.key == key and one.name in sight.containers} for key in spared}
        everything = {*gone, *_names(retired, then)}
        can_go = self.images.going(self.needed(sight, everything), everything)
        stored = {one.id: chains(one.layers, self._sizes(one) if one.id in can_go else ()) for one in self.engine.images()}
        picked = chosen(retired, can_go, stored, missing)
        return _names(picked, then), freed(going_with(picked, retired, can_go), stored)

    def _sizes(self, image: Image) -> tuple[int, ...]:
        """All in the highest layer where the history does not say: not every image has one, and Podman crashes at one without times."""
        found: tuple[int, ...] = ()
        with contextlib.suppress(HotswapError):
            found = self.engine.layer_sizes(image.id)
        return found or (image.size,)


def _names(keys: t.Container[str], observed: Observed) -> Names:
    return tuple(one.name for one in observed.instances if one.key in keys)


def _without(names: Names, desired: Desired, observed: Observed) -> Observed:
    return after([Step("remove", names)], observed, desired.key)
