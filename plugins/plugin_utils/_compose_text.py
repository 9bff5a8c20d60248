# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Variables in Compose files, and the files that they come from, as the Compose specification has them. Pure.

    $NAME  ${NAME}                       the value, "" with a warning when there is none
    ${NAME:-text}  ${NAME-text}          the text when the variable is unset (with the colon: or empty)
    ${NAME:+text}  ${NAME+text}          the text when it is set (with the colon: and not empty), else ""
    ${NAME:?text}  ${NAME?text}          an error with the text when it is unset (with the colon: or empty)
    $$                                   a dollar sign

Texts may hold variables again, and are read whether they are needed or not. A dollar sign before anything else stays.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..module_utils._errors import InvalidInput

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-+?]")
_KEY = re.compile(r"(?:export[ \t]+)?([A-Za-z0-9_.\[\]-]+)[ \t]*(=|:|(?=\r?\n)|\Z)[ \t\v\f\r]*")
_BETWEEN = re.compile(r"(?:\s+|#[^\n]*)*")
_COMMENT = re.compile(r"[ \t]#.*")
_ESCAPE = re.compile(r"\\([nrt\"'\\$])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}


@dataclasses.dataclass
class Variables:
    """Where values come from; `unset` gathers the names that had none and no default."""

    values: t.Mapping[str, str]
    unset: list[str] = dataclasses.field(default_factory=list)

    def plain(self, name: str) -> str:
        """The value of $NAME."""
        if name not in self.values and name not in self.unset:
            self.unset.append(name)
        return self.values.get(name, "")

    def chosen(self, name: str, operator: str, text: str) -> str:
        """The value of ${NAME operator text}. Raises InvalidInput when the variable is required."""
        value = self.values.get(name)
        there = value is not None and (value != "" or ":" not in operator)
        if operator[-1] == "+":
            return text if there else ""
        if not there and operator[-1] == "?":
            raise InvalidInput("the variable %s is required: %s" % (name, text or "it has no value"), "Set %s in the environment or in .env." % name)
        return str(value) if there else text


def interpolate(text: str, variables: Variables) -> str:
    """The text with its variables replaced. Raises InvalidInput for a ${ that is none of the above, and for what is required."""
    parts = []
    while text:
        before, dollar, rest = text.partition("$")
        parts.append(before)
        value, text = _after_dollar(rest, variables) if dollar else ("", "")
        parts.append(value)
    return "".join(parts)


def _after_dollar(rest: str, variables: Variables) -> tuple[str, str]:
    """The value of what follows a dollar sign, and what is left then."""
    if rest.startswith("$"):
        return "$", rest[1:]
    if rest.startswith("{"):
        end = _closing(rest)
        return _braced(rest[1:end], variables), rest[end + 1 :]
    found = _NAME.match(rest)
    return (variables.plain(found.group()), rest[found.end() :]) if found else ("$", rest)


def _closing(rest: str) -> int:
    """Where the brace ends that `rest` begins with. Only ${ opens another one."""
    depth = 1
    for at in range(1, len(rest)):
        if rest[at] == "}":
            depth -= 1
        elif rest.startswith("${", at):
            depth += 1
        if not depth:
            return at
    raise _not_a_variable(rest)


def _braced(inner: str, variables: Variables) -> str:
    found = _NAME.match(inner)
    operator = _OPERATOR.match(inner, found.end()) if found else None
    if found and found.end() == len(inner):
        return variables.plain(inner)
    if not found or not operator:
        raise _not_a_variable("{%s}" % inner)
    return variables.chosen(found.group(), operator.group(), interpolate(inner[operator.end() :], variables))


def _not_a_variable(rest: str) -> InvalidInput:
    fix = "Write ${NAME}, ${NAME:-text}, ${NAME:?text} or ${NAME:+text}; for a dollar sign write $$."
    return InvalidInput("$%s is no variable of a Compose file" % rest, fix)


def dotenv(text: str, environment: t.Mapping[str, str], project: bool = True) -> dict[str, str]:
    """The variables of an .env file. Raises InvalidInput with the line.

    Those of the environment win in what $NAME leads to, and in the file of a `project` altogether; in a file that is meant
    for a container the file's own do.
    A name alone takes its value from the environment. Values without quotes end at the line's end or at " #"; in double
    quotes \\n, \\r, \\t and escaped characters count; only single quotes keep dollar signs.
    """
    found: dict[str, str] = {}
    text = text[1:] if text.startswith("\ufeff") else text
    at = _skip(text, 0)
    while at < len(text):
        key = _KEY.match(text, at)
        if not key:
            raise InvalidInput("line %d is not NAME=VALUE" % _line(text, at), "Write one variable a line.")
        name, at = key.group(1), key.end()
        if key.group(2):
            value, at = _value(text, at, Variables({**found, **environment}))
            found[name] = environment.get(name, value) if project else value
        elif name in environment:
            found[name] = environment[name]
        at = _skip(text, at)
    return found


def _skip(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _value(text: str, at: int, variables: Variables) -> tuple[str, int]:
    """The value that begins there, and where it has ended."""
    quote = text[at : at + 1]
    if quote not in ("'", '"') or not quote:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        return interpolate(_COMMENT.split(text[at:end], 1)[0].strip(), variables), end
    end = _end_of_quote(text, at, quote)
    inner = text[at + 1 : end]
    if quote == "'":
        return inner.replace("\\'", "'"), end + 1
    return interpolate(_ESCAPE.sub(lambda found: _ESCAPED.get(found.group(1), found.group(1)), inner), variables), end + 1


def _end_of_quote(text: str, at: int, quote: str) -> int:
    end = at + 1
    while end < len(text) and text[end] != quote:
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise InvalidInput("line %d begins a value with %s that does not end" % (_line(text, at), quote), "Close the quote.")
    return end
