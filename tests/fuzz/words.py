# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configurations as their proxies read them: the directives, with the number of their words.

Small readers of their own, so that they share no mistake with what renders.
"""

from __future__ import annotations

import collections
import json
import re
import typing as t

Shape = t.Counter[t.Any]


def haproxy(text: str) -> list[list[str]]:
    """Lines as lists of words, quotes taken off (configuration manual, 2.2: quoting and escaping)."""
    return [words for words in map(_line, text.split("\n")) if words]


def _line(line: str) -> list[str]:
    """One line's words: strong quotes, weak quotes, backslashes, comments."""
    words, word, quote, at = [], None, "", 0
    while at < len(line):
        char = line[at]
        at += 1
        if quote:
            if char == quote:
                quote = ""
                continue
            if char == "\\" and quote == '"' and at < len(line):
                char, at = line[at], at + 1
        elif char in "'\"":
            quote, word = char, word or ""
            continue
        elif char in " \t\r":
            words += [word] if word is not None else []
            word = None
            continue
        elif char == "#":
            break
        elif char == "\\" and at < len(line):
            char, at = line[at], at + 1
        word = (word or "") + char
    return words + ([word] if word is not None else [])


_NGINX = re.compile(
    r"""
    \s+ | \#[^\n]*
    | (?P<quoted> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
    | (?P<mark> [;{}] )
    | (?P<word> (?: \\. | \$\{ | [^\s;{}"'\\] ) (?: \\. | \$\{[^}]*\} | [^\s;{}\\] )* )
    """,
    re.DOTALL | re.VERBOSE,
)


def nginx(text: str) -> list[list[str]]:
    """Directives as lists of words, each ended by ";", "{" or "}". Raises ValueError for what nginx could not read either."""
    found: list[list[str]] = [[]]
    at = 0
    while at < len(text):
        token = _NGINX.match(text, at)
        if not token:
            raise ValueError("nginx cannot read on at %r" % text[at : at + 40])
        at = token.end()
        if token.lastgroup:
            found[-1].append(token.group())
        if token.lastgroup == "mark":
            found.append([])
    return [words for words in found if words]


def apache(text: str) -> list[list[str]]:
    """Lines as lists of words."""
    lines = [line.strip() for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    return [re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line) for line in lines]


def shape(lines: t.Iterable[t.Sequence[str]]) -> Shape:
    """How often there is each directive with that number of words."""
    return collections.Counter((words[0], len(words)) for words in lines)


def json_shape(text: str) -> Shape:
    """The same for JSON: every path of keys, and the kind of what is there. Names of headers are keys too, hence `skip`."""
    return collections.Counter(_paths(json.loads(text), ""))


def _paths(value: t.Any, path: str) -> t.Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            # Below `header` the keys are names of headers.
            yield from _paths(inner, path + "/" + ("*" if path.endswith("/header") else key))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, path + "[]")
    else:
        yield path, type(value).__name__
