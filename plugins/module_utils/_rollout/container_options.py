# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Container settings as people write them in a task -> the typed settings that an engine takes. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import re
import typing as t

from .._engine.types import ContainerSpec, Healthcheck, Mount, Ulimit
from .._errors import InvalidInput
from .validate import check_line

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE | re.ASCII)
_SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_PERCENT = re.compile(r"(\d{1,2}(?:\.\d{1,3})?)\s*%", re.ASCII)
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?", re.ASCII)
_DURATION_UNITS = (3600.0, 60.0, 1.0, 0.001)
_SIGNAL = re.compile(r"(SIG)?[A-Z][A-Z0-9+-]{1,10}|[0-9]{1,2}")
_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_HOSTNAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62})")
_CAPABILITY = re.compile(r"[A-Za-z_]{2,40}")
# Docker takes key=value and the older key:value, and these words; the same ones go for Podman.
_GUARD = re.compile(r"no-new-privileges(?:[=:](.*))?")
_FLAGS = ("1", "t", "T", "true", "True", "TRUE", "0", "f", "F", "false", "False", "FALSE")
_LIMIT = re.compile(r"([a-z]{2,20}):(-1|[0-9]{1,18})(?::(-1|[0-9]{1,18}))?")
# More is no size of memory, and no time that anybody waits, and would not fit into the numbers of an engine.
_LARGEST = 2**62
_LONGEST = 1e9
# What an engine keeps as an int on every platform.
_MOST_RETRIES = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Bound:
    """How much of a file system stays free: bytes, or percent of it. Nothing of both is no bound."""

    size: int = 0
    percent: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.size or self.percent)

    def of(self, total: int) -> int:
        """In bytes, for a file system of `total` bytes."""
        return self.size or int(total * self.percent / 100)


NO_BOUND = Bound()


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
        network_mode=check_line("network_mode", params["network_mode"] or ""),
        mounts=mounts(params),
        user=check_line("user", params["user"] or ""),
        workdir=check_line("workdir", params["workdir"] or ""),
        hostname=_matching("hostname", _HOSTNAME, params["hostname"], "a host name") if params["hostname"] else "",
        memory=size("memory", params["memory"]) if params["memory"] else 0,
        cpus=_cpus(params["cpus"]),
        **_lists(params),
        read_only=bool(params["read_only"]),
        ulimits=tuple(ulimit(text) for text in params["ulimits"] or ()),
        extra_hosts=_extra_hosts(params["extra_hosts"]),
        log_driver=check_line("log_driver", params["log_driver"] or ""),
        log_options={check_line("log_options", key): check_line("log_options", value) for key, value in _texts(params["log_options"]).items()},
        restart_policy=params["restart_policy"] or "",
        stop_signal=_signal(params["stop_signal"]),
        stop_timeout=_seconds("stop_timeout", params["stop_timeout"]),
        init=bool(params["init"]),
        healthcheck=healthcheck(params["healthcheck"]),
    )


