# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Draws what _report.report returned as one SVG, with a style of its own for light and dark. Pure; every text is escaped."""

from __future__ import annotations

import html
import time
import typing as t

from ._report import Json, durations, shown

WIDTH = 1000
_LEFT, _RIGHT = 150, 20
_BAR, _GAP, _HEAD, _PROBE = 18, 6, 30, 64
_TOP = 76
_LETTER = 6.6
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
# Text and background differ by 4.5 to 1 and more in both.
STYLE = """
:root{color-scheme:light dark}
svg{--ground:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--serving:#1a7f37;--waiting:#9a6700;--draining:#0969da;--bad:#cf222e;--phase:#6639ba;
--on:#fff;--area:#8ab4e8;font:12px ui-sans-serif,system-ui,sans-serif}
@media(prefers-color-scheme:dark){svg{--ground:#0d1117;--ink:#e6edf3;--soft:#9da7b1;--line:#30363d;--serving:#56d364;--waiting:#e3b341;--draining:#79c0ff;
--bad:#ff8a80;--phase:#d2a8ff;--on:#0d1117;--area:#1f4a7a}}
.ground{fill:var(--ground)}text{fill:var(--ink)}.soft{fill:var(--soft)}.head{font-weight:600;font-size:14px}.title{font-weight:600;font-size:17px}
.grid{stroke:var(--line);stroke-width:1}.serving{fill:var(--serving)}.waiting{fill:var(--waiting)}.draining{fill:var(--draining)}.phase{fill:var(--phase)}
.back,.lost,.bad{fill:var(--bad)}.on{fill:var(--on);font-size:11px}.cutover{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}.rate{fill:var(--area)}
"""
# What the key shows: class and words.
_KEY = (
    ("waiting", "runs, no traffic"),
    ("serving", "serves"),
    ("draining", "drains"),
    ("phase", "step"),
    ("back", "way back, lost"),
    ("rate", "requests a second"),
)


def svg(data: Json) -> str:
    """The picture, as the text of an SVG file."""
    scale = _Scale(data["began"], data["ended"])
    rows, y = [], float(_TOP)
    for host in data["hosts"]:
        drawn, y = _host(host, scale, y)
        rows.append(drawn)
    height = y + 34
    parts = [_opening(data, height), _grid(scale, y), *rows, _key(y + 20), "</svg>"]
    return "\n".join(part for part in parts if part) + "\n"


class _Scale:
    """Seconds to the place in the picture."""

    def __init__(self, began: float, ended: float) -> None:
        self.began, self.ended = began, ended
        self._factor = (WIDTH - _LEFT - _RIGHT) / max(ended - began, 0.001)

    def x(self, at: float) -> float:
        """Kept inside the picture."""
        return round(_LEFT + (min(max(at, self.began), self.ended) - self.began) * self._factor, 1)

    def ticks(self) -> list[float]:
        """Seconds since the beginning, at most ten or so."""
        length = self.ended - self.began
        step = next((one for one in _TICKS if length / one <= 10), length / 8)
        return [number * step for number in range(int(length / step) + 1)]


def text(x: float, y: float, words: t.Any, kind: str = "") -> str:
    """A line of text; `kind` is a class."""
    return '<text x="%g" y="%g"%s>%s</text>' % (x, y, ' class="%s"' % kind if kind else "", html.escape(str(words)))


def _opening(data: Json, height: float) -> str:
    title = html.escape(data["title"])
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(data["began"])) if data["hosts"] else ""
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %g" role="img" aria-labelledby="rollout-title">' % (WIDTH, height),
            '<title id="rollout-title">%s</title>' % title,
            "<style>%s</style>" % STYLE,
            '<rect class="ground" width="%d" height="%g"/>' % (WIDTH, height),
            text(12, 26, data["title"], "title"),
            text(12, 44, "seconds since %s" % when, "soft"),
        ]
    )


def _grid(scale: _Scale, bottom: float) -> str:
    found = []
    for second in scale.ticks():
        x = scale.x(scale.began + second)
        found.append('<line class="grid" x1="%g" x2="%g" y1="%g" y2="%g"/>' % (x, x, _TOP - 8, bottom))
        found.append(text(x + 2, _TOP - 10, "%g" % round(second, 3), "soft"))
    return "\n".join(found)


def _box(scale: _Scale, began: float, ended: float, y: float, kind: str, words: str, told: str) -> str:
    """A bar with a tooltip, and words in it where they fit."""
    x, end = scale.x(began), scale.x(ended)
    width = max(end - x, 1.0)
    inside = text(x + 4, y + 13, words, "on") if words and len(words) * _LETTER + 8 < width else ""
    return '<g><title>%s</title><rect class="%s" x="%g" y="%g" width="%g" height="%d" rx="2"/>%s</g>' % (
        html.escape(told),
        kind,
        x,
        y,
        round(width, 1),
        _BAR,
        inside,
    )


