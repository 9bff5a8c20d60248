# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real proxies and real instances as processes of this machine, for the contract of the switch drivers."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._switch import (
    apache,
    apache_render,
    caddy,
    caddy_render,
    haproxy,
    haproxy_runtime,
    nginx,
    nginx_links,
    nginx_render,
)
from ansible_collections.hotswap.containers.plugins.module_utils._switch.drivers import driver, open_switch
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import (
    Listener,
    Places,
    ProxySettings,
    Switch,
    Target,
)

APP = pathlib.Path(__file__).with_name("switch_app.py")
INSTANCE_PORT = 18282
TOKEN = "0123456789abcdef0123456789abcdef"


@dataclasses.dataclass(frozen=True)
class Proxy:
    """How the contract runs one driver's proxy as a process, listens in on its driver, and breaks it.

    `run` and `check`: the program's arguments to serve in the foreground, and to check the configuration in those places.
    `talk`: the module whose `_exchange(where, words)` carries everything that the driver says to the running process.
    `turn`: what is called between the files and the running process. `bogus`: what renders the configuration, a
    rendering that the proxy refuses (it may quote the token), and what the refusal says.
    """

    run: t.Callable[[Places], t.Sequence[str]]
    check: t.Callable[[Places], t.Sequence[str]]
    talk: types.ModuleType
    turn: tuple[t.Any, str]
    bogus: tuple[t.Any, str, str, str]
    # It takes an instance by chance for each request, so that shares show in large numbers only.
    chance: bool = False
    # What the driver has its host run, as the program's arguments. A proxy in a container is run with the same ones.
    words: t.Callable[[Places, t.Sequence[str]], t.Sequence[str]] = lambda _at, argv: argv[1:]
    # What starts the program in its container.
    entry: t.Callable[[Places], t.Sequence[str]] = lambda _at: ()


def apache_words(at: Places, *words: str) -> list[str]:
    """Apache with our part as its whole configuration, and with nothing but the modules that this part needs."""
    modules = os.environ.get("HOTSWAP_APACHE_MODULES", "/usr/lib/apache2/modules")
    names = ("mpm_event", "authz_core", "rewrite", "headers", "proxy", "proxy_http", "proxy_wstunnel")
    settings = ["LoadModule %s_module %s/mod_%s.so" % (name, modules, name) for name in names]
    settings += ["ServerName contract.test", "User www-data", "Group www-data", "Mutex posixsem"]
    settings += ["PidFile %s/pid" % at.run, "ErrorLog %s/error.log" % at.run, "DefaultRuntimeDir %s" % at.run]
    return [*[word for setting in settings for word in ("-C", setting)], "-d", at.run, "-f", at.conf + "/apache.conf", *words]


# A new driver's line here puts it through the whole contract; its Capabilities say which tests of the states apply.
PROXIES: t.Mapping[str, Proxy] = {
    "apache": Proxy(
        run=lambda at: apache_words(at, "-DFOREGROUND"),
        check=lambda at: apache_words(at, "-t"),
        talk=apache,
        turn=(apache.ApacheSwitch, "_turn"),
        bogus=(apache_render, "config", "Bogus %s\n" % TOKEN, "Invalid command 'Bogus'"),
        chance=True,
        words=lambda at, argv: apache_words(at, *(["-t"] if argv == apache.CHECK else ["-k", "graceful"])),
    ),
    "haproxy": Proxy(
        run=lambda at: ["-W", "-db", "-S", at.run + "/master.sock,mode,600", "-f", at.conf + "/haproxy.cfg"],
        check=lambda at: ["-c", "-f", at.conf + "/haproxy.cfg"],
        talk=haproxy_runtime,
        turn=(haproxy.HaproxySwitch, "_move"),
        bogus=(haproxy.HaproxySwitch, "_render", "global\n    bogus %s\n" % TOKEN, "unknown keyword 'bogus'"),
    ),
    "caddy": Proxy(
        run=lambda at: ["run", "--config", at.conf + "/caddy.json"],
        check=lambda at: ["validate", "--config", at.conf + "/caddy.json"],
        talk=caddy,
        turn=(caddy.Slots, "turn"),
        bogus=(caddy_render, "render", '{"apps": {"no-such-app": {}}}', "no-such-app"),
    ),
    "nginx": Proxy(
        run=lambda at: nginx.container_parts(at).command[1:],
        check=lambda at: ["-t", "-c", at.conf + "/nginx.conf"],
        talk=nginx,
        turn=(nginx_links.Links, "turn"),
        bogus=(nginx_render, "render", 'bogus "%s";\n' % TOKEN, 'unknown directive "bogus"'),
        chance=True,
        entry=lambda at: nginx.container_parts(at).entrypoint or (),
    ),
}


def able(capability: str) -> list[str]:
    """The drivers that have the capability: for `parametrize("bed", able("preview"), indirect=True)`."""
    return [name for name in sorted(PROXIES) if getattr(driver(name).capabilities, capability)]


def unable(capability: str) -> list[str]:
    """The drivers that say that they have not."""
    return sorted(set(PROXIES) - set(able(capability)))


