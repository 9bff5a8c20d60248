# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a move of traffic asks of the running proxy, counted: a command in its container costs more than all the rest."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._switch import caddy, nginx
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import (
    Listener,
    Maintenance,
    Places,
    ProxySettings,
    Route,
    Serving,
    Switch,
    Target,
)

SETTINGS = ProxySettings("edge", (Listener(80),), "token-of-the-proxy")
ROUTE = Route("greet", ("greet.example.com",))
BLUE, GREEN = Target("greet-blue", "10.0.0.2", 80), Target("greet-green", "10.0.0.3", 80)
MOVES = (
    Serving(ROUTE, (GREEN,)),
    Serving(ROUTE, (dataclasses.replace(GREEN, weight=90), dataclasses.replace(BLUE, weight=10))),
    Serving(dataclasses.replace(ROUTE, maintenance=Maintenance("later")), (GREEN,)),
    Serving(ROUTE, ()),
)


def _with_name(part: t.Any) -> t.Iterator[t.Any]:
    """What Caddy can be asked for alone."""
    if isinstance(part, dict) and "@id" in part:
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _with_name(inner)


class Counted:
    """A proxy that is not there: what it was asked, and the commands that were run in its container."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.asked, self.commands = folder, [], []
        self.loaded = '{"apps": {}}'

    def nginx(self, where: pathlib.Path, _method: str, path: str) -> tuple[int, str]:
        """Answers on the sockets of the configurations that it took up."""
        self.asked.append(path)
        return 200, where.name[:12]

    def caddy(self, _socket: pathlib.Path, method: str, path: str, body: str | None) -> tuple[int, str]:
        """Runs what was loaded last."""
        self.asked.append("%s %s" % (method, path))
        self.loaded = body or self.loaded
        if not path.startswith("/id/"):
            return 200, self.loaded
        found = [one for one in _with_name(json.loads(self.loaded)) if one["@id"] == path.split("/")[2]]
        return (200, json.dumps(found[0])) if found else (404, "")

    def run(self, argv: t.Sequence[str]) -> tuple[int, str]:
        """A reload of nginx takes up what the file says."""
        self.commands.append(argv)
        if "reload" in argv:
            self.start_nginx()
        return 0, ""

    def start_nginx(self) -> None:
        """A socket that is named as the file says, and no other."""
        for other in (self.folder / "run").iterdir():
            other.unlink()
        for name in re.findall(r"[0-9a-f]{12}\.sock", (self.folder / "conf" / "nginx.conf").read_text()):
            (self.folder / "run" / name).touch()


PARTS = ["choice-1", "pool-1", "failed-1"]


@pytest.mark.parametrize(
    ("driver", "questions"),
    [(nginx, "/"), (caddy, " ".join([r"GET /id/hotswap-\w{12}/admin/listen", *("GET /id/public:greet:" + part for part in PARTS)]))],
)
def test_few_questions_and_no_command(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, driver: t.Any, questions: str) -> None:
    """Nor is the record of another service read: this one cannot be."""
    proxy = Counted(tmp_path / "edge")
    monkeypatch.setattr(driver, "_exchange", getattr(proxy, driver.__name__.rpartition(".")[2]))
    switch: Switch = driver.open_switch(proxy.folder, proxy.run, Places("/conf", "/run"))
    switch.prepare(SETTINGS)
    if driver is nginx:
        proxy.start_nginx()
    switch.serve(Serving(ROUTE, (BLUE,)))
    (proxy.folder / "routes" / "other.json").write_text("{")
    for move in MOVES:
        proxy.asked, proxy.commands = [], []
        switch.serve(move)
        assert re.fullmatch(questions, " ".join(proxy.asked)) and proxy.commands == []
        assert switch.written("greet") == move
