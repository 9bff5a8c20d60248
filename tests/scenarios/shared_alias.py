# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rootless Podman, or Docker, and a network with a proxy in front: with a proxy of ours, and with the proxy that is there."""

from __future__ import annotations

from scenarios.scene import Scene

IMAGES = ("app", "caddy", "haproxy")
SHORT = "rootless"
# It is about milliseconds.
ALONE = True
URL = "http://127.0.0.1:8080/"
PROXIES = ("caddy", "haproxy")
ATTEMPTS = 5
# The loop that people watch: a new connection each 10 ms, 200 ms for the whole answer, and the text.
LOOP = {"traffic": [{"kind": "fresh", "rate": 100, "connections": 40}], "timeout": 0.2, "body": r"^Hi from (?P<version>[AB])$"}
# What asks as their Caddy does: it finds the new instances within a second.
PATIENT = {"traffic": [{"kind": "fresh", "rate": 60}, {"kind": "keepalive", "rate": 40}], "timeout": 5.0}
CADDYFILE = """{
  admin off
  auto_https off
}
http://:8181 {
  reverse_proxy {
    dynamic a greet 8282 {
      refresh 1s
    }
    lb_try_duration 5s
    transport http {
      dial_timeout 2s
      keepalive 1s
    }
  }
}
"""


def run(scene: Scene) -> None:
    """Each proxy of ours in turn on the same port, then the alias behind a Caddy of theirs."""
    engine = {"rollout_engine": scene.program}
    for driver in PROXIES:
        scene.variables = {**engine, "rollout_driver": driver, "rollout_proxy_image": "localhost/%s:test" % driver}
        behind(scene, driver)
    scene.variables = engine
    scene.played_page()
    alias(scene)


def behind(scene: Scene, driver: str) -> None:
    """A, and B under the loop."""
    scene.four_steps("%s, version A" % driver, "site.yml")
    found = [switch(scene, driver, "A", "B")]
    # A machine that is busy with something else answers late now and then: that is seen again without a cause in the switch.
    while found[-1] and len(found) < ATTEMPTS:
        found += [switch(scene, driver, "B", "A"), switch(scene, driver, "A", "B")]
    late = ", then ".join("%d" % one for one in found)
    scene.check("%s, no answer took longer than 200 ms in one of the switches (late: %s)" % (driver, late), 0 in found)
    scene.plays("%s, version B again" % driver, "site.yml", "-e", "version=B", changes=False)
    scene.plays("%s, everything removed" % driver, "remove.yml", changes=True)


def switch(scene: Scene, driver: str, old: str, new: str) -> int:
    """One rollout under the loop: nothing is lost, and both texts are seen. Returns how many answers took longer than the limit."""
    with scene.asked(URL, inside=scene.host, options=LOOP) as load:
        load.await_version(old, 10)
        scene.plays("%s, version %s" % (driver, new), "site.yml", "-e", "version=" + new, changes=True)
        load.await_version(new, 10)
    lost = [one.kind for one in load.failures if one.kind != "timeout"]
    versions: dict[str, int] = load.last["versions"]
    counted = "%d requests, %d lost, %s" % (load.last["sent"], len(lost), ", ".join("%s %d times" % item for item in sorted(versions.items())))
    scene.check("%s, a request each 10 ms: %s" % (driver, counted), not lost and set(versions) == {"A", "B"}, ", ".join(lost))
    return len(load.failures) - len(lost)


def alias(scene: Scene) -> None:
    """Their Caddy stays as it is, and the name moves."""
    scene.host.ssh("mkdir -p caddy && cat > caddy/Caddyfile", stdin=CADDYFILE)
    # Without a subnet of its own Docker gives out no fixed addresses.
    scene.host.engine("network", "create", "--subnet", "10.89.77.0/24", "greet")
    folder = scene.host.ssh("pwd").stdout.strip() + "/caddy:/etc/caddy:ro"
    words = ("--network", "greet", "-p", "127.0.0.1:8080:8181", "-v", folder, "localhost/caddy:test")
    scene.host.engine("run", "-d", "--name", "caddy", *words, "caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile")
    scene.four_steps("alias, version A", "alias.yml")
    with scene.load("alias, with a client that waits", URL, inside=scene.host, options=PATIENT) as load:
        load.await_version("A", 10)
        scene.plays("alias, version B", "alias.yml", "-e", "version=B", changes=True)
        load.await_version("B", 10)
    scene.plays("alias, version B again", "alias.yml", "-e", "version=B", changes=False)
