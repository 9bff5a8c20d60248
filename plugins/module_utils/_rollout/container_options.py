# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Container settings as people write them in a task -> the typed settings that an engine takes. Pure."""

from __future__ import annotations

import math
import re
import typing as t

from .._engine.types import ContainerSpec, Healthcheck, Mount, Ulimit
from .._errors import InvalidInput

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_DURATION_UNITS = (3600.0, 60.0, 1.0, 0.001)
_SIGNAL = re.compile(r"(SIG)?[A-Z][A-Z0-9+-]{1,10}|[0-9]{1,2}")
_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def container_spec(params: t.Mapping[str, t.Any], env: t.Mapping[str, str]) -> ContainerSpec:
    """The settings that every instance shares; name, labels of ours, network and address are filled in later.

    `params` are the module's parameters; `env` is already merged from env_file and env. Raises InvalidInput.
    """
    return ContainerSpec(
        name="",
        image=params["image"] or "",
        command=_argv("command", params["command"]),
        entrypoint=_argv("entrypoint", params["entrypoint"]),
        env=dict(env),
        labels=_labels(params["labels"] or {}),
        network_mode=params["network_mode"] or "",
        mounts=mounts(params),
        user=params["user"] or "",
        workdir=params["workdir"] or "",
        hostname=params["hostname"] or "",
        memory=size("memory", params["memory"]) if params["memory"] else 0,
        cpus=_cpus(params["cpus"]),
        **_lists(params),
        read_only=bool(params["read_only"]),
        ulimits=tuple(ulimit(text) for text in params["ulimits"] or ()),
        extra_hosts=_texts(params["extra_hosts"]),
        log_driver=params["log_driver"] or "",
        log_options=_texts(params["log_options"]),
        restart_policy=params["restart_policy"] or "",
        stop_signal=_signal(params["stop_signal"]),
        stop_timeout=params["stop_timeout"],
        init=bool(params["init"]),
        healthcheck=healthcheck(params["healthcheck"]),
    )