def _lists(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {name: tuple(check_line(name, text) for text in params[name] or ()) for name in ("security_opt", "devices")}
    found["security_opt"] = guarded(found["security_opt"])
    for name in ("cap_add", "cap_drop"):
        found[name] = tuple(_matching(name, _CAPABILITY, text, "a capability") for text in params[name] or ())
    return {**found, "dns": tuple(_address("dns", text) for text in params["dns"] or ())}


def guarded(options: tuple[str, ...]) -> tuple[str, ...]:
    """The security options, with no-new-privileges where they do not speak of it themselves. Raises InvalidInput."""
    asked = [found.group(1) for found in map(_GUARD.fullmatch, options) if found]
    for value in asked:
        if value and value not in _FLAGS:
            raise InvalidInput("security_opt: %.80r is neither true nor false" % value, "Write no-new-privileges:false to go without it.")
    return options if asked else (*options, "no-new-privileges")


def _matching(parameter: str, pattern: t.Pattern[str], value: str, kind: str) -> str:
    if not pattern.fullmatch(value):
        raise InvalidInput("%s: %r is not %s" % (parameter, value[:80], kind), "Look at its spelling.")
    return value


def _address(parameter: str, text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise InvalidInput("%s: %r is not an address" % (parameter, text[:80]), "Write an IPv4 or IPv6 address.") from None
    return text


def _extra_hosts(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    """Lines of the container's /etc/hosts. The engine itself knows the address of the host by a word."""
    found = _texts(values)
    for name, address in found.items():
        _matching("extra_hosts", _HOSTNAME, name, "a host name")
        if address != "host-gateway":
            _address("extra_hosts", address)
    return found


def _seconds(parameter: str, value: int | None) -> int | None:
    if value is not None and not 0 <= value <= _LONGEST:
        raise InvalidInput("%s: it is not a number of seconds that can be waited" % parameter, "Give 0 or more.")
    return value


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
    if value is not None and not 0.001 <= value <= 10000:
        raise InvalidInput("cpus: %g is not a number of CPUs" % value, "Give a number of CPUs, for example 0.5.")
    return value or 0.0


def _signal(value: str | None) -> str:
    if value and not _SIGNAL.fullmatch(value):
        raise InvalidInput("stop_signal: %r is not a signal" % value, "Use a name like SIGTERM or a number.")
    return value or ""


def size(parameter: str, value: t.Any) -> int:
    """ "512m", "1.5g" or a number of bytes -> bytes; units are powers of 1024 as in Docker and Podman."""
    found = _SIZE.fullmatch(str(value).strip())
    number = float(found.group(1)) * _SIZE_UNITS[found.group(2).lower()] if found else math.inf
    if number > _LARGEST:
        raise InvalidInput("%s: %.80r is not a size" % (parameter, value), "Write bytes or a number with k, m or g: 512m.")
    return int(number)


def bound_of(value: t.Any) -> Bound:
    """The parameter min_free_disk: "10G", a number of bytes, or "10%". Raises InvalidInput."""
    if not value:
        return Bound()
    found = _PERCENT.fullmatch(str(value).strip())
    return Bound(percent=float(found.group(1))) if found else Bound(size=size("min_free_disk", value))


def size_text(count: float) -> str:
    """Bytes for people, in units of 1024."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return "%d %s" % (count, unit)
        count /= 1024
    return "%.1f GiB" % count


def duration(parameter: str, value: t.Any) -> float:
    """Seconds, or a text as Compose has it ("1m30s", "500ms") -> seconds."""
    text = str(value).strip()
    found = _DURATION.fullmatch(text)
    try:
        seconds = sum(float(part) * unit for part, unit in zip(found.groups(), _DURATION_UNITS) if part) if text and found else float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST:
        raise InvalidInput("%s: %.80r is not a duration" % (parameter, value), "Write seconds, or a text like 1m30s or 500ms.")
    return seconds


def ulimit(text: str) -> Ulimit:
    """ "name:limit" or "name:soft:hard"."""
    found = _LIMIT.fullmatch(str(text))
    if not found:
        raise InvalidInput("ulimits: %.80r is not a limit" % text, "Write name:limit or name:soft:hard, for example nofile:1024:2048.")
    name, soft, hard = found.groups()
    return Ulimit(name, int(soft), int(hard or soft))


def healthcheck(value: t.Mapping[str, t.Any] | None) -> Healthcheck | None:
    """The healthcheck parameter -> record; `test` as a text is run by the container's shell, as in Compose."""
    if not value:
        return None
    test = value["test"]
    words = tuple(str(word) for word in test) if isinstance(test, (list, tuple)) else ("CMD-SHELL", str(test))
    if words[:1] not in (("CMD",), ("CMD-SHELL",), ("NONE",)):
        words = ("CMD",) + words
    seconds = {key: duration("healthcheck." + key, value[key]) for key in ("interval", "timeout", "start_period") if value.get(key)}
    retries = value.get("retries") or 3
    if not 0 < retries <= _MOST_RETRIES:
        raise InvalidInput("healthcheck.retries: it is not a number of tries", "Give 1 or more, for example 3.")
    return Healthcheck(words, retries=retries, **seconds)


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
    for text in (mount.target, mount.source, *mount.options):
        check_line("mounts", text)
    # Engines take some mounts as one text with these marks between its parts.
    if any(mark in text for text in mount.options for mark in ",:") or (mount.options and ":" in mount.source + mount.target):
        raise InvalidInput("mounts: %r has a ',' or ':' inside a part" % mount.target[:80], "Give each option by itself, and paths without them.")
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
