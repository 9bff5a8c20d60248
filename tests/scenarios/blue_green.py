# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two colours on two hosts, of which a HAProxy on a third shows one: the hidden one is deployed and then linked, under load through TLS."""

from __future__ import annotations

import json
import re
import typing as t

from run.report import WORK

from kit import tls
from scenarios.scene import Scene
from scenarios.seen import versions

HOSTS = ("lb1:docker", "blue:{engine}", "green:{engine}")
SHORT = "docker"
DOMAIN = "greet.example.com"
PATIENCE = 60.0
STATE = r"""
import json, socket
link = socket.socket(socket.AF_UNIX)
link.connect("/run/haproxy/admin.sock")
link.sendall(b"show stat greet 4 -1 json\n")
link.shutdown(socket.SHUT_WR)
rows = [[(one["field"]["name"], one["value"]["value"]) for one in row] for row in json.loads(b"".join(iter(lambda: link.recv(65536), b"")))]
print(json.dumps({dict(row)["svname"]: dict(row) for row in rows}))
"""


def run(scene: Scene) -> None:
    """A on one colour, B on the other, a broken one that stays hidden, and A again."""
    certificate = prepare(scene)
    scene.variables = {"engine": scene.hosts["blue"].spec.program}
    scene.plays("the balancer", "balancer.yml", changes=True)
    scene.plays("the balancer again", "balancer.yml", changes=False)
    scene.four_steps("version A", "site.yml")
    which(scene, "blue")
    look(scene)
    # Few, since many are a TLS handshake each, and patient: what a busy machine answers late is not lost.
    options = {"ca_file": certificate, "timeout": PATIENCE}
    with scene.load("through TLS", "https://%s/" % scene.hosts["lb1"].address, domain=DOMAIN, share=0.25, options=options) as load:
        scene.plays("version B", "site.yml", "-e", "version=B", changes=True)
        load.await_version("B", PATIENCE)
        which(scene, "green")
        scene.check("the hidden colour still runs A", versions(scene.hosts["blue"], "greet") == ["A"], "%s" % versions(scene.hosts["blue"], "greet"))
        scene.plays("version B again", "site.yml", "-e", "version=B", changes=False)
        broken = scene.play("site.yml", "-e", "version=C")
        scene.check("a version that is not healthy is refused on the hidden colour", "did not pass its gate" in broken.log, broken.log[-4000:])
        which(scene, "green")
        scene.plays("version A on the hidden colour", "site.yml", changes=True)
        load.await_version("A", PATIENCE)
        which(scene, "blue")
        scene.host.ssh("systemctl reload haproxy")
        scene.plays("nothing changes after a reload of the owner's", "site.yml", changes=False)
    scene.played_page()


def prepare(scene: Scene) -> str:
    """What such a balancer has already: HAProxy and a certificate. Returns where the certificate is here."""
    pair = tls.self_signed(WORK / "greet", DOMAIN)
    both = pair.certificate.read_text() + pair.key.read_text()
    scene.host.ssh("systemctl unmask haproxy && install -m 600 /dev/stdin /etc/haproxy/greet.pem", stdin=both)
    return str(pair.certificate)


def which(scene: Scene, colour: str) -> None:
    """A check of what service_info says of the colours."""
    done = scene.play("which.yml")
    said = re.findall(r"live: ([\w ]*)\W", done.log)
    scene.check("service_info says that %s is live, and it alone" % colour, said == [colour], done.log[-2000:])


def look(scene: Scene) -> None:
    """What the balancer's configuration asks for is so."""
    asked = "curl -s -o /dev/null -w '%%{http_code} %%{redirect_url}' -H 'Host: %s' http://127.0.0.1/x" % DOMAIN
    plain = scene.host.ssh(asked).stdout
    scene.check("plain HTTP is sent to HTTPS", plain == "301 https://%s/x" % DOMAIN, plain)
    asked = "curl -sk --resolve %s:443:127.0.0.1 https://%s/headers" % (DOMAIN, DOMAIN)
    headers = json.loads(scene.host.ssh(asked).stdout)
    scene.check("the client's address goes along", headers.get("x-forwarded-for") == "127.0.0.1" and headers["x-forwarded-proto"] == "https", str(headers))
    state: dict[str, dict[str, t.Any]] = json.loads(scene.host.ssh("python3 -", stdin=STATE).stdout)
    row = state.get("blue", {})
    found = [row.get(name) for name in ("status", "check_status", "check_rise", "check_fall")]
    scene.check("the linked colour has the owner's health check", found == ["UP", "L7OK", 2, 1], str(state))
