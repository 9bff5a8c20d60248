# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Secrets of a Compose file: where each comes from, and as what file a service gets it. Errors never repeat a value. Pure."""

from __future__ import annotations

import typing as t

from ._compose_at import At

Options = t.Dict[str, t.Any]
_FROM = ("file", "environment", "external")
_LARGEST_MODE = 0o777


def declared(at: At, value: t.Any, environment: t.Mapping[str, str], read: t.Callable[[str], str | None]) -> dict[str, Options]:
    """The `secrets` of the file, by name, as the service module takes them. Raises InvalidInput."""
    found = {}
    for name, one in at.mapping(value).items():
        place = at.key(name)
        given = place.mapping(one, (*_FROM, "name"))
        external = place.key("external").flag(given.pop("external", False) or False)
        ways = [way for way in ("file", "environment") if given.get(way) is not None] + (["external"] if external else [])
        if len(ways) != 1:
            raise place.error("it has %s" % (" and ".join(ways) or "no value"), "Give exactly one of %s." % ", ".join(_FROM))
        own = place.key("name").text(given["name"]) if given.get("name") is not None else name
        found[name] = {"external": True, "source": own} if external else {"content": _value(place.key(ways[0]), given[ways[0]], ways[0], environment, read)}
    return found


def _value(at: At, value: t.Any, way: str, environment: t.Mapping[str, str], read: t.Callable[[str], str | None]) -> str:
    """Read here, where the Compose file is."""
    source = at.text(value)
    found = environment.get(source) if way == "environment" else read(source)
    if found is None and way == "file":
        raise at.error("there is no file %s beside the Compose file" % source, "Write it, or leave it out.")
    if not found:
        raise at.error("%s is %s" % (source, "not set" if found is None else "empty"), "Give it a value: an empty secret is none.")
    return found


def of_service(at: At, value: t.Any, known: t.Mapping[str, Options]) -> list[Options]:
    """The `secrets` of a service as the option of the service module. Raises InvalidInput."""
    found: list[Options] = []
    for number, one in enumerate(at.items(value)):
        place = at.key(number)
        given = place.mapping(one, ("source", "target", "uid", "gid", "mode")) if isinstance(one, dict) else {"source": one}
        name = place.key("source").text(given.get("source"))
        if name not in known:
            raise place.error("the secret %s is not among the secrets of the file" % name, "Declare it under secrets.")
        if name in [other["name"] for other in found]:
            raise place.error("the secret %s is there twice" % name, "Give it one target.")
        found.append({"name": name, **known[name], **_details(place, given)})
    return found


def _details(at: At, given: Options) -> Options:
    details: Options = {key: at.key(key).whole(given[key]) for key in ("uid", "gid") if given.get(key) is not None}
    if given.get("target") is not None:
        details["target"] = at.key("target").text(given["target"])
    if given.get("mode") is not None:
        details["mode"] = _mode(at.key("mode"), given["mode"])
    return details


def _mode(at: At, value: t.Any) -> str:
    """Compose reads 0440 as an octal number, and a text as octal digits."""
    try:
        mode = value if isinstance(value, int) and not isinstance(value, bool) else int(at.text(value), 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= _LARGEST_MODE:
        raise at.error("%s is no mode" % at.text(value), "Write octal digits, for example 0440.")
    return "%04o" % mode
