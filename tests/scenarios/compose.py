# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Compose file as it is, rolled out: twice, the next version under load, stop-first where it says so, and what it may not say."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

from run.report import WORK

from ansible_collections.hotswap.containers.plugins.plugin_utils import _compose
from scenarios.scene import Scene

IMAGES = ("app", "haproxy")
PAGE = "docs/from-compose.md"
SHORT = "docker"
URL = "http://127.0.0.1:8080/"
COMPOSE = "/usr/libexec/docker/cli-plugins/docker-compose"
# What Compose itself is asked about: values as they stand in a file, with these variables around them.
DOTENV = """# A comment
A=aa # and another
E=
B="b\\$A"
export C='c$A'
D: "two
lines"
F=x#y
G="tab\\t, \\"quoted\\", ${A}"
H=$A.${U:-d}
"""
VALUES = (
    *("$A", "${A}", "$A-x", "$AA", "$U", "${A:-d}", "${E:-d}", "${E-d}", "${U-d}", "${U:-d}", "${A:+p}", "${E:+p}", "${E+p}", "${U+p}"),
    *("${U:-${A}}", "${U:-${V:-x}}y", "${U:-a}b${A}", "$$A", "$$$A", "$${A}", "$", "a$ b", "$1", "${A:?no}", "${E?no}", "${A:+${U:-n}}"),
    *("${U:-a-b}", "${U:-a?b}", "${U-:-x}", "${U:-}", "${U:-{x}}", "${U:-}}", "x${A}}", "$B", "$C", "$D", "$F", "$G", "$H", "${U:-$$x}"),
)
SCALARS = ("0755", "0899", "1_000", "1e3", ".5", "1.50", "1e20", "100000000.0", "1e-7", "yes", "on", "12:30", "0x1F", "0o17", "true", "TRUE", "~")


def run(scene: Scene) -> None:
    """The file's own commands, in the order of docs/from-compose.md."""
    scene.variables = {"rollout_engine": scene.program, "rollout_proxy_image": "localhost/haproxy:test"}
    scene.check("docker compose reads the same out of a file", *as_compose_reads(scene))
    scene.four_steps("version A", "site.yml")
    everywhere = ("-e", "rollout_hosts=web", "-e", "rollout_compose=compose.yaml")
    scene.plays("without a playbook of one's own", "hotswap.containers.rollout", *everywhere, changes=False)
    scene.check("web has two instances, store one", {name: len(found) for name, found in containers(scene).items()} == {"shop-web": 2, "shop-store": 1})
    scene.check("web finds store by its name", finds(scene, "shop-web", "http://store:8282/health"))
    scene.check("store finds web through the proxy, by its name", finds(scene, "shop-store", "http://shop-proxy:8080/health"))
    with scene.load("the next version of web", URL, inside=scene.host) as load:
        load.await_version("A", 10)
        scene.environment["VERSION"] = "B"
        scene.four_steps("version B", "site.yml")
        load.await_version("B", 10)
        began, ended = order(scene, "shop-web")
        scene.check("start-first: B began before A ended", began < ended, "%s, %s" % (began, ended))
        scene.environment["STORE_VERSION"] = "B"
        scene.plays("the next version of store", "site.yml", changes=True)
        began, ended = order(scene, "shop-store")
        scene.check("stop-first: A had ended when B began", ended < began, "%s, %s" % (began, ended))
        scene.plays("the next version of store, again", "site.yml", changes=False)
        refused(scene)
    scene.played_page()
    scene.check("the text has the greeting of .env", scene.host.run(["curl", "-s", URL]).stdout == "Hi from B\n")


def as_compose_reads(scene: Scene) -> tuple[bool, str]:
    """Whether variables and YAML come to the same as with docker compose; where not, both."""
    lines = ["    V%d: %s" % item for item in enumerate([json.dumps(value) for value in VALUES] + list(SCALARS))]
    text = "name: asked\nservices:\n  web:\n   image: greet:1\n   environment:\n%s\n" % "\n".join(lines)
    folder = WORK / "scenarios" / "asked"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("compose.yaml", text), (".env", DOTENV)):
        (folder / name).write_text(content)
        scene.host.ssh("mkdir -p asked && cat > asked/" + name, stdin=content)
    told = json.loads(scene.host.ssh("cd asked && %s config --format json" % COMPOSE).stdout)["services"]["web"]["environment"]
    theirs = {name: value.replace("$$", "$") for name, value in told.items() if value is not None}
    ours = _compose.rollout(str(folder / "compose.yaml"), _compose.Asked(), {})["services"][0]["env"]
    other = {name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name)}
    return not other and len(ours) > len(VALUES), "\n".join("%s: %r, and ours %r" % (name, theirs.get(name), ours.get(name)) for name in sorted(other))


def refused(scene: Scene) -> None:
    """What cannot be honoured is named, and nothing is touched."""
    before = containers(scene)
    text = (scene.folder / "compose.yaml").read_text()
    for what, old, new, says in (
        ("an unsupported key", "    env_file:", "    container_name: store\n    env_file:", "bad.yaml: services.store.container_name: not supported"),
        ("a required variable", "${VERSION:-A}", "${NOBODY:?set it}", "bad.yaml: services.web.image: the variable NOBODY is required: set it"),
        ("two of three at a time", "order: start-first", "parallelism: 1", "services.web.deploy.update_config.parallelism: 1 of 2 instances at a time"),
    ):
        scene.refuses(what, "site.yml", says, rollout_compose=str(written(text.replace(old, new, 1))))
    scene.check("nothing was touched by what was refused", containers(scene) == before)


def written(text: str) -> pathlib.Path:
    """The text as a Compose file."""
    path = WORK / "scenarios" / "bad.yaml"
    path.write_text(text)
    return path


def containers(scene: Scene) -> dict[str, list[str]]:
    """Service -> the ids of its running containers."""
    found: dict[str, list[str]] = {}
    for line in scene.host.engine("ps", "--filter", "label=hotswap.service", "--format", '{{.Label "hotswap.service"}} {{.ID}}').stdout.split("\n"):
        if line:
            found.setdefault(line.split()[0], []).append(line.split()[1])
    return {name: sorted(ids) for name, ids in found.items()}


def finds(scene: Scene, service: str, url: str) -> bool:
    """Whether a container of the service gets a good answer from there."""
    return not scene.host.engine("exec", containers(scene)[service][0], "python3", "/app/app.py", "get", url, check=False).returncode


def order(scene: Scene, service: str) -> tuple[str, str]:
    """When the first of the live instances began, and when the last of the retired ones ended."""
    ids = scene.host.engine("ps", "-aq", "--filter", "label=hotswap.service=" + service).stdout.split()
    states = [one["State"] for one in json.loads(scene.host.engine("inspect", *ids).stdout)]
    began = min(moment(one["StartedAt"]) for one in states if one["Running"])
    return began, max(moment(one["FinishedAt"]) for one in states if not one["Running"])


def moment(text: str) -> str:
    """A time of an engine with nine digits of a second, to be compared with another of the same engine."""
    found = t.cast("re.Match[str]", re.match(r"([^.Z+]+)(?:\.(\d+))?", text))
    return "%s.%s" % (found[1], (found[2] or "").ljust(9, "0"))
