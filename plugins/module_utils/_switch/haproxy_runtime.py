# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Talks to a running HAProxy over its two unix sockets: the worker's (stats) and the master's. HAProxy 2.6 to 3.x."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import pathlib
import re
import socket

from .._errors import SwitchError
from . import sockets
from .types import Answers

CHANGED_BY_HAND = "Run hotswap.containers.reverse_proxy again; if this stays, look at the proxy container's log."

# A proxy that the engine is restarting is back within a second; a caller should not fail for that.
_PATIENCE = 5.0
# HAProxy 2.7 and later answer `reload` only when the new worker has loaded its configuration.
_ANSWER = 30.0
_OLD_ANSWER = 1.0

# srv_op_state of a server that takes requests: 1 starting, 2 running (management.txt, "show servers state").
_UP = ("1", "2")

# Columns of `show stat` (management.txt, 9.1): final answers by class, and requests that a server left without one.
_RESPONSES = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
_FAILED = ("econ", "eresp")


@dataclasses.dataclass(frozen=True)
class Server:
    """One row of `show servers state`. `admin` is a set of bits: 0 ready, 1 maintenance, 8 drain."""

    name: str
    address: str
    port: int
    weight: int
    admin: int
    up: bool

    @property
    def ready(self) -> bool:
        """True when the server's state allows new requests (its weight may still forbid them)."""
        return self.admin == 0 and self.up


@dataclasses.dataclass(frozen=True)
class Workers:
    """What `show proc` says: PIDs of the workers that a reload has replaced, and how many reloads in a row failed."""

    old: tuple[int, ...]
    failed: int


def parse_servers(answer: str) -> dict[str, Server]:
    """Name to server, from `show servers state BACKEND`; {} when there is no such backend."""
    rows = _table(answer)
    return {
        row["srv_name"]: Server(
            row["srv_name"],
            row["srv_addr"],
            int(row["srv_port"]),
            int(row["srv_uweight"]),
            int(row["srv_admin_state"]),
            row["srv_op_state"] in _UP,
        )
        for row in rows
    }


def parse_connections(answer: str) -> dict[str, int]:
    """Server name to requests in flight (`used_cur`), from `show servers conn BACKEND`."""
    return {row["bkname/svname"].rpartition("/")[2]: int(row["used_cur"]) for row in _table(answer)}


def parse_answers(answer: str) -> dict[str, Answers]:
    """Server name to what clients got because of it, from `show stat BACKEND 4 -1`.

    An error is an answer of 5xx, and a request that the proxy itself had to answer so: the server broke its answer off
    (`eresp`), or every connect failed and the last was to this server (`econ`).
    """
    lines = answer.lstrip().splitlines()
    if not lines or not lines[0].startswith("# "):
        return {}
    rows = list(csv.DictReader([lines[0][2:], *lines[1:]]))
    return {row["svname"]: Answers(_sum(row, *_RESPONSES, *_FAILED), _sum(row, "hrsp_5xx", *_FAILED)) for row in rows if row.get("svname")}


def _sum(row: dict[str, str], *columns: str) -> int:
    return sum(int(row.get(column) or 0) for column in columns)


def parse_keys(answer: str) -> set[str]:
    """The keys of a map, from `show map FILE`; none for a map that the process does not know."""
    rows = [line.split() for line in answer.splitlines() if line.startswith("0x")]
    return {row[1] for row in rows if len(row) > 1}


def _table(answer: str) -> list[dict[str, str]]:
    header: list[str] = []
    rows = []
    for line in answer.splitlines():
        if line.startswith("# "):
            header = line[2:].split()
        elif header and line.strip():
            # Servers added at run time have fewer columns at the end than the header names (2.6, 3.0).
            rows.append(dict(zip(header, line.split())))
    return rows


def parse_workers(answer: str) -> Workers | None:
    """`show proc` of the master; None when it did not answer in full."""
    section = ""
    old: list[int] = []
    failed: int | None = None
    for line in answer.splitlines():
        words = line.split()
        if line.startswith("# "):
            section = line[2:].strip()
        elif len(words) > 2 and words[1] == "master":
            failed = int(line.partition("[failed:")[2].partition("]")[0] or 0)
        elif len(words) > 2 and words[1] == "worker" and section == "old workers":
            old.append(int(words[0]))
    return None if failed is None else Workers(tuple(old), failed)


def parse_info(answer: str) -> dict[str, str]:
    """`show info`, keys in lower case (their case differs between versions)."""
    pairs = [line.partition(":") for line in answer.splitlines()]
    return {key.lower(): value.strip() for key, colon, value in pairs if colon}


