# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions side by side on one host: a name server behind a kernel redirect, a scheduler that never runs twice, and a service behind a proxy."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import threading
import time
import typing as t

from run.report import WORK

from kit import archive, images, rootfs
from kit.bed import base
from scenarios.scene import Scene

SHORT = "docker"
IMAGES = ("app", "haproxy")
# What a rootless engine is for on that page.
BY_HAND = ("rootless.yml",)
NAME = "version.example.com"
REPOSITORY = "/srv/git/names"
# Enough to tell a share of 25 percent from one of 12 or of 38.
ENOUGH = 400
SECONDS = 60.0
SCHEDULER = """#!/bin/sh
cd /var/lib/scheduler
mkdir lock || { echo "two at once" >>log; exit 1; }
trap 'rmdir lock; echo "ended $VERSION" >>log; exit 0' TERM
echo "began $VERSION" >>log
echo "running $VERSION" >state
while :; do sleep 1 & wait $!; done
"""
APPLETS = ("grep", "mkdir", "rmdir", "sh", "sleep")


def run(scene: Scene) -> None:
    """The name server's versions from Git tags to their end, then the other two kinds."""
    scene.variables = {"rollout_engine": scene.program}
    load_images(scene)
    if scene.engine == "rootless":
        by_hand(scene)
        return
    make_repository(scene)
    names(scene)
    scheduler(scene)
    web(scene)
    scene.played_page(without=BY_HAND)


def names(scene: Scene) -> None:
    """Activate, forward, a canary, backward twice, refusals, list, deactivate."""
    tag(scene, "1.0")
    scene.four_steps("version 1.0 active", "activate.yml")
    tag(scene, "2.0", "--annotate", "--message", "2.0")
    tag(scene, "3.0", hook=False)
    scene.plays("a tag without the hook is built by the playbook", "build.yml", changes=True, tag="3.0")
    scene.plays("and once only", "build.yml", changes=False, tag="3.0")
    with Queries(scene) as load:
        load.await_version("1.0")
        scene.plays("version 2.0 active", "activate.yml", "-e", "version=2.0", changes=True)
        load.await_version("2.0")
        third = ("activate.yml", "-e", "version=3.0")
        scene.plays("version 3.0 as a candidate", *third, "-e", "rollout_state=candidate", changes=True)
        scene.plays("version 3.0 as a canary", *third, "-e", "rollout_state=canary", "-e", "rollout_weight=25", changes=True)
        load.check_share("3.0", 25)
        scene.plays("none of it after all", "activate.yml", "-e", "version=2.0", changes=True)
        load.await_version("2.0")
        scene.plays("version 3.0 active", *third, changes=True)
        load.await_version("3.0")
        back = ("hotswap.containers.rollback", "-e", "rollout_name=names", "-e", "ansible_become=true")
        scene.plays("back to the version before", *back, changes=True)
        load.await_version("2.0")
        scene.plays("back to an older version", "activate.yml", "-e", "version=1.0", changes=True)
        load.await_version("1.0")
        listed(scene)
        refused(scene)
    load.check()
    scene.plays("deactivated", "deactivate.yml", changes=True)
    scene.plays("deactivated again", "deactivate.yml", changes=False)
    words = scene.host.ssh("nft list tables; %s ps -aq --filter label=hotswap.service=names" % scene.program).stdout
    scene.check("no container and no redirect is left", "hotswap" not in words and len(words.split()) == 3 * words.count("table"), words)


def listed(scene: Scene) -> None:
    """The list has every version with its phase, and where the port leads."""
    log = scene.play("versions.yml").log
    wanted = ["names 1.0: live, 100 %", "names 2.0: retired, 0 %", "names 3.0: retired, 0 %", "port 53 (tcp, udp) leads to"]
    scene.check("the list says what is there", all(one in log for one in wanted), log)


