# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-fuzz [--cases N] [--seed N]: generated parameters for every module, and one closing line."""

from __future__ import annotations

import argparse
import pathlib
import random
import sys
import tempfile
import traceback

from fuzz import arguments, modules
from fuzz.run import Count, fuzz

CASES = 20400


def main() -> None:
    """Exits 1 when one crashed or leaked."""
    parser = argparse.ArgumentParser(prog="./dev test-fuzz")
    parser.add_argument("--cases", type=int, default=CASES, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="the same number gives the same cases")
    asked = parser.parse_args()
    print("seed %d" % asked.seed, flush=True)
    total = Count()
    parts = sum(modules.SHARES.values())
    with tempfile.TemporaryDirectory() as folder:
        for name, share in modules.SHARES.items():
            found = fuzz(name, asked.cases * share // parts, asked.seed, pathlib.Path(folder))
            print("%-14s %s" % (name, found), flush=True)
            total = total + found
        found = arguments.run(max(20, asked.cases // 100), asked.seed, pathlib.Path(folder))
        print("%-14s %s" % ("AnsibleModule", found), flush=True)
        total = total + found
    print("fuzz: cases=%d crashed=%d leaked=%d" % (total.cases, total.crashed, total.leaked))
    sys.exit(1 if total.crashed or total.leaked or total.cases < asked.cases else 0)


if __name__ == "__main__":
    try:
        main()
    except Exception:
        traceback.print_exc()
        sys.exit(2)
