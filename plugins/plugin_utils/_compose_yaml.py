# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""YAML as Compose reads it: `yes`, `on`, `12:30` and dates are texts, a key that is there twice is an error. Pure."""

from __future__ import annotations

import decimal
import re
import typing as t

import yaml

from ..module_utils._errors import InvalidInput

_PREFIX = "tag:yaml.org,2002:"
_SCALARS = (
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("null", re.compile(r"~|null|Null|NULL|"), ("~", "n", "N", "")),
    ("int", re.compile(r"[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)"), "-+0123456789"),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "-+.0123456789"),
    ("merge", re.compile("<<"), "<"),
)
_GO_EXPONENT = 6


class _Loader(yaml.SafeLoader):
    """The loader with the scalars above and no others."""

    yaml_implicit_resolvers: t.Any = {}

    def construct_mapping(self, node: t.Any, deep: bool = False) -> dict[t.Any, t.Any]:
        """A mapping whose keys are all different; what << brings in may be written again."""
        seen = set()
        for key, _value in node.value:
            if key.tag != _PREFIX + "merge" and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, "the key %s is there twice" % key.value, key.start_mark)
            seen.add(key.value)
        return t.cast("dict[t.Any, t.Any]", super().construct_mapping(node, deep))


def _integer(_loader: t.Any, node: t.Any) -> int | float:
    text = node.value.replace("_", "").lower()
    digits = text.lstrip("+-")
    octal = digits.startswith("0") and digits[1:].isdigit() and not set(digits) & set("89")
    value = int(digits, 8) if octal else int(digits, 10) if digits.isdigit() else int(digits, 0)
    value = -value if text.startswith("-") else value
    return value if -(2**63) <= value < 2**64 else float(value)


for _name, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_PREFIX + _name, re.compile("(?:%s)$" % _pattern.pattern), list(_first))
_Loader.add_constructor(_PREFIX + "int", _integer)


def load(text: str) -> t.Any:
    """The one document of a text. Raises InvalidInput with the line."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = " in line %d" % (mark.line + 1) if mark else ""
        raise InvalidInput("it is no YAML%s: %s" % (where, getattr(error, "problem", None) or error), "Correct that line.") from error


def text_of(value: t.Any) -> str:
    """A scalar as Compose writes it where a text is wanted: true, 0.5, 1e+06."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float_text(value) if isinstance(value, float) else str(value)


def _float_text(value: float) -> str:
    """As Go has it: the shortest digits, with an exponent from a million on and below 0.0001."""
    number = decimal.Decimal(repr(value)).normalize()
    if not number.is_finite() or -5 < number.adjusted() < _GO_EXPONENT:
        return "%s" % (int(value) if number.is_finite() and value == int(value) else repr(value))
    sign, digits, _exponent = number.as_tuple()
    mantissa = "".join(map(str, digits))
    head = mantissa[0] + ("." + mantissa[1:] if mantissa[1:] else "")
    return "%s%se%+03d" % ("-" if sign else "", head, number.adjusted())
