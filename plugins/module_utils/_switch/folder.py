# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""A proxy's folder on the host: what survives the proxy, this process and a reboot.

conf/ is mounted read-only into the proxy's container, run/ holds its control sockets. proxy.json and routes/ are
ours: what the configuration in conf/ is rendered from. Everything is 0600 in folders of 0700, owned by the user
who runs the engine, who is uid 0 inside the proxy's container.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import typing as t

from .._errors import SwitchError
from . import safe
from .types import Certificate, Listener, Maintenance, Preview, ProxySettings, Route, Serving, Target

Snapshot = t.Mapping[pathlib.Path, t.Optional[bytes]]


def write(path: pathlib.Path, text: str) -> bool:
    """Replaces the file by rename, after it reached the disk. False, and nothing done, when it says that already."""
    return write_all({path: text})


def write_all(texts: t.Mapping[pathlib.Path, str]) -> bool:
    """Replaces the files that differ, or none: a disk that is full is noticed before the first of them is renamed."""
    staged = {_temporary(path): path for path, text in texts.items() if not _says(path, text)}
    try:
        for temporary, path in staged.items():
            stage(temporary, texts[path])
    except OSError:
        for temporary in staged:
            _remove(temporary)
        raise
    for temporary, path in staged.items():
        os.replace(str(temporary), str(path))
    for folder in {path.parent for path in staged.values()}:
        sync_folder(folder)
    return bool(staged)


