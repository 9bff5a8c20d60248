# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""How one task ends a probe that another task has started: a lock, a stop mark and a result in one folder.

NAME.lock    held by the running probe, so that its death is seen at once, however it died
NAME.stop    the mark: somebody waits for the result
NAME.json    the result, until somebody has fetched it
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import time
import typing as t

from .._errors import HotswapError, LockHeld

# Seconds.
_LOOK = 0.1
_INSTANT = 1.0


class Mailbox:
    """The files of one named probe. Errors name the folder."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self._name = name
        self._folder = folder
        self._lock = folder / (name + ".lock")
        self._stop = folder / (name + ".stop")
        self._result = folder / (name + ".json")

    @contextlib.contextmanager
    def running(self) -> t.Iterator[None]:
        """Holds the lock and forgets what an earlier probe of the name left; raises LockHeld."""
        with self._open_lock() as lock:
            # Somebody who looks whether it runs holds the lock for an instant.
            if not self._await(lambda: _try_lock(lock), _INSTANT):
                raise LockHeld(
                    "the probe %s runs already on this host" % self._name,
                    "Give this probe another name, or stop that one with state: stopped.",
                )
            for leftover in (self._stop, self._result):
                _remove(leftover)
            yield

    def asked_to_stop(self) -> bool:
        """Whether the mark is there."""
        return self._stop.exists()

    def post(self, result: t.Mapping[str, t.Any]) -> None:
        """Leaves the result, complete or not at all."""
        temporary = self._result.with_name(self._result.name + ".new")
        temporary.write_text(json.dumps(result), encoding="utf-8")
        temporary.replace(self._result)

    def is_running(self) -> bool:
        """Whether a probe of the name runs now."""
        if not self._lock.exists():
            return False
        with self._open_lock() as lock:
            return not _try_lock(lock)

    def fetch(self, start_timeout: float, end_timeout: float) -> dict[str, t.Any]:
        """Asks the running probe to end, waits until it has, takes its result.

        A probe that has ended by itself already is no error. Seconds: `start_timeout` for a probe that has only just
        been started in the background, `end_timeout` for its open requests. Raises LockHeld, HotswapError.
        """
        self._await(lambda: self.is_running() or self._result.exists(), start_timeout)
        if not self._await(self._ended, end_timeout):
            raise LockHeld(
                "the probe %s did not end within %d seconds of being asked" % (self._name, end_timeout),
                "It still waits for open requests; its timeout says how long. Run the task again.",
            )
        _remove(self._stop)
        if not self._result.exists():
            raise self._nothing()
        result: dict[str, t.Any] = json.loads(self._result.read_text(encoding="utf-8"))
        _remove(self._result)
        return result

    def _ended(self) -> bool:
        """False while the probe runs, and then makes sure that it knows that it should not."""
        if not self.is_running():
            return True
        self._stop.touch(mode=0o600)
        return False

    def _nothing(self) -> HotswapError:
        return HotswapError(
            "there is no probe %s on this host, running or ended, with a result that nobody has fetched" % self._name,
            "Start it first, with async and poll: 0; if it was, its task has failed or was killed: see async_status. (Looked in %s)" % self._folder,
        )

    @staticmethod
    def _await(condition: t.Callable[[], bool], timeout: float) -> bool:
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() >= end:
                return False
            time.sleep(_LOOK)
        return True

    @contextlib.contextmanager
    def _open_lock(self) -> t.Iterator[t.IO[str]]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = self._lock.open("a", encoding="utf-8")
        except OSError as error:
            raise HotswapError(
                "the folder %s cannot be used for the marks of probes: %s" % (self._folder, error),
                "Run as a user who may write there, or set state_dir.",
            ) from error
        with lock:
            yield lock


def _try_lock(lock: t.IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(path: pathlib.Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
