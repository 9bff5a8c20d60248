# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-lint: tools that read the code and run none of it."""

from __future__ import annotations

import os
import pathlib

from run.checkout import copy_checkout
from run.report import LINKED, ROOT, Check, finish, run_check

COLLECTION = "ansible_collections/hotswap/containers"


def python_checks(copy: pathlib.Path) -> list[Check]:
    """ruff, mypy --strict, and the oldest Python that the plugins would run on."""
    config = str(ROOT / "pyproject.toml")
    cache = "--cache-dir=%s" % (copy.parents[3] / "mypy")
    path = {"MYPYPATH": ":".join(map(str, (ROOT / "tests", ROOT / "examples", ROOT / "bench", LINKED)))}
    typed = ["mypy", "--config-file", config, cache]
    return [
        run_check("ruff check", ["ruff", "check", "--no-cache", "."], ROOT),
        run_check("ruff format", ["ruff", "format", "--no-cache", "--check", "."], ROOT),
        run_check("mypy plugins", [*typed, COLLECTION + "/plugins"], LINKED, path),
        run_check("mypy tests", [*typed, "faults", "fleet", "fuzz", "kit", "reboot", "report", "run", "scenarios"], ROOT / "tests", path),
        run_check("mypy examples", [*typed, "demo"], ROOT / "examples", path),
        run_check("mypy bench", [*typed, "fleets", "lossless", "speed"], ROOT / "bench", path),
        run_check("vermin plugins (3.8)", ["vermin", "--no-tips", "--violations", "-t=3.8-", "plugins"], ROOT),
    ]


def ansible_checks(copy: pathlib.Path) -> list[Check]:
    """yamllint, ansible-lint with the production profile, the changelog's and the documentation's lint."""
    env = {"ANSIBLE_COLLECTIONS_PATH": str(copy.parents[2]), "NO_COLOR": "1"}
    docs = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", "."]
    return [
        run_check("yamllint", ["yamllint", "--strict", "."], ROOT),
        run_check("ansible-lint (production)", ["ansible-lint", "--offline", "--strict", "-q"], copy, env),
        run_check("antsibull-changelog", ["antsibull-changelog", "lint"], copy),
        run_check("antsibull-docs", docs, copy, env),
    ]


def main() -> None:
    """Runs them all; one check for each."""
    os.environ.pop("ANSIBLE_CONFIG", None)
    copy = copy_checkout("lint")
    finish("lint", python_checks(copy) + ansible_checks(copy))


if __name__ == "__main__":
    main()
