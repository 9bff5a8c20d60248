# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""The links that nginx resolves at each request to learn where it goes.

`current/public/0/7` leads over links to `to/NAME=KEY=ADDRESS:PORT`: the name of that file is all that nginx needs; in
maintenance, its content is the answer. `public` and `preview` are for clients, `public-probe` and `preview-probe` for
probes, which maintenance does not stop. The hundred slots are ten links to folders of ten: most states need one such
folder, and clients wait for each link. A new state is a new generation of folders, so that one rename changes everything.
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
_DEAL = 10
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
    """The path of a slot's link below its side."""
    return "%d/%d" % divmod(index, _DEAL)


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
        found.update(_dealt("shut", [_shut(state.maintenance)] * SLOTS))
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
    found = _dealt(folder, first, others)
    for one in weighted:
        found["%s/%s" % (folder, key(one))] = "../to/" + end(one)
        found["%s/%s%s" % (folder, key(one), AGAIN)] = "../to/" + others[end(one)][0]
    return found


def _ends(weighted: t.Sequence[Target], nowhere: str) -> list[str]:
    names = [end(target) for target in weighted]
    return [names[index] for index in turns([target.weight for target in weighted], SLOTS)] if weighted else [nowhere] * SLOTS


def _dealt(folder: str, first: t.Sequence[str], others: t.Mapping[str, t.Sequence[str]] | None = None) -> dict[str, str]:
    """Folders of ten slots, and a link to one of them for each ten. Behind each slot, where a request goes that is refused there."""
    second = [others[name][index] if others and name in others else NOBODY for index, name in enumerate(first)]
    tens = [(tuple(first[at : at + _DEAL]), tuple(second[at : at + _DEAL])) for at in range(0, SLOTS, _DEAL)]
    names = {ten: "ten-%d" % tens.index(ten) for ten in tens}
    found = {"%s/%d" % (folder, index): names[ten] for index, ten in enumerate(tens)}
    for ten, name in names.items():
        for suffix, ends in zip(("", AGAIN), ten):
            found.update({"%s/%s/%d%s" % (folder, name, index, suffix): "../../to/" + one for index, one in enumerate(ends)})
    return found


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
        names = {to.rpartition("/")[2] for to in wanted.values() if "/" in to}
        folders = [root / name for name in sorted({path.rpartition("/")[0] for path in wanted} - {""} | {"to"})]
        for folder in folders:
            folder.mkdir(mode=0o700)
        for name in names:
            os.close(os.open(str(root / "to" / name), os.O_WRONLY | os.O_CREAT, 0o600))
        _link_all(str(root), wanted)
        if state.maintenance:
            write(root / "to" / _shut(state.maintenance), state.maintenance.text)
        write(root / _STATE, json.dumps(dataclasses.asdict(state)) + "\n")
        for folder in [*folders, root]:
            sync_folder(folder)
        return root.name

    def turn(self, name: str) -> None:
        """Moves all requests to the generation at once; nothing for ""."""
        self._generations.turn(name)

    def delete(self) -> None:
        """Removes all links."""
        self._generations.delete()


def _link_all(root: str, wanted: t.Mapping[str, str]) -> None:
    """Links that say the same are one link with many names: a name is much cheaper than a link of its own, on some disks 20 times."""
    made: dict[str, str] = {}
    for name, to in wanted.items():
        path = "%s/%s" % (root, name)
        if to in made:
            os.link(made[to], path, follow_symlinks=False)
        else:
            os.symlink(to, path)
            made[to] = path


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
