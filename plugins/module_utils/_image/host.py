# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The image on the host: what it should be called and hold, what is there, and the way from one to the other."""

from __future__ import annotations

import dataclasses
import os
import platform
import typing as t

from .._engine import sockets
from .._engine.types import Engine, Image, Storage
from .._errors import EngineError, HotswapError, InvalidInput
from . import bundle, codec, pieces
from .names import check_platform, check_reference, check_tag, is_mutable, native_platform

Json = t.Dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the task asks for. `refs` are `name` and its other references, all with a tag; `platform` "" is the host's own."""

    name: str
    refs: tuple[str, ...]
    mutable: tuple[str, ...] = ()
    platform: str = ""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An image that could be sent: its id (config digest), platform, and the digests of its unpacked layers.

    `manifest` is its id in an engine that goes by manifests. It is "" in a first question, where `id` is only what the controller's
    engine calls the image: enough to find that the host has it, too little to refuse anything.
    """

    id: str
    platform: str
    layers: tuple[str, ...]
    manifest: str = ""


def wanted(params: t.Mapping[str, t.Any]) -> Wanted:
    """The module's parameters, checked. Raises InvalidInput."""
    name = check_reference("name", params["name"])
    refs = dict.fromkeys([name, *(check_tag(name, str(tag)) for tag in params["tags"] or ())])
    return Wanted(name, tuple(refs), tuple(map(str, params["mutable"] or ())), check_platform(params["platform"]) if params["platform"] else "")


def candidates(rows: t.Iterable[Json]) -> list[Candidate]:
    """What the controller offers, out of module parameters."""
    return [Candidate(str(row["id"]), str(row["platform"]), tuple(map(str, row["layers"])), str(row["manifest"])) for row in rows]


def known_layers(layers: t.Sequence[str], images: t.Iterable[Image]) -> int:
    """How many of the layers, from the lowest up, some image of the host has in the same order.

    Engines keep a layer together with what is below it, so one further up in another order is of no use to them.
    """
    return max((_shared(layers, image.layers) for image in images), default=0)


def _shared(some: t.Sequence[str], others: t.Sequence[str]) -> int:
    pairs = zip(some, others)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), min(len(some), len(others)))


def present(engine: Engine, want: Wanted, check_mode: bool) -> dict[str, t.Any]:
    """The image comes from a registry. A name that may not change and is there is not asked for again; the module's result.

    Also `brought`, where it was not there before.
    """
    found = engine.image(want.name)
    if found is None and check_mode:
        return _result(engine, want, _ids(engine, want), "")
    if found is None or (is_mutable(want.name, want.mutable) and not check_mode):
        return _pulled(engine, want, found)
    return named(engine, want, found, check_mode)


def _pulled(engine: Engine, want: Wanted, old: Image | None) -> dict[str, t.Any]:
    before = _ids(engine, want)
    found = engine.pull(want.name)
    try:
        _fits(want, found.platform)
        moves = _moves(want, {**before, want.name: found.id}, found.id)
    except HotswapError:
        # The pull has moved the name: what was refused does not keep it.
        _give_back(engine, want.name, old)
        raise
    for ref in moves:
        engine.tag(found.id, ref)
    return {**_result(engine, want, before, found.id, found), "brought": old is None or old.id != found.id}


def _give_back(engine: Engine, ref: str, old: Image | None) -> None:
    if old:
        engine.tag(old.id, ref)
    else:
        engine.remove_image(ref)


def named(engine: Engine, want: Wanted, image: Image, check_mode: bool) -> dict[str, t.Any]:
    """Gives an image that is on the host all its references; the module's result. Raises InvalidInput for one that may not change."""
    _fits(want, image.platform)
    before = _ids(engine, want)
    moves = _moves(want, before, image.id)
    for ref in () if check_mode else moves:
        engine.tag(image.id, ref)
    return _result(engine, want, before, image.id, image)


def ask(engine: Engine, want: Wanted, offered: t.Sequence[Candidate], check_mode: bool) -> dict[str, t.Any]:
    """What has to be sent so that the host has the right one of the offered images: nothing (then all is done), or `shipment`.

    Raises:
        InvalidInput: none is for this host, or a reference may not be given to it. Nothing was changed.
    """
    chosen = _choose(want, offered)
    image = engine.image(chosen.id) or (engine.image(chosen.manifest) if chosen.manifest else None)
    if image:
        return named(engine, want, image, check_mode)
    if not chosen.manifest:
        return {"changed": True, "shipment": {}}
    before, store = _ids(engine, want), engine.storage()
    image_id = chosen.id if store.by_config else chosen.manifest
    _moves(want, before, image_id)
    known = known_layers(chosen.layers, engine.images())
    shipment = {"id": chosen.id, "known": known, "zstd": codec.has_zstd(), "places": _places(engine, store)}
    return {**_result(engine, want, before, image_id), "shipment": shipment}


def load(engine: Engine, want: Wanted, shipment: Json) -> dict[str, t.Any]:
    """Puts the pieces in `folder` together for the engine, and names the image; the module's result.

    With `again` it says what has to be sent once more: damaged pieces by name, or (`whole`) all layers, because the engine
    did not take an archive without the layers that it has.
    """
    folder, image_id = str(shipment["folder"]), str(shipment["id"])
    layers = [pieces.Layer.of(row) for row in shipment["layers"]]
    bad = pieces.damaged(layers, folder)
    if bad:
        return {"changed": False, "again": {"pieces": bad, "why": "damaged on the way"}}
    config, by_config = _config(folder, image_id), engine.storage().by_config
    if not by_config:
        image_id = bundle.manifest_id(config, layers)
    before = _ids(engine, want)
    _moves(want, before, image_id)
    oci = engine.kind == sockets.PODMAN or not by_config
    try:
        engine.load(bundle.stream(oci, config, layers, lambda layer: pieces.content(layer, folder)))
        image = _loaded(engine, image_id)
    except EngineError as error:
        if all(layer.pieces for layer in layers):
            raise
        return {"changed": False, "again": {"whole": True, "why": str(error)}}
    for ref in _moves(want, before, image.id):
        engine.tag(image.id, ref)
    return {**_result(engine, want, before, image.id, image), "brought": True}


