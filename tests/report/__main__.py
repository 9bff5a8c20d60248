# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev test-report: the picture of a rollout, opened by a browser, from journals.json. With `record` that is recorded anew, on three hosts
with engines, and with `draw` docs/pictures/rollout.svg is drawn from it."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import typing as t

from run.report import ROOT, Check, finish, say

from ansible_collections.hotswap.containers.plugins.plugin_utils import _report, _report_html, _report_svg
from report.record import RECORDED, record

PICTURE = ROOT / "docs" / "pictures" / "rollout.svg"
TIMEOUT = 120
# The browser asks for things of its own: it is told that there is no network, so that whatever the page asks for fails and is said.
BROWSER = ("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr")
_FOREIGN = '<img src="https://example.com/x.png" alt=""><script>x()</script>'


def data() -> dict[str, t.Any]:
    """What is recorded, as the picture's data."""
    return _report.report(json.loads(RECORDED.read_text()))


def opened(page: str) -> tuple[str, list[str]]:
    """The document as a browser has it after the page was opened, and what its console said."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rollout-report.html"
        path.write_text(page)
        argv = [*BROWSER, "--user-data-dir=%s/profile" % folder, "--dump-dom", path.as_uri()]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def looked_at(found: dict[str, t.Any], document: str, console: list[str]) -> dict[str, bool]:
    """What the browser has to show of this data."""
    runs = [run for host in found["hosts"] for run in host["runs"]]
    steps = [one for run in runs for one in run["phases"] if one["name"] != "record"]
    pieces = [piece["use"] for run in runs for life in run["lives"] for piece in life["pieces"]]

    def bars(kind: str) -> int:
        return len(re.findall(r'</title><rect class="%s"' % kind, document))

    failed = [run for run in runs if run["outcome"] == "failed"]
    return {
        "the console says nothing, so nothing was asked for": console == [],
        "every host has its place": [host["host"] for host in found["hosts"]] == re.findall(r'data-host="([^"]*)"', document),
        "every run has its place": len(runs) == len(re.findall(r'<g class="run"', document)) > 0,
        "every step has a bar": bars("phase") + bars("back") == len(steps) > 0,
        "every life has its bars": {use: bars(use) for use in set(pieces)} == {use: pieces.count(use) for use in set(pieces)},
        "every cutover has its line": document.count('class="cutover"') == sum(run["cutover"] is not None for run in runs) > 0,
        "every probe is drawn": document.count('<g class="probe">') == sum(host["probe"] is not None for host in found["hosts"]) > 0,
        "every failure is told with its log": document.count("<details") == len(failed) > 0,
        "every bar has a title": len(re.findall(r"<g><title>[^<]+</title>", document)) == len(steps) + len(pieces) + document.count('class="cutover"'),
        "the table has every run": document.count("<tr>") == len(runs) + 1,
    }


def checks() -> t.Iterator[Check]:
    """One check for each thing that must be seen, and one that a page which asks for something is found out."""
    found = data()
    page = _report_html.page(found)
    began = time.monotonic()
    for what, passed in looked_at(found, *opened(page)).items():
        say("%-6s %s" % ("ok" if passed else "FAILED", what))
        yield Check(what, passed, time.monotonic() - began)
        began = time.monotonic()
    blocked = opened(page.replace("</body>", _FOREIGN + "</body>"))[1]
    yield Check("a page that asks for something is found out", len(blocked) == 2, time.monotonic() - began)
    if PICTURE.exists():
        yield Check("the documentation's picture is of these journals", PICTURE.read_text() == _report_svg.svg(found))


def main() -> None:
    """Records and draws, where that is asked for; else the checks."""
    words = sys.argv[1:]
    if "record" in words:
        say(record())
    if words:
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(_report_svg.svg(data()))
        return
    finish("report", list(checks()))


if __name__ == "__main__":
    main()
