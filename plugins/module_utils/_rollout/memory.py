# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What this host remembers of a service beside its containers: which keys were live, which instances passed their
gate, what each version holds, and a journal for people. All of it may be lost without harm to what serves."""

from __future__ import annotations

import json
import os
import pathlib
import tempfile
import time
import typing as t

_HISTORY_LENGTH = 50
_CONTENTS_LENGTH = 500


class Memory:
    """The folder of one service. A file that is missing or damaged counts as empty."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._state = folder / "state.json"

    @property
    def history(self) -> tuple[str, ...]:
        """Keys that have been live, the latest last."""
        found = self._read().get("history")
        return tuple(str(key) for key in found) if isinstance(found, list) else ()

    @property
    def gated(self) -> dict[str, str]:
        """Instance name -> when the container that passed its gate had been started (the engine's text)."""
        found = self._read().get("gated")
        return {str(name): str(at) for name, at in found.items()} if isinstance(found, dict) else {}

    def record_live(self, keys: t.Iterable[str]) -> None:
        """Notes keys as having been live, moving them to the end."""
        new = list(keys)
        past = [key for key in self.history if key not in new]
        self._update(history=(past + new)[-_HISTORY_LENGTH:])

    def record_gated(self, started_at: t.Mapping[str, str], present: t.Container[str], settings: t.Mapping[str, str] | None = None) -> None:
        """Notes instances as having passed, with a hash of what they were made with; forgets those that are no longer present."""
        known = {name: at for name, at in self.gated.items() if name in present}
        made = {name: text for name, text in self.settings.items() if name in present}
        self._update(gated={**known, **started_at}, settings={**made, **(settings or {})})

    @property
    def settings(self) -> dict[str, str]:
        """Instance name -> the hash of what it was made with when it passed its gate."""
        found = self._read().get("settings")
        return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}

    @property
    def returned_to(self) -> str:
        """The key that the last rollout went back to as the previous one; "" when that was no rollback."""
        return str(self._read().get("returned_to", ""))

    def record_returned(self, key: str) -> None:
        """Notes a finished rollback (or, with "", a rollout): asking for the previous version again then changes nothing."""
        if key != self.returned_to:
            self._update(returned_to=key)

    @property
    def contents(self) -> dict[str, str]:
        """Version -> id of the image that it ran as on this host, the latest last."""
        found = self._read().get("contents")
        pairs = found if isinstance(found, list) else []
        return {str(pair[0]): str(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2}

    def record_content(self, version: str, image_id: str) -> None:
        """Notes what a version is, once it has run."""
        known = self.contents
        if known.get(version) != image_id:
            pairs = [pair for pair in known.items() if pair[0] != version] + [(version, image_id)]
            self._update(contents=pairs[-_CONTENTS_LENGTH:])

    def forget_contents(self) -> None:
        """The service is gone, and its versions may be anything again."""
        if self.contents:
            self._update(contents=[])

    def images(self, kind: str) -> tuple[str, ...]:
        """References that instances were made of with this kind of engine, and may be no longer."""
        found = self._read().get("images")
        refs = found.get(kind) if isinstance(found, dict) else None
        return tuple(str(ref) for ref in refs) if isinstance(refs, list) else ()

    def record_images(self, kind: str, refs: t.Iterable[str]) -> None:
        """These are all of them now."""
        wanted = tuple(refs)
        if wanted != self.images(kind):
            found = self._read().get("images")
            self._update(images={**(found if isinstance(found, dict) else {}), kind: list(wanted)})

    def journal(self, **entry: t.Any) -> None:
        """Appends one line to journal.jsonl; never a secret."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **entry}, sort_keys=True)
        with open(str(self.folder / "journal.jsonl"), "a+b") as file:
            # A line that a full disk or a power cut left unfinished must not take this one with it.
            file.seek(-min(1, file.seek(0, os.SEEK_END)), os.SEEK_END)
            broken = file.read(1) not in (b"", b"\n")
            file.write((("\n" if broken else "") + line + "\n").encode())

    def _read(self) -> dict[str, t.Any]:
        try:
            found = json.loads(self._state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _update(self, **fields: t.Any) -> None:
        write_json(self._state, {**self._read(), **fields})


def write_json(path: pathlib.Path, value: t.Any) -> None:
    """Replaces the file in one step (temporary file, fsync, rename), mode 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=str(path.parent), prefix="." + path.name)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(value, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.rename(name, str(path))