def _config(folder: str, image_id: str) -> bytes:
    with open(os.path.join(folder, image_id[len("sha256:") :]), "rb") as file:
        config = file.read()
    return b"".join(codec.checked([config], image_id, len(config), "the config of image %s" % image_id))


def _loaded(engine: Engine, image_id: str) -> Image:
    image = engine.image(image_id)
    if image is None:
        raise EngineError("%s took the archive, but has no image %s now" % (engine.kind, image_id), "Look at the log of %s." % engine.kind)
    return image


def absent(engine: Engine, want: Wanted, check_mode: bool) -> dict[str, t.Any]:
    """Takes the references away, and the image with its last one; the module's result.

    Raises:
        InvalidInput: a container uses the image, which would lose its last name.
    """
    before = {ref: image for ref, image in ((ref, engine.image(ref)) for ref in want.refs) if image}
    users = _users(engine, before)
    if users:
        raise InvalidInput("%s cannot be removed: used by %s" % (", ".join(before), ", ".join(users)), "Remove these containers first.", containers=users)
    for ref in () if check_mode else before:
        engine.remove_image(ref)
    gone = dict.fromkeys(want.refs, "")
    ids = {**gone, **{ref: image.id for ref, image in before.items()}}
    return {"changed": bool(before), "state": "absent", "engine": engine.kind, "diff": {"before": {"references": ids}, "after": {"references": gone}}}


def _users(engine: Engine, found: t.Mapping[str, Image]) -> list[str]:
    """Containers, also stopped ones, of images that keep no other name."""
    counted: dict[str, int] = {}
    for image in found.values():
        counted[image.id] = counted.get(image.id, 0) + 1
    last = {image.id for image in found.values() if len([ref for ref in image.refs if "@" not in ref]) <= counted[image.id]}
    return sorted(container.name for container in (engine.containers({}) if last else []) if container.image_id in last)


def _choose(want: Wanted, offered: t.Sequence[Candidate]) -> Candidate:
    platform_wanted = want.platform or _native()
    for candidate in offered:
        if candidate.platform == platform_wanted:
            return candidate
    raise _unfit(want.name, ", ".join(candidate.platform for candidate in offered), platform_wanted)


def _fits(want: Wanted, found: str) -> None:
    if found != (want.platform or _native()):
        raise _unfit(want.name, found, want.platform or _native())


def _native() -> str:
    # The engine is on this host: its socket is a file here.
    return native_platform(platform.machine())


def _unfit(name: str, found: str, wanted_platform: str) -> InvalidInput:
    return InvalidInput(
        "image %s is for %s, and this host needs %s" % (name, found, wanted_platform),
        "Build it for %s, or set platform if this host can run the other one." % wanted_platform,
    )


def _ids(engine: Engine, want: Wanted) -> dict[str, str]:
    """Reference to image id, "" for one that is not there."""
    return {ref: image.id if image else "" for ref, image in ((ref, engine.image(ref)) for ref in want.refs)}


def _moves(want: Wanted, found: t.Mapping[str, str], image_id: str) -> list[str]:
    """The references that do not name the image yet.

    Raises:
        InvalidInput: one of them names another image, and is not declared mutable.
    """
    moves = [ref for ref in want.refs if found[ref] != image_id]
    for ref in moves:
        if found[ref] and not is_mutable(ref, want.mutable):
            raise InvalidInput(
                "%s names image %s on this host, and would name %s" % (ref, found[ref], image_id),
                "Give the new content a tag of its own, or add %s to mutable." % ref.rpartition(":")[2],
                reference=ref,
            )
    return moves


def _places(engine: Engine, store: Storage) -> list[Json]:
    """Where a load takes room on the host: folder, free bytes, and how many times the size of the new layers it takes."""
    storage = store.folder
    spool = os.environ.get("TMPDIR") or "/var/tmp" if engine.kind == sockets.PODMAN else storage
    taken: dict[int, Json] = {}
    # Both engines unpack the archive beside the layers; Podman's API also keeps the archive itself.
    for folder, times in ((storage, 1), (spool, 2 if engine.kind == sockets.PODMAN else 1)):
        place = _existing(folder)
        status = os.statvfs(place)
        row = taken.setdefault(os.stat(place).st_dev, {"folder": folder, "free": status.f_bavail * status.f_frsize, "times": 0})
        row["times"] += times
    return list(taken.values())


def _existing(folder: str) -> str:
    while not os.access(folder, os.X_OK) and folder != "/":
        folder = os.path.dirname(folder)
    return folder


def _result(engine: Engine, want: Wanted, before: t.Mapping[str, str], image_id: str, image: Image | None = None) -> dict[str, t.Any]:
    after = dict.fromkeys(want.refs, image_id or "unknown until it is pulled")
    shown = {"id": image_id, "references": list(want.refs), "platform": image.platform if image else "", "size": image.size if image else 0}
    diff = {"before": {"references": dict(before)}, "after": {"references": after}}
    return {"changed": dict(before) != after, "state": "present", "engine": engine.kind, "image": shown, "diff": diff}
