# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bed: a lab and its hosts.

with Bed(["d01:docker", "r01:rootless"]) as bed:
    bed.host("r01").run(["podman", "ps"])
    bed.lab(["curl", "-s", bed.host("d01").address + ":8080"])
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import os
import pathlib
import sys
import typing as t

from . import base, inventory
from .hosts import Host
from .lab import Lab
from .shell import BedError, Completed, Words, cache, run
from .spec import HostSpec, parse

AT_ONCE = 4
INOTIFY = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_PER_HOST = 8
Action = t.Callable[[Host], None]


def say(text: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class Bed:
    """The bed in the folder `state` (default: $HOTSWAP_BED_STATE, else one in the cache).

    As a context manager it brings `hosts` up and takes the whole bed down; without, it works with what is there.
    """

    def __init__(self, hosts: t.Iterable[str | HostSpec] = (), *, state: str | pathlib.Path | None = None, suite: str = "trixie") -> None:
        chosen = state or os.environ.get("HOTSWAP_BED_STATE") or cache() / "beds/default"
        self.state = pathlib.Path(chosen).absolute()
        self.wanted = [parse(item, suite) if isinstance(item, str) else item for item in hosts]
        self._lab = Lab(self.state)

    def __enter__(self) -> Bed:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.down()

    @property
    def hosts(self) -> list[Host]:
        """Every host of the bed, whether it runs or not, in the order of making."""
        found = [Host.load(path.parent) for path in self.state.glob("hosts/*/host.json")]
        return sorted(found, key=lambda host: host.index)

    def host(self, name: str) -> Host:
        """The host `name`.

        Raises:
            BedError: there is none.
        """
        for host in self.hosts:
            if host.name == name:
                return host
        raise BedError("no host %r in this bed, there are: %s" % (name, ", ".join(host.name for host in self.hosts) or "none"))

    def lab(self, argv: Words, *, check: bool = True, stdin: str | pathlib.Path = "", timeout: float | None = None) -> Completed:
        """Runs a program in the lab's network, as in shell.run."""
        return self._lab.run(argv, check=check, stdin=stdin, timeout=timeout)

    @property
    def lab_words(self) -> list[str]:
        """Words before a command that is to run in the lab's network."""
        return self._lab.enter

    def up(self) -> list[Host]:
        """Makes and starts the wanted hosts that are not there or not up. Builds the base first if need be.

        Raises:
            BedError: a host did not start, or one of that name is there and is another kind.
        """
        for suite in sorted({spec.suite for spec in self.wanted}):
            base.build(suite, say)
        with self._locked():
            self._lab.open()
            self._make_keys()
            hosts = [self._find_or_create(spec) for spec in self.wanted]
        allow_inotify(len(self.hosts))
        in_parallel(Host.start, hosts)
        inventory.write(self)
        return hosts

    def down(self, names: t.Sequence[str] = ()) -> None:
        """Removes the named hosts; without names all of them and the lab."""
        if not self.state.is_dir():
            return
        with self._locked():
            in_parallel(Host.destroy, [self.host(name) for name in names] or self.hosts)
            if names:
                inventory.write(self)
            else:
                self._lab.close()
                run(["rm", "-rf", "--one-file-system", self.state / "hosts"])  # what an interrupted `up` left
                (self.state / "inventory.ini").unlink(missing_ok=True)

    def _find_or_create(self, spec: HostSpec) -> Host:
        known = {host.name: host for host in self.hosts}
        if spec.name not in known:
            used = {host.index for host in known.values()}
            host = Host(self.state, spec, next(index for index in range(1, 10000) if index not in used))
            host.create()
            return host
        if known[spec.name].spec != spec:
            raise BedError("%s is in this bed as %s: take it down first" % (spec.name, known[spec.name].spec))
        return known[spec.name]

    def _make_keys(self) -> None:
        for name in ("id_ed25519", "host_key"):
            if not (self.state / name).exists():
                run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hotswap-bed", "-f", self.state / name])

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def in_parallel(action: Action, hosts: t.Sequence[Host]) -> None:
    """Does `action` for every host, a few at once; the first error is raised when all have been tried."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for result in [pool.submit(action, host) for host in hosts]:
            result.result()


def allow_inotify(hosts: int) -> None:
    """Raises the machine's limit of inotify instances when so many hosts would not fit (the kernel's default is 128)."""
    needed = INOTIFY_PER_HOST * hosts
    if int(INOTIFY.read_text(encoding="ascii")) < needed:
        INOTIFY.write_text(str(max(needed, 8192)), encoding="ascii")


def load_image(host: Host, archive: str | pathlib.Path) -> list[str]:
    """Loads an image archive into the engine of `host`, as the engine's user. Returns the names that it has then."""
    return host.load_image(archive)
