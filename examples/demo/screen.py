# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people see while the demo runs: a live picture on a terminal, plain lines everywhere else."""

from __future__ import annotations

import collections
import dataclasses
import os
import sys
import time
import typing as t

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .acts import Act, Outcome

if t.TYPE_CHECKING:
    from ansible_collections.hotswap.containers.plugins.module_utils._probe.stats import Stats

COLOURS = {"A": "cyan", "B": "magenta", "C": "yellow"}
BARS = " ▁▂▃▄▅▆▇█"
WIDTH = 60
PLAIN_SECONDS = 2.0


@dataclasses.dataclass
class Scene:
    """All that the picture is drawn from. `now` is one sentence; `task` is what Ansible does."""

    acts: t.Sequence[Act]
    stats: Stats | None = None
    current: Act | None = None
    now: str = ""
    task: str = ""
    outcomes: list[Outcome] = dataclasses.field(default_factory=list)
    began: float = dataclasses.field(default_factory=time.monotonic)
    history: collections.deque[dict[str, int]] = dataclasses.field(default_factory=lambda: collections.deque(maxlen=WIDTH))
    _before: dict[str, int] = dataclasses.field(default_factory=dict)

    def sample(self) -> None:
        """Notes how many answers each version gave since the last sample."""
        if self.stats is None:
            return
        counts = {name: seen.answers for name, seen in self.stats.versions.items()}
        self.history.append({name: count - self._before.get(name, 0) for name, count in counts.items()})
        self._before = counts
        if self.current is not None and self.stats.version == self.current.offered != self.current.before:
            self.now = self.current.moved

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def line(self) -> str:
        """Everything in one line."""
        where = "act %d/%d %s" % (self.acts.index(self.current) + 1, len(self.acts), self.current.title) if self.current else "between acts"
        if self.stats is None:
            return "[%6.1f s] %s" % (self.seconds(), where)
        told = (self.seconds(), where, self.stats.rate(), self.stats.version or "nobody", self.stats.lost, self.stats.sent)
        return "[%6.1f s] %-22s %4d req/s  answered by %s  lost %d of %d" % told


class Screen(t.Protocol):
    """Shows the scene; say() is for what must stay readable afterwards."""

    def __enter__(self) -> Screen:
        """Takes the terminal."""

    def __exit__(self, *_exc: object) -> None:
        """Gives it back."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def draw(self) -> None:
        """Shows the scene as it is now."""


def screen_for(scene: Scene) -> Screen:
    """The live picture on a terminal that can show it, unless NO_COLOR or CI ask for plain lines."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") in (None, "dumb")
    return Plain(scene) if plain or not sys.stdout.isatty() else Picture(scene)


class Plain:
    """A line for each thing that happens, and one every two seconds."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._last = 0.0
        self._said = ""
        self._ended = 0

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_exc: object) -> None:
        return

    def say(self, text: str) -> None:
        sys.stdout.write("[%6.1f s] %s\n" % (self._scene.seconds(), text))
        sys.stdout.flush()

    def draw(self) -> None:
        for outcome in self._scene.outcomes[self._ended :]:
            self._ended += 1
            self.say("%s: %s" % (outcome.act.title, outcome.act.done if outcome.ok else "failed: " + outcome.why))
        if self._scene.now != self._said:
            self._said = self._scene.now
            self.say("now: " + self._said)
        if self._scene.stats is not None and time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            sys.stdout.write(self._scene.line() + "\n")
            sys.stdout.flush()


class Picture:
    """A panel that is drawn again and again."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Picture:
        self._live.__enter__()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.draw()
        self._live.__exit__(None, None, None)

    def say(self, text: str) -> None:
        self._console.print(Text(text))

    def draw(self) -> None:
        self._live.update(picture(self._scene), refresh=True)


def picture(scene: Scene) -> RenderableType:
    """The whole panel."""
    parts: list[RenderableType] = [_acts(scene), Text(), _now(scene)]
    if scene.stats is not None:
        parts += [Text(), _numbers(scene.stats), Text(), _answers(scene)]
    title = "hotswap: a service changes its version, and no request is lost"
    return Panel(Group(*parts), title=title, subtitle="%.0f s" % scene.seconds(), box=box.ROUNDED, padding=(1, 2))


def _acts(scene: Scene) -> Table:
    table = Table.grid(padding=(0, 2))
    for act in scene.acts:
        outcome = next((one for one in scene.outcomes if one.act is act), None)
        table.add_row(*_act_row(act, outcome, act is scene.current))
    return table


def _act_row(act: Act, outcome: Outcome | None, current: bool) -> tuple[Text, Text, Text]:
    if outcome is not None:
        mark = Text("✔", "bold green") if outcome.ok else Text("✘", "bold red")
        return mark, Text(act.title), Text("%s (%.1f s)" % (act.done if outcome.ok else "failed", outcome.seconds), "dim")
    if current:
        return Text("▶", "bold yellow"), Text(act.title, "bold"), Text("")
    return Text("·", "dim"), Text(act.title, "dim"), Text("")


def _now(scene: Scene) -> Text:
    text = Text()
    text.append("now      ", "dim")
    text.append(scene.now, "bold")
    text.append("\nansible  %s" % scene.task, "dim")
    return text


def _numbers(stats: Stats) -> Table:
    table = Table.grid(padding=(0, 4))
    heads = [Text(name, "dim") for name in ("requests/s", "answered by", "sent", "longest gap", "lost so far")]
    lost = Text(str(stats.lost), "bold green" if stats.lost == 0 else "bold white on red")
    version = Text(stats.version or "-", "bold " + COLOURS.get(stats.version, "white"))
    table.add_row(*heads)
    table.add_row(Text(str(stats.rate()), "bold"), version, Text(str(stats.sent)), Text("%.0f ms" % (stats.longest_gap() * 1000)), lost)
    return table


def _answers(scene: Scene) -> Group:
    """One line for each version: its answers over the last seconds as bars."""
    top = max((max(sample.values(), default=0) for sample in scene.history), default=0) or 1
    lines = []
    for name in ("A", "B", "C"):
        counts = [sample.get(name, 0) for sample in scene.history]
        bars = "".join(BARS[-(-count * (len(BARS) - 1) // top)] for count in counts)
        lines.append(Text.assemble((name + " ", "bold"), (bars.rjust(WIDTH), COLOURS[name])))
    return Group(*lines)
