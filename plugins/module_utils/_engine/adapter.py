# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What both adapters do in the same way, on top of a few raw calls of their own."""

from __future__ import annotations

import abc
import contextlib
import os
import re
import signal as signals
import time
import typing as t

from .._errors import EngineError, NotFound
from . import sockets, streams
from .failures import Place
from .formats import Json, carries
from .types import Container, ExecResult

# How long an engine may take for one answer: a loaded host needs a minute to start a container.
ANSWER_SECONDS = 120
# Unpacking an image says nothing until it is done, and takes minutes for a large one on a slow disk.
LOAD_SECONDS = 3600
_POLL_SECONDS = 0.02
_LIKE_AN_ID = re.compile("[0-9a-f]+")


class Adapter(abc.ABC):
    """The half of the Engine protocol that needs no knowledge of an engine."""

    kind = ""

    def __init__(self, path: str, kinds: tuple[type[BaseException], ...]) -> None:
        """`path` is the socket, `kinds` are the exceptions that the engine's library raises."""
        self.endpoint = "unix://" + path
        self.rootless = not sockets.owner_is_root(path)
        self._place = Place(self.kind, self.endpoint, kinds)

    @abc.abstractmethod
    def _rows(self, labels: t.Mapping[str, str]) -> list[Json]:
        """The engine's list of all containers with the labels: at least Id (and Names)."""

    @abc.abstractmethod
    def _inspect(self, name: str) -> Json:
        """The engine's inspect JSON; raises for a container that is not there."""

    @abc.abstractmethod
    def _record(self, data: Json) -> Container:
        """Inspect JSON as our record."""

    @abc.abstractmethod
    def _exec_create(self, name: str, argv: t.Sequence[str]) -> str:
        """A new exec session's id."""

    @abc.abstractmethod
    def _exec_read(self, session: str) -> t.Iterable[bytes]:
        """Starts the session and gives its output until it ends."""

    @abc.abstractmethod
    def _exec_state(self, session: str) -> Json:
        """Inspect JSON of the session: Running, ExitCode, Pid."""

    def containers(self, labels: t.Mapping[str, str]) -> list[Container]:
        """See Engine. One that is removed meanwhile is left out."""
        with self._place.doing("listing containers"):
            found = [self._data(row["Id"]) for row in self._rows(labels)]
        records = [self._record(data) for data in found if data]
        return [record for record in records if carries(record.labels, labels)]

    def container(self, name: str) -> Container | None:
        """See Engine."""
        with self._place.doing("inspecting container %s" % name):
            data = self._data(name)
        record = self._record(data) if data else None
        # The engine also finds a container whose id begins so.
        return record if record and name in (record.name, record.id) else None

    def execute(self, name: str, argv: t.Sequence[str], timeout: float) -> ExecResult:
        """See Engine. A command that runs out of time is killed where this user may."""
        with self._place.doing("running %s in container %s" % (argv[0], name)):
            end = time.monotonic() + timeout
            session = self._exec_create(self._exact(name), argv)
            try:
                output = streams.collect(lambda: self._exec_read(session), timeout)
                code = self._exit_code(session, end)
            except TimeoutError:
                self._kill_exec(session)
                raise EngineError("the command did not end within %g s" % timeout) from None
        return ExecResult(code, streams.unframe(output).decode("utf-8", "replace"))

    def _each(self, step: str, chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
        """The chunks, and errors on the way as errors of the engine."""
        with self._place.doing(step):
            yield from chunks

    def _data(self, name: str) -> Json | None:
        return self._place.unless_gone(lambda: self._inspect(name))

    def _exact(self, name: str) -> str:
        """The name, or the id behind it where the engine could take the name for the beginning of another container's id.

        Raises:
            NotFound: there is only that other container.
        """
        if not _LIKE_AN_ID.fullmatch(name):
            return name
        data = self._data(name)
        if not data or name not in (data["Name"].lstrip("/"), data["Id"]):
            raise NotFound("no such container: %s" % name)
        return str(data["Id"])

    def _exit_code(self, session: str, end: float) -> int:
        """The exit code; the output may end a moment before the engine knows it."""
        while True:
            state = self._exec_state(session)
            if not state.get("Running") and state.get("ExitCode") is not None:
                return int(state["ExitCode"])
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(_POLL_SECONDS)

    def _kill_exec(self, session: str) -> None:
        state = self._exec_state(session)
        if state.get("Running") and state.get("Pid"):
            with contextlib.suppress(OSError):
                os.kill(int(state["Pid"]), signals.SIGKILL)
