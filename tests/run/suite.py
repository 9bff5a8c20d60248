# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test: every layer, a table, and one closing line. The hosts of the test bed come up while the others run."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import subprocess
import sys
import time

from run.report import OUTPUT, ROOT, load, result_file, say

LAYERS = ("lint", "unit", "sanity", "integration", "scenarios", "fleet")

# They need the machine for themselves.
ON_HOSTS = ("integration", "scenarios", "fleet")

# It uses one core, on a copy of the checkout. The other layers that need no hosts have the other one.
BESIDE = "sanity"

# What a layer's verb is told here, where it would take too long else.
SHORTER = {"fleet": ("--short",)}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one layer came to; `seconds` of wall time."""

    layer: str
    passed: int
    failed: int
    seconds: float


def outcome(layer: str, exit_code: int, seconds: float) -> Outcome:
    """Counts the checks that the layer left. One that left none, or exited badly with no failure, counts as one failure."""
    checks = load(layer)
    failed = sum(not check.passed for check in checks)
    if not checks or (exit_code and not failed):
        failed += 1
    return Outcome(layer, sum(check.passed for check in checks), failed, seconds)


def run_layer(layer: str, log: pathlib.Path | None = None) -> Outcome:
    """Runs ./dev test-LAYER and waits for it. `log`: the file that gets its output, else the terminal does."""
    say("\n== %s%s" % (layer, " (beside the others: %s)" % log if log else ""))
    result_file(layer).unlink(missing_ok=True)
    began = time.monotonic()
    argv = [str(ROOT / "dev"), "test-" + layer, *SHORTER.get(layer, ())]
    code = run(argv, log)
    return outcome(layer, code, time.monotonic() - began)


def run(argv: list[str], log: pathlib.Path | None) -> int:
    """The exit code of a command, whose output goes to the terminal or to a file."""
    if log is None:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode
    with log.open("w") as file:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False).returncode


def run_all(layers: tuple[str, ...]) -> list[Outcome]:
    """Runs the layers one after the other, BESIDE beside them; what the hosts need is prepared meanwhile, with its output in a file."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        prepared = pool.submit(prepare) if "integration" in layers else None
        log = OUTPUT / "sanity-layer.log"
        beside = pool.submit(run_layer, BESIDE, log) if BESIDE in layers and len(layers) > 1 else None
        outcomes = {layer: run_layer(layer) for layer in layers if layer not in ON_HOSTS and not (beside and layer == BESIDE)}
        if beside:
            say("\n== %s" % BESIDE)
            outcomes[BESIDE] = beside.result()
            say(log.read_text().rstrip("\n"))
        if prepared:
            if not prepared.done():
                say("\nwaiting for the test bed")
            # A failure is not final here: the layer itself prepares again, and says what is wrong.
            prepared.result()
    outcomes.update({layer: run_layer(layer) for layer in layers if layer in ON_HOSTS})
    return [outcomes[layer] for layer in layers]


def prepare() -> None:
    """Brings up what integration needs."""
    log = OUTPUT / "integration-prepare.log"
    say("preparing the test bed in the background (%s)" % log)
    run([str(ROOT / "dev"), "test-integration", "--prepare"], log)


def table(outcomes: list[Outcome]) -> str:
    """Layer, passed, failed, seconds."""
    rows = ["%-12s %7d %7d %8.0f" % (each.layer, each.passed, each.failed, each.seconds) for each in outcomes]
    return "\n".join(["%-12s %7s %7s %8s" % ("layer", "passed", "failed", "seconds"), *rows])


def main() -> None:
    """`./dev test [LAYER...]`: the last line is the total, alone on its line. Exits 1 on any failure."""
    asked = tuple(sys.argv[1:]) or LAYERS
    unknown = [layer for layer in asked if layer not in LAYERS]
    if unknown:
        sys.exit("dev test: there is no layer %s; there are %s" % (", ".join(unknown), ", ".join(LAYERS)))
    outcomes = run_all(asked)
    failed = sum(each.failed for each in outcomes)
    say("\n%s\n" % table(outcomes))
    say("%d passed, %d failed" % (sum(each.passed for each in outcomes), failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
