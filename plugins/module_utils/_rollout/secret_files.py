# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Copies of secrets on the host: a folder for each generation, so that the version before keeps what it was started with.

services/NAME/secrets/ENGINE/HASH/SECRET in the state folder, where HASH is that of the container's settings, as its label has it.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import stat
import typing as t

from .._engine.types import LABEL_HASH, Container, Engine
from .._errors import InvalidInput
from .._switch import folder as files
from . import own_folder
from .paths import SELINUX
from .secret_spec import Secret, Secrets

# What `write` makes, and what it leaves when it is killed. Nothing else is ever removed.
_GENERATION = re.compile(r"[0-9a-f]{12}|\.[0-9a-f]{12}\.[0-9]+\.tmp")


def placed(engine: Engine, folder: pathlib.Path, secrets: Secrets) -> Secrets:
    """The secrets as this host has them: `folder` is the service's. Raises InvalidInput for what the engine or the user cannot do."""
    if not secrets.entries:
        return secrets
    _check_reader(engine, secrets)
    for index, one in enumerate(secrets.entries):
        for key in ("uid", "gid") if not one.source else ():
            _check_owner("secrets[%d].%s" % (index, key), getattr(one, key), engine.rootless, os.geteuid() if key == "uid" else os.getegid())
    entries = tuple(_identified("secrets[%d].external" % index, engine, one) for index, one in enumerate(secrets.entries))
    return dataclasses.replace(secrets, entries=entries, folder=str(folder / "secrets" / engine.kind), relabel=SELINUX.exists())


def _check_reader(engine: Engine, secrets: Secrets) -> None:
    if secrets.copied and engine.rootless and os.geteuid() == 0:
        raise InvalidInput(
            "secrets: the engine at %s is a user's, who cannot read what root keeps" % engine.endpoint, "Run the task as that user (become_user)."
        )


def _check_owner(parameter: str, asked: int | None, rootless: bool, ours: int) -> None:
    """Only root gives files away. A rootless engine shows its user's files as those of root."""
    if asked not in (None, 0 if rootless else ours) and (rootless or os.geteuid() != 0):
        raise InvalidInput(
            "%s: only root, with an engine of root, can give a file to %s" % (parameter, asked),
            "Leave it out and let the mode be 0444, or use external: Podman gives its own secrets to any user of the container.",
        )


def _identified(parameter: str, engine: Engine, one: Secret) -> Secret:
    if not one.source:
        return one
    try:
        identity = engine.secret(one.source)
    except InvalidInput as error:
        raise InvalidInput(error.what.replace("secrets", parameter, 1), error.fix) from error
    if identity is None:
        raise InvalidInput(
            "%s: there is no secret %s in %s at %s" % (parameter, one.source, engine.kind, engine.endpoint),
            "Make it there (podman secret create), or give the value in file or content.",
        )
    return dataclasses.replace(one, identity=identity)


def used_by(containers: t.Iterable[Container]) -> set[str]:
    """The generations that these containers have mounted, if any."""
    return {one.labels.get(LABEL_HASH, "") for one in containers}


class Copies:
    """The generations of one service's copies for one kind of engine; to be changed under the service's lock."""

    def __init__(self, folder: pathlib.Path, kind: str) -> None:
        """`folder` is the service's."""
        self._folder = folder / "secrets" / kind

    def missing(self, secrets: Secrets, generation: str) -> tuple[str, ...]:
        """The names of all secrets that have copies, where the generation is not there exactly as it must be; else ()."""
        names = tuple(one.name for one in secrets.copied)
        place = self._folder / generation
        try:
            there = own_folder.ours(place) and sorted(os.listdir(str(place))) == sorted(names)
            return () if not names or (there and all(_says(place / one.name, one) for one in secrets.copied)) else names
        except OSError:
            return names

    def write(self, secrets: Secrets, generation: str) -> None:
        """Makes the generation: whole, or not at all. Raises OSError, and HotswapError for a folder that is not ours."""
        for path in (self._folder.parent, self._folder):
            own_folder.make(path)
        staged = self._folder / (".%s.%d.tmp" % (generation, os.getpid()))
        try:
            own_folder.remove(staged)
            staged.mkdir(mode=0o700)
            for one in secrets.copied:
                files.stage(staged / one.name, one.data.decode("utf-8", "surrogateescape"), _like(one))
            files.sync_folder(staged)
            # In the way there can only be a damaged one.
            own_folder.remove(self._folder / generation)
            os.rename(str(staged), str(self._folder / generation))
        except OSError:
            own_folder.remove(staged)
            raise
        files.sync_folder(self._folder)

    def unused(self, needed: t.Container[str]) -> tuple[str, ...]:
        """Generations that are not among those, with what a killed run left unfinished."""
        try:
            found = sorted(os.listdir(str(self._folder))) if own_folder.ours(self._folder) else []
        except OSError:
            return ()
        return tuple(name for name in found if name not in needed and _GENERATION.fullmatch(name) and own_folder.ours(self._folder / name))

    def remove_unused(self, needed: t.Container[str]) -> None:
        """Removes them, and the folders when they are empty. What cannot be removed stays for the next run."""
        for name in self.unused(needed):
            shutil.rmtree(str(self._folder / name), ignore_errors=True)
        for path in (self._folder, self._folder.parent):
            try:
                path.rmdir()
            except OSError:
                return


def _like(one: Secret) -> os.stat_result:
    """Mode and owner, as `stage` takes them over."""
    uid, gid = _owner(one)
    return os.stat_result((one.mode, 0, 0, 0, uid, gid, 0, 0, 0, 0))


def _owner(one: Secret) -> tuple[int, int]:
    """On the host. Who may not give files away has only been asked for those of his own, see `placed`."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    return one.uid or 0, one.gid or 0


def _says(path: pathlib.Path, one: Secret) -> bool:
    found = path.lstat()
    same = stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == one.mode and (found.st_uid, found.st_gid) == _owner(one)
    return same and path.read_bytes() == one.data
