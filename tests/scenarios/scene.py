# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a scenario works with: its hosts, the playbooks of its folder in examples/, the load, and the checks that it leaves."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import time
import types
import typing as t

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from faults.ends import LoadOf
from run.hosts import build_images, logged
from run.playbooks import recap
from run.report import OUTPUT, ROOT, WORK, Check, say

from kit.bed import Bed, inventory
from kit.bed.hosts import Host

CONFIG = ROOT / "tests" / "integration" / "ansible.cfg"
SECONDS = 60.0
# Of the rates of faults/load.py: enough to meet every moment of a rollout, and no test of how fast the machine is.
SHARE = 0.4
ENGINES = ("docker", "podman", "rootless")
INVENTORY = "inventory.ini"
# What a page says to run: `ansible-playbook -i inventory.ini PLAYBOOK WORD...`, with or without variables of the environment before it.
_COMMAND = re.compile(r"((?:[A-Z_]+=\S+ )*)ansible-playbook -i %s ([^`#\n]+)" % re.escape(INVENTORY))


@dataclasses.dataclass(frozen=True)
class Played:
    """A playbook that has ended: what it said, and for each host (changed tasks, failed or unreachable)."""

    log: str
    hosts: dict[str, tuple[int, int]]

    @property
    def failed(self) -> bool:
        """Whether it failed on a host, or did not get as far as any."""
        return not self.hosts or any(failed for _changed, failed in self.hosts.values())

    @property
    def changed(self) -> bool:
        """Whether it changed something on any host."""
        return any(changed for changed, _failed in self.hosts.values())


@dataclasses.dataclass(frozen=True)
class Command:
    """An ansible-playbook that was typed, or that a page says to type: `words` are its options, and variables of the environment, in any order."""

    playbook: str
    words: frozenset[str]

    def __str__(self) -> str:
        return " ".join([self.playbook, *sorted(self.words)])


def command(playbook: str, words: t.Sequence[str], environment: t.Mapping[str, str]) -> Command:
    """What was typed; `-e` and its value are one word."""
    options = re.findall(r"-\S+(?: [^-\s]\S*)?", " ".join(words))
    return Command(playbook, frozenset([*options, *("%s=%s" % item for item in environment.items())]))


def commands(text: str) -> list[Command]:
    """What a page says to type."""
    found = [(dict(word.split("=", 1) for word in before.split()), words.split()) for before, words in _COMMAND.findall(text)]
    return [command(words[0], words[1:], environment) for environment, words in found]


def folder_of(name: str) -> pathlib.Path:
    """The folder in examples/ of a scenario."""
    return ROOT / "examples" / name.replace("_", "-")


def page_of(name: str, module: types.ModuleType) -> pathlib.Path:
    """The page of a scenario: its PAGE, or the one that is called like it."""
    return ROOT / getattr(module, "PAGE", "docs/scenarios/%s.md" % name.replace("_", "-"))


def hosts_of(path: pathlib.Path) -> list[str]:
    """The names of the hosts of an inventory, in its order."""
    return list(InventoryManager(loader=DataLoader(), sources=[str(path)]).hosts)


