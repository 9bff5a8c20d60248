# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One combination: set up, ask all the time from outside the host, cut over, count."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import typing as t

from run.hosts import bed, call

from lossless.plays import PORT, PlayFailed, Stage, host_of
from lossless.record import Row, row_of
from lossless.settings import WEBSOCKETS, Combo

# Before the first and after the last cutover, so that the count has a beginning and an end without one. Seconds.
_CALM = 2.0
WEBSOCKET_CONNECTIONS = 4


def addresses() -> dict[str, str]:
    """The hosts' addresses in the lab, by name."""
    return {line.split()[0]: line.split()[1] for line in call(bed("status")).splitlines()}


@contextlib.contextmanager
def asking(url: str, rate: float, websockets: int) -> t.Iterator[t.Callable[[], dict[str, t.Any]]]:
    """A client in the hosts' network; the function that is given ends it and returns its counts."""
    argv = bed("lab", sys.executable, "-m", "lossless.client", url, "%g" % rate, "%d" % websockets)
    process = subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def end() -> dict[str, t.Any]:
        process.terminate()
        text, _errors = process.communicate()
        counted: dict[str, t.Any] = json.loads(text.splitlines()[-1])
        return counted

    try:
        if process.stdout is None or process.stdout.readline() != "asking\n":
            raise PlayFailed("the client did not start")
        yield end
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def measure(combo: Combo, stage: Stage, rate: float, commit: str) -> Row:
    """Measures one combination; raises PlayFailed when it could not be set up or walked. The next one on the host cleans up."""
    websockets = WEBSOCKET_CONNECTIONS if combo.way == WEBSOCKETS else 0
    stage.play(combo, "prepare")
    with asking("http://%s:%d/" % (addresses()[host_of(combo.engine)], PORT), rate, websockets) as end:
        time.sleep(_CALM)
        notes = stage.cutovers(combo)
        time.sleep(_CALM)
        counted = end()
    return row_of(combo, counted, notes, commit)
