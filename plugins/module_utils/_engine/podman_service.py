# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""A `podman system service` that lives as long as the module, for hosts where no Podman socket is active."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import typing as t

from .._errors import EngineError
from .._processes import Process
from . import sockets

# Idle seconds after which the service ends by itself: what is left of it when the module is killed.
IDLE_SECONDS = 10
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.005
_LEFT_OVER_SECONDS = 3600.0
_PREFIX = "hotswap-podman-"
# The headers of a request whose body never comes. Podman counts its connection as active until we close it, or die;
# an idle kept-alive connection would be closed after twice the idle time (measured on 5.4).
_HOLD = b"POST /v1.40/auth HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"


def find_podman() -> str:
    """The path of the podman program, or ""."""
    return shutil.which("podman") or shutil.which("podman", path="/usr/local/bin:/usr/bin:/bin") or ""


class PodmanService:
    """A running `podman system service` on a socket of its own, in a folder that only this user can enter."""

    def __init__(self, env: t.Mapping[str, str], idle_seconds: int = IDLE_SECONDS) -> None:
        """Starts it and waits until it answers.

        Raises:
            EngineError: podman is not installed, the user has no runtime folder, or podman ended or gave no answer; with its last words.
        """
        program = find_podman()
        if not program:
            raise EngineError("podman is not installed on this host", "Install the OS package podman, or set engine: docker.")
        home, self._env = _environment(env)
        _remove_left_overs(home)
        self._folder = tempfile.mkdtemp(prefix=_PREFIX, dir=home)
        self.path = os.path.join(self._folder, "podman.sock")
        self._hold: socket.socket | None = None
        # An unlinked file: no folder is left with something in it when the module is killed.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = self._spawn(program, idle_seconds)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the service; containers live on. May be called twice."""
        if self._hold:
            # First: a service that is asked to end waits for its open requests.
            self._hold.close()
            self._hold = None
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._words.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self, program: str, idle_seconds: int) -> Process:
        command = [program, "system", "service", "--time", str(idle_seconds), "unix://" + self.path]
        # cwd: rootless Podman ends when it may not enter the folder where it was started, which become_user often leaves it in.
        return Process(command, env=self._env, cwd="/", start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._words)

    def _wait(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            try:
                sockets.ping(self.path)
                self._hold = _hold_open(self.path)
                return
            except OSError:
                time.sleep(_POLL_SECONDS)
        state = "ended with code %s" % self._process.returncode if self._process.poll() is not None else "gave no answer within %d s" % _START_SECONDS
        raise EngineError(
            "podman, started for this task by user %s, %s: %s" % (sockets.user(), state, self._last_words()),
            "Run 'podman info' as that user on the host: it shows the same problem.",
        )

    def _last_words(self) -> str:
        self._words.seek(0)
        said = self._words.read().decode("utf-8", "replace").strip().splitlines()
        return " / ".join(said[-3:]) or "it said nothing"


def _hold_open(path: str) -> socket.socket:
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        held.connect(path)
        held.sendall(_HOLD)
    except OSError:
        held.close()
        raise
    return held


def _environment(env: t.Mapping[str, str]) -> tuple[str | None, dict[str, str]]:
    """Where the socket's folder goes (None: the system's temporary folder), and the service's environment."""
    mine = dict(env)
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "CONTAINER_HOST"):
        mine.pop(name, None)
    if os.geteuid() == 0:
        return ("/run" if os.path.isdir("/run") else None), mine
    folder = sockets.runtime_dir(env)
    if not folder:
        raise EngineError(
            "user %s has no runtime folder /run/user/%d, which rootless Podman needs" % (sockets.user(), os.geteuid()),
            "Run 'loginctl enable-linger %s' as root once, or let the role hotswap.containers.prepare do it." % sockets.user(),
        )
    if mine.get("XDG_RUNTIME_DIR") != folder:
        # The bus of another user's session would be taken for ours.
        mine.pop("DBUS_SESSION_BUS_ADDRESS", None)
    mine["XDG_RUNTIME_DIR"] = folder
    return folder, mine


def _remove_left_overs(home: str | None) -> None:
    """Removes empty folders that killed modules left: a folder in use has its socket in it."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(home or tempfile.gettempdir())):
            if entry.name.startswith(_PREFIX) and time.time() - entry.stat().st_mtime > _LEFT_OVER_SECONDS:
                with contextlib.suppress(OSError):
                    os.rmdir(entry.path)
