# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding the engine: over real unix sockets, with something at the other end that answers as an engine does."""

from __future__ import annotations

import os
import pathlib
import socket
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine import connect as connecting
from ansible_collections.hotswap.containers.plugins.module_utils._engine import podman_service, sockets
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, InvalidInput

DOCKER_SAYS = b"HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nContent-Length: 2\r\n\r\nOK"
PODMAN_SAYS = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 5.4.2\r\nContent-Length: 2\r\n\r\nOK"
OTHER_SAYS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
NOISE = b"SSH-2.0-OpenSSH\r\n"


class Listener:
    """Answers every connection to a unix socket with the same bytes."""

    def __init__(self, path: pathlib.Path, says: bytes) -> None:
        self.path = str(path)
        self.asked: list[bytes] = []
        asked = self.asked

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                asked.append(self.request.recv(4096))
                self.request.sendall(says)

        self._server = socketserver.ThreadingUnixStreamServer(self.path, Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def folder() -> t.Iterator[pathlib.Path]:
    # Not tmp_path: a socket's path may have 107 bytes only.
    with tempfile.TemporaryDirectory() as path:
        yield pathlib.Path(path)


@pytest.fixture
def listen(folder: pathlib.Path) -> t.Iterator[t.Callable[[bytes], Listener]]:
    made: list[Listener] = []

    def start(says: bytes) -> Listener:
        made.append(Listener(folder / ("s%d.sock" % len(made)), says))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    """What would have been opened with an SDK: (kind, path, through a service of our own)."""
    seen: list[tuple[str, str, bool]] = []
    monkeypatch.setattr(connecting, "_open", lambda kind, path, service=None: seen.append((kind, path, service is not None)))
    return seen


@pytest.fixture
def without_podman(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "find_podman", lambda: "")
    monkeypatch.setattr(podman_service, "find_podman", lambda: "")


def test_ping_tells_engines_apart_and_never_asks_for_the_version(listen: t.Callable[[bytes], Listener]) -> None:
    docker, podman = listen(DOCKER_SAYS), listen(PODMAN_SAYS)
    assert sockets.ping(docker.path) == "docker"
    assert sockets.ping(podman.path) == "podman"
    assert docker.asked[0].startswith(b"GET /_ping ")


@pytest.mark.parametrize("says", [OTHER_SAYS, NOISE, b""])
def test_something_else_answers(listen: t.Callable[[bytes], Listener], says: bytes) -> None:
    with pytest.raises(EngineError, match="no usable answer"):
        connecting.connect("docker", "unix://" + listen(says).path)


@pytest.mark.parametrize("url", ["unix://%s", "http+unix://%s", "%s"])
def test_url_forms(listen: t.Callable[[bytes], Listener], opened: list[tuple[str, str, bool]], url: str) -> None:
    path = listen(PODMAN_SAYS).path
    connecting.connect("podman", url % path)
    connecting.connect(None, url % path)
    assert opened == [("podman", path, False)] * 2


@pytest.mark.parametrize("url", ["tcp://10.0.0.1:2375", "ssh://host/run/podman.sock", "http://x", "docker.sock", "unix://relative.sock"])
def test_urls_that_are_not_of_this_host(url: str) -> None:
    with pytest.raises(InvalidInput, match="engine_url"):
        connecting.connect("docker", url)


def test_unknown_engine() -> None:
    with pytest.raises(InvalidInput, match="docker or podman"):
        connecting.connect("lxc", None)


@pytest.mark.parametrize(("asked", "says", "answers"), [("docker", PODMAN_SAYS, "podman"), ("podman", DOCKER_SAYS, "docker")])
def test_wrong_engine_at_the_socket(listen: t.Callable[[bytes], Listener], asked: str, says: bytes, answers: str) -> None:
    path = listen(says).path
    with pytest.raises(InvalidInput, match="at %s %s answers. Set engine: %s" % (path, answers, answers)):
        connecting.connect(asked, path)


def test_no_socket(folder: pathlib.Path) -> None:
    with pytest.raises(EngineError, match=r"there is no docker socket at .*systemctl start docker"):
        connecting.connect("docker", str(folder / "none.sock"))


def test_nobody_listens(folder: pathlib.Path) -> None:
    path = str(folder / "old.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with pytest.raises(EngineError, match=r"docker does not run: nobody listens at its socket %s. Start it \(systemctl start docker\)" % path):
        connecting.connect("docker", path)
    with pytest.raises(EngineError, match=r"systemctl start podman.socket"):
        connecting.connect("podman", path)


@pytest.mark.parametrize(("kind", "fix"), [("docker", "group docker"), ("podman", "become_user")])
def test_permission(kind: str, fix: str) -> None:
    text = str(sockets.unreachable(kind, "/run/x.sock", PermissionError(13, "Permission denied")))
    assert "may not use %s's socket /run/x.sock" % kind in text
    assert fix in text
    assert "become: true" in text


def test_docker_host_and_container_host(listen: t.Callable[[bytes], Listener], opened: list[tuple[str, str, bool]], monkeypatch: pytest.MonkeyPatch) -> None:
    docker, podman = listen(DOCKER_SAYS), listen(PODMAN_SAYS)
    monkeypatch.setenv("DOCKER_HOST", "unix://" + docker.path)
    monkeypatch.setenv("CONTAINER_HOST", "unix://" + podman.path)
    connecting.connect("docker", None)
    connecting.connect("podman", None)
    assert opened == [("docker", docker.path, False), ("podman", podman.path, False)]
    with pytest.raises(InvalidInput, match=r"two engines: docker at .*, and podman. Set engine: docker or engine: podman"):
        connecting.connect(None, None)


def test_remote_docker_host_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sockets.docker_socket({"DOCKER_HOST": "tcp://10.0.0.1:2375"}) == "/var/run/docker.sock"


def test_detects_docker(
    listen: t.Callable[[bytes], Listener], opened: list[tuple[str, str, bool]], monkeypatch: pytest.MonkeyPatch, folder: pathlib.Path, without_podman: None
) -> None:
    docker = listen(DOCKER_SAYS)
    monkeypatch.setenv("DOCKER_HOST", "unix://" + docker.path)
    monkeypatch.setenv("CONTAINER_HOST", "unix://%s/none.sock" % folder)
    connecting.connect(None, None)
    assert opened == [("docker", docker.path, False)]


def test_podman_behind_docker_s_socket_is_podman(
    listen: t.Callable[[bytes], Listener], opened: list[tuple[str, str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    podman = listen(PODMAN_SAYS)
    monkeypatch.setenv("DOCKER_HOST", "unix://" + podman.path)
    monkeypatch.setenv("CONTAINER_HOST", "unix://" + podman.path)
    connecting.connect(None, None)
    assert opened == [("podman", podman.path, False)]


def test_no_engine_at_all(monkeypatch: pytest.MonkeyPatch, folder: pathlib.Path, without_podman: None) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix://%s/none.sock" % folder)
    monkeypatch.setenv("CONTAINER_HOST", "unix://%s/none.sock" % folder)
    with pytest.raises(EngineError, match="no container engine that user"):
        connecting.connect(None, None)
    with pytest.raises(EngineError, match="podman is not installed on this host"):
        connecting.connect("podman", None)


def test_runtime_folder_of_another_user_is_not_taken(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 4711)
    assert sockets.runtime_dir({"XDG_RUNTIME_DIR": str(folder)}) == ""
    with pytest.raises(EngineError, match="loginctl enable-linger"):
        podman_service._environment({"XDG_RUNTIME_DIR": str(folder)})


def test_runtime_folder_of_our_own(folder: pathlib.Path) -> None:
    assert sockets.runtime_dir({"XDG_RUNTIME_DIR": str(folder)}) == str(folder)


def fake_podman(folder: pathlib.Path, script: str) -> None:
    program = folder / "podman"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_podman_s_last_words(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_podman(folder, "echo 'Error: storage is locked' >&2; exit 125\n")
    monkeypatch.setenv("PATH", "%s:%s" % (folder, os.environ["PATH"]))
    monkeypatch.setattr(podman_service, "_environment", lambda env: (str(folder), dict(env)))
    with pytest.raises(EngineError, match=r"ended with code 125: Error: storage is locked. Run 'podman info'"):
        podman_service.PodmanService(os.environ)
    assert [each.name for each in folder.iterdir()] == ["podman"]


def test_left_over_folders_of_killed_modules_go(folder: pathlib.Path) -> None:
    names = ("hotswap-podman-old", "hotswap-podman-used", "hotswap-podman-new", "other")
    for name in names:
        (folder / name).mkdir()
    (folder / "hotswap-podman-used" / "podman.sock").write_text("")
    for name in ("hotswap-podman-old", "hotswap-podman-used", "other"):
        os.utime(str(folder / name), (0, 0))
    podman_service._remove_left_overs(str(folder))
    assert sorted(each.name for each in folder.iterdir()) == sorted(names[1:])


def test_importing_connect_imports_no_sdk() -> None:
    script = "import sys; from %s import connect; print({'docker', 'podman', 'requests', 'urllib3'} & set(sys.modules))" % connecting.__name__
    path = os.pathsep.join(each for each in sys.path if each)
    said = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=path)).stdout
    assert said.strip() == b"set()"
