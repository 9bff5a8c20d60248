# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the module image: asks the host what it lacks, sends that, and lets the host put it together."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._errors import HotswapError, InvalidInput
from ..module_utils._image import bundle, pieces
from ..module_utils._image.archive import Archive, Source
from ..module_utils._image.names import check_platform, check_reference
from ..plugin_utils import _progress

_MODULE = "hotswap.containers.image"
# Left by a transfer that was cut and never run again.
_LEFT_OVER_DAYS = 7
# What a shell takes as it is, with a home folder to expand.
_SAFE_PATH = re.compile(r"~?[A-Za-z0-9_./$-]*")
Json = t.Dict[str, t.Any]
display = Display()
# Its methods have no types of their own.
_Base: t.Any = ActionBase


class _Cut(Exception):
    """A file did not arrive."""

    def __init__(self, error: AnsibleError) -> None:
        super().__init__(str(error))
        self.error = error


class ActionModule(_Base):
    """One module run when the image is there; else one to ask, one command for the folder, the files, and one module run to load."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """The task's result; called by Ansible."""
        super().run(tmp, task_vars)
        self._vars: Json = task_vars or {}
        args = self._task.args
        if (
            args.get("state", "present") == "absent"
            or not (args.get("archive") or args.get("from_engine"))
            or (args.get("archive") and args.get("from_engine"))
        ):
            return self._module()
        with tempfile.TemporaryDirectory(prefix="hotswap-image-") as folder:
            try:
                return self._ship(folder)
            except HotswapError as error:
                return {"failed": True, "changed": False, "msg": str(error), **error.details}
            except (OSError, subprocess.SubprocessError) as error:
                return {"failed": True, "changed": False, "msg": "%s (on the controller)" % error}

    def _module(self, shipment: Json | None = None) -> Json:
        args = {**self._task.args, "shipment": shipment}
        return self._execute_module(module_name=_MODULE, module_args=args, task_vars=self._vars)

    def _ship(self, folder: str) -> Json:
        args = self._task.args
        if args.get("from_engine"):
            program, name = _program(args["from_engine"]), _name(args)
            offered = inspected(program, name)
            # Saving takes long: asked before by what the controller's engine calls the image.
            result = self._module({"offered": [offered]})
            if "shipment" not in result:
                return _nothing_sent(result, offered)
            path = os.path.join(folder, "saved.tar")
            save(program, name, path)
        else:
            path = self._find(str(args["archive"]))
        archive = Archive(path, folder)
        try:
            return self._from(archive, folder)
        finally:
            archive.close()

    def _find(self, path: str) -> str:
        """The archive as given, from the user's home, or beside the playbook or in its role's files."""
        expanded = os.path.expanduser(path)
        return expanded if os.path.isabs(expanded) else str(self._find_needle("files", expanded))

    def _from(self, archive: Archive, folder: str) -> Json:
        sources = archive.choose(_name(self._task.args), check_platform(str(self._task.args["platform"])) if self._task.args.get("platform") else "")
        offered = {source.id: (source, pieces.unsent(archive, source)) for source in sources}
        asked = self._module({"offered": [_offer(source, layers) for source, layers in offered.values()]})
        if "shipment" not in asked:
            return _nothing_sent(asked, {"layers": sources[0].diff_ids})
        shipment = asked.pop("shipment")
        source, layers = offered[shipment["id"]]
        known = int(shipment["known"])
        layers = pieces.cut(archive, source, layers, known, folder, shipment["zstd"])
        _refuse_full(layers, shipment["places"])
        with open(os.path.join(folder, source.id[len("sha256:") :]), "wb") as out:
            out.write(source.config)
        if self._task.check_mode:
            return {**asked, "sent": _sent(source, layers, known)}
        return self._transfer(archive, source, layers, known, folder, shipment)

    def _transfer(self, archive: Archive, source: Source, layers: list[pieces.Layer], known: int, folder: str, shipment: Json) -> Json:
        remote, there, free = self._remote_folder(source.id)
        try:
            sent = {**_sent(source, layers, known), "resumed_bytes": self._put(source, layers, folder, remote, there, free)}
            result = self._load(source, layers, remote)
            if result.get("again", {}).get("pieces"):
                display.v("image %s: pieces sent again, %s" % (source.id, result["again"]["why"]), host=self._host)
                kept = {piece.name: piece.size for layer in layers for piece in layer.pieces if piece.name not in result["again"]["pieces"]}
                self._put(source, layers, folder, remote, kept, free)
                result = self._load(source, layers, remote)
            if result.get("again", {}).get("whole"):
                why = str(result["again"]["why"])
                display.v("image %s: all layers are sent, for the engine said: %s" % (source.id, why), host=self._host)
                kept = {piece.name: piece.size for layer in layers for piece in layer.pieces}
                layers = pieces.cut(archive, source, layers, 0, folder, shipment["zstd"])
                _refuse_full(layers, shipment["places"])
                self._put(source, layers, folder, remote, kept, free)
                sent = {**_sent(source, layers, 0), "resumed_bytes": sent["resumed_bytes"], "whole_because": why}
                result = self._load(source, layers, remote)
        except _Cut as cut:
            # What arrived stays: the next run goes on from there.
            raise cut.error from cut
        except BaseException:
            self._remove(remote)
            raise
        self._remove(remote)
        if "again" in result:
            raise HotswapError("image %s could not be sent: %s" % (source.id, result["again"]["why"]), "Look at the disk and the memory of the host.")
        return result if result.get("failed") else {**result, "sent": sent}

    def _load(self, source: Source, layers: list[pieces.Layer], remote: str) -> Json:
        return self._module({"id": source.id, "folder": remote, "layers": [layer.as_json() for layer in layers]})

    def _put(self, source: Source, layers: list[pieces.Layer], folder: str, remote: str, there: t.Mapping[str, int], free: int) -> int:
        """Sends what is missing in the remote folder, and returns the bytes that were there."""
        config = pieces.Piece(source.id[len("sha256:") :], len(source.config))
        missing = [config, *pieces.to_send(layers, there)]
        total, done = sum(piece.size for piece in missing), 0
        _refuse_no_room(remote, total, free)
        paths = [str(self._connection._shell.join_path(remote, piece.name)) for piece in missing]
        for piece, path in zip(missing, paths):
            try:
                self._transfer_file(os.path.join(folder, piece.name), path)
            except AnsibleError as error:
                raise _Cut(error) from error
            done += piece.size
            self._tell("image %s: %.1f of %.1f MB sent" % (self._task.args["name"], done / 1e6, total / 1e6))
        self._fixup_perms2([remote, *paths], execute=False)
        return _bytes(layers) + config.size - total

    def _remote_folder(self, image_id: str) -> tuple[str, dict[str, int], int]:
        """A folder for the pieces on the host, that of the cut transfer if there is one, names and sizes of what is in it, and free bytes there."""
        base = "/var/tmp" if self._is_become_unprivileged() else str(self.get_shell_option("remote_tmp", default="~/.ansible/tmp"))
        if not _SAFE_PATH.fullmatch(base):
            base = shlex.quote(str(self._remote_expand_user(base)))
        script = _FOLDER_SCRIPT % {"base": base, "name": "hotswap-image-" + image_id[7:31], "days": _LEFT_OVER_DAYS}
        done = self._low_level_execute_command(script, sudoable=False)
        lines = str(done.get("stdout", "")).splitlines()
        if done["rc"] != 0 or "hotswap-folder" not in lines:
            said = str(done.get("stderr") or done.get("stdout")).strip() or "somebody else has it"
            raise HotswapError(
                "the host has no folder for the image in %s: %s" % (base, said), "Set remote_tmp to a folder that the user who logs in can write to."
            )
        folder, room, *sizes = lines[lines.index("hotswap-folder") + 1 :]
        rows = [line.split() for line in sizes]
        return folder, {row[1]: int(row[0]) for row in rows if len(row) == 2 and row[1] != "total"}, int(room.split()[3]) * 1024

    def _remove(self, remote: str) -> None:
        self._low_level_execute_command("rm -rf %s" % shlex.quote(remote), sudoable=False)

    def _tell(self, words: str) -> None:
        """With -v, and without it where the callback progress is enabled."""
        if _progress.enabled():
            display.display("%s: %s" % (self._host, words))
        else:
            display.v(words, host=self._host)

    @property
    def _host(self) -> str:
        return str(self._vars.get("inventory_hostname", ""))


