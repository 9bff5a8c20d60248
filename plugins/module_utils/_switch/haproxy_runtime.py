# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Talks to a running HAProxy over its two unix sockets: the worker's (stats) and the master's. HAProxy 2.6 to 3.x."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import socket

from .._errors import SwitchError
from . import sockets

# A proxy that the engine is restarting is back within a second; a caller should not fail for that.
_PATIENCE = 5.0
# HAProxy 2.7 and later answer `reload` only when the new worker has loaded its configuration.
_ANSWER = 30.0
_OLD_ANSWER = 1.0

# srv_op_state of a server that takes requests: 1 starting, 2 running (management.txt, "show servers state").
_UP = ("1", "2")


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
    """The control sockets in one folder. Every method raises SwitchError naming the socket."""

    def __init__(self, run: pathlib.Path) -> None:
        self._worker = run / "admin.sock"
        self._master = run / "master.sock"

    def change(self, command: str) -> str:
        """Sends a command that changes the current worker."""
        return self._ask(self._worker, command)

    def description(self, patience: float = _PATIENCE) -> str:
        """The description of the configuration that the current worker runs."""
        return parse_info(self._ask(self._worker, "show info", patience)).get("description", "")

    def replaced(self) -> tuple[int, ...]:
        """PIDs of the workers that reloads have replaced by the one that takes new connections now."""
        old = self.workers().old
        taking = int(parse_info(self._ask(self._worker, "show info")).get("pid", "0"))
        # While a reload is under way, or after it failed (3.2), the worker that takes the connections is listed as old.
        return tuple(pid for pid in old if pid != taking)

    def servers(self, backend: str) -> dict[str, Server]:
        """The current worker's servers of the backend; {} when there is no such backend."""
        return parse_servers(self._ask(self._worker, "show servers state " + backend))

    def connections(self, backend: str) -> dict[str, int]:
        """Server name to requests in flight, summed over the current worker and all that reloads have replaced."""
        answers = [self._ask(self._worker, "show servers conn " + backend)]
        answers += [self.ask_old(pid, "show servers conn " + backend) for pid in self.replaced()]
        total: dict[str, int] = {}
        for answer in answers:
            for name, count in parse_connections(answer).items():
                total[name] = total.get(name, 0) + count
        return total

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
