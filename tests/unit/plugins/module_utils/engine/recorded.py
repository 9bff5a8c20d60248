# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inspect JSON recorded from real engines: one file an engine, each with the same four containers, network and image."""

from __future__ import annotations

import json
import pathlib
import typing as t

_FOLDER = pathlib.Path(__file__).resolve().parents[3] / "fixtures" / "engine"
DOCKER = ("docker-26.1",)
PODMAN = ("podman-4.3-rootful", "podman-5.4-rootful", "podman-5.4-rootless")


def recorded(name: str) -> dict[str, t.Any]:
    """running (fixed address 10.232.77.20, two ports, healthy), created (fixed .21), exited (code 3), plain; rows, network, image."""
    return t.cast("dict[str, t.Any]", json.loads((_FOLDER / ("%s.json" % name)).read_text(encoding="utf-8")))
