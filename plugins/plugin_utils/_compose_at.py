# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""A place in a Compose file, and the values that may stand there. Every error names file, place and what to do. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..module_utils._errors import InvalidInput
from ..module_utils._rollout.container_options import duration
from . import _compose_yaml

_UNIT = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_FINE = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6}


@dataclasses.dataclass(frozen=True)
class At:
    """A place, for example services.web.ports in compose.yaml."""

    file: str
    path: str = ""

    def key(self, name: t.Any) -> At:
        """The place of a key, or of an item by its number."""
        step = "[%d]" % name if isinstance(name, int) else (".%s" % name if self.path else str(name))
        return At(self.file, self.path + step)

    def error(self, what: str, fix: str = "") -> InvalidInput:
        """An error at this place, to be raised."""
        place = "%s: %s" % (self.file, self.path) if self.path else self.file
        return InvalidInput("%s: %s" % (place, what), fix)

    def mapping(self, value: t.Any, known: t.Collection[str] | None = None) -> dict[str, t.Any]:
        """A mapping, {} for nothing; with `known`, no other keys but x-*."""
        if not isinstance(value, (dict, type(None))):
            raise self.error("it must be a mapping", "Write KEY: VALUE.")
        found = {str(key): one for key, one in (value or {}).items() if not str(key).startswith("x-")}
        for name in found:
            if known is not None and name not in known:
                raise self.key(name).error("not supported", "Of %s these are: %s." % (self.path, ", ".join(sorted(known)) or "none"))
        return found

    def items(self, value: t.Any) -> list[t.Any]:
        """A list, [] for nothing."""
        if not isinstance(value, (list, type(None))):
            raise self.error("it must be a list", "Begin each line with a dash.")
        return list(value or [])

    def text(self, value: t.Any) -> str:
        """One text; numbers and booleans are written as Compose does."""
        if value is None or isinstance(value, (dict, list)):
            raise self.error("it must be one text", "Write it on the same line.")
        return _compose_yaml.text_of(value)

    def texts(self, value: t.Any, single: bool = False) -> list[str]:
        """A list of texts; with `single`, one text alone is a list, too."""
        if single and not isinstance(value, (list, dict, type(None))):
            return [self.text(value)]
        return [self.key(number).text(one) for number, one in enumerate(self.items(value))]

    def whole(self, value: t.Any) -> int:
        """A whole number, also as a text."""
        text = self.text(value)
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+", text):
            raise self.error("%s is not a whole number" % text, "Write a number.")
        return int(text)

    def number(self, value: t.Any) -> float:
        """A number, also as a text."""
        try:
            return float(self.text(value))
        except ValueError:
            raise self.error("%s is not a number" % self.text(value), "Write a number.") from None

    def flag(self, value: t.Any) -> bool:
        """true or false, also as a text."""
        text = self.text(value)
        if text not in ("true", "false"):
            raise self.error("%s is neither true nor false" % text, "Write true or false.")
        return text == "true"

    def choice(self, value: t.Any, choices: t.Collection[str]) -> str:
        """One of these words."""
        text = self.text(value)
        if text not in choices:
            raise self.error("%s is not supported" % text, "These are: %s." % ", ".join(choices))
        return text

    def seconds(self, value: t.Any) -> float:
        """A duration as Compose writes it, 1m30s or 1.5s or 300000us."""
        text = self.text(value)
        parts = _UNIT.findall(text)
        if text in ("0", ""):
            return 0.0
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise self.error("%s is not a duration" % text, "Write it as Compose does: 10s, 1m30s, 500ms.")
        return sum(float(number) * _FINE[unit] if unit in _FINE else duration(self.path, number + unit) for number, unit in parts)

    def pairs(self, value: t.Any) -> dict[str, str | None]:
        """A mapping of texts, or a list of KEY=VALUE; None for a key without a value."""
        if isinstance(value, list):
            split = [text.partition("=") for text in self.texts(value)]
            return {key: text if equals else None for key, equals, text in split}
        return {str(key): None if one is None else self.key(key).text(one) for key, one in self._all(value).items()}

    def _all(self, value: t.Any) -> dict[t.Any, t.Any]:
        if not isinstance(value, (dict, type(None))):
            raise self.error("it must be a mapping or a list of KEY=VALUE", "Write KEY: VALUE.")
        return value or {}