def _host(host: Json, scale: _Scale, y: float) -> tuple[str, float]:
    parts = ['<g class="host" data-host="%s">' % html.escape(host["host"], quote=True), text(12, y + 16, host["host"], "head")]
    y += _HEAD
    if not host["runs"]:
        words = "the journal could not be read: " + host["error"] if host["error"] else "nothing was done here"
        parts.append(text(_LEFT, y - 14, words, "bad" if host["error"] else "soft"))
    for run in host["runs"]:
        drawn, y = _run(run, scale, y)
        parts.append(drawn)
    if host["probe"] and host["probe"]["timeline"]:
        parts.append(_probe(host["probe"], scale, y))
        y += _PROBE + _GAP
    return "\n".join([*parts, "</g>"]), y + 2 * _GAP


def summary(run: Json) -> str:
    """One line for people: service, versions, what came of it."""
    return "%s %s to %s: %s" % (run["service"], shown(run["before"]), shown(run["version"]), run["outcome"])


def _run(run: Json, scale: _Scale, y: float) -> tuple[str, float]:
    failed = run["outcome"] == "failed"
    parts = [
        '<g class="run" data-outcome="%s">' % html.escape(str(run["outcome"]), quote=True),
        text(scale.x(run["began"]), y + 4, summary(run), "bad" if failed else "soft"),
    ]
    top, y = y, y + 10
    for life in run["lives"]:
        parts.append(text(12, y + 13, "%s %s" % (run["service"], shown(life["version"]))))
        parts.extend(_piece(life, piece, scale, y) for piece in life["pieces"])
        y += _BAR + _GAP
    parts.append(text(12, y + 13, "steps", "soft"))
    parts.extend(_phase(one, scale, y) for one in run["phases"] if one["name"] != "record")
    y += _BAR + _GAP
    if run["cutover"] is not None:
        x = scale.x(run["cutover"])
        parts.append('<g><title>cutover</title><line class="cutover" x1="%g" x2="%g" y1="%g" y2="%g"/></g>' % (x, x, top + 6, y - _GAP))
    return "\n".join([*parts, "</g>"]), y + _GAP


_USES = {"serving": "serves", "waiting": "runs without traffic", "draining": "gets nothing new"}


def _piece(life: Json, piece: Json, scale: _Scale, y: float) -> str:
    words = _USES[piece["use"]]
    told = "%s %s for %.1f s" % (shown(life["version"]), words, max(piece["to"] - piece["from"], 0))
    return _box(scale, piece["from"], piece["to"], y, piece["use"], words, told)


def _phase(one: Json, scale: _Scale, y: float) -> str:
    told = "%s%s, %.3f s%s" % ("way back: " if one["back"] else "", one["name"], one["seconds"], ": " + " ".join(one["names"]) if one["names"] else "")
    return _box(scale, one["at"], one["at"] + one["seconds"], y, "back" if one["back"] else "phase", one["name"], told)


def _probe(probe: Json, scale: _Scale, y: float) -> str:
    """The rate as an area, losses as bars on top of it."""
    line = probe["timeline"]
    step = float(line["step"] or 1)
    places = [(float(line["from"]) + number * step, ok, lost) for number, (ok, lost) in enumerate(zip(line["ok"], line["lost"]))]
    seen = [one for one in places if scale.began - step < one[0] < scale.ended]
    most = max((ok + lost for _at, ok, lost in seen), default=0) or 1
    bottom = y + _PROBE
    parts = [
        '<g class="probe">',
        "<title>%s</title>" % html.escape(told_of(probe)),
        text(12, y + 13, "probe", "soft"),
        text(12, y + 29, "%d sent" % probe["sent"]),
    ]
    parts.append(text(12, y + 45, "%d lost" % probe["lost"], "bad" if probe["lost"] else ""))
    parts.append(text(_LEFT - 6 - _LETTER * len("%g/s" % (most / step)), y + 11, "%g/s" % (most / step), "soft"))
    for at, ok, lost in seen:
        x, end = scale.x(at), scale.x(at + step)
        for kind, low, high in (("rate", 0, ok), ("lost", ok, ok + lost)):
            tall = (high - low) / most * (_PROBE - 2)
            if high > low and end > x:
                tall = max(tall, 2.0)
                parts.append(
                    '<rect class="%s" x="%g" y="%.1f" width="%.1f" height="%.1f"/>' % (kind, x, bottom - low / most * (_PROBE - 2) - tall, end - x, tall)
                )
    return "\n".join([*parts, "</g>"])


def told_of(probe: Json) -> str:
    """The counts of a probe in one line."""
    return "probe: %d requests sent, %d lost" % (probe["sent"], probe["lost"])


def _key(y: float) -> str:
    parts, x = ['<g class="key">'], float(_LEFT)
    for kind, words in _KEY:
        parts.append('<rect class="%s" x="%g" y="%g" width="12" height="12"/>' % (kind, x, y - 10))
        parts.append(text(x + 16, y, words, "soft"))
        x += 34 + len(words) * _LETTER
    return "".join([*parts, "</g>"])


def spent(run: Json) -> str:
    """Seconds by phase, in one line."""
    return ", ".join("%s %.1f" % (name, seconds) for name, seconds in durations(run).items())
