# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo service, run as a plain process."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import typing as t

import pytest

APP = pathlib.Path(__file__).parents[2] / "kit/app.py"


class Running:
    """One app process and how to talk to it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def get(self, path: str) -> tuple[int, str]:
        connection = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(**env: str) -> t.Iterator[Running]:
    port = free_port()
    words = [sys.executable, str(APP)]
    process = subprocess.Popen(words, env={**os.environ, "APP_VERSION": "A", "PORT": str(port), **env}, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "version A serves\n"
        yield Running(process, port)
    finally:
        process.kill()
        process.communicate()


def test_pages() -> None:
    with running(GREETING="Hello") as app:
        assert app.get("/") == (200, "Hello from A\n")
        assert json.loads(app.get("/health")[1]) == {"status": "UP", "version": "A"}
        assert app.get("/nothing")[0] == 404
        assert app.get("/slow?s=0.01") == (200, "slow from A\n")
        assert app.get("/stream?s=0.01")[1].endswith("END\n")


def test_a_connection_is_kept_and_says_its_version() -> None:
    with running() as app:
        connection = app.connect()
        for body in (b"one", b"two" * 100_000):
            connection.request("POST", "/echo", body)
            answer = connection.getresponse()
            assert answer.getheader("X-Version") == "A"
            assert answer.read() == body
        connection.request("POST", "/echo", iter([b"chunk", b"ed"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert connection.getresponse().read() == b"chunked"


def test_health_that_never_comes() -> None:
    with running(HEALTHY="no") as app:
        assert app.get("/health")[0] == 503
        url = "http://127.0.0.1:%d" % app.port
        assert subprocess.run([sys.executable, str(APP), "get", url + "/health"], capture_output=True, check=False).returncode == 1
        assert subprocess.run([sys.executable, str(APP), "get", url + "/"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("mode", "code"), [("rude", 143), ("graceful", 0)])
def test_sigterm_while_idle(mode: str, code: int) -> None:
    with running(MODE=mode) as app:
        connection = app.connect()
        connection.request("GET", "/")
        connection.getresponse().read()
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(10) == code


def test_graceful_finishes_what_it_began_and_rude_does_not() -> None:
    for mode, lost in (("graceful", False), ("rude", True)):
        with running(MODE=mode) as app:
            connection = app.connect()
            connection.request("GET", "/stream?s=1")
            answer = connection.getresponse()
            begun = answer.readline()
            app.process.send_signal(signal.SIGTERM)
            assert begun == b"tick from A\n"
            if lost:
                with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                    answer.read()
            else:
                assert answer.read().endswith(b"END\n")


def test_ignore_goes_on() -> None:
    with running(MODE="ignore") as app:
        app.process.send_signal(signal.SIGTERM)
        assert app.process.stdout is not None
        assert "mode ignore" in app.process.stdout.readline()
        assert app.get("/")[0] == 200


def test_exit_dies_with_the_code_that_was_asked_for() -> None:
    with running() as app:
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            app.get("/exit?code=7")
        assert app.process.wait(10) == 7


def test_crash_after() -> None:
    with running(CRASH_AFTER="0.05") as app:
        assert app.process.wait(10) == 1


def test_websocket_echo_and_goodbye() -> None:
    with running() as app, socket.create_connection(("127.0.0.1", app.port), 10) as client:
        key = base64.b64encode(bytes(16)).decode()
        client.sendall(("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n\r\n" % key).encode())
        stream = client.makefile("rb")
        head = b"".join(iter(stream.readline, b"\r\n")).decode()
        assert head.startswith("HTTP/1.1 101 ")
        assert "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=" in head
        client.sendall(bytes([0x81, 0x82, 1, 1, 1, 1]) + bytes(letter ^ 1 for letter in b"hi"))
        assert stream.read(4) == b"\x81\x02hi"
        app.process.send_signal(signal.SIGTERM)
        assert stream.read(4) == b"\x88\x02\x03\xe9"
        assert app.process.wait(10) == 0


def test_ready_delay_holds_health_back() -> None:
    with running(READY_DELAY="0.3") as app:
        assert app.get("/health")[0] == 503
        end = time.monotonic() + 10
        while app.get("/health")[0] != 200:
            assert time.monotonic() < end
