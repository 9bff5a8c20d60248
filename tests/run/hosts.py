# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts that the integration tests run on, and the images that they get. A thin layer above the test kit's bed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import typing as t

from kit import archive
from run.report import ROOT, WORK, say

# Engine to host. Podman is reached both ways: through an active socket, and by an API service that the module starts.
HOSTS = {"docker": "d01:docker", "podman": "p01:podman:socket", "rootless": "r01:rootless:nosocket"}
# The versions of the test app: A and B are healthy, C never is.
APP_VERSIONS = ("localhost/greet:A", "localhost/greet:B", "localhost/greet:C,HEALTHY=no")
PROXIES = {"haproxy": "localhost/haproxy:test", "caddy": "localhost/caddy:test", "nginx": "localhost/nginx:test"}
SHELL = "localhost/shell:test"
APPLETS = ("cat", "echo", "env", "false", "grep", "head", "hostname", "id", "kill", "ls", "ps", "pwd", "sh", "sleep", "test", "touch", "true", "wc", "wget")
TIMEOUT = 1200


def bed(*words: str) -> list[str]:
    """The command line of the test bed that belongs to the integration tests; people's own beds are other ones."""
    return [sys.executable, "-m", "kit.bed", "--state", str(WORK / "bed"), *words]


def call(argv: t.Sequence[str]) -> str:
    """Runs a command that must succeed, and returns its output; its messages go to the terminal."""
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout


def logged(argv: t.Sequence[str], log: pathlib.Path, env: t.Mapping[str, str] | None = None) -> str:
    """Runs a command with its output in a file, and returns that; after TIMEOUT seconds it is ended with all that it started."""
    with log.open("w") as file:
        process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            file.write("\nended: not done after %d s\n" % TIMEOUT)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    return log.read_text()


def prepare(engines: t.Sequence[str]) -> list[str]:
    """Brings the hosts of the engines up with all images loaded, and returns their names. Twice is once."""
    return bring_up([HOSTS[engine] for engine in engines])


def bring_up(specs: t.Sequence[str]) -> list[str]:
    """The same for any hosts, each as the bed's `up` is told it."""
    say("bringing up %s" % ", ".join(specs))
    call(bed("up", "--hosts", *specs))
    archives = [str(path) for path in build_images()]
    names = [spec.split(":")[0] for spec in specs]
    loading = [subprocess.Popen(bed("load", name, *archives), stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL) for name in names]
    codes = [process.wait() for process in loading]
    if any(codes):
        sys.exit("dev: images could not be loaded on %s (see above)" % ", ".join(names))
    return names


def build_images() -> list[pathlib.Path]:
    """The archives of the app, the proxies and a shell, built once for each state of the recipe."""
    folder = pathlib.Path(os.environ["HOTSWAP_CACHE"]) / "images" / _recipe()
    if not (folder / ".ready").exists():
        say("building images: %s" % folder)
        folder.mkdir(parents=True, exist_ok=True)
        root = call(bed("base")).strip().splitlines()[-1]
        images = [sys.executable, "-m", "kit.images"]
        call([*images, "app", *[word for version in APP_VERSIONS for word in ("--version", version)], "--out", str(folder / "app.tar")])
        call([*images, "haproxy", "--ref", PROXIES["haproxy"], "--root", root, "--out", str(folder / "haproxy.tar")])
        call([*images, "caddy", "--ref", PROXIES["caddy"], "--out", str(folder / "caddy.tar")])
        call([*images, "nginx", "--ref", PROXIES["nginx"], "--root", root, "--out", str(folder / "nginx.tar")])
        _build_shell(pathlib.Path(root), folder / "shell.tar")
        (folder / ".ready").touch()
    return sorted(folder.glob("*.tar"))


def _recipe() -> str:
    sources = [*sorted((ROOT / "tests" / "kit").glob("*.py")), pathlib.Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def _build_shell(root: pathlib.Path, out: pathlib.Path) -> None:
    entries = [archive.file_entry(root / "bin" / "busybox", "/bin/busybox"), archive.Entry("/tmp", mode=0o1777, folder=True)]
    entries += [archive.Entry("/bin/" + applet, mode=0o777, link="busybox") for applet in APPLETS]
    entries += [archive.Entry("/etc/passwd", b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")]
    entries += [archive.Entry("/bin/app", b"#!/bin/sh\nwhile :; do sleep 1; done\n", 0o755)]
    config = {"Env": ["PATH=/bin"], "Cmd": ["/bin/app"]}
    archive.write(out, [archive.Image((SHELL,), (archive.layer(entries),), config)])
