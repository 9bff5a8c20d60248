# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The option `assets` -> a record: the folder whose files outlive their version, and for how long; and what a run says that it does for it. Pure."""

from __future__ import annotations

import dataclasses
import posixpath
import typing as t

from .._engine.types import ContainerSpec, Mount
from .._errors import InvalidInput
from .container_options import duration
from .validate import check_line

# As mounts are written by engines, and as a folder of links is put together.
_LONGEST = 1024


@dataclasses.dataclass(frozen=True)
class Assets:
    """Static files of a service: `path` in its containers, "" for a service without; `keep_for` in seconds, from when their version retired.

    `folder`: where this host keeps them; `relabel`: it has SELinux.
    """

    path: str = ""
    keep_for: float = 0.0
    folder: str = ""
    relabel: bool = False

    def hashed(self) -> dict[str, t.Any]:
        """What needs a new container when it changes, {} for a service without."""
        return {"assets": self.path} if self.path else {}

    def to_label(self) -> dict[str, t.Any]:
        """What a later run needs to know again, as JSON values."""
        return {"assets": {"path": self.path, "keep_for": self.keep_for}} if self.path else {}

    def given_to(self, container: ContainerSpec, key: str) -> ContainerSpec:
        """The container with the files of that version, and those that outlived theirs, mounted read-only."""
        if not self.path:
            return container
        # z and not Z: several instances share a folder, and versions share files.
        options = ("z",) if self.relabel else ()
        mount = Mount("bind", self.path, posixpath.join(self.folder, key, SHOWN), True, options=options)
        return dataclasses.replace(container, mounts=(*container.mounts, mount))


# Below the folder of each version: what its image has, and what its containers see.
OWN, SHOWN = "own", "shown"
NO_ASSETS = Assets()


def assets_of(value: t.Mapping[str, t.Any] | None, taken: t.Iterable[str]) -> Assets:
    """The option checked. `taken`: where the container has mounts and secrets. Raises InvalidInput naming the parameter."""
    if not value:
        return NO_ASSETS
    path = _path(value["path"])
    for place in map(posixpath.normpath, taken):
        if within(place, path) or within(path, place):
            raise InvalidInput("assets.path: %s is in the way of what is mounted at %s" % (path, place), "Name a folder outside of mounts and secrets.")
    keep_for = duration("assets.keep_for", value["keep_for"])
    if keep_for < 1:
        raise InvalidInput("assets.keep_for: %g s is too short" % keep_for, "Give a second or more, for example 24h; leave assets out to keep nothing.")
    return Assets(path, keep_for)


def assets_of_label(label: t.Mapping[str, t.Any]) -> Assets:
    """The inverse of to_label; a label that has none, or that cannot be read, is that of a service without."""
    found = label.get("assets")
    try:
        return assets_of({"path": str(found["path"]), "keep_for": found["keep_for"]}, ()) if found else NO_ASSETS
    except (InvalidInput, KeyError, TypeError):
        return NO_ASSETS


def _path(text: str) -> str:
    path = check_line("assets.path", text)
    found = path.rstrip("/")
    if not found.startswith("/") or posixpath.normpath(found) != found or found.startswith("//") or len(found) > _LONGEST:
        raise InvalidInput("assets.path: %r is not the whole path of a folder" % path[:80], "Write it like /app/public/assets.")
    if set(",:") & set(found):
        raise InvalidInput("assets.path: %r has a ',' or ':'" % path[:80], "Engines separate the parts of a mount by them: use a path without.")
    return found


def within(path: str, folder: str) -> bool:
    """Whether the path is the folder, or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def version_of(key: str) -> str:
    """The version in a key."""
    return key.rpartition("-")[0]


@dataclasses.dataclass(frozen=True)
class Version:
    """A version that has containers, or is about to. `used`: it runs, or has traffic; `image` is a name or id of what it is made of."""

    key: str
    image: str
    assets: Assets
    used: bool

    @property
    def shows(self) -> bool:
        """Whether its containers have our folder mounted."""
        return bool(self.assets.path)


@dataclasses.dataclass(frozen=True)
class Copy:
    """Files of a version that are not here yet. `must`: its containers need them; else what cannot be had counts as nothing."""

    key: str
    image: str
    path: str
    must: bool


@dataclasses.dataclass(frozen=True)
class Bridging:
    """What a run does: `copies` out of images, `bridged` and `pruned` in words, and the versions that are kept `before` and `after` it."""

    copies: tuple[Copy, ...] = ()
    bridged: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def first(self) -> list[str]:
        """The lines of the plan that come before the version's containers."""
        return ["copy assets " + version_of(one.key) for one in self.copies] + ["bridge assets " + text for text in self.bridged]

    @property
    def last(self) -> list[str]:
        """Those that come after everything else."""
        return ["prune assets " + text for text in self.pruned]


NOTHING = Bridging()
