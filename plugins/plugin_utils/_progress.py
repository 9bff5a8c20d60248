# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What the callback progress shows, and the watch over a module that runs. The words are pure."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shlex
import threading
import typing as t

PLUGIN = "hotswap.containers.progress"
_INTERVAL = 2.0
# One step is told again after so many looks.
_AGAIN = 5
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# The process must be there: a run that was killed leaves its last step.
_SCRIPT = (
    'd=%(root)s; [ -n "$d" ] || { if [ "$(id -u)" -eq 0 ]; then d=/var/lib/hotswap; else d="${XDG_STATE_HOME:-$HOME/.local/state}/hotswap"; fi; }; '
    'read -r pid at rest < "$d"/services/%(name)s/now 2>/dev/null && [ -d "/proc/$pid" ] && echo "hotswap-now $pid $at $rest"; true'
)
Json = t.Dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Row:
    """One service on one host. Phases are in order, seconds each."""

    host: str
    service: str
    before: str
    after: str
    phases: t.Mapping[str, float]
    drained: int
    cut: int
    outcome: str
    failed: bool = False


def row(host: str, service: str, found: t.Mapping[str, t.Any], failed: bool) -> Row:
    """What a task's result of the module service says. `failed`: Ansible's word, as an item of a loop does not say so of itself."""
    diff = found.get("diff") or {}
    before, after = (_most((diff.get(side) or {}).get("shares") or {}) for side in ("before", "after")) if isinstance(diff, dict) else ("", "")
    phases: dict[str, float] = {}
    for one in found.get("phases") or []:
        if one["name"] != "record":
            phases[one["name"]] = phases.get(one["name"], 0.0) + one["seconds"]
    outcome = "failed in %s" % (found.get("phase") or "the beginning") if failed else "changed" if found.get("changed") else "unchanged"
    return Row(host, service, before, after or str(found.get("version") or ""), phases, found.get("drained") or 0, found.get("cut") or 0, outcome, failed)


def _most(shares: t.Mapping[str, t.Any]) -> str:
    return str(max(shares, key=lambda version: float(shares[version]))) if shares else ""


def service_of(label: str, found: t.Mapping[str, t.Any]) -> str:
    """The name of the service: as the task has it, else from the name of an instance, which begins with it."""
    if label:
        return label
    named = [one["name"] for one in found.get("instances") or []]
    return str(named[0]).rsplit("-", 3)[0] if named else "?"


def line(one: Row) -> str:
    """A service that was rolled out, in one line."""
    steps = ", ".join("%s %.1f s" % (name, seconds) for name, seconds in one.phases.items() if seconds >= 0.05)
    return "%s %s: %s%s" % (one.service, _moved(one), one.outcome, " (%s)" % steps if steps else "")


def _moved(one: Row) -> str:
    if one.failed and not one.before:
        # A failed task does not tell what was live.
        return "to %s" % one.after if one.after else ""
    return "%s -> %s" % (one.before or "nothing", one.after or "nothing") if one.before != one.after else one.after or "nothing"


def sent(counts: t.Mapping[str, t.Any]) -> str:
    """What was sent of an image."""
    more = ", %.1f MB were there from before" % (counts["resumed_bytes"] / 1e6) if counts.get("resumed_bytes") else ""
    return "%.1f MB in %d layers sent, %d layers were there%s" % (counts["bytes"] / 1e6, counts["layers"], counts["layers_there"], more)


_HEAD = ("host", "service", "before -> after", "outcome", "seconds", "drained/cut", "lost")


def table(rows: t.Sequence[Row], lost: t.Mapping[str, int]) -> list[str]:
    """Aligned lines for all of them; `lost` is by host, of the probes."""
    cells = [_HEAD, *(_cells(one, lost) for one in rows)] if rows else []
    widths = [max(len(cell[column]) for cell in cells) for column in range(len(_HEAD))] if rows else []
    return ["  ".join(text.ljust(width) for text, width in zip(cell, widths)).rstrip() for cell in cells]