class Scene:
    """One scenario on one engine. `folder` is its folder in examples/, `hosts` are its hosts by name."""

    def __init__(self, name: str, module: types.ModuleType, engine: str, bed: Bed) -> None:
        self.name = name
        self.engine = engine
        self.bed = bed
        self.folder = folder_of(name)
        self.page = page_of(name, module)
        self.checks: list[Check] = []
        self.hosts: dict[str, Host] = {}
        # Extra variables of every playbook: what people would write into theirs, such as the engine and the images that are here.
        self.variables: dict[str, t.Any] = {}
        # The environment of every playbook, beside ours.
        self.environment: dict[str, str] = {}
        self.log = OUTPUT / ("scenario-%s-%s.log" % (name, engine))
        self._images: t.Sequence[str] = getattr(module, "IMAGES", ("app",))
        self._since = time.monotonic()
        self._played = 0
        self._typed: list[Command] = []

    def up(self) -> None:
        """Brings the hosts up with their images, and writes the inventory."""
        self.hosts = {host.name: host for host in self.bed.up()}
        archives = {path.stem: path for path in build_images()}
        for host in self.hosts.values():
            for image in self._images:
                host.load_image(archives[image])
        text = inventory.text(list(self.hosts.values()), self.bed.state, pipelining=True)
        for ours, theirs in zip(self.hosts, hosts_of(self.folder / INVENTORY)):
            text = re.sub("^%s\\b" % re.escape(ours), theirs, text, flags=re.MULTILINE)
        self._inventory.write_text(text)

    @property
    def _inventory(self) -> pathlib.Path:
        return self.bed.state / ("scenario-%s.ini" % self.name)

    @property
    def host(self) -> Host:
        """The first host, which most scenarios have alone."""
        return next(iter(self.hosts.values()))

    @property
    def program(self) -> str:
        """What the engine is called in playbooks: docker or podman."""
        return self.host.spec.program

    # checks

    def check(self, what: str, passed: bool, detail: str = "") -> bool:
        """One check: prints its line, and the detail when it failed. The time since the last one is its own."""
        now = time.monotonic()
        name = "%s, %s: %s" % (self.name, self.engine, what)
        self.checks.append(Check(name, bool(passed), now - self._since))
        say("%-6s %-100s %5.0f s" % ("ok" if passed else "FAILED", name, now - self._since))
        self._since = now
        if not passed and detail:
            say(detail)
        return bool(passed)

    # playbooks

    def play(self, playbook: str, *words: str, **variables: t.Any) -> Played:
        """ansible-playbook as somebody types it in the scenario's folder, with its inventory. With further `variables` it is not what a page says."""
        self._played += 1
        self._typed += [] if variables else [command(playbook, words, self.environment)]
        bed = ["-i", str(self._inventory), "-e", json.dumps({**self.variables, **variables})]
        typed = ["env", "-C", str(self.folder), "ansible-playbook", "-i", INVENTORY, playbook, *words]
        log = self.log.with_name("%s-%02d.log" % (self.log.stem, self._played))
        env = {**os.environ, "ANSIBLE_CONFIG": str(CONFIG), **self.environment}
        text = logged([*self.bed.lab_words, *typed, *bed], log, env)
        return Played(text, recap(text))

    def played_page(self, without: t.Sequence[str] = (), only: t.Sequence[str] = ()) -> None:
        """A check: every ansible-playbook of the scenario's page was played as it stands there; `without` these playbooks, or `only` these."""
        told = [one for one in commands(self.page.read_text()) if one.playbook not in without and (not only or one.playbook in only)]
        left = [str(one) for one in told if one not in self._typed]
        self.check("the %d commands of its page were played as they stand there" % len(told), bool(told) and not left, "not played: %s" % "; ".join(left))

    def plays(self, what: str, playbook: str, *words: str, changes: bool | None = None, **variables: t.Any) -> Played:
        """A check: the playbook ends well on every host, and changes something or nothing where `changes` says so."""
        done = self.play(playbook, *words, **variables)
        self.check(what, not done.failed and changes in (None, done.changed), done.log[-4000:])
        return done

    def four_steps(self, what: str, playbook: str, *words: str, **variables: t.Any) -> None:
        """Four checks: --check tells of changes, it is done, done again nothing changes, and --check tells of none."""
        look = ("--check", "--diff")
        for step, more, changes in (("check", look, True), ("do", (), True), ("again", (), False), ("check again", look, False)):
            self.plays("%s, %s" % (what, step), playbook, *more, *words, changes=changes, **variables)

    def refuses(self, what: str, playbook: str, says: str, *words: str, **variables: t.Any) -> Played:
        """A check: the playbook fails with these words, and has changed nothing."""
        done = self.play(playbook, *words, **variables)
        told = " ".join(done.log.split())
        self.check(what, done.failed and not done.changed and " ".join(says.split()) in told, "not said: %s\n%s" % (says, done.log[-4000:]))
        return done

    # load

    @contextlib.contextmanager
    def asked(
        self, url: str, domain: str = "", share: float = SHARE, inside: Host | None = None, options: dict[str, t.Any] | None = None
    ) -> t.Iterator[LoadOf]:
        """As `load`, and the caller judges what was lost."""
        load = LoadOf(self.bed, url, domain or url.split("/")[2], share, inside, options)
        try:
            load.answered_since(0.0, SECONDS)
            yield load
        finally:
            load.close()

    @contextlib.contextmanager
    def load(
        self, what: str, url: str, domain: str = "", share: float = SHARE, inside: Host | None = None, options: dict[str, t.Any] | None = None
    ) -> t.Iterator[LoadOf]:
        """Asks the URL while the block runs; then a check: something was asked, and nothing lost.

        `domain` is the Host header. `inside`: ask from this host itself, for what is published on its 127.0.0.1; else from the
        hosts' network. `options` as in faults/load.py: other traffic than its usual one, a time limit, a pattern for the body.
        """
        began = time.time()
        with self.asked(url, domain, share, inside, options) as load:
            yield load
        lost = ["%s (%s) at %.1f s" % (one.traffic, one.kind, one.began - began) for one in load.failures]
        told = "lost: %s; the client itself stood still for %g s at most" % (", ".join(lost[:40]), load.last["late"])
        versions = ", ".join("%s %d times" % item for item in sorted(load.last["versions"].items()))
        counted = "%d requests, %d lost, %s" % (load.last["sent"], len(lost), versions)
        self.check("%s: %s" % (what, counted), load.last["ok"] > 0 and not lost, told)


def specs(module: types.ModuleType, engine: str) -> list[str]:
    """The hosts that a scenario wants: its HOSTS, each NAME or NAME:ENGINE[:OPTION]..., with {engine} for the asked one."""
    wanted: t.Sequence[str] = getattr(module, "HOSTS", ("web1",))
    return [(one if ":" in one else one + ":{engine}").format(engine=engine) for one in wanted]


def stage(name: str, module: types.ModuleType, engine: str, keep: bool) -> list[Check]:
    """Plays one scenario on fresh hosts; its checks. One that breaks off is a failed check. `keep`: on hosts that were kept, if any."""
    bed = Bed(specs(module, engine), state=WORK / "scenarios" / name)
    scene = Scene(name, module, engine, bed)
    if not keep or {host.name: host.spec for host in bed.hosts} != {spec.name: spec for spec in bed.wanted}:
        bed.down()
    try:
        scene.up()
        module.run(scene)
    except Exception as problem:
        scene.check("runs to its end", False, "%s: %s" % (type(problem).__name__, problem))
    finally:
        if not keep:
            bed.down()
    return scene.checks