def _lists(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    names = ("cap_add", "cap_drop", "security_opt", "devices", "dns")
    return {name: tuple(params[name] or ()) for name in names}


def _texts(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (values or {}).items()}


def _argv(parameter: str, value: list[t.Any] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(str(word) for word in value)


def _labels(values: t.Mapping[str, t.Any]) -> dict[str, str]:
    for key in values:
        if str(key).startswith("hotswap."):
            raise InvalidInput("labels: %s is ours" % key, "Labels that begin with 'hotswap.' are kept for the collection.")
    return _texts(values)


def _cpus(value: float | None) -> float:
    if value is not None and not 0 < value < math.inf:
        raise InvalidInput("cpus: %g is not a number of CPUs" % value, "Give a number of CPUs above 0, for example 0.5.")
    return value or 0.0


def _signal(value: str | None) -> str:
    if value and not _SIGNAL.fullmatch(value):
        raise InvalidInput("stop_signal: %r is not a signal" % value, "Use a name like SIGTERM or a number.")
    return value or ""


def size(parameter: str, value: t.Any) -> int:
    """ "512m", "1.5g" or a number of bytes -> bytes; units are powers of 1024 as in Docker and Podman."""
    found = _SIZE.fullmatch(str(value).strip())
    if not found:
        raise InvalidInput("%s: %r is not a size" % (parameter, value), "Write bytes or a number with k, m or g: 512m.")
    return int(float(found.group(1)) * _SIZE_UNITS[found.group(2).lower()])


def duration(parameter: str, value: t.Any) -> float:
    """Seconds, or a text as Compose has it ("1m30s", "500ms") -> seconds."""
    text = str(value).strip()
    found = _DURATION.fullmatch(text)
    if text and found:
        return sum(float(part) * unit for part, unit in zip(found.groups(), _DURATION_UNITS) if part)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise InvalidInput("%s: %r is not a duration" % (parameter, value), "Write seconds, or a text like 1m30s or 500ms.")
    return seconds


def ulimit(text: str) -> Ulimit:
    """ "name:limit" or "name:soft:hard"."""
    parts = str(text).split(":")
    if len(parts) not in (2, 3) or not all(part.lstrip("-").isdigit() for part in parts[1:]):
        raise InvalidInput("ulimits: %r is not a limit" % text, "Write name:limit or name:soft:hard, for example nofile:1024:2048.")
    return Ulimit(parts[0], int(parts[1]), int(parts[-1]))


def healthcheck(value: t.Mapping[str, t.Any] | None) -> Healthcheck | None:
    """The healthcheck parameter -> record; `test` as a text is run by the container's shell, as in Compose."""
    if not value:
        return None
    test = value["test"]
    words = tuple(str(word) for word in test) if isinstance(test, (list, tuple)) else ("CMD-SHELL", str(test))
    if words[:1] not in (("CMD",), ("CMD-SHELL",), ("NONE",)):
        words = ("CMD",) + words
    seconds = {key: duration("healthcheck." + key, value[key]) for key in ("interval", "timeout", "start_period") if value.get(key)}
    return Healthcheck(words, retries=value.get("retries") or 3, **seconds)


def mounts(params: t.Mapping[str, t.Any]) -> tuple[Mount, ...]:
    """`mounts` (long form), `volumes` ("source:target[:options]") and `tmpfs` ("target[:options]") together."""
    found = [
        *[_long_mount(entry) for entry in params["mounts"] or ()],
        *[_volume(text) for text in params["volumes"] or ()],
        *[_tmpfs(text) for text in params["tmpfs"] or ()],
    ]
    targets = [mount.target for mount in found]
    for target in targets:
        if targets.count(target) > 1:
            raise InvalidInput("mounts: two things are mounted at %s" % target, "Give each target once.")
    return tuple(found)


def _long_mount(entry: t.Mapping[str, t.Any]) -> Mount:
    kind = entry["type"]
    return _checked(
        Mount(
            kind,
            entry["target"],
            entry["source"] or "",
            bool(entry["read_only"]),
            size("mounts.tmpfs_size", entry["tmpfs_size"]) if entry["tmpfs_size"] else 0,
            tuple(entry["options"] or ()),
        )
    )


def _volume(text: str) -> Mount:
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise InvalidInput("volumes: %r is not understood" % text, "Write source:target or source:target:options.")
    options = tuple(parts[2].split(",")) if len(parts) == 3 else ()
    kind = "bind" if parts[0].startswith(("/", "~")) else "volume"
    rest = tuple(option for option in options if option not in ("ro", "rw"))
    return _checked(Mount(kind, parts[1], parts[0], "ro" in options, 0, rest))


def _tmpfs(text: str) -> Mount:
    target, _colon, options = text.partition(":")
    words = [word for word in options.split(",") if word]
    sizes = [word[5:] for word in words if word.startswith("size=")]
    rest = tuple(word for word in words if not word.startswith("size=") and word not in ("ro", "rw"))
    return _checked(Mount("tmpfs", target, "", "ro" in words, size("tmpfs size", sizes[-1]) if sizes else 0, rest))


def _checked(mount: Mount) -> Mount:
    if not mount.target.startswith("/"):
        raise InvalidInput("mounts: target %r is not absolute" % mount.target, "Paths in a container begin with '/'.")
    if mount.kind == "bind" and not mount.source.startswith("/"):
        raise InvalidInput("mounts: source %r of a bind mount is not absolute" % mount.source, "Give the whole path on the host.")
    if mount.kind == "volume" and not mount.source:
        raise InvalidInput("mounts: the volume at %s has no source" % mount.target, "Name the volume in source.")
    return mount


def env_of_files(files: t.Iterable[str]) -> dict[str, str]:
    """KEY=VALUE lines of files on the host, as `docker run --env-file` reads them; later files win."""
    env: dict[str, str] = {}
    for path in files:
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput("env_file: %s cannot be read: %s" % (path, error), "The file must be on the managed host.") from error
        env.update(_env_lines(path, lines))
    return env


def _env_lines(path: str, lines: t.Iterable[str]) -> dict[str, str]:
    env: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not _ENV_KEY.fullmatch(key):
            raise InvalidInput("env_file: line %d of %s is not KEY=VALUE" % (number, path), "Write one KEY=VALUE on a line.")
        env[key] = value
    return env


def env_of_params(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    """The env parameter with its keys checked; numbers and booleans become texts. Values are never repeated in errors."""
    env = {}
    for key, value in (values or {}).items():
        if not _ENV_KEY.fullmatch(str(key)):
            raise InvalidInput("env: %r is not a variable's name" % key, "Use letters, digits and '_', not beginning with a digit.")
        if value is None or isinstance(value, (dict, list)):
            raise InvalidInput("env: the value of %s is not a text" % key, "Quote it, and use '' for an empty one.")
        env[str(key)] = _env_text(value)
    return env


def _env_text(value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
