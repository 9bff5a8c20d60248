# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What a service of a Compose file publishes and mounts. Pure."""

from __future__ import annotations

import dataclasses
import posixpath
import re
import typing as t

from ._compose_at import At

_PORT = re.compile(r"(?:(?P<address>\[[0-9a-fA-F:.]+\]|\d+(?:\.\d+){3}):)?(?:(?P<published>[\d-]*):)?(?P<target>[\d-]+)(?:/(?P<protocol>\w+))?")
_OPTIONS = ("ro", "rw", "z", "Z")
_BY_REDIRECT = "Write x-hotswap: {by: redirect} in this service, and the kernel sends the port to the live version."
_LONG_PORT = ("target", "published", "host_ip", "protocol", "app_protocol", "mode", "name")
_LONG_MOUNT = ("type", "source", "target", "read_only", "bind", "volume", "tmpfs")


@dataclasses.dataclass(frozen=True)
class Port:
    """A port of the host that leads into the service. `address` "" is every address."""

    published: int
    target: int
    protocol: str = "tcp"
    address: str = ""

    @property
    def publish(self) -> str:
        """As the proxy publishes it."""
        return "%s:%d" % (self.address, self.published) if self.address else str(self.published)


@dataclasses.dataclass(frozen=True)
class Places:
    """What names and paths of a file lead to: volumes to their names on the engine, relative paths to below `folder` (None: nowhere)."""

    volumes: t.Mapping[str, str]
    folder: str | None = None


def ports(at: At, value: t.Any) -> list[Port]:
    """The ports that `ports` publishes. Raises InvalidInput."""
    return [_port(at.key(number), one) for number, one in enumerate(at.items(value))]


def _port(at: At, value: t.Any) -> Port:
    if isinstance(value, dict):
        return _long_port(at, at.mapping(value, _LONG_PORT))
    text = at.text(value)
    found = _PORT.fullmatch(text)
    if not found:
        raise at.error("%s is not a port" % text, "Write PUBLISHED:TARGET, for example 8080:80.")
    return _checked(at, found["address"] or "", found["published"] or "", found["target"], found["protocol"] or "tcp")


def _long_port(at: At, value: dict[str, t.Any]) -> Port:
    if "target" not in value:
        raise at.error("target is not given", "Say which port the service listens on.")
    at.key("mode").choice(value.get("mode") or "ingress", ("ingress", "host"))
    if value.get("app_protocol") not in (None, "http"):
        raise at.key("app_protocol").error("%s does not go through a proxy for HTTP" % value["app_protocol"], _BY_REDIRECT)
    words = {name: at.key(name).text(value[name]) if value.get(name) is not None else "" for name in ("host_ip", "published", "target", "protocol")}
    return _checked(at, words["host_ip"], words["published"], words["target"], words["protocol"] or "tcp")


def _checked(at: At, address: str, published: str, target: str, protocol: str) -> Port:
    if "-" in published + target:
        raise at.error("ranges of ports are not supported", "Write one line for each port.")
    if not published:
        raise at.error(
            "no port of the host is named for %s" % target, "Write PUBLISHED:TARGET; a port that changes at each start could not be found by clients."
        )
    at.key("protocol").choice(protocol, ("tcp", "udp"))
    for number in (published, target):
        if not number.isdigit() or not 0 < int(number) < 65536:
            raise at.error("%s is not a port" % number, "Ports are 1 to 65535.")
    return Port(int(published), int(target), protocol, "" if address == "0.0.0.0" else address)


def exposed(at: At, value: t.Any) -> list[int]:
    """The TCP ports of `expose`. Raises InvalidInput."""
    found = []
    for number, text in enumerate(at.texts(value)):
        port, _slash, protocol = text.partition("/")
        at.key(number).choice(protocol or "tcp", ("tcp", "udp"))
        if protocol in ("", "tcp"):
            found.append(at.key(number).whole(port))
    return found


def mounts(at: At, value: t.Any, places: Places) -> list[dict[str, t.Any]]:
    """`volumes` as the service module's `mounts`. Raises InvalidInput."""
    return [_mount(at.key(number), one, places) for number, one in enumerate(at.items(value))]


def writable(found: t.Sequence[t.Mapping[str, t.Any]]) -> bool:
    """Whether two versions could write to the same place."""
    return any(one["type"] != "tmpfs" and not one.get("read_only") for one in found)


def _mount(at: At, value: t.Any, places: Places) -> dict[str, t.Any]:
    if isinstance(value, dict):
        return _long_mount(at, at.mapping(value, _LONG_MOUNT), places)
    text = at.text(value)
    source, colon, rest = text.partition(":")
    target, _colon, options = rest.partition(":")
    if not colon:
        raise _anonymous(at, text)
    words = [at.choice(word, _OPTIONS) for word in options.split(",") if word]
    found = {"type": "volume", "source": source} if _is_name(source) else {"type": "bind", "source": source}
    return _placed(at, {**found, "target": target, "read_only": "ro" in words, "options": [word for word in words if word in "zZ"]}, places)


def _is_name(source: str) -> bool:
    return not source.startswith((".", "/", "~")) and "/" not in source


def _anonymous(at: At, target: str) -> Exception:
    return at.error("the volume at %s has no name" % target, "Name it: with a name a new version finds what the old one wrote. For a scratch folder use tmpfs.")


def _long_mount(at: At, value: dict[str, t.Any], places: Places) -> dict[str, t.Any]:
    kind = at.key("type").choice(value.get("type"), ("bind", "volume", "tmpfs"))
    found: dict[str, t.Any] = {"type": kind, "target": at.key("target").text(value.get("target"))}
    found["read_only"] = at.key("read_only").flag(value.get("read_only") or False)
    known = {"bind": ("create_host_path", "selinux"), "volume": (), "tmpfs": ("size",)}
    for name in known:
        details = at.key(name).mapping(value.get(name), known[name])
        if details and name != kind:
            raise at.key(name).error("this mount is a %s" % kind, "Leave it out.")
    if kind == "tmpfs":
        size = (value.get("tmpfs") or {}).get("size")
        return {**found, **({"tmpfs_size": at.key("tmpfs").key("size").text(size)} if size is not None else {})}
    if value.get("source") is None:
        raise _anonymous(at, found["target"])
    label = (value.get("bind") or {}).get("selinux")
    options = [at.key("bind").key("selinux").choice(label, ("z", "Z"))] if label is not None else []
    return _placed(at, {**found, "source": at.key("source").text(value["source"]), "options": options}, places)


def _placed(at: At, mount: dict[str, t.Any], places: Places) -> dict[str, t.Any]:
    """The mount with what its source means on the host."""
    source = mount["source"]
    if mount["type"] == "volume":
        if source not in places.volumes:
            raise at.error("the volume %s is not among the volumes of the file" % source, "Declare it under volumes.")
        return {**mount, "source": places.volumes[source]}
    if source.startswith("/"):
        return mount
    if source.startswith("~"):
        raise at.error("%s depends on who asks" % source, "Write the whole path on the host.")
    if places.folder is None:
        raise at.error("%s is relative to the file, which is on the controller" % source, "Write the whole path on the host, or set rollout_compose_folder.")
    return {**mount, "source": posixpath.normpath(posixpath.join(places.folder, source))}
