# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The option `secrets` -> records: files that arrive in the container, of a copy of ours or of the engine's own secrets."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import posixpath
import re
import stat
import typing as t

from .._engine.types import ContainerSpec, EngineSecret, Mount
from .._errors import InvalidInput
from .validate import check_line

INSIDE = "/run/secrets"
# As Docker and Podman limit theirs.
MOST_BYTES = 500 * 1024
# A file name of the host, and a name of a secret of either engine.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MODE = re.compile(r"(?:0o?)?([0-7]{3})")
_READ_BY_OWNER = 0o400
_VALUES = ("file", "content")
_LARGEST_ID = 2**32 - 2


@dataclasses.dataclass(frozen=True)
class Secret:
    """One file. `data` is what we copy; `source` is instead the name of the engine's own, and `identity` what the engine tells it by.

    `uid` and `gid` None: of the engine's user, who is root in the container of a rootful and of a rootless engine.
    """

    name: str
    target: str
    mode: int
    uid: int | None = None
    gid: int | None = None
    data: bytes = dataclasses.field(default=b"", repr=False)
    source: str = ""
    identity: str = ""

    def hashed(self) -> list[t.Any]:
        """All that makes another container of it."""
        digest = hashlib.sha256(self.data).hexdigest()
        return [self.name, self.target, self.mode, self.uid, self.gid, digest, self.source, self.identity]


@dataclasses.dataclass(frozen=True)
class Secrets:
    """Those of a service. `folder`: where its generations of copies are; `relabel`: the host has SELinux."""

    entries: tuple[Secret, ...] = ()
    folder: str = ""
    relabel: bool = False

    @property
    def copied(self) -> tuple[Secret, ...]:
        """Those of which each generation has a copy of its own."""
        return tuple(one for one in self.entries if not one.source)

    def hashed(self) -> dict[str, t.Any]:
        """What needs a new container when it changes, {} for a service without."""
        return {"secrets": [one.hashed() for one in self.entries]} if self.entries else {}

    def given_to(self, container: ContainerSpec, generation: str) -> ContainerSpec:
        """The container with the copies of that generation mounted read-only, and with the engine's own."""
        # z and not Z: several instances share a copy.
        options = ("z",) if self.relabel else ()
        copies = [Mount("bind", one.target, posixpath.join(self.folder, generation, one.name), True, options=options) for one in self.copied]
        own = [EngineSecret(one.source, one.target, one.mode, one.uid or 0, one.gid or 0) for one in self.entries if one.source]
        return dataclasses.replace(container, mounts=(*container.mounts, *copies), secrets=tuple(own))


NO_SECRETS = Secrets()


def secrets_of(values: t.Sequence[t.Mapping[str, t.Any]] | None, mounts: t.Iterable[Mount]) -> Secrets:
    """The option's entries, files of the host read. Raises InvalidInput naming the entry; a value is never repeated."""
    entries = tuple(_secret("secrets[%d]" % index, value) for index, value in enumerate(values or ()))
    for index, one in enumerate(entries):
        _check_apart("secrets[%d]" % index, one, entries[:index], mounts)
    return Secrets(entries)


def _secret(at: str, value: t.Mapping[str, t.Any]) -> Secret:
    name = _named(at + ".name", value["name"])
    given = [way for way in _VALUES if value[way] is not None] + (["external"] if value["external"] else [])
    if len(given) != 1:
        raise InvalidInput("%s: %s has %s" % (at, name, " and ".join(given) or "no value"), "Give exactly one of file, content and external.")
    if value["source"] and not value["external"]:
        raise InvalidInput("%s.source: it is the name of a secret of the engine" % at, "Set external: true, or leave it out.")
    data = _read(at + ".file", value["file"]) if value["file"] is not None else _bytes(value["content"])
    _check_size("%s.%s" % (at, given[0]), data, bool(value["external"]))
    source = _source(at + ".source", value["source"] or name) if value["external"] else ""
    uid, gid = (_owner("%s.%s" % (at, key), value[key]) for key in ("uid", "gid"))
    return Secret(name, _target(at + ".target", value["target"], name), _mode(at + ".mode", value["mode"]), uid, gid, data, source)


