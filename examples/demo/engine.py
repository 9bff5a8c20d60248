# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container engine of the demo: a private Podman, or with DEMO_ENGINE=docker the Docker of this machine.

On the user's Docker the demo touches nothing but what carries the labels of its own service, proxy and network.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import time
import typing as t

from . import packages
from .private_podman import PrivatePodman, look, missing_packages

IMAGE = "localhost/hotswap-demo"
NETWORK = "hotswap-demo"
PROXY = "hotswap-demo"
SERVICE = "hotswap-demo-greet"
LABELS = ("hotswap.service=%s" % SERVICE, "hotswap.proxy=%s" % PROXY)
_START_SECONDS = 60.0


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


class Engine(t.Protocol):
    """What the demo needs of an engine before and after the playbook."""

    kind: str
    url: str
    description: str

    def start(self) -> None:
        """Makes sure that the engine answers."""

    def clean(self) -> None:
        """Removes what a run of the demo leaves; images stay."""

    def load(self, archive: pathlib.Path) -> None:
        """Loads the images of an archive."""

    def forget(self) -> None:
        """Removes the demo's images."""

    def stop(self) -> None:
        """Ends what start() started."""


def folders() -> tuple[pathlib.Path, pathlib.Path]:
    """The demo's folder for what is kept, and the one for what a reboot may take; DEMO_HOME overrides the first."""
    uid = os.geteuid()
    if uid == 0:
        keep, run = pathlib.Path("/var/lib/hotswap-demo"), pathlib.Path("/run/hotswap-demo")
    else:
        keep = pathlib.Path(os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local/share") / "hotswap-demo"
        run = pathlib.Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp/hotswap-demo-%d" % uid) / "hotswap-demo"
    keep = pathlib.Path(os.environ.get("DEMO_HOME") or keep)
    for folder in (keep, run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if found.st_uid != uid or not stat.S_ISDIR(found.st_mode):
            raise DemoError("%s is not a folder of this user: remove it, or set DEMO_HOME" % folder)
    return keep.resolve(), run.resolve()


def choose(keep: pathlib.Path, run: pathlib.Path, say: t.Callable[[str], None]) -> Engine:
    """The engine that DEMO_ENGINE asks for, podman when it asks for none."""
    wanted = os.environ.get("DEMO_ENGINE", "podman")
    if wanted == "docker":
        return Docker()
    if wanted == "podman":
        return Podman(keep, run, say)
    raise DemoError("DEMO_ENGINE is %r: use podman or docker" % wanted)


class Podman:
    """A private Podman with an API service for as long as the demo runs."""

    kind = "podman"

    def __init__(self, keep: pathlib.Path, run: pathlib.Path, say: t.Callable[[str], None]) -> None:
        self._say = say
        self._keep = keep
        self._podman = PrivatePodman(keep, run)
        self._log = run / "podman.log"
        self._service: subprocess.Popen[str] | None = None
        self.url = "unix://%s" % self._podman.socket
        self.description = "a private Podman in %s" % keep

    def start(self) -> None:
        with _podman_in_words():
            self._install()
            self._podman.configure()
            with self._log.open("w") as log:
                self._service = self._podman.serve(log)
            self._await_answer()

    def _install(self) -> None:
        """What is missing of Podman; looks twice, as crun may come with it."""
        for _look in range(2):
            missing = missing_packages(look(self._keep), shutil.which("podman") is not None)
            if missing:
                packages.install(missing, self._say)

    def _await_answer(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while not _answers(self._podman.socket):
            if self._service is None or self._service.poll() is not None or time.monotonic() > end:
                raise RuntimeError("podman does not serve: %s" % self._log.read_text().strip()[-500:])
            time.sleep(0.05)

    def clean(self) -> None:
        with _podman_in_words():
            self._podman.remove_all()

    def load(self, archive: pathlib.Path) -> None:
        with _podman_in_words():
            self._podman.load(archive)

    def forget(self) -> None:
        with _podman_in_words():
            self._podman.destroy()

    def stop(self) -> None:
        if self._service is not None and self._service.poll() is None:
            self._service.terminate()
            self._service.wait()
        self._podman.end_monitors()


@contextlib.contextmanager
def _podman_in_words() -> t.Iterator[None]:
    """What Podman or the system refuses, as a DemoError."""
    try:
        yield
    except (OSError, RuntimeError, packages.PackageError) as error:
        raise DemoError(str(error)) from error


def _answers(path: pathlib.Path) -> bool:
    """Whether somebody answers HTTP on the socket."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5.0)
            client.connect(str(path))
            client.sendall(b"GET /_ping HTTP/1.0\r\nHost: d\r\n\r\n")
            return client.recv(12).startswith(b"HTTP/1.")
    except OSError:
        return False


class Docker:
    """The machine's Docker; only labelled things are removed."""

    kind = "docker"

    def __init__(self) -> None:
        self.url = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        self.description = "the Docker at %s" % self.url
        self._client: t.Any = None

    def start(self) -> None:
        import docker  # only this engine needs it

        try:
            self._client = docker.DockerClient(base_url=self.url, timeout=120)
            self._client.ping()
        except docker.errors.DockerException as error:
            raise DemoError("Docker does not answer at %s (%s): start it, or leave DEMO_ENGINE unset" % (self.url, error)) from error

    def clean(self) -> None:
        with self._in_words():
            for label in LABELS:
                for container in self._client.containers.list(all=True, filters={"label": label}):
                    container.remove(force=True, v=True)
            for network in self._client.networks.list(names=[NETWORK], filters={"label": "hotswap.network"}):
                if network.name == NETWORK:
                    network.remove()

    def load(self, archive: pathlib.Path) -> None:
        with self._in_words(), archive.open("rb") as content:
            self._client.images.load(content)

    def forget(self) -> None:
        with self._in_words():
            for image in self._client.images.list():
                for tag in image.tags:
                    if tag.startswith(IMAGE):
                        self._client.images.remove(tag)

    @contextlib.contextmanager
    def _in_words(self) -> t.Iterator[None]:
        """What Docker refuses, as a DemoError."""
        import docker

        if self._client is None:
            raise DemoError("Docker was not started")
        try:
            yield
        except docker.errors.DockerException as error:
            raise DemoError("Docker at %s: %s" % (self.url, error)) from error

    def stop(self) -> None:
        if self._client is not None:
            self._client.close()