class Runtime:
    """The control sockets of the current worker and of the master. Every method raises SwitchError naming the socket."""

    def __init__(self, worker: pathlib.Path, master: pathlib.Path) -> None:
        self._worker = worker
        self._master = master

    @classmethod
    def of_service(cls, worker: pathlib.Path) -> Runtime:
        """The same for a process of the host, whose own command line names the master's socket."""
        argv = cls(worker, worker).command_line()
        named = [after for word, after in zip(argv, argv[1:]) if word == "-S"]
        return cls(worker, pathlib.Path(re.sub("^unix@", "", named[0].split(",")[0])) if named else worker)

    def command_line(self) -> list[str]:
        """That of the process that started the current worker; [] where it cannot be read."""
        pid = str(self.pid())
        with contextlib.suppress(OSError, IndexError):
            parent = pathlib.Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[1]
            for one in (parent, pid):
                argv = pathlib.Path("/proc", one, "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
                if "-f" in argv:
                    return argv
        return []

    def files(self) -> list[str]:
        """The configuration files and folders that the process was started with."""
        argv = self.command_line()
        return [after for word, after in zip(argv, argv[1:]) if word == "-f"]

    def knows(self, backend: str) -> bool:
        """True when the current worker has the backend, also one without servers."""
        return backend in self._ask(self._worker, "show backend").split("\n")

    def old_servers(self, pid: int, backend: str) -> dict[str, Server]:
        """The same as `servers` for a worker that a reload has replaced."""
        return parse_servers(self.ask_old(pid, "show servers state " + backend))

    def change(self, command: str) -> str:
        """Sends a command that changes the current worker."""
        return self._ask(self._worker, command)

    def order(self, command: str, expected: str = "") -> None:
        """The same for a command that is answered by `expected` and nothing else when it was carried out."""
        answer = self.change(command).strip()
        if answer != expected:
            raise SwitchError("HAProxy answers %r to %r" % (answer, command.partition("-key ")[0]), CHANGED_BY_HAND)

    def description(self, patience: float = _PATIENCE) -> str:
        """The description of the configuration that the current worker runs."""
        return parse_info(self._ask(self._worker, "show info", patience)).get("description", "")

    def pid(self) -> int:
        """The process that takes new connections now."""
        return int(parse_info(self._ask(self._worker, "show info")).get("pid", "0"))

    def replaced(self) -> tuple[int, ...]:
        """PIDs of the workers that reloads have replaced by the one that takes new connections now; none without a master."""
        if self._master == self._worker:
            return ()
        old = self.workers().old
        taking = self.pid()
        # While a reload is under way, or after it failed (3.2), the worker that takes the connections is listed as old.
        return tuple(pid for pid in old if pid != taking)

    def servers(self, backend: str) -> dict[str, Server]:
        """The current worker's servers of the backend; {} when there is no such backend."""
        return parse_servers(self._ask(self._worker, "show servers state " + backend))

    def connections(self, backend: str) -> dict[str, int]:
        """Server name to requests in flight, summed over the current worker and all that reloads have replaced."""
        total: dict[str, int] = {}
        for answer in self._ask_all("show servers conn " + backend):
            for name, count in parse_connections(answer).items():
                total[name] = total.get(name, 0) + count
        return total

    def answers(self, backend: str) -> dict[str, Answers]:
        """Server name to answers, summed over the same workers; what a worker counted is gone when it has ended."""
        total: dict[str, Answers] = {}
        for answer in self._ask_all("show stat %s 4 -1" % backend):
            for name, more in parse_answers(answer).items():
                so_far = total.get(name, Answers(0, 0))
                total[name] = Answers(so_far.total + more.total, so_far.errors + more.errors)
        return total

    def keys(self, file: str) -> set[str]:
        """The keys of the current worker's map that was read from this file."""
        return parse_keys(self._ask(self._worker, "show map " + file))

    def _ask_all(self, command: str) -> list[str]:
        return [self._ask(self._worker, command), *(self.ask_old(pid, command) for pid in self.replaced())]

    def workers(self) -> Workers:
        """The workers by `show proc`."""
        found = sockets.until(lambda: parse_workers(self._ask(self._master, "show proc")), _PATIENCE)
        if found is None:
            raise self._failed(self._master, "no list of workers")
        return found

    def ask_old(self, pid: int, command: str) -> str:
        """Asks a worker that a reload has replaced; "" once it has ended."""
        question = "@!%d %s" % (pid, command)

        def attempt() -> str | None:
            answer = ""
            # A worker that ends just when it is asked leaves the question open for ever (3.0 and 3.2, measured).
            with contextlib.suppress(OSError):
                answer = _exchange(self._master, question, _OLD_ANSWER)
            return answer if answer or pid not in self.workers().old else None

        found = sockets.until(attempt, _ANSWER)
        if found is None:
            raise self._failed(self._master, "worker %d is silent (asked: %s)" % (pid, command))
        return found

    def reload(self) -> str:
        """Starts a worker with the configuration on disk: HAProxy's words, "" from versions that do not wait for it."""
        return self._ask(self._master, "reload")

    def _ask(self, path: pathlib.Path, command: str, patience: float = _PATIENCE) -> str:
        problems: list[OSError] = []

        def attempt() -> str | None:
            try:
                answer = _exchange(path, command)
                # Only a reload may end without a word: 2.6's master replaces itself. Otherwise the process died.
                if answer or command == "reload":
                    return answer
                raise ConnectionResetError("closed without an answer")
            except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError) as error:
                problems.append(error)
                return None
            except OSError as error:
                raise self._failed(path, "%s (asked: %s)" % (error, command)) from error

        answer = sockets.until(attempt, patience, 0.05)
        if answer is None:
            raise self._failed(path, str(problems[-1]))
        return answer

    @staticmethod
    def _failed(path: pathlib.Path, why: str) -> SwitchError:
        return SwitchError("HAProxy does not answer on %s: %s" % (path, why), "Start the proxy's container, and look at its log.")


def _exchange(path: pathlib.Path, command: str, seconds: float = _ANSWER) -> str:
    parts: list[bytes] = []
    with sockets.connect(path, seconds) as link:
        link.sendall(command.encode() + b"\n")
        # The master of 2.6 ends its answer only when it has seen the end of the question.
        link.shutdown(socket.SHUT_WR)
        try:
            for part in iter(lambda: link.recv(65536), b""):
                parts.append(part)
        except ConnectionResetError:
            if command != "reload":
                raise
    return b"".join(parts).decode("utf-8", "replace")


def one_line(answer: str) -> str:
    """HAProxy's words in one line, for an error message."""
    return " ".join(answer.split()) or "(no answer)"


def wished(server: Server | None, address: str, port: int, weight: int) -> bool:
    """True when the server is ready with exactly this address, port and weight."""
    if server is None or not server.ready:
        return False
    return (server.address, server.port, server.weight) == (address, port, weight)
