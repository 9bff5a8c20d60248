# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Engine sockets: where they are for this user, who answers there, and what to do when nobody does. No SDK is needed."""

from __future__ import annotations

import errno
import http.client
import os
import pathlib
import pwd
import socket
import typing as t

from .._errors import EngineError, InvalidInput

DOCKER = "docker"
PODMAN = "podman"
_ANSWER_SECONDS = 20.0
_SYSTEM_DOCKER = "/var/run/docker.sock"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connects to the socket; called by http.client."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ping(path: str) -> str:
    """Which engine answers at the socket: "docker" or "podman".

    Asks `_ping` (5 ms), never `/version`, which costs Podman half a second (measured).

    Raises:
        OSError: nobody answers.
    """
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/_ping")
        response = connection.getresponse()
        response.read()
    except http.client.HTTPException as error:
        raise ConnectionError("what answers is not a container engine") from error
    finally:
        connection.close()
    if response.getheader("Libpod-API-Version"):
        return PODMAN
    if response.getheader("Api-Version"):
        return DOCKER
    raise ConnectionError("what answers is not a container engine")


def path_of(url: str) -> str:
    """The path in "unix:///path", "http+unix:///path" or "/path".

    Raises:
        InvalidInput: any other URL: gates and proxies need the engine of this host.
    """
    scheme, found, rest = url.partition("://")
    if found and scheme not in ("unix", "http+unix"):
        raise InvalidInput(
            "engine_url: %s is not a socket of this host" % url,
            "Run the task on the host that has the engine, and write unix:///path/to/socket, or leave engine_url out.",
        )
    path = rest if found else url
    if not path.startswith("/"):
        raise InvalidInput("engine_url: %r is not an absolute path" % url, "Write unix:///path/to/socket.")
    return path


def docker_socket(env: t.Mapping[str, str]) -> str:
    """Docker's socket for this user: DOCKER_HOST if it is a unix socket, a rootless one if there is one, else the system's."""
    named = _unix_variable(env, "DOCKER_HOST")
    if named:
        return named
    folder = runtime_dir(env)
    if folder and os.geteuid() != 0:
        own = os.path.join(folder, "docker.sock")
        if os.path.exists(own):
            return own
    return _SYSTEM_DOCKER


def podman_socket(env: t.Mapping[str, str]) -> str:
    """Podman's socket for this user: CONTAINER_HOST if it is a unix socket, root's, or the user's own ("" without runtime folder)."""
    named = _unix_variable(env, "CONTAINER_HOST")
    if named:
        return named
    if os.geteuid() == 0:
        return "/run/podman/podman.sock"
    folder = runtime_dir(env)
    return os.path.join(folder, "podman", "podman.sock") if folder else ""


def runtime_dir(env: t.Mapping[str, str]) -> str:
    """The user's own runtime folder: $XDG_RUNTIME_DIR if it belongs to the user, else /run/user/UID, else "".

    A task with become_user may have no XDG_RUNTIME_DIR, or that of the user who logged in.
    """
    for folder in (env.get("XDG_RUNTIME_DIR", ""), "/run/user/%d" % os.geteuid()):
        if folder and _owner(folder) == os.geteuid():
            return folder
    return ""


def owner_is_root(path: str) -> bool:
    """True when root's engine serves the socket: an engine's socket belongs to the user that the engine runs as."""
    return _owner(path) == 0


def user() -> str:
    """The effective user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def unreachable(kind: str, path: str, error: OSError) -> EngineError:
    """The one clear message for a socket where no engine answered."""
    refused = isinstance(error, ConnectionRefusedError)
    if error.errno in (errno.EACCES, errno.EPERM):
        return EngineError("user %s may not use %s's socket %s" % (user(), kind, path), _permission_fix(kind))
    if isinstance(error, FileNotFoundError) or error.errno == errno.ENOTDIR:
        return EngineError("there is no %s socket at %s" % (kind, path), "Install %s if it is not there. %s" % (kind, _start_fix(kind, path)))
    if refused:
        return EngineError("%s does not run: nobody listens at its socket %s" % (kind, path), _start_fix(kind, path))
    return EngineError("%s at %s gives no usable answer: %s" % (kind, path, error.strerror or error), "Look at the log of %s." % kind)


def wrong_kind(asked: str, answers: str, path: str) -> InvalidInput:
    """The error for a socket that another engine serves than the task says."""
    return InvalidInput("engine is %s, but at %s %s answers" % (asked, path, answers), "Set engine: %s, or engine_url to the socket of %s." % (answers, asked))


def _permission_fix(kind: str) -> str:
    if kind == DOCKER:
        return "Add the user to the group docker (and log in again), or become root (become: true)."
    return "Become root (become: true) for root's containers, or leave engine_url out for the user's own (become_user)."


def _start_fix(kind: str, path: str) -> str:
    own = path.startswith("/run/user/")
    if kind == DOCKER:
        return "Start it (systemctl %sstart docker), or set engine_url." % ("--user " if own else "")
    return "Start it (systemctl %sstart podman.socket), or leave engine_url out: then Podman is started for the task." % ("--user " if own else "")


def _unix_variable(env: t.Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    return path_of(value) if value.startswith("unix://") else ""


def _owner(path: str) -> int:
    try:
        return pathlib.Path(path).stat().st_uid
    except OSError:
        return -1
