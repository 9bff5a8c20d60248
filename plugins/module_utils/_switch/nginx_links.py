# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""The links that nginx resolves at each request to learn where it goes.

`current/public/07` is a link, or a link in a linked folder, and ends at `to/NAME=KEY=ADDRESS:PORT`: the name of that
file is all that nginx needs; in maintenance, its content is the answer. `public` and `preview` are for clients,
`public-probe` and `preview-probe` for probes, which maintenance does not stop. A new state is a new generation of
folders, so that one rename changes everything.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import typing as t

from .._errors import SwitchError
from . import safe
from .folder import sync_folder, target_of, write
from .slots import Generations, turns
from .types import Maintenance, Serving, Target

SLOTS = 100
HELD = "held"
NOBODY = "nobody"
CLOSED = "closed"
# Behind the name of a link: where the request goes that the link's instance refused to take.
AGAIN = "-again"
_STATE = "state.json"


@dataclasses.dataclass(frozen=True)
class State:
    """What the links of one service say."""

    targets: tuple[Target, ...] = ()
    preview: tuple[Target, ...] = ()
    held: bool = False
    maintenance: Maintenance | None = None

    @property
    def weights(self) -> dict[str, int]:
        """Instance name to weight of those that get requests."""
        return {target.name: target.weight for target in self.targets if target.weight > 0}


def state_of(serving: Serving) -> State:
    """The part of it that is links, and not configuration."""
    return State(serving.targets, serving.preview, serving.held and serving.route.hold > 0, serving.route.maintenance)


def slot_name(index: int) -> str:
    """The name of a slot's link."""
    return "%02d" % index


def key(target: Target) -> str:
    """What a sticky client's cookie holds: 16 hex digits that tell nothing of the instance."""
    return hashlib.sha256(("%s %s:%d" % (target.name, target.address, target.port)).encode()).hexdigest()[:16]


def end(target: Target) -> str:
    """The file name that says which instance it is and where."""
    safe.target(target)
    return "%s=%s=%s:%d" % (target.name, key(target), target.address, target.port)


def links(state: State) -> dict[str, str]:
    """Path of each link inside a generation to what it points at."""
    found = {**_group("live", state.targets, HELD if state.held else NOBODY), **_group("trial", state.preview, NOBODY)}
    if state.maintenance:
        found.update(_all("shut", [_shut(state.maintenance)] * SLOTS))
    for side, group in (("public", "live"), ("preview", "trial")):
        found[side] = "shut" if state.maintenance else group
        found[side + "-probe"] = group
    return found


def _shut(maintenance: Maintenance) -> str:
    return "%s=%d" % (CLOSED, maintenance.retry_after)


def _group(folder: str, targets: t.Sequence[Target], nowhere: str) -> dict[str, str]:
    weighted = [target for target in targets if target.weight > 0]
    if len(weighted) > SLOTS:
        raise SwitchError("%d instances are more than nginx's %d slots" % (len(weighted), SLOTS), "Use fewer replicas, or the haproxy driver.")
    first = _ends(weighted, nowhere)
    others = {end(one): _ends([other for other in weighted if other is not one], NOBODY) for one in weighted}
    again = [others[name][index] if name in others else NOBODY for index, name in enumerate(first)]
    found = {**_all(folder, first), **_all(folder, again, AGAIN)}
    for one in weighted:
        found["%s/%s" % (folder, key(one))] = "../to/" + end(one)
        found["%s/%s%s" % (folder, key(one), AGAIN)] = "../to/" + others[end(one)][0]
    return found


def _ends(weighted: t.Sequence[Target], nowhere: str) -> list[str]:
    if not weighted:
        return [nowhere] * SLOTS
    return [end(weighted[index]) for index in turns([target.weight for target in weighted], SLOTS)]


def _all(folder: str, ends: t.Sequence[str], suffix: str = "") -> dict[str, str]:
    return {"%s/%s%s" % (folder, slot_name(index), suffix): "../to/" + name for index, name in enumerate(ends)}


class Links:
    """The generations of one service. What they say is what the running nginx does."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._generations = Generations(folder)

    def state(self) -> State | None:
        """What requests meet now; None when there are no links."""
        try:
            record = json.loads((self._generations.current / _STATE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        closed = record["maintenance"]
        sides = [tuple(target_of(one) for one in record[side]) for side in ("targets", "preview")]
        return State(sides[0], sides[1], record["held"], Maintenance(**closed) if closed else None)

    def generation(self) -> str:
        """The generation that is read."""
        return self._generations.name()

    def intact(self) -> bool:
        """True when every link and the text are as the generation's own record says."""
        state, root = self.state(), self._generations.current
        if state is None or not _as_written(str(root), links(state)):
            return False
        closed = state.maintenance
        return not closed or (root / "to" / _shut(closed)).read_text(encoding="utf-8") == closed.text

    def point(self, state: State) -> None:
        """Moves all requests at once; nothing when they go there already."""
        self.turn(self.fill(state))

    def fill(self, state: State) -> str:
        """Writes what `turn` moves to, and changes nothing yet: its generation, "" when all is so already."""
        if self.state() == state and self.intact():
            return ""
        wanted = links(state)
        root = self._generations.new()
        # Texts, not paths: there are 400 links, and clients wait for the last of them.
        names = {to.rpartition("/")[2] for path, to in wanted.items() if "/" in path}
        folders = {root / path.rpartition("/")[0] for path in wanted} | {root / "to"}
        for folder in sorted(folders - {root}):
            folder.mkdir(mode=0o700)
        for name in names:
            os.close(os.open(str(root / "to" / name), os.O_WRONLY | os.O_CREAT, 0o600))
        for path, to in wanted.items():
            os.symlink(to, "%s/%s" % (root, path))
        if state.maintenance:
            write(root / "to" / _shut(state.maintenance), state.maintenance.text)
        write(root / _STATE, json.dumps(dataclasses.asdict(state)) + "\n")
        for folder in folders:
            sync_folder(folder)
        return root.name

    def turn(self, name: str) -> None:
        """Moves all requests to the generation at once; nothing for ""."""
        self._generations.turn(name)

    def delete(self) -> None:
        """Removes all links."""
        self._generations.delete()


def _as_written(root: str, wanted: t.Mapping[str, str]) -> bool:
    """True when each link is there, says what is wanted, and leads somewhere. What many links lead to is looked at once."""
    ends = set()
    for path, to in wanted.items():
        try:
            if os.readlink("%s/%s" % (root, path)) != to:
                return False
        except OSError:
            return False
        ends.add("%s/%s" % (path.rpartition("/")[0], to))
    return all(os.path.exists("%s/%s" % (root, end)) for end in ends)
