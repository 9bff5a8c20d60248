#!/usr/bin/env python3
# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watch a service go from version A to B, refuse a broken C, and go back to A, under load.

    python examples/demo/show.py            the demo
    python examples/demo/show.py clean      remove everything that the demo keeps (images, folders)

DEMO_ENGINE=podman|docker, DEMO_PORT (18080) and DEMO_HOME (the folder that is kept) change where it happens.
Needs ansible-core, rich, and docker or podman (the Python SDK) in this interpreter's environment; goes through sudo when not root.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import sys
import time
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests")]

from demo import acts, engine, packages, summary  # noqa: E402
from demo.screen import Scene, Screen, screen_for  # noqa: E402
from kit import images, rootfs  # noqa: E402

if t.TYPE_CHECKING:
    from ansible_collections.hotswap.containers.plugins.module_utils._probe.client import Load

PROXY_IMAGE = engine.IMAGE + "-haproxy:1"
# All of them die at once on SIGTERM, with whatever they have open.
VERSIONS = {"A": {}, "B": {}, "C": {"HEALTHY": "no"}}
# Requests a second; of slow and stream, how many are always in flight.
RATES = {"keepalive": 160.0, "keepalive_idle": 30.0, "fresh": 70.0, "post": 50.0, "post_fresh": 20.0}
IN_FLIGHT = {"slow": 6, "stream": 2}
FRAMES_A_SECOND = 5
SETTLE_SECONDS = 30.0


class Demo:
    """One run of the demo, from start to teardown."""

    def __init__(self) -> None:
        self._keep, self._run = engine.folders()
        self._lock = lock(self._run)
        self._port = wanted_port()
        self._scene = Scene(acts.UNDER_LOAD)
        self._screen: Screen = screen_for(self._scene)
        self._engine = engine.choose(self._keep, self._run, self._screen.say)
        self._stage = acts.Stage(self._variables(), collections_tree(self._keep), self._keep / "ansible")
        self._load: Load | None = None
        self._started = False

    def _variables(self) -> dict[str, t.Any]:
        return {
            "demo_engine": self._engine.kind,
            "demo_engine_url": self._engine.url,
            "demo_state_dir": str(self._run / "state"),
            "demo_publish": "127.0.0.1:%d" % self._port,
            "demo_image": engine.IMAGE,
            "demo_proxy_image": PROXY_IMAGE,
        }

    async def run(self) -> int:
        """The whole demo; the exit code."""
        self._scene.now = "setting the stage"
        try:
            self._prepare()
            await self._first()
            report = await self._under_load()
        finally:
            self._tear_down()
        summary.show(report, self._scene.outcomes)
        print(summary.last_line(report, self._scene.outcomes), flush=True)
        return 0 if summary.good(report, self._scene.outcomes) else 1

    def _say(self, text: str) -> None:
        self._screen.say(text)

    def _prepare(self) -> None:
        self._say("engine: %s" % self._engine.description)
        self._engine.start()
        self._started = True
        self._engine.clean()
        shutil.rmtree(self._run / "state", ignore_errors=True)
        check_port(self._port)
        self._say("images: greet A, B and C (its health never comes), and the proxy, made of this machine's own programs")
        for archive in build_images(self._keep, self._say):
            self._engine.load(archive)
            archive.unlink()

    async def _first(self) -> None:
        self._say("before the load: %s" % acts.FIRST.starting)
        outcome = await acts.play(acts.FIRST, self._stage, lambda task: self._say("  ansible: %s" % task))
        if not outcome.ok:
            raise engine.DemoError("version A did not go live: %s" % outcome.why)
        self._say("%s after %.1f s, at http://127.0.0.1:%d/" % (acts.FIRST.done, outcome.seconds, self._port))

    async def _under_load(self) -> dict[str, t.Any]:
        """All acts under one load; returns what its client has counted."""
        client = _probe_client()
        self._load = make_load(self._port)
        self._scene.stats = self._load.stats
        loading = asyncio.ensure_future(self._load.run())
        drawing = asyncio.ensure_future(self._draw())
        try:
            with self._screen:
                await self._settle()
                for act in acts.UNDER_LOAD:
                    await self._act(act)
                self._scene.now = "the last open requests end"
                self._load.stop()
                await loading
                self._scene.now = "done"
        finally:
            await _cancel(drawing, loading)
        report: dict[str, t.Any] = client.report(self._load)
        return report

    async def _settle(self) -> None:
        """Until every kind of traffic has been answered, so that all of it is under way before the first act."""
        self._scene.now = "the load begins: kept and fresh connections, POSTs, requests of 3 s"
        kinds = len(RATES) + len(IN_FLIGHT)
        end = time.monotonic() + SETTLE_SECONDS
        while sum(1 for tally in self._stats.traffic.values() if tally.ok) < kinds:
            if time.monotonic() > end or self._stats.lost:
                raise engine.DemoError("the load did not get under way: lost %s" % self._stats.lost_by_kind)
            await asyncio.sleep(0.2)

    async def _act(self, act: acts.Act) -> None:
        scene, stats = self._scene, self._stats
        scene.current, scene.now = act, act.starting
        sent, lost = stats.sent, stats.lost
        outcome = await acts.play(act, self._stage, lambda task: setattr(scene, "task", task))
        if outcome.ok:
            await self._confirm(outcome)
        outcome.requests, outcome.lost = stats.sent - sent, stats.lost - lost
        scene.outcomes.append(outcome)
        scene.current, scene.task = None, ""
        scene.now = act.done if outcome.ok else "NOT AS IT SHOULD BE: %s" % outcome.why

    async def _confirm(self, outcome: acts.Outcome) -> None:
        """What the client itself sees must agree: a second of answers, all from the version that should serve."""
        before = self._answers()
        await asyncio.sleep(1.0)
        answered = {name for name, count in self._answers().items() if count > before.get(name, 0)}
        if answered != {outcome.act.after}:
            outcome.ok = False
            outcome.why = "answered by %s, not by %s alone" % (" and ".join(sorted(answered)) or "nobody", outcome.act.after)
        if outcome.act.refused and outcome.act.offered in self._stats.versions:
            outcome.ok = False
            outcome.why = "version %s has answered requests" % outcome.act.offered

    def _answers(self) -> dict[str, int]:
        return {name: seen.answers for name, seen in self._stats.versions.items()}

    @property
    def _stats(self) -> t.Any:
        return self._scene.stats

    async def _draw(self) -> None:
        while True:
            self._scene.sample()
            self._screen.draw()
            await asyncio.sleep(1.0 / FRAMES_A_SECOND)

    def _tear_down(self) -> None:
        """Leaves nothing that runs; images stay for the next time."""
        try:
            if self._started:
                self._engine.clean()
        except engine.DemoError as error:
            sys.stderr.write("demo: the clean-up failed: %s\n" % error)
        self._engine.stop()


