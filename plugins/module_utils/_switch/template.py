# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The switch for any other proxy: files of the user's making, and the user's commands that check, apply and confirm them.

The texts come rendered, with a token wherever an instance's name, address or port goes. How good the switch is depends
on what the user's apply command does to the proxy.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import time
import typing as t

from .._errors import SwitchError
from . import programs
from .base import Unrouted
from .folder import stage, sync_folder, target_of, write
from .tokens import FIELDS, token
from .types import Capabilities, Route, Serving, Target

_CONFIRM_SECONDS = 15.0
_INTERVAL = 0.1
# Texts of so many sets of instances are kept for the way back.
_KEPT = 10
Json = t.Dict[str, t.Any]
Texts = t.Mapping[str, str]
# What a file says; None: it is not there.
Files = t.Mapping[str, t.Optional[str]]


@dataclasses.dataclass(frozen=True)
class Commands:
    """Where the texts go (a file, or a folder of them), and the user's commands (argv with tokens, () for none).

    `check` is run before `apply`, `confirm` until it ends with 0.
    """

    dest: str
    check: tuple[str, ...] = ()
    apply: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Rendered:
    """The texts with their tokens, by the path on the host, and the instances that they are for; {} where the task brings none."""

    texts: Texts
    names: tuple[str, ...]


NOTHING = Rendered({}, ())


def filled(text: str, targets: t.Sequence[Target]) -> str:
    """The text with the instances in place of the tokens. Raises SwitchError for an instance that it was not rendered for."""
    for index, target in enumerate(targets):
        for field in FIELDS:
            text = text.replace(token(index, field), str(getattr(target, field)))
    if any(token(len(targets), field) in text for field in FIELDS):
        raise SwitchError("template: it was rendered for more than the %d instances that serve" % len(targets), "Run the task with the template again.")
    return text


class TemplateSwitch(Unrouted):
    """Keeps texts and who serves in template.json of the service's folder."""

    capabilities = Capabilities(shares=1, in_flight=False, lossless_reload=False)

    def __init__(self, folder: pathlib.Path, commands: Commands, rendered: Rendered) -> None:
        self._note = folder / "template.json"
        self._commands = commands
        self._rendered = rendered

    def current(self, service: str) -> dict[str, int]:
        return {one.name: one.weight for one in self._serving()}

    def matches(self, route: Route) -> bool:
        targets = self._serving()
        if not targets:
            return False
        wanted = self._files(targets)
        return self._there(wanted) == wanted

    def serve(self, serving: Serving) -> None:
        targets = tuple(sorted(serving.targets, key=lambda one: one.name))
        if not targets:
            # Nobody can say what the files look like without instances: the proxy finds that nobody answers.
            return self._remember(targets)
        wanted, note = self._files(targets), self._read()
        before = self._there(wanted)
        try:
            self._write(wanted)
            self._run("check", self._commands.check, targets)
        except SwitchError:
            self._write(before)
            raise
        self._remember(targets)
        try:
            self._run("apply", self._commands.apply, targets)
            self._confirm(targets)
        except SwitchError:
            self._write(before)
            self._save(note)
            if any(text is not None for text in before.values()):
                self._run("apply", self._commands.apply, [target_of(one) for one in note.get("serving", ())] or targets)
            raise

    def remove(self, service: str) -> None:
        # The file is the user's: only the user knows whether the proxy can do without it.
        if self._note.exists():
            self._note.unlink()

    def _files(self, targets: t.Sequence[Target]) -> Files:
        """What each file shall say; None for one that an earlier version had, and this one has not."""
        names = sorted(one.name for one in targets)
        known = self._read().get("texts", ())
        texts: Texts = self._rendered.texts if names == sorted(self._rendered.names) else {}
        texts = texts or next((one["files"] for one in known if one["names"] == names), {})
        if not texts:
            raise SwitchError("template: there is no rendered text for %s" % " ".join(names), "Run a task that names the version and the template.")
        ours = {path for one in known for path in one["files"]}
        return {**dict.fromkeys(ours), **{path: filled(text, targets) for path, text in texts.items()}}

    def _remember(self, targets: t.Sequence[Target]) -> None:
        """Who serves, and the texts with their tokens: what is there when this version is to come back."""
        texts = list(self._read().get("texts", ()))
        names = sorted(self._rendered.names)
        if self._rendered.texts and names == sorted(one.name for one in targets):
            texts = [one for one in texts if one["names"] != names] + [{"names": names, "files": dict(self._rendered.texts)}]
        self._save({"serving": [dataclasses.asdict(one) for one in targets], "texts": texts[-_KEPT:]})

    def _serving(self) -> list[Target]:
        return [target_of(one) for one in self._read().get("serving", ())]

    def _read(self) -> Json:
        try:
            found = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _save(self, note: Json) -> None:
        self._note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(self._note, json.dumps(note, indent=2, sort_keys=True) + "\n")

    def _there(self, files: t.Iterable[str]) -> Files:
        return {path: _said(path) for path in files}

    def _write(self, wanted: Files) -> None:
        """Makes the files say what is wanted; those that are not wanted go. Each is replaced by rename."""
        for path, text in wanted.items():
            if _said(path) == text:
                continue
            try:
                if text is None:
                    os.unlink(path)
                else:
                    _replace(pathlib.Path(path), text)
            except OSError as error:
                raise SwitchError(
                    "template.dest: %s cannot be written: %s" % (path, error), "Its folder must be there, and the user of the task must be able to write."
                ) from error

    def _confirm(self, targets: t.Sequence[Target]) -> None:
        """Runs confirm until it ends with 0. Raises SwitchError with its last words."""
        end = time.monotonic() + _CONFIRM_SECONDS
        while True:
            try:
                return self._run("confirm", self._commands.confirm, targets)
            except SwitchError:
                if time.monotonic() >= end:
                    raise
            time.sleep(_INTERVAL)

    def _run(self, which: str, argv: t.Sequence[str], targets: t.Sequence[Target]) -> None:
        if not argv:
            return
        done = programs.run([filled(word, targets) for word in argv])
        if done.code:
            said = " ".join(done.said.split())[-400:]
            raise SwitchError("template.%s: %s ended with %d: %s" % (which, argv[0], done.code, said), "The earlier file is back in place.")


def _said(path: str) -> str | None:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SwitchError("template.dest: %s cannot be read: %s" % (path, error), "Look at its permissions.") from error


def _replace(path: pathlib.Path, text: str) -> None:
    """By rename, with the owner and mode that it had; a new one is readable by everybody."""
    had = path.stat() if path.exists() else None
    temporary = path.with_name(".%s.%d.tmp" % (path.name, os.getpid()))
    stage(temporary, text, had)
    if had is None:
        temporary.chmod(0o644)
    os.replace(str(temporary), str(path))
    sync_folder(path.parent)