def environment(home: pathlib.Path) -> dict[str, str]:
    """For a proxy's process: what it stores of its own goes below `home`."""
    return {**os.environ, "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}


def binary(driver: str) -> str:
    """The proxy's program: what HOTSWAP_HAPROXY (and so on) names, else the one in the path. The test fails without it."""
    variable = "HOTSWAP_" + driver.upper()
    found = shutil.which(os.environ.get(variable, driver), path=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", ""), "/usr/sbin"]))
    if found is None:
        pytest.fail("%s is missing. Install it, or name the program in %s." % (driver, variable))
    return found


def until(check: t.Callable[[], t.Any], seconds: float = 10.0) -> t.Any:
    """Repeats `check` until it is true, and fails the test after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < end, "not within %g s" % seconds
        time.sleep(0.01)
    return answer


def listens(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


def free(port: int) -> bool:
    """True when nothing listens there: it can be bound."""
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("", port))
        return True
    return False


def established(target: Target) -> int:
    """Connections to the instance, as its own network namespace sees them (here: this machine's)."""
    local = "%08X:%04X" % (int.from_bytes(socket.inet_aton(target.address), "little"), target.port)
    rows = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for row in rows if row.split()[1] == local and row.split()[3] == "01")


def echoed(stream: t.BinaryIO, line: bytes) -> bool:
    """True when the line comes back."""
    stream.write(line)
    stream.flush()
    return stream.readline() == line


class Bed:
    """One proxy with its folder, and instances on loopback addresses of its own."""

    def __init__(self, driver: str) -> None:
        self.driver = driver
        self.program = binary(driver)
        # Not pytest's own folder: a unix socket's path holds 107 bytes.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hs-", dir="/tmp"))
        # A proxy of the host reads what is for its own user as that user.
        self.root.chmod(0o711)
        self.folder = self.root / "proxies" / "edge"
        self.places = Places(str(self.folder / "conf"), str(self.folder / "run"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.settings = ProxySettings("edge", (Listener(self.port),), TOKEN)
        # Another run on this machine has other addresses.
        self._subnet = "127.%d.%d" % (random.randint(1, 254), random.randint(1, 254))
        self._instances: dict[str, subprocess.Popen[bytes]] = {}
        self.proxy: subprocess.Popen[bytes] | None = None
        self.switch = self.open()

    def open(self) -> Switch:
        """A new Switch object, as each module run has its own."""
        return open_switch(self.driver, self.folder, self.run_in_proxy, self.places)

    def run_in_proxy(self, argv: t.Sequence[str]) -> tuple[int, str]:
        words = PROXIES[self.driver].words(self.places, argv)
        done = subprocess.run([self.program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout

    def start(self) -> None:
        """Starts the proxy as its container would, and waits for it."""
        with open(self.root / "proxy.log", "ab") as log:
            self.proxy = subprocess.Popen(
                [*PROXIES[self.driver].entry(self.places), self.program, *PROXIES[self.driver].run(self.places)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment(self.root),
            )
        self.switch.wait_ready(20)

    def kill(self) -> None:
        """SIGKILL to the proxy with all its workers, as when its container is killed, and then nothing listens for it."""
        if self.proxy is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.proxy.pid, signal.SIGKILL)
            self.proxy.wait()
            # Workers end by themselves after their parent, and Apache does not start while one still has its port.
            until(lambda: free(self.port))

    def instance(self, name: str, number: int, weight: int = 100) -> Target:
        """Starts an instance and waits until it listens."""
        target = Target(name, "%s.%d" % (self._subnet, number), INSTANCE_PORT, weight)
        process = subprocess.Popen([sys.executable, str(APP), name, target.address, str(target.port), str(self.root / "seen")])
        self._instances[name] = process
        until(lambda: listens(target.address, target.port))
        assert process.poll() is None, "something else listens on %s" % target.address
        return target

    def kill_instance(self, target: Target) -> None:
        """SIGKILL: nothing is finished, everything open is cut."""
        process = self._instances.pop(target.name)
        process.kill()
        process.wait()

    def drained(self, service: str, target: Target) -> None:
        """Returns when the proxy's count is 0, or where it has none, when no connection was seen for 0.3 s."""
        if self.switch.in_flight(service, [target.name]) is not None:
            until(lambda: self.switch.in_flight(service, [target.name]) == 0)
            return
        quiet = time.monotonic()
        while time.monotonic() - quiet < 0.3:
            if established(target):
                quiet = time.monotonic()
            time.sleep(0.02)

    def seen(self) -> list[str]:
        """What the instances have noted of requests with X-Once, each as often as it reached one."""
        noted = self.root / "seen"
        return noted.read_text().split() if noted.exists() else []

    def ask(self, path: str = "/", host: str = "greet.test", **headers: str) -> tuple[int, str, dict[str, str]]:
        """One request on a fresh connection: status, body, headers in lower case.

        A proxy whose reload may end a connection without an answer, as its capabilities say, is asked once more when it did. Load counts those.
        """
        try:
            return self._ask(path, host, headers)
        except ConnectionError:
            if self.switch.capabilities.lossless_reload:
                raise
            return self._ask(path, host, headers)

    def _ask(self, path: str, host: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request("GET", path, headers={"Host": host, **{key.replace("_", "-"): value for key, value in headers.items()}})
            response = connection.getresponse()
            return response.status, response.read().decode(), {key.lower(): value for key, value in response.getheaders()}
        finally:
            connection.close()

    def who(self, path: str = "/", host: str = "greet.test", **headers: str) -> str:
        """The instance that answers, or the status."""
        status, body, _headers = self.ask(path, host, **headers)
        return body.split(" ")[0] if status == 200 else str(status)

    @contextlib.contextmanager
    def websocket(self) -> t.Iterator[t.BinaryIO]:
        """A connection of greet.test that the proxy has upgraded, open until the block ends."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as link, link.makefile("rwb") as stream:
            stream.write(b"GET / HTTP/1.1\r\nHost: greet.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
            stream.write(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            stream.flush()
            assert b" 101 " in stream.readline()
            while stream.readline() != b"\r\n":
                pass
            yield t.cast(t.BinaryIO, stream)

    def close(self) -> None:
        self.kill()
        for process in self._instances.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.root)
