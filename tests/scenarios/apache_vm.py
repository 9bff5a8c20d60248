# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VM whose Apache, with TLS and HTTP/2, leads to an application on the host's network, which has its database in the host's PostgreSQL."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import shlex
import shutil
import subprocess
import typing as t

from run.report import WORK

from kit import archive, images, rootfs, tls
from scenarios.scene import Scene
from scenarios.seen import versions

ENGINES = ("docker", "podman")
SHORT = "docker"
IMAGES: tuple[str, ...] = ()
DOMAIN = "adara.example.com"
# Versions as Git would call them: two good ones, one that is left over from a failed run, one that never gets healthy.
A, B, LEFT, DOWN = "1111aaaa2222", "3333bbbb4444", "5555cccc6666", "7777dddd8888"
# Few, since each is a TLS handshake, and patient: what a busy machine answers late is not lost.
TRAFFIC = [
    {"kind": "fresh", "rate": 5},
    {"kind": "post_fresh", "rate": 3},
    {"kind": "keepalive", "rate": 5},
    {"kind": "slow", "connections": 2, "path": "/slow?s=1"},
]
PATIENCE = 60.0
PREPARE = """
set -e
cat > /etc/ssl/adara.pem
a2enmod -q ssl http2 headers proxy proxy_http
systemctl unmask apache2 postgresql
systemctl restart apache2
pg_lsclusters -h | grep -q . || pg_createcluster %(release)s main
sed -i '1i host adara adara 127.0.0.1/32 trust' /etc/postgresql/*/main/pg_hba.conf
pg_ctlcluster %(release)s main restart
runuser -u postgres -- psql -q -c 'CREATE ROLE adara LOGIN' -c 'CREATE DATABASE adara OWNER adara'
runuser -u postgres -- psql -q -d adara -c 'CREATE TABLE visits AS SELECT generate_series(1, 3)' -c 'GRANT SELECT ON visits TO adara'
systemd-run -q --unit somebody python3 -m http.server 8080 --bind 127.0.0.1
"""


def run(scene: Scene) -> None:
    """From nothing to A, to B over what a failed run left, a version and sites that are refused, and back."""
    folder = WORK / "adara"
    shutil.rmtree(folder, ignore_errors=True)
    pair = tls.self_signed(folder, DOMAIN)
    build(folder)
    prepare(scene, pair)
    scene.variables = {"engine": scene.program, "rollout_engine": scene.program}
    scene.four_steps("version A", "site.yml", **version(folder, A))
    look(scene)
    scene.plays("a version that stays pending", "site.yml", changes=True, **version(folder, LEFT), rollout_state="candidate")
    scene.check("it runs without traffic", running(scene) == [A, LEFT] and said(scene, "/").endswith(A), "%s" % running(scene))
    options = {"traffic": TRAFFIC, "timeout": PATIENCE, "ca_file": str(pair.certificate)}
    with scene.load("through TLS", "https://%s/" % scene.host.address, domain=DOMAIN, options=options) as load, http2(scene):
        scene.plays("version B", "site.yml", changes=True, **version(folder, B))
        load.await_version(B, PATIENCE)
        scene.check("what was pending is gone, and A is stopped", running(scene) == [B], "%s" % running(scene))
        refused(scene, folder)
        scene.plays("version B again", "site.yml", changes=False, **version(folder, B))
        words = ("-e", "rollout_hosts=web", "-e", "rollout_name=adara")
        scene.plays("back to A", "hotswap.containers.rollback", *words, changes=True)
        load.await_version(A, PATIENCE)
    scene.folder, built = checkout(scene, folder / "checkout")
    scene.four_steps("version %s, built by what the page says" % built, "site.yml")
    scene.check("it runs", running(scene) == [built], "%s" % running(scene))
    scene.played_page()


def refused(scene: Scene, folder: pathlib.Path) -> None:
    """A version that does not get healthy, and sites that Apache does not understand: everything stays."""
    before = sites(scene)
    more = {"rollout_gate": {"http": {"path": "/actuator/health", "json": {"status": "UP"}}, "deadline": 5}}
    # Its image is sent first, and is the latest one from then on.
    down = scene.play("site.yml", **version(folder, DOWN), **more)
    scene.check("a version that is not UP is refused", down.failed and "did not pass its gate" in down.log, down.log[-4000:])
    wrong = folder / "wrong"
    shutil.copytree(scene.folder / "sites", wrong, dirs_exist_ok=True)
    (wrong / "more.conf.template").write_text("NoSuchWord ${ADARA_PORT}\n")
    template = {"src": str(wrong), "dest": "/etc/apache2/sites-enabled", "variables": {"ADARA_PORT": "port"}}
    template.update(check=["apachectl", "configtest"], apply=["systemctl", "reload", "apache2"])
    strange = scene.play("site.yml", **version(folder, B), rollout_template=template)
    scene.check("sites that Apache refuses are refused", strange.failed and "NoSuchWord" in strange.log, strange.log[-4000:])
    scene.check("the sites are as they were, and B serves", sites(scene) == before and running(scene) == [B], sites(scene))


def version(folder: pathlib.Path, name: str) -> dict[str, str]:
    """The variables of a version."""
    return {"version": name, "archive": str(folder / (name + ".tar.zst"))}


