# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Our lines in somebody else's haproxy.cfg: found between two marks, and nothing beside them changed. Pure text."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import typing as t

from .._errors import SwitchError
from . import haproxy_render, safe
from .types import Target

# The words that begin a section (HAProxy's configuration manual, 2.1 to 3.2).
_WORDS = (
    "global defaults frontend backend listen peers resolvers userlist cache program ring mailers http-errors fcgi-app log-forward log-profile traces "
    "crt-store acme"
)
_SECTION = re.compile(r"^(%s)(?:\s+([^\s#]+))?" % _WORDS.replace(" ", "|"))
# Words of a server that are about names, each with one word after it.
_LOOK_UPS = frozenset(["init-addr", "resolvers", "resolve-prefer", "resolve-net", "resolve-opts"])
_SNIPPET = """\
    # BEGIN hotswap {service}
    # END hotswap {service}
    http-request set-var(txn.hotswap_probe) bool(true) if {{ req.fhdr(X-Hotswap-Probe) -m str -f {probe} }}
    http-request del-header X-Hotswap-Probe
    http-response del-header X-Hotswap-Instance
    http-response set-header X-Hotswap-Instance %s if {{ var(txn.hotswap_probe) -m bool }}
"""


@dataclasses.dataclass(frozen=True)
class Section:
    """Where a service's servers stand: the backend's name, and the lines between the marks with their numbers.

    `identified`: the backend tells us which instance answered. `theirs`: the names of the owner's own servers there, or
    for a server-template what they begin with. `defaults`: what the backend's default-server says of every server.
    """

    backend: str
    first: int
    last: int
    indent: str
    lines: tuple[str, ...]
    identified: bool
    theirs: tuple[tuple[str, bool], ...] = ()
    defaults: tuple[str, ...] = ()

    def is_theirs(self, name: str) -> bool:
        """True for a server of the owner's own."""
        return any(re.fullmatch(re.escape(one) + ("[0-9]+" if template else ""), name) for one, template in self.theirs)


def snippet(service: str, probe: pathlib.Path) -> str:
    """What the owner puts into a backend, once."""
    return _SNIPPET.format(service=safe.name(service), probe=safe.place(str(probe)))


def find(text: str, service: str) -> Section | None:
    """The service's section; None without marks. Raises SwitchError for marks that are not one pair in one backend."""
    lines = text.split("\n")
    begins, ends = (_marked(lines, word, service) for word in ("BEGIN", "END"))
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise SwitchError("the marks of %s in HAProxy's configuration are not one BEGIN and one END after it" % service, "Leave one pair of them.")
    backend, body = _around(lines, begins[0])
    if not backend or any(_SECTION.match(line) for line in lines[begins[0] : ends[0]]):
        raise SwitchError("the marks of %s in HAProxy's configuration are not inside of one backend" % service, "Put both into the same backend.")
    indent = lines[begins[0]][: len(lines[begins[0]]) - len(lines[begins[0]].lstrip())]
    between = tuple(lines[begins[0] + 1 : ends[0]])
    strange = [line.strip() for line in between if line.strip() and line.split()[0] != "server"]
    if strange:
        raise SwitchError("between the marks of %s stands more than servers: %s" % (service, strange[0]), "Move it out: these lines are replaced.")
    words = [line.split() for line in body]
    identified = any(line[:3] == ["http-response", "set-header", "X-Hotswap-Instance"] for line in words)
    inside = [line.split()[1] for line in between if len(line.split()) > 1]
    theirs = [(line[1], line[0] != "server") for line in words if len(line) > 1 and line[0] in ("server", "server-template") and line[1] not in inside]
    return Section(backend, begins[0] + 1, ends[0], indent, between, identified, tuple(theirs), _defaults(words))


def _defaults(lines: t.Iterable[t.Sequence[str]]) -> tuple[str, ...]:
    """What default-server says, without how names are looked up: our servers have addresses."""
    found: list[str] = []
    for line in lines:
        comment = next((index for index, word in enumerate(line) if word.startswith("#")), len(line))
        words = list(line[:comment])
        if words[:1] == ["default-server"]:
            found += [word for word, before in zip(words[1:], words) if not {word, before} & _LOOK_UPS]
    return tuple(found)


def servers(section: Section, targets: t.Sequence[Target]) -> tuple[str, ...]:
    """The lines that stand for these targets."""
    return tuple("%sserver %s %s" % (section.indent, safe.name(one.name), haproxy_render.server_arguments(one)) for one in targets)


def replaced(text: str, service: str, targets: t.Sequence[Target]) -> str:
    """The text with the service's servers between its marks, and every other byte as it is. The marks must be there."""
    section = find(text, service)
    if section is None:
        raise SwitchError("HAProxy's configuration has no marks of %s" % service, "Put them into a backend.")
    lines = text.split("\n")
    return "\n".join([*lines[: section.first], *servers(section, targets), *lines[section.last :]])


def _marked(lines: t.Sequence[str], word: str, service: str) -> list[int]:
    return [number for number, line in enumerate(lines) if line.split() == ["#", word, "hotswap", service]]


def _around(lines: t.Sequence[str], number: int) -> tuple[str, t.Sequence[str]]:
    """Name and lines of the backend (or listen) that this line is in; "" when it is in none."""
    heads = [index for index, line in enumerate(lines) if _SECTION.match(line)]
    above = [index for index in heads if index < number]
    if not above:
        return "", ()
    match = _SECTION.match(lines[above[-1]])
    end = next((index for index in heads if index > number), len(lines))
    kind, name = match.groups() if match else ("", None)
    return (name or "") if kind in ("backend", "listen") else "", lines[above[-1] : end]