# -O: /var/tmp is everybody's, and somebody else's folder of that name is not to be written to.
_FOLDER_SCRIPT = (
    "umask 77 && mkdir -p %(base)s && cd %(base)s && { find . -maxdepth 1 -name 'hotswap-image-*' -user \"$(id -un)\" -mtime +%(days)d -exec rm -rf {} + ; "
    "mkdir -p %(name)s && [ -O %(name)s ] && [ ! -L %(name)s ] && cd %(name)s && echo hotswap-folder && pwd -P && "
    'df -Pk . | tail -n 1 && if [ -n "$(ls)" ]; then wc -c -- *; fi; }'
)


def inspected(program: str, name: str) -> Json:
    """What the controller's engine says of an image, as it is offered to the host. Raises InvalidInput."""
    done = subprocess.run([program, "image", "inspect", name], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise InvalidInput("the controller's %s has no image %s: %s" % (os.path.basename(program), name, said), "Build it before, or set from_name.")
    data = json.loads(done.stdout)[0]
    found = str(data["Id"])
    return {
        "id": found if ":" in found else "sha256:" + found,
        "platform": "%s/%s" % (data["Os"], data["Architecture"]),
        "layers": list(data["RootFS"]["Layers"]),
        "manifest": "",
    }


def save(program: str, name: str, path: str) -> None:
    """Writes the image into an archive. Raises HotswapError with the engine's words."""
    form = ["--format", "docker-archive"] if os.path.basename(program) == "podman" else []
    with open(path, "wb") as out:
        done = subprocess.run([program, "save", *form, name], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise HotswapError("%s save %s failed on the controller: %s" % (program, name, done.stderr.decode("utf-8", "replace").strip()), "Look at its disk.")


def _program(engine: t.Any) -> str:
    found = shutil.which(str(engine))
    if engine not in ("docker", "podman") or not found:
        raise InvalidInput("from_engine: the controller has no program %s" % engine, "Install it there, or use archive.")
    return found


def _name(args: Json) -> str:
    return check_reference("from_name" if args.get("from_name") else "name", str(args.get("from_name") or args.get("name")))


def _bytes(layers: t.Iterable[pieces.Layer]) -> int:
    return sum({piece.name: piece.size for layer in layers for piece in layer.pieces}.values())


def _sent(source: Source, layers: list[pieces.Layer], known: int) -> Json:
    return {
        "bytes": _bytes(layers) + len(source.config),
        "layers": len(layers) - known,
        "layers_there": known,
        "resumed_bytes": 0,
        "whole_because": "",
    }


def _offer(source: Source, layers: t.Sequence[pieces.Layer]) -> Json:
    return {"id": source.id, "platform": source.platform, "layers": list(source.diff_ids), "manifest": bundle.manifest_id(source.config, layers)}


def _nothing_sent(result: Json, offered: Json) -> Json:
    if result.get("failed"):
        return result
    return {**result, "sent": {"bytes": 0, "layers": 0, "layers_there": len(offered["layers"]), "resumed_bytes": 0, "whole_because": ""}}


def _refuse_full(layers: list[pieces.Layer], places: t.Iterable[Json]) -> None:
    new = sum({layer.diff_id: layer.size for layer in layers if layer.pieces}.values())
    for place in places:
        need = new * int(place["times"])
        if need > place["free"]:
            raise InvalidInput(
                "the host has %.0f MB free in %s, and the new layers take up to %.0f MB there" % (place["free"] / 1e6, place["folder"], need / 1e6),
                "Free some there: the engine's own command for it is 'image prune'.",
            )


def _refuse_no_room(folder: str, need: int, free: int) -> None:
    if need > free:
        raise InvalidInput(
            "the host has %.0f MB free in %s, and %.0f MB are to be sent" % (free / 1e6, folder, need / 1e6),
            "Free some there, or set remote_tmp.",
        )