def build(folder: pathlib.Path) -> None:
    """An archive for each version, compressed, as a build leaves them."""
    _interpreter, entries = rootfs.python(pathlib.Path("/"))
    ours = pathlib.Path(__file__).parent / "apache_vm_app" / "adara.py"
    kit = [archive.file_entry(pathlib.Path(images.__file__).with_name(name), "/app/kit/" + name) for name in ("__init__.py", "app.py")]
    layers = (archive.layer([*entries, *rootfs.skeleton({})]), archive.layer([*kit, archive.file_entry(ours, "/app/adara.py")]))
    for name in (A, B, LEFT, DOWN):
        env = [images.PATH, "PYTHONUNBUFFERED=1", "APP_VERSION=" + name, *(["HEALTHY=no"] if name == DOWN else [])]
        config = {"Env": env, "Cmd": ["python3", "-S", "/app/adara.py"]}
        archive.write(folder / (name + ".tar"), [archive.Image(("localhost/adara:" + name,), layers, config)])
        subprocess.run(["zstd", "-q", "--rm", str(folder / (name + ".tar"))], check=True)


def checkout(scene: Scene, folder: pathlib.Path) -> tuple[pathlib.Path, str]:
    """A checkout of the application with the example's files, and its archive as the page's commands make it. The engine is the VM's."""
    shutil.copytree(scene.folder, folder)
    (folder / "Dockerfile").write_text("FROM localhost/adara:%s\n" % A)
    git = ["git", "-C", str(folder), "-c", "user.name=somebody", "-c", "user.email=a@example.com"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "The first one"]):
        subprocess.run([*git, *words], check=True)
    typed = "\n".join(line for line in scene.page.read_text().splitlines() if line.startswith(("mkdir -p build", "docker ")))
    packed = shutil.make_archive(str(folder), "tar", folder)
    scene.host.ssh("set -e; mkdir checkout; cd checkout; tar -x; %s" % typed.replace("docker ", scene.program + " "), stdin=pathlib.Path(packed))
    (folder / "build").mkdir()
    (folder / "build" / "adara.tar.zst").write_bytes(base64.b64decode(scene.host.ssh("base64 checkout/build/adara.tar.zst").stdout))
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return folder, head.strip()


def prepare(scene: Scene, pair: tls.Pair) -> None:
    """What such a VM has already: Apache with its modules and certificate, PostgreSQL with a table, and somebody else on port 8080."""
    release = scene.host.ssh("ls /usr/lib/postgresql").stdout.split()[-1]
    scene.host.ssh(PREPARE % {"release": release}, stdin=pair.certificate.read_text())
    scene.host.ssh("install -m 600 /dev/stdin /etc/ssl/adara.key", stdin=pair.key.read_text())


def look(scene: Scene) -> None:
    """What the first version looks like from outside and inside."""
    text = sites(scene)
    there = "http://127.0.0.1:8081/" in text and "${APACHE_LOG_DIR}" in text and "ADARA_PORT" not in text and "{{" not in text
    scene.check("every site has the first free port from 8080 on, and Apache's own variables", there, text)
    headers = json.loads(said(scene, "/headers"))
    scene.check("the host is the client's, over HTTP/2", headers["host"] == DOMAIN and headers["x-forwarded-proto"] == "https", str(headers))
    plain = scene.host.ssh("curl -s -o /dev/null -w '%%{http_code}' -H 'Host: %s' http://127.0.0.1/" % DOMAIN).stdout
    scene.check("plain HTTP leads there", plain == "301", plain)
    scene.check("PostgreSQL of the host answers the application", said(scene, "/visits") == "3", said(scene, "/visits"))
    names = scene.host.engine("images", "--format", "{{.Repository}}:{{.Tag}}").stdout
    scene.check("the image has both names", all("localhost/adara:" + tag in names for tag in (A, "latest")), names)


def sites(scene: Scene) -> str:
    """All that Apache's sites say."""
    return str(scene.host.ssh("cat /etc/apache2/sites-enabled/*.conf").stdout)


def said(scene: Scene, path: str) -> str:
    """The body of a page, asked over HTTP/2 on the host itself; the answer must be HTTP/2."""
    words = "curl -sk --http2 --resolve %s:443:127.0.0.1 -w '%%{http_version}' https://%s%s" % (DOMAIN, DOMAIN, path)
    body, two, _rest = scene.host.ssh(words).stdout.rpartition("2")
    return str(body).strip() if two else ""


def running(scene: Scene) -> list[str]:
    """The versions that run."""
    return versions(scene.host, "adara")


@contextlib.contextmanager
def http2(scene: Scene) -> t.Iterator[None]:
    """A client that keeps its HTTP/2 connection asks while the block runs; then a check that each answer was good.

    It is the host's curl: one as old as Debian 12's does not repeat what a server says that it has not begun (GOAWAY).
    """
    place = "%s:443:%s" % (DOMAIN, scene.host.address)
    words = ["stdbuf", "-oL", "curl", "-s", "--http2", "--cacert", "/etc/ssl/adara.pem", "--resolve", place, "--rate", "5/s", "-o", "/dev/null"]
    words += ["-w", r"%{http_version} %{http_code} %{errormsg}\n", "https://%s/?[1-9000]" % DOMAIN]
    over = [*scene.bed.lab_words, *scene.host.ssh_words(), shlex.join(words)]
    client = subprocess.Popen([str(word) for word in over], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        yield
    finally:
        client.terminate()
        answers = (client.communicate()[0] or "").splitlines(keepends=True)
    whole = [line.split(None, 2) for line in answers if line.endswith("\n")]
    wrong = [line for line in whole if line[:2] != ["2", "200"]]
    scene.check("through HTTP/2: %d requests, %d lost" % (len(whole), len(wrong)), len(whole) > 0 and not wrong, str(wrong[:5]))