def refused(scene: Scene) -> None:
    """A version is one content, by its containers, by the note of what is gone, and by Git."""
    host = scene.host
    host.engine("tag", "localhost/names:2.0", "localhost/names:3.0")
    scene.refuses("a version with other content", "activate.yml", "is now image", version="3.0")
    scene.plays("only two versions are kept", "activate.yml", changes=True, version="2.0", rollout_keep=1)
    left = host.engine("ps", "-a", "--filter", "label=hotswap.service=names", "--format", "{{.Names}}").stdout
    scene.check("version 3.0 has no container", "names-3.0" not in left and "names-1.0" in left, left)
    scene.refuses("that version without containers", "activate.yml", "version: 3.0 of names ran as image", version="3.0")
    commit(scene, "1.0 again")
    moved = host.ssh("git -C %s tag --force 1.0" % REPOSITORY, user="root", check=False)
    scene.check("a tag that moves is refused", moved.returncode != 0 and "a version never changes" in moved.stderr, moved.stderr)
    slash = host.ssh("git -C %s tag release/4.0" % REPOSITORY, user="root", check=False)
    scene.check("a tag that no image can be called by is refused", slash.returncode != 0 and "tag release/4.0" in slash.stderr, slash.stderr)
    host.ssh("git -C %s tag --delete 2.0" % REPOSITORY, user="root")
    there = host.engine("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    wrong = [one for one in there if "release" in one or "4.0" in one]
    scene.check("a deleted tag leaves its image, a refused one makes none", "localhost/names:2.0" in there and not wrong, str(there))


def scheduler(scene: Scene) -> None:
    """Forward and back; the program itself notes when it begins and ends, and never begins while its lock is held."""
    scene.four_steps("scheduler 1.0", "scheduler.yml", version="1.0")
    scene.plays("scheduler 2.0", "scheduler.yml", changes=True, version="2.0")
    scene.plays("scheduler 1.0 again", "scheduler.yml", changes=True, version="1.0")
    scene.plays("scheduler 1.0 once more", "scheduler.yml", changes=False, version="1.0")
    running = scene.host.engine("ps", "-q", "--filter", "label=hotswap.service=scheduler").stdout.split()
    noted = scene.host.engine("exec", running[0], "grep", "-h", "", "/var/lib/scheduler/log").stdout.splitlines()
    wanted = ["began 1.0", "ended 1.0", "began 2.0", "ended 2.0", "began 1.0"]
    scene.check("never two at once: %s" % ", ".join(noted), noted == wanted and len(running) == 1)


def web(scene: Scene) -> None:
    """Two instances of each version: A alone, then A and B half and half, then B alone, and A again."""
    scene.variables["rollout_proxy_image"] = "localhost/haproxy:test"
    scene.plays("two instances behind a proxy", "web.yml", changes=True)
    with scene.load("A/B behind a proxy", "http://%s:8080/" % scene.host.address) as load:
        load.await_version("A", 10)
        second = ("web.yml", "-e", "version=B")
        scene.plays("B for half of the requests", *second, "-e", "rollout_state=canary", "-e", "rollout_weight=50", changes=True)
        load.await_version("B", 10)
        running = scene.host.engine("ps", "--filter", "label=hotswap.service=greet", "--format", "{{.Names}}").stdout.split()
        versions = sorted(name.split("-")[1] for name in running)
        scene.check("two instances of two versions", versions == ["A", "A", "B", "B"], str(running))
        scene.plays("B alone", *second, changes=True)
        scene.plays("B again", *second, changes=False)
        scene.plays("back to A", "hotswap.containers.rollback", changes=True, rollout_name="greet")
        load.await_version("A", 10)


def by_hand(scene: Scene) -> None:
    """A rootless engine: root cannot reach its containers, but the ports that they publish. They are started by whoever runs it."""
    for number, version in enumerate(("1.0", "2.0"), 20001):
        ports = [word for protocol in ("tcp", "udp") for word in ("--publish", "127.0.0.1:%d:5353/%s" % (number, protocol))]
        options = ["--conf-file=/dev/null", "--port=5353", "--user=root", "--no-resolv", "--no-hosts", "--txt-record=%s,%s" % (NAME, version)]
        program = ["/usr/sbin/dnsmasq", "--keep-in-foreground", *options]
        scene.host.engine("run", "--detach", "--name", "names-" + version, *ports, "localhost/dnsmasq:base", *program)
    scene.four_steps("version 1.0 active", "rootless.yml", published=20001)
    with Queries(scene) as load:
        load.await_version("1.0")
        scene.plays("version 2.0 active", "rootless.yml", "-e", "published=20002", changes=True)
        load.await_version("2.0")
        scene.plays("back to version 1.0", "rootless.yml", changes=True, published=20001)
        load.await_version("1.0")
    load.check()
    scene.played_page(only=BY_HAND)


# what is there before


def load_images(scene: Scene) -> None:
    """What the name server's image is built on, and two versions of the scheduler."""
    root = base.require("trixie")
    programs = [*rootfs.with_libraries(root, ["/usr/sbin/dnsmasq", "/usr/bin/dig"]), *rootfs.skeleton({"dnsmasq": 999})]
    folders = [archive.Entry(path, mode=0o755, folder=True) for path in ("/etc", "/var/run", "/var/lib/misc")]
    made = [archive.Image(("localhost/dnsmasq:base",), (archive.layer([*programs, *folders]),), {"Env": [images.PATH]})]
    shell = [archive.file_entry(root / "bin" / "busybox", "/bin/busybox"), archive.Entry("/app", SCHEDULER.encode(), 0o755)]
    shell += [archive.Entry("/bin/" + name, mode=0o777, link="busybox") for name in APPLETS]
    shell += [archive.Entry("/var/lib/scheduler", mode=0o755, folder=True), *rootfs.skeleton({})]
    layer = archive.layer(shell)
    for version in ("1.0", "2.0"):
        made.append(archive.Image(("localhost/scheduler:" + version,), (layer,), {"Env": [images.PATH, "VERSION=" + version], "Cmd": ["/app"]}))
    path = WORK / "side-by-side.tar"
    archive.write(path, made)
    scene.host.load_image(path)


def make_repository(scene: Scene) -> None:
    """A Git repository on the host, with the example's files and its hook."""
    hooks = scene.folder.parent / "git-hook"
    put(scene, REPOSITORY, [*(scene.folder / "names").iterdir()])
    git = "git -C %s " % REPOSITORY
    scene.host.ssh("%sinit --quiet && mkdir -p %s/.git/hooks" % (git, REPOSITORY), user="root")
    put(scene, REPOSITORY + "/.git/hooks", [*hooks.iterdir()])
    for name, value in (("hotswap.image", "localhost/names"), ("hotswap.engine", scene.program), ("user.name", "somebody"), ("user.email", "a@example.com")):
        scene.host.ssh("%sconfig %s %s" % (git, name, value), user="root")


def put(scene: Scene, folder: str, files: t.Iterable[pathlib.Path]) -> None:
    """Files on the host, with their modes."""
    for path in files:
        mode = "755" if path.stat().st_mode & 0o100 else "644"
        scene.host.ssh("install -D -m %s /dev/stdin %s/%s" % (mode, folder, path.name), user="root", stdin=path.read_text())


def commit(scene: Scene, version: str) -> None:
    """A commit whose name server says that it is this version."""
    line = "txt-record=%s,%s" % (NAME, version)
    words = "cd %s && sed -i 's/^txt-record=.*/%s/' dnsmasq.conf && git add . && git commit --quiet --allow-empty -m '%s'" % (REPOSITORY, line, version)
    scene.host.ssh(words, user="root")


def tag(scene: Scene, version: str, *words: str, hook: bool = True) -> None:
    """A commit and its tag; a check that its image is there, or, without the hook, is not."""
    commit(scene, version)
    without = "" if hook else "-c core.hooksPath=/nonexistent "
    said = scene.host.ssh("git -C %s %stag %s %s" % (REPOSITORY, without, " ".join(words), version), user="root")
    there = scene.host.engine("images", "-q", "localhost/names:" + version).stdout.strip()
    what = "Git tag %s makes %s" % (version, "the image" if hook else "no image without the hook")
    scene.check(what, bool(there) == hook, said.stdout + said.stderr)


# queries


class Queries:
    """Queries from the hosts' network while the block runs, see names_load."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._counts: dict[str, dict[str, t.Any]] = {}

    def __enter__(self) -> Queries:
        words = [*self._scene.bed.lab_words, sys.executable, "-m", "scenarios.names_load", self._scene.host.address, NAME]
        self._process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_of: t.Any) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(SECONDS)
        self._thread.join(SECONDS)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._counts = json.loads(line)

    def _await(self, condition: t.Callable[[], bool], what: str) -> None:
        end = time.monotonic() + SECONDS
        while not (self._counts and condition()):
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError("%s within %g s: %s" % (what, SECONDS, self._counts))
            time.sleep(0.02)

    def await_version(self, version: str) -> None:
        """Waits until every client is answered by this version."""
        self._await(lambda: {one["last"] for one in self._counts.values()} == {version}, "%s does not answer" % version)

    def check_share(self, version: str, percent: int) -> None:
        """A check: of the next queries from sockets and connections of their own, about so many percent are answered by this version."""
        before = self._fresh()
        self._await(lambda: sum(self._fresh().values()) - sum(before.values()) >= ENOUGH, "there are not %d answers" % ENOUGH)
        after = self._fresh()
        answers = sum(after.values()) - sum(before.values())
        given = after.get(version, 0) - before.get(version, 0)
        what = "%d percent for %s: %d of %d answers" % (percent, version, given, answers)
        self._scene.check(what, abs(100 * given / answers - percent) < 12)

    def _fresh(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for kind in ("UDP", "TCP"):
            for version, count in self._counts[kind]["versions"].items():
                found[version] = found.get(version, 0) + count
        return found

    def check(self) -> None:
        """A check for each client: something was asked, and nothing was lost."""
        for kind, one in self._counts.items():
            counted = "%s: %d queries, %d lost, %d asked twice" % (kind, one["sent"], one["lost"], one["repeated"])
            self._scene.check(counted, one["ok"] > 0 and one["ok"] == one["sent"], str(one))