def _probe_client() -> t.Any:
    from ansible_collections.hotswap.containers.plugins.module_utils._probe import client

    return client


def make_load(port: int) -> Load:
    """The demo's traffic, at least 300 requests a second."""
    from ansible_collections.hotswap.containers.plugins.module_utils._probe.client import Load, Target, Traffic
    from ansible_collections.hotswap.containers.plugins.module_utils._probe.wire import Address

    traffic = [Traffic(kind, rate=rate) for kind, rate in RATES.items()]
    traffic += [Traffic(kind, connections=count) for kind, count in IN_FLIGHT.items()]
    return Load(Target(Address.of("http://127.0.0.1:%d/" % port), timeout=15.0), traffic)


def collections_tree(keep: pathlib.Path) -> pathlib.Path:
    """A folder in which Ansible and Python find this checkout as the collection."""
    tree = keep / "collections"
    link = tree / "ansible_collections" / "hotswap" / "containers"
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    link.symlink_to(ROOT)
    sys.path.insert(0, str(tree))
    return tree


def build_images(folder: pathlib.Path, say: t.Callable[[str], None]) -> list[pathlib.Path]:
    """The archives of the three versions and of the proxy."""
    app, proxy = folder / "app.tar", folder / "haproxy.tar"
    versions = {"%s:%s" % (engine.IMAGE, name): {"MODE": "rude", **env} for name, env in VERSIONS.items()}
    try:
        images.build_versions("app", app, versions)
        packages.build_haproxy(proxy, PROXY_IMAGE, folder, say)
    except (rootfs.Missing, packages.PackageError) as error:
        raise engine.DemoError(str(error)) from error
    return [app, proxy]


def lock(folder: pathlib.Path) -> t.IO[str]:
    """The lock of the demo's folder, until the process ends; raises DemoError while another demo runs."""
    held = (folder / "lock").open("a")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise engine.DemoError("another demo runs in %s: wait for it to end" % folder) from error
    return held


def wanted_port() -> int:
    """DEMO_PORT, else 18080; raises DemoError when it is no port."""
    text = os.environ.get("DEMO_PORT", "18080")
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise engine.DemoError("DEMO_PORT is %r: use a port from 1 to 65535" % text)
    return int(text)


def become_root(argv: t.Sequence[str]) -> None:
    """Goes on as root through sudo: networks and limits of containers, and looking into them, need it."""
    if os.geteuid() == 0:
        return
    if shutil.which("sudo") is None:
        raise engine.DemoError("the demo needs root: run it as root, or install sudo")
    kept = [name for name in os.environ if name.startswith("DEMO_") or name in ("CI", "NO_COLOR", "TERM", "DOCKER_HOST")]
    os.execvp("sudo", ["sudo", "--preserve-env=" + ",".join(kept), sys.executable, "-B", str(pathlib.Path(__file__).resolve()), *argv])


def check_port(port: int) -> None:
    """Raises DemoError when somebody else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise engine.DemoError("port %d of 127.0.0.1 is not free (%s): set DEMO_PORT" % (port, error)) from error


async def _cancel(*tasks: asyncio.Future[t.Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def run() -> int:
    """Runs the demo; Ctrl-C and SIGTERM take everything down first."""
    this = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: this.cancel() if this else None)
    return await Demo().run()


def clean() -> int:
    """Removes what runs of the demo keep."""
    keep, folder = engine.folders()
    held = lock(folder)
    chosen = engine.choose(keep, folder, print)
    chosen.start()
    chosen.clean()
    chosen.forget()
    chosen.stop()
    for path in (keep, folder):
        shutil.rmtree(path, ignore_errors=True)
    held.close()
    return 0


def main(argv: t.Sequence[str]) -> int:
    """The command line."""
    if argv not in ([], ["clean"]):
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        become_root(argv)
        return clean() if argv else asyncio.run(run())
    except engine.DemoError as error:
        sys.stderr.write("demo: %s\n" % error)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("demo: stopped, and everything was taken away\n")
        return 130
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
