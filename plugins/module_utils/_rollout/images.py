# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Images that the collection brought to this host, and which of them a service no longer needs.

What is not noted here was brought by somebody else, and stays. Losing the note loses nothing but the clean-up.
"""

from __future__ import annotations

import contextlib
import json
import typing as t

from .._engine.types import Engine, Image
from .._errors import HotswapError
from .lock import held
from .memory import Memory, write_json
from .paths import StateDir

_MOST = 1000
_LOCK_TIMEOUT = 30.0


class Brought:
    """Reference -> image id of what one kind of engine got from us, by a pull or a load. A damaged note counts as empty."""

    def __init__(self, state: StateDir, kind: str) -> None:
        self._folder = state.root / "images"
        self._file = self._folder / "brought.json"
        self._kind = kind

    @property
    def ids(self) -> dict[str, str]:
        """The latest last."""
        found = self._all().get(self._kind)
        pairs = found if isinstance(found, list) else []
        return {str(pair[0]): str(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2}

    def note(self, refs: t.Iterable[str], image_id: str) -> None:
        """These names came from us, with this image. What cannot be noted is only not cleaned up.

        An image that had no other name of ours is noted under its id from then on.
        """
        self._update(lambda known: _moved(known, tuple(refs), image_id))

    def forget(self, refs: t.Collection[str]) -> None:
        """They were removed."""
        if set(refs) & set(self.ids):
            self._update(lambda known: {ref: image_id for ref, image_id in known.items() if ref not in refs})

    def _update(self, change: t.Callable[[dict[str, str]], dict[str, str]]) -> None:
        with contextlib.suppress(OSError, HotswapError), held(self._folder, "the note of images", _LOCK_TIMEOUT):
            kept = list(change(self.ids).items())[-_MOST:]
            # In order, which an object of JSON with sorted keys would lose.
            write_json(self._file, {**self._all(), self._kind: kept})

    def _all(self) -> dict[str, t.Any]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _moved(known: t.Mapping[str, str], refs: t.Collection[str], image_id: str) -> dict[str, str]:
    kept = {ref: one for ref, one in known.items() if ref not in refs and ref != image_id}
    lost = {one for ref, one in known.items() if ref in refs} - {image_id, *kept.values()}
    return {**kept, **{one: one for one in sorted(lost)}, **dict.fromkeys(refs, image_id)}


class Images:
    """The images of one service on one engine."""

    def __init__(self, engine: Engine, state: StateDir, memory: Memory) -> None:
        self._engine = engine
        self._state = state
        self._memory = memory
        self._brought = Brought(state, engine.kind)

    def use(self, ref: str) -> None:
        """Instances will be made of it. What cannot be noted is only not cleaned up."""
        with contextlib.suppress(OSError):
            known = self._memory.images(self._engine.kind)
            self._memory.record_images(self._engine.kind, known if ref in known else (*known, ref))

    def pulled(self, ref: str, image_id: str) -> None:
        """It was not there, came from a registry, and instances will be made of it."""
        self._brought.note((ref,), image_id)
        self.use(ref)

    def unneeded(self, needed: t.Collection[str], gone: t.Collection[str] = ()) -> tuple[str, ...]:
        """References of images that the service used and we brought, and that no container uses; with our other names for them.

        Also the ids of images of ours that have lost their last name, whichever service used them.
        `needed`: references that stay. `gone`: containers that do not count, because they are about to be removed.
        """
        used = [ref for ref in self._memory.images(self._engine.kind) if ref not in needed]
        brought = self._brought.ids
        lost = {image_id for ref, image_id in brought.items() if ref == image_id}
        ids = lost | {brought[ref] for ref in used if ref in brought}
        wanted = {*needed, *(self._of_others() if ids else ())}
        ids -= {brought.get(ref) for ref in wanted}
        ids -= {one.id for one in (map(self._engine.image, wanted) if ids & lost else ()) if one}
        ids -= {one.image_id for one in (self._engine.containers({}) if ids else ()) if one.name not in gone}
        found = [self._handle(ref, image_id) for ref, image_id in brought.items() if image_id in ids]
        return tuple(dict.fromkeys(ref for ref in found if ref))

    def going(self, needed: t.Collection[str], gone: t.Collection[str]) -> set[str]:
        """Ids of images that `unneeded` leaves without a name: with other names they stay, and free nothing."""
        found = [one for one in map(self._engine.image, self.unneeded(needed, gone)) if one]
        ids = [one.id for one in found]
        return {one.id for one in found if len(_names(one)) <= ids.count(one.id)}

    def remove_unneeded(self, needed: t.Collection[str]) -> tuple[str, ...]:
        """Takes their names away, and each image with its last name; never by force. What the engine will not give up stays."""
        unneeded = self.unneeded(needed)
        gone = tuple(ref for ref in unneeded if self._removed(ref))
        self._brought.forget(self._settled(unneeded, gone))
        with contextlib.suppress(OSError):
            kind = self._engine.kind
            self._memory.record_images(kind, [ref for ref in self._memory.images(kind) if ref in needed])
        return gone

    def _removed(self, ref: str) -> bool:
        try:
            self._engine.remove_image(ref)
        except HotswapError:
            return False
        return True

    def _settled(self, tried: t.Collection[str], gone: t.Collection[str]) -> set[str]:
        """Notes that are of no use any more: of names that are gone, and of images without a name that are gone, named again, or were tried:
        an engine that refuses one has made something of it."""
        brought = self._brought.ids
        lost = {image_id: self._engine.image(image_id) for ref, image_id in brought.items() if ref == image_id}
        over = {image_id for image_id, one in lost.items() if one is None or _names(one)}
        return {ref for ref, image_id in brought.items() if ref in gone or image_id in tried or ref in over}

    def _of_others(self) -> set[str]:
        """What other services of this host use, or are about to: the last one removes it."""
        folders = [one for one in (self._state.root / "services").glob("*") if one != self._memory.folder]
        return {ref for folder in folders for ref in Memory(folder).images(self._engine.kind)}

    def _handle(self, ref: str, image_id: str) -> str:
        """By what the engine removes an image of ours: this name, or its id when it has none; "" when it is gone, or has only other names."""
        found = self._engine.image(ref)
        if ref != image_id and found and found.id == image_id:
            return ref
        lost = found if ref == image_id else self._engine.image(image_id)
        return image_id if lost and not _names(lost) else ""


def _names(image: Image) -> list[str]:
    """Tags; a digest is no name that keeps an image."""
    return [ref for ref in image.refs if "@" not in ref]
