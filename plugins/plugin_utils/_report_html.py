# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The page around the picture: one file that asks for nothing, with the table, the failures and the data itself. Pure."""

from __future__ import annotations

import html
import json
import typing as t

from ._report import Json, shown
from ._report_svg import spent, svg

# Nothing may be loaded or run, whatever a log line holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24;--line:#d0d7de;--bad:#b3121f}
@media(prefers-color-scheme:dark){:root{--ground:#0d1117;--ink:#e6edf3;--line:#30363d;--bad:#ff8a80}}
body{margin:1.5rem auto;max-width:1100px;padding:0 1rem;background:var(--ground);color:var(--ink);font:14px/1.5 ui-sans-serif,system-ui,sans-serif}
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}
.failed{color:var(--bad);font-weight:600}pre{overflow:auto;border:1px solid var(--line);padding:.6rem}
.id{font-family:ui-monospace,monospace;font-size:12px;overflow-wrap:anywhere;min-width:9rem}
.wide{overflow-x:auto}svg{width:100%;min-width:700px}
"""
_COLUMNS = ("host", "service", "before", "after", "outcome", "seconds of each step", "drained / cut", "lost", "image")


def page(data: Json) -> str:
    """The HTML file."""
    title = html.escape(data["title"])
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" content="%s">' % _POLICY,
            '<meta name="viewport" content="width=device-width">',
            "<title>%s</title>" % title,
            "<style>%s</style>" % _STYLE,
            "</head>",
            "<body>",
            "<h1>%s</h1>" % title,
            '<div class="wide">%s</div>' % svg(data),
            "<h2>Hosts</h2>",
            _table(data),
            _failures(data),
            '<script type="application/json" id="rollout-data">%s</script>' % as_json(data).replace("<", "\\u003c"),
            "</body>",
            "</html>",
            "",
        ]
    )


def as_json(data: Json) -> str:
    """The data itself."""
    return json.dumps(data, indent=1, sort_keys=True)


def _table(data: Json) -> str:
    rows = [_row(host, run) for host in data["hosts"] for run in host["runs"]]
    head = "".join('<th scope="col">%s</th>' % name for name in _COLUMNS)
    return '<div class="wide"><table><thead><tr>%s</tr></thead><tbody>\n%s\n</tbody></table></div>' % (head, "\n".join(rows))


def _row(host: Json, run: Json) -> str:
    failed = run["outcome"] == "failed"
    lost = host["probe"]["lost"] if host["probe"] else ""
    image = "%s %s" % (run["image"] or "", run["image_id"] or "")
    cells = [host["host"], run["service"], shown(run["before"]), shown(run["version"])]
    drained = "%s / %s" % (run["drained"] or 0, run["cut"] or 0)
    return "<tr>%s%s%s%s</tr>" % (
        "".join(_cell(one) for one in cells),
        _cell(run["outcome"], "failed" if failed else ""),
        "".join(_cell(one) for one in (spent(run), drained, lost)),
        _cell(image.strip(), "id"),
    )


def _cell(value: t.Any, kind: str = "") -> str:
    return "<td%s>%s</td>" % (' class="%s"' % kind if kind else "", html.escape(str(value)))


def _failures(data: Json) -> str:
    found = [_failure(host["host"], run) for host in data["hosts"] for run in host["runs"] if run["outcome"] == "failed"]
    lost = ["<li>%s: %s</li>" % (html.escape(host["host"]), _lost(host["probe"])) for host in data["hosts"] if host["probe"] and host["probe"]["lost"]]
    parts = ["<h2>Failures</h2>", *found] if found else []
    return "\n".join([*parts, *(["<h2>Lost requests</h2>", "<ul>", *lost, "</ul>"] if lost else [])])


def _failure(host: str, run: Json) -> str:
    back = {True: "Everything is back where it was.", False: "It could not be put back."}.get(t.cast(bool, run.get("restored")), "")
    logs = run.get("logs") or {}
    lines = ["%s: %s" % (name, line) for name, found in logs.items() for line in found]
    return '<details open><summary>%s, %s: <span class="failed">%s</span> %s</summary><pre>%s</pre></details>' % (
        html.escape(host),
        html.escape("%s %s, in %s" % (run["service"], run["version"], run.get("phase") or "the beginning")),
        html.escape(str(run.get("error") or "")),
        back,
        html.escape("\n".join(lines) or "no log lines"),
    )


def _lost(probe: Json) -> str:
    kinds: dict[str, int] = {}
    for one in probe["failures"]:
        kinds[str(one["kind"])] = kinds.get(str(one["kind"]), 0) + 1
    return html.escape("%d lost; the first of them: %s" % (probe["lost"], ", ".join("%s (%d)" % item for item in sorted(kinds.items()))))