def _named(parameter: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "%s: %r is not the name of a secret" % (parameter, name[:80]), "Use up to 128 letters, digits, '_', '.' or '-', as in a file's name."
        )
    return name


def _source(parameter: str, name: str) -> str:
    if not name.isprintable() or set("/,=") & set(name) or len(name) > 253:
        raise InvalidInput("%s: %r is not the name of a secret of the engine" % (parameter, name[:80]), "Name it as podman secret ls does.")
    return name


def _target(parameter: str, text: str | None, name: str) -> str:
    """An absolute path in the container; a bare name is below /run/secrets."""
    path = check_line(parameter, text or name)
    found = path if path.startswith("/") else posixpath.join(INSIDE, path)
    if posixpath.normpath(found) != found or found.startswith("//") or found == "/" or ("/" in path and path != found):
        raise InvalidInput("%s: %r is neither a file's name nor its whole path" % (parameter, path[:80]), "Write it like /etc/greet/password.")
    if set(",:") & set(found):
        raise InvalidInput("%s: %r has a ',' or ':'" % (parameter, path[:80]), "Engines separate the parts of a mount by them: use a path without.")
    return found


def _mode(parameter: str, value: t.Any) -> int:
    found = _MODE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise InvalidInput("%s: %.20s is not a mode in quotes" % (parameter, value), 'Write three octal digits as a text, for example "0400".')
    mode = int(found.group(1), 8)
    if not mode & _READ_BY_OWNER:
        raise InvalidInput("%s: %s lets not even the owner read it" % (parameter, value), 'Use "0400" or more.')
    return mode


def _owner(parameter: str, value: int | None) -> int | None:
    if value is not None and not 0 <= value <= _LARGEST_ID:
        raise InvalidInput("%s: it is not the number of a user or group" % parameter, "Give 0 or more.")
    return value


def _bytes(value: t.Any) -> bytes:
    """What a template made a dictionary or list of is JSON again, as in ansible.builtin.copy."""
    if isinstance(value, (dict, list, bool)):
        return json.dumps(value).encode()
    return str("" if value is None else value).encode()


def _read(parameter: str, path: str) -> bytes:
    try:
        # A pipe would keep us waiting for whoever writes to it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InvalidInput("%s: %s is not a file" % (parameter, path), "Name a file of the managed host.")
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput("%s: %s cannot be read: %s" % (parameter, path, error.strerror), "The file must be on the managed host.") from error


def _check_size(parameter: str, data: bytes, external: bool) -> None:
    if not external and not data:
        raise InvalidInput("%s: it is empty" % parameter, "An empty secret is none: look at where the value comes from.")
    if len(data) > MOST_BYTES:
        raise InvalidInput("%s: it has more than %d KiB" % (parameter, MOST_BYTES // 1024), "Mount a file of that size with mounts.")


def _check_apart(at: str, one: Secret, before: t.Iterable[Secret], mounts: t.Iterable[Mount]) -> None:
    """No two at one place, and none where the engine would have to write into something else that is mounted."""
    for other in before:
        if other.name == one.name:
            raise InvalidInput("%s.name: %s is there twice" % (at, one.name), "Give each secret a name of its own.")
        if other.source and other.source == one.source:
            raise InvalidInput("%s.source: %s is there twice" % (at, one.source), "Give each secret of the engine one target.")
        if _within(one.target, other.target) or _within(other.target, one.target):
            raise InvalidInput("%s.target: %s has no place beside that of %s" % (at, one.target, other.name), "Give each secret a target of its own.")
    for mount in mounts:
        place = posixpath.normpath(mount.target)
        if one.target == place or _within(place, one.target) or (mount.kind != "tmpfs" and _within(one.target, place)):
            raise InvalidInput("%s.target: %s is in the way of the mount at %s" % (at, one.target, mount.target), "Give it a place outside of other mounts.")


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
