# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows that were measured, each in a file of its own as soon as it is there: what an interrupted run leaves to the next."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import typing as t

from lossless.record import Row
from lossless.settings import Combo

FACTS = "facts.json"


class Store:
    """Rows in `folder`. `code` is the state of the collection that runs now: rows of another one are not taken over."""

    def __init__(self, folder: pathlib.Path, code: str) -> None:
        self._folder = folder
        self._code = code

    def clear(self) -> None:
        """Forgets everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self, combo: Combo, rate: float, row: Row) -> None:
        """Writes a row."""
        self._write(combo.name + ".row.json", {**self._key(combo, rate), "row": dataclasses.asdict(row)})

    def find(self, combo: Combo, rate: float) -> Row | None:
        """The row of the same combination, rate, number of cutovers and code; None when there is none."""
        record = self._read(combo.name + ".row.json")
        if any(record.get(name) != value for name, value in self._key(combo, rate).items()):
            return None
        return Row(**record["row"])

    def keep_facts(self, facts: t.Mapping[str, str]) -> None:
        """Writes what the rows are measured on."""
        self._write(FACTS, {"code": self._code, "facts": dict(facts)})

    def facts(self) -> dict[str, str]:
        """What the earlier rows were measured on; {} when there are none of this code."""
        record = self._read(FACTS)
        return dict(record["facts"]) if record.get("code") == self._code else {}

    def _key(self, combo: Combo, rate: float) -> dict[str, t.Any]:
        return {"code": self._code, "rate": rate, "cutovers": combo.cutovers}

    def _read(self, name: str) -> dict[str, t.Any]:
        path = self._folder / name
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def _write(self, name: str, record: t.Mapping[str, t.Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / (name + ".tmp")
        temporary.write_text(json.dumps(record))
        temporary.rename(self._folder / name)
