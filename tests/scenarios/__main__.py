# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev scenarios [NAME...] [--engine ENGINE] [--short]: every scenario on its engines, a line for each check, and the counts."""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib
import pathlib
import types

from run.hosts import build_images
from run.report import OUTPUT, Check, finish

from scenarios.scene import ENGINES, stage

FOLDER = pathlib.Path(__file__).parent
BESIDE = 2
_NO_SCENARIOS = ("__init__", "__main__", "scene")


def find() -> dict[str, types.ModuleType]:
    """The scenarios by name: every other file of this folder that can `run`."""
    names = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in _NO_SCENARIOS)
    modules = {name: importlib.import_module("scenarios." + name) for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "run")}


def engines(module: types.ModuleType, asked: list[str], short: bool) -> list[str]:
    """On which engines to play it: its ENGINES (all) that are asked for, or, in short, its SHORT."""
    offered = list(getattr(module, "ENGINES", ENGINES))
    return [module.SHORT] if short else [engine for engine in offered if not asked or engine in asked]


def main() -> None:
    """Plays what is asked for; the last line counts the checks. Exits 1 on any failure."""
    there = find()
    parser = argparse.ArgumentParser(prog="./dev scenarios")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(there))
    parser.add_argument("--engine", action="append", default=[], choices=ENGINES, help="only on this engine")
    parser.add_argument("--short", action="store_true", help="each on one engine")
    parser.add_argument("--keep", action="store_true", help="one after the other, and leave the hosts up")
    options = parser.parse_args()
    wanted = [name.replace("-", "_") for name in options.names] or list(there)
    if unknown := [name for name in wanted if name not in there]:
        parser.error("there is no scenario %s; there are %s" % (", ".join(unknown), ", ".join(there)))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    build_images()

    def play(name: str) -> list[Check]:
        module = there[name]
        return [check for engine in engines(module, options.engine, options.short) for check in stage(name, module, engine, options.keep)]

    alone = [name for name in wanted if getattr(there[name], "ALONE", False)]
    # Each has hosts of its own, and waits more than it works.
    with concurrent.futures.ThreadPoolExecutor(1 if options.keep else BESIDE) as pool:
        found = list(pool.map(play, [name for name in wanted if name not in alone]))
    found += [play(name) for name in alone]
    finish("scenarios", [check for checks in found for check in checks], "%(passed)d passed, %(failed)d failed")


if __name__ == "__main__":
    main()