def _says(path: pathlib.Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def _temporary(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(".%s.%d.tmp" % (path.name, os.getpid()))


def stage(temporary: pathlib.Path, text: str, like: os.stat_result | None = None) -> None:
    """A new file that reached the disk, 0600 or with the mode and owner of another; nobody else could read it before it had them.

    The owner is taken over by root only: nobody else may give files away. Bytes that are no UTF-8 come back as they were read.
    """
    _remove(temporary)
    handle = os.open(str(temporary), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        if like and os.geteuid() == 0:
            os.fchown(handle, like.st_uid, like.st_gid)
        if like:
            os.fchmod(handle, like.st_mode & 0o7777)
        file.write(text.encode("utf-8", "surrogateescape"))
        file.flush()
        os.fsync(handle)


def _remove(path: pathlib.Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def sync_folder(path: pathlib.Path) -> None:
    """Makes renames in the folder survive a power cut."""
    handle = os.open(str(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def target_of(record: t.Mapping[str, t.Any]) -> Target:
    """A Target from its JSON form."""
    return Target(record["name"], record["address"], record["port"], record["weight"])


def _listener_of(record: t.Mapping[str, t.Any]) -> Listener:
    certificates = record.get("certificates", ())
    return Listener(record["port"], tuple(Certificate(**dict(one, names=tuple(one["names"]))) for one in certificates))


def _serving_of(record: t.Mapping[str, t.Any]) -> Serving:
    route = dict(record["route"], hosts=tuple(record["route"]["hosts"]))
    preview, maintenance = route.get("preview"), route.get("maintenance")
    route["preview"] = Preview(**preview) if preview else None
    route["maintenance"] = Maintenance(**maintenance) if maintenance else None
    return Serving(
        Route(**route),
        tuple(target_of(target) for target in record["targets"]),
        tuple(target_of(target) for target in record.get("preview", ())),
        bool(record.get("held")),
    )


def _dump(record: t.Any) -> str:
    return json.dumps(dataclasses.asdict(record), indent=2, sort_keys=True) + "\n"


class ProxyFolder:
    """Paths, records and the lock of one proxy. `root` is STATE/proxies/NAME."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.conf = root / "conf"
        self.run = root / "run"
        # There while the proxy's container is replaced: the folder of the one that stands in for it.
        self.bridge = root / "bridge"
        self._settings = root / "proxy.json"
        self._routes = root / "routes"
        # What was read of routes/, by service, and what tells one content of the file from the next: a proxy may have hundreds.
        self._read_before: dict[str, tuple[tuple[int, ...], Serving]] = {}

    def create(self) -> None:
        """Makes the folders that are missing, each readable by its owner only."""
        for path in (self.root, self.conf, self.run, self._routes):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def delete(self) -> None:
        """Removes the whole folder; gone already is no error."""
        shutil.rmtree(str(self.root), ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Keeps every other change of this proxy out. The kernel frees the lock when its holder dies."""
        try:
            handle = os.open(str(self.root / "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._missing(str(error)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def check_bridge(self) -> None:
        """Raises SwitchError while the proxy's container is replaced: what stands in for it would not know of a change."""
        if self.bridge.exists():
            raise SwitchError(
                "proxy %s is being replaced by a new container, or that was interrupted" % self.root.name,
                "Run hotswap.containers.reverse_proxy for it again, then this.",
            )

    def _missing(self, why: str) -> SwitchError:
        return SwitchError("proxy %s has no folder %s (%s)" % (self.root.name, self.root, why), "Create the proxy with hotswap.containers.reverse_proxy.")

    def _read(self, path: pathlib.Path) -> t.Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SwitchError("%s cannot be read: %s" % (path, error), "Restore it, or remove the proxy and create it again.") from error

    def stored_settings(self) -> ProxySettings | None:
        """The settings of the last `reverse_proxy` run, None before the first."""
        if not self._settings.exists():
            return None
        record = self._read(self._settings)
        record["listeners"] = tuple(_listener_of(one) for one in record["listeners"])
        return ProxySettings(**record)

    def settings(self) -> ProxySettings:
        """The settings of the last `reverse_proxy` run; SwitchError before the first."""
        found = self.stored_settings()
        if found is None:
            raise self._missing("no %s" % self._settings.name)
        return found

    def _settings_text(self, settings: ProxySettings) -> dict[pathlib.Path, str]:
        return {self._settings: _dump(safe.settings(settings))}

    def _routes_texts(self, routes: t.Mapping[str, Serving]) -> dict[pathlib.Path, str]:
        """Those that are not there already."""
        known = self.routes()
        changed = {name: serving for name, serving in routes.items() if known.get(name) != serving}
        return {self._record(name): _dump(safe.serving(serving)) for name, serving in changed.items()}

    def save(self, settings: ProxySettings, routes: t.Mapping[str, Serving], rendered: t.Mapping[pathlib.Path, str]) -> None:
        """Writes the settings, the routes and what was rendered from them: all, or nothing when the disk is full."""
        write_all({**rendered, **self._settings_text(settings), **self._routes_texts(routes)})
        self._keep_only(routes)

    def routes(self) -> dict[str, Serving]:
        """Service name to route and targets."""
        return {name: self._serving(name, now) for name, now in sorted(self._records().items())}

    def route(self, name: str) -> Serving | None:
        """Route and targets of one service; None when it has none."""
        try:
            return self._serving(name, os.stat(str(self._record(name))))
        except FileNotFoundError:
            return None

    def _record(self, name: str) -> pathlib.Path:
        return self._routes / (safe.name(name) + ".json")

    def _records(self) -> dict[str, os.stat_result]:
        """Service name to what its file is now."""
        try:
            with os.scandir(str(self._routes)) as entries:
                files = [one for one in entries if one.name.endswith(".json") and not one.name.startswith(".")]
                return {one.name[: -len(".json")]: one.stat() for one in files}
        except FileNotFoundError:
            return {}

    def _serving(self, name: str, now: os.stat_result) -> Serving:
        """What the file says. It is read again when another one was renamed to its place, or when somebody wrote to it."""
        mark = (now.st_ino, now.st_mtime_ns, now.st_ctime_ns, now.st_size)
        if name not in self._read_before or self._read_before[name][0] != mark:
            self._read_before[name] = mark, _serving_of(self._read(self._record(name)))
        return self._read_before[name][1]

    def save_route(self, serving: Serving, rendered: t.Mapping[pathlib.Path, str]) -> None:
        """Writes the record of one service and what changes with it: all, or nothing when the disk is full."""
        write_all({**rendered, self._record(serving.route.service): _dump(safe.serving(serving))})

    def save_routes(self, routes: t.Mapping[str, Serving]) -> None:
        """Makes routes/ say exactly this."""
        write_all(self._routes_texts(routes))
        self._keep_only(routes)

    def _keep_only(self, routes: t.Container[str]) -> None:
        for name in self._records():
            if name not in routes:
                (self._routes / (name + ".json")).unlink()
        sync_folder(self._routes)

    def snapshot(self, *configuration: pathlib.Path) -> Snapshot:
        """What settings, routes and the named files say now, for `restore`."""
        paths = [self._settings, *configuration, *self._routes.glob("*.json")]
        return {path: path.read_bytes() if path.exists() else None for path in paths}

    @contextlib.contextmanager
    def put_back_on_failure(self, *configuration: pathlib.Path) -> t.Iterator[None]:
        """Settings, routes and the named files say afterwards what they say now, if the block fails."""
        before = self.snapshot(*configuration)
        try:
            yield
        except BaseException:
            self.restore(before)
            raise

    def restore(self, before: Snapshot) -> None:
        """Puts settings, routes and the named files back to what they said."""
        for path in self._routes.glob("*.json"):
            if path not in before:
                path.unlink()
        for path, data in before.items():
            if data is not None:
                write(path, data.decode())
            elif path.exists():
                path.unlink()
