# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Static files that outlive their version: what a run copies out of images, what each version shows, and what nobody asks for any more."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import time
import typing as t

from .._engine.types import LABEL_ASSETS, LABEL_VERSION, ContainerSpec, Engine
from .._errors import HotswapError, InvalidInput, NotOurs
from .asset_spec import NOTHING, Assets, Bridging, Copy, Version, assets_of_label, version_of
from .info_view import spec_label
from .observe import Sight, key_of_container
from .owner import owner

if t.TYPE_CHECKING:
    from .asset_files import Folders
    from .asset_union import Held

Json = t.Dict[str, t.Any]


def placed(assets: Assets, engine: Engine, service: pathlib.Path, relabel: bool) -> Assets:
    """The assets as this host has them. `service` is the service's folder. Raises InvalidInput where the engine could not read them."""
    if not assets.path:
        return assets
    if engine.rootless and os.geteuid() == 0:
        raise InvalidInput(
            "assets: the engine at %s is a user's, who cannot read what root keeps" % engine.endpoint, "Run the task as that user (become_user)."
        )
    from .asset_files import folder_of

    return dataclasses.replace(assets, folder=str(folder_of(service, engine.kind)), relabel=relabel)


def versions_of(sight: Sight, gone: t.Container[str] = ()) -> list[Version]:
    """Those with containers other than `gone`."""
    used = {one.key for one in sight.observed.instances if one.running or one.weight}
    used |= {one.key for one in sight.observed.instances if one.name in sight.observed.previewed}
    found: dict[str, Version] = {}
    for name, one in sight.containers.items():
        if name not in gone:
            key, assets = key_of_container(one), assets_of_label(spec_label(one))
            found.setdefault(key, Version(key, one.image_id, assets, key in used))
    return list(found.values())


class Bridge:
    """The assets of one service on one engine; to be changed under the service's lock."""

    def __init__(self, engine: Engine, service: str, folder: pathlib.Path) -> None:
        """`folder` is the service's."""
        self._engine = engine
        self._service = service
        self._folder = folder

    @functools.cached_property
    def _folders(self) -> Folders:
        # Most services have none, and need not be told how they are kept.
        from .asset_files import Folders

        return Folders(self._folder, self._engine.kind)

    def _there(self) -> bool:
        return (self._folder / "assets" / self._engine.kind).is_dir()

    def plan(self, assets: Assets, asked: Version | None, sight: Sight, gone: t.Container[str]) -> Bridging:
        """What is to be done. `asked`: the version that will have containers, None where all go; `gone`: containers that go. Touches nothing."""
        there = self._there()
        if not there and (asked is None or not asked.shows):
            return NOTHING
        from .asset_union import decide, keep_for, union

        now = versions_of(sight)
        stay = [one for one in versions_of(sight, gone) if asked is None or one.key != asked.key] + ([asked] if asked else [])
        held, time_kept = self._held(now), keep_for(assets, stay)
        shows = {one.key for one in stay if one.shows} & set(held)
        differences = {key: self._folders.differs(key, union(held[key], held.values(), time_kept)) for key in shows}
        left = [*self._folders.left(), *self._readers()] if there else []
        return decide(asked, stay, held, differences, time_kept, left)

    def _held(self, versions: t.Iterable[Version]) -> dict[str, Held]:
        """Key -> the files that are here, with the time that their version is out of use by now."""
        used, retired, now = {one.key for one in versions if one.used}, self._folders.retired(), time.time()
        ages = {key: 0.0 if key in used else max(0.0, now - retired.get(key, now)) for key in self._folders.versions()}
        return {key: self._folders.held(key, age) for key, age in ages.items()}

    def _readers(self) -> list[str]:
        return [one.name for one in self._engine.containers({LABEL_ASSETS: self._service})]

    def walk(self, bridging: Bridging, assets: Assets, asked: Version, sight: Sight) -> None:
        """Copies, and lets every version that is there show what it shall. Raises HotswapError or OSError, and leaves nothing half done."""
        for one in bridging.copies:
            self._copy(one)
        self._arrange(assets, [*versions_of(sight), asked])

    def _arrange(self, assets: Assets, versions: t.Sequence[Version]) -> None:
        from .asset_union import keep_for, union

        held, time_kept = self._held(versions), keep_for(assets, versions)
        for key in {one.key for one in versions if one.shows} & set(held):
            self._folders.arrange(key, union(held[key], held.values(), time_kept), held[key].folders)

    def _copy(self, one: Copy) -> None:
        try:
            self._folders.build(one.key, functools.partial(self._read, one))
        except InvalidInput:
            if one.must:
                raise
            self._folders.build(one.key, lambda place: place.mkdir())

    def _read(self, one: Copy, place: pathlib.Path) -> None:
        """Out of a container that is never started: the engines' archives are of containers."""
        from .asset_archive import unpack

        name = "%s-%s-assets" % (self._service, one.key)
        self._clear(name)
        labels = {LABEL_ASSETS: self._service, LABEL_VERSION: version_of(one.key)}
        self._engine.create(ContainerSpec(name, one.image, command=("assets",), network_mode="none", labels=labels))
        try:
            chunks = self._engine.archive(name, one.path)
            if chunks is None:
                raise InvalidInput("assets.path: there is no %s in image %s" % (one.path, one.image), "Name the folder that the image has its static files in.")
            unpack(chunks, place, one.path, one.image)
        finally:
            with contextlib.suppress(HotswapError):
                self._engine.remove(name)

    def _clear(self, name: str) -> None:
        found = self._engine.container(name)
        if found and found.labels.get(LABEL_ASSETS) != self._service:
            raise NotOurs("container %s exists and does not read the assets of this service: %s" % (name, owner(found.labels)), "Rename or remove it.")
        self._engine.remove(name)

    def settle(self, assets: Assets, sight: Sight, absent: bool = False, dropped: t.Collection[str] = ()) -> None:
        """After a run, from what is there now: notes who retired, and removes what nobody needs. What cannot be done now is done by the next run.

        `dropped`: versions that nobody has seen, and whose files are not kept when their containers are gone.
        """
        if self._there():
            with contextlib.suppress(OSError, HotswapError):
                self._settle(assets, versions_of(sight), absent, dropped)

    def _settle(self, assets: Assets, versions: t.Sequence[Version], absent: bool, dropped: t.Collection[str]) -> None:
        from .asset_union import keep_for, unneeded

        for name in self._readers():
            self._engine.remove(name)
        held, there = self._held(versions), {one.key for one in versions}
        for key in [key for key in held if key not in there and (absent or key in dropped)]:
            self._folders.remove(key)
            del held[key]
        noted, now, used = self._folders.retired(), time.time(), {one.key for one in versions if one.used}
        if held:
            self._folders.note_retired({key: noted.get(key, now) for key in held if key not in used})
        self._arrange(assets, versions)
        # Only what nobody shows any more.
        for name in (*unneeded(held.values(), versions, keep_for(assets, versions)), *self._folders.left()):
            self._folders.remove(name)
        self._folders.tidy()

    def shown(self, key: str, assets: Assets, sight: Sight) -> Json | None:
        """What a version serves: files of its own, of others, and the bytes of all; None where it has nothing here."""
        if not self._there():
            return None
        from .asset_union import keep_for, union

        versions = versions_of(sight)
        held = self._held(versions)
        if key not in held:
            return None
        found = union(held[key], held.values(), keep_for(assets, versions))
        own = len(held[key].files)
        return {"own": own, "bridged": len(found) - own, "size": sum(held[other].files[path] for path, other in found.items())}