def _cells(one: Row, lost: t.Mapping[str, int]) -> tuple[str, ...]:
    seconds = " ".join("%s=%.1f" % item for item in one.phases.items() if item[1] >= 0.05)
    return (
        one.host,
        one.service,
        _moved(one),
        one.outcome,
        seconds or "-",
        "%d/%d" % (one.drained, one.cut),
        str(lost[one.host]) if one.host in lost else "-",
    )


def enabled() -> bool:
    """Whether somebody wants to see it."""
    from ansible import constants

    return PLUGIN in (getattr(constants, "CALLBACKS_ENABLED", None) or [])


def script(name: str, root: str) -> str:
    """The shell's words that print the step that a service is at; "" for a name that no service can have."""
    return _SCRIPT % {"root": shlex.quote(root), "name": name} if _NAME.fullmatch(name) else ""


def now(output: str) -> tuple[str, str]:
    """(when and by whom it was begun, the step in words) from what the script printed; ("", "") for nothing."""
    for text in output.splitlines():
        words = text.split()
        if words[:1] == ["hotswap-now"] and len(words) > 3:
            return " ".join(words[1:3]), " ".join(words[3:])
    return "", ""


class Watch:
    """Asks again and again, in a thread of its own, until it is left. `ask` returns the script's output, `say` shows a line."""

    def __init__(self, ask: t.Callable[[], str], say: t.Callable[[str], None], interval: float = _INTERVAL) -> None:
        """`interval`: seconds between two looks; the first is after it, so that short rollouts cost nothing."""
        self._ask = ask
        self._say = say
        self._interval = interval
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_error: t.Any) -> None:
        self._end.set()
        self._thread.join(self._interval)

    def _look(self) -> None:
        seen, looks = "", 0
        while not self._end.wait(self._interval):
            try:
                key, words = now(self._ask())
            except Exception as error:
                # The rollout is what counts: it goes on unwatched.
                self._say("the rollout goes on, and cannot be watched: %s" % error)
                return
            looks = looks + 1 if key == seen else 0
            if words and not self._end.is_set() and looks % _AGAIN == 0:
                self._say(words if key != seen else "%s, still" % words)
            seen = key


def watched(action: t.Any, host: str) -> t.ContextManager[t.Any]:
    """Tells the steps of the task's service while the module runs; nothing unless the callback is enabled."""
    command = script(str(action._task.args.get("name", "")), str(action._task.args.get("state_dir") or ""))
    if not enabled() or not command or action._task.check_mode or action._task.async_val:
        return contextlib.nullcontext()
    from ansible.utils.display import Display

    display = Display()
    ways: list[t.Callable[[str], str]] = []

    def ask() -> str:
        if not ways:
            ways.append(second(action))
        return ways[0](command)

    return Watch(ask, lambda words: display.display("%s: %s" % (host, words)))


def _becomes(action: t.Any) -> bool:
    """Whether Ansible would become another user for it: not when it is that user already."""
    from ansible import constants

    user = action.get_become_option("become_user")
    return bool(getattr(constants, "BECOME_ALLOW_SAME_USER", False) or user != action._get_remote_user() or not user)


def second(action: t.Any) -> t.Callable[[str], str]:
    """A connection beside that of the task, for the same user; returns what runs a command there and gives its output."""
    from ansible.plugins.loader import become_loader, connection_loader

    first = action._connection
    kind = getattr(first, "ansible_name", None) or first._load_name
    other = connection_loader.get(kind, action._play_context, os.devnull)
    other.set_options(direct=first.get_options())
    if first.become is not None and _becomes(action):
        become = become_loader.get(getattr(first.become, "ansible_name", None) or first.become.name)
        become.set_options(direct=first.become.get_options())
        other.set_become_plugin(become)

    def run(command: str) -> str:
        words = "/bin/sh -c %s" % shlex.quote(command)
        if other.become is not None:
            words = other.become.build_become_command(words, other._shell)
        _code, output, _error = other.exec_command(words, in_data=None, sudoable=True)
        return bytes(output).decode("utf-8", "replace")

    return run
