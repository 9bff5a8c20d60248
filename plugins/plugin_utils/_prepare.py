# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host lacks for an engine, and everything that is wrong with the wish or the host, at once. Pure.

`asked` are the role's variables without their prefix; `seen` is what the role read on the host:

    distribution, version, family, init      Ansible's facts; version is the major one, or as Ubuntu writes it
    python, uid                              the interpreter of this run, and whose it is
    installed                                STATUS=PACKAGE, one a line, as dpkg-query and rpm can list them
    passwd                                   Ansible's getent of passwd: name -> [x, uid, gid, gecos, home, shell]
    subuid, subgid, low_port                 the files' contents, "" for one that is not there
    cgroups_v2                               whether the host's cgroups are of the second version
    linger                                   names in systemd's folder of lingering users, one a line
    user_units                               the user's enabled units of systemd among ours, one a line
    venv                                     NAME==VERSION, one a line, of the virtual environment, "" without one
"""

from __future__ import annotations

import re
import typing as t

Json = t.Dict[str, t.Any]
ENGINES = ("docker", "podman")
SDKS = ("os", "venv", "none")
SUBIDS = 65536
FIRST_SUBID = 100000
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
# The least that the modules take, and an SDK that suits the newest libraries beside it.
_WANTED = {"docker": "7.1", "podman": "5.0"}
_REQUIRED = {"docker": "docker>=7.1", "podman": "podman>=5.0"}


class Platform(t.NamedTuple):
    """What an engine is made of on one system. `sdk`: the OS package of the SDK, "" where it has none that works."""

    docker: str
    docker_sdk: str
    podman: str
    rootless: str
    podman_sdk: str
    venv: str = "python3-venv"
    tested: bool = False
    # Why an engine of the OS cannot be used, "" where it can.
    no_docker: str = ""
    no_podman: str = ""


_USER_SESSION = "uidmap dbus-user-session libpam-systemd"
_DNF_PODMAN = "podman netavark aardvark-dns nftables conntrack-tools"
_DNF_ROOTLESS = "shadow-utils passt"
# By distribution and version; a system that is like one of these is taken for it (see _platform).
PLATFORMS: t.Mapping[tuple[str, str], Platform] = {
    ("Debian", "12"): Platform(
        "docker.io iptables nftables conntrack",
        "python3-docker",
        "podman crun dbus netavark aardvark-dns catatonit iptables nftables conntrack",
        _USER_SESSION + " slirp4netns",
        "",
        tested=True,
    ),
    ("Debian", "13"): Platform(
        "docker.io docker-cli iptables nftables conntrack",
        "python3-docker",
        "podman crun dbus netavark aardvark-dns catatonit nftables conntrack",
        _USER_SESSION + " passt",
        "python3-podman",
        tested=True,
    ),
    ("Ubuntu", "22.04"): Platform(
        "docker.io iptables nftables conntrack",
        "python3-docker",
        "",
        "",
        "",
        no_podman="Podman 3.4, which is too old: the modules need 4.3. Use Docker, or Ubuntu 24.04",
    ),
    # Its SDKs fail beside its own urllib3 2: the modules refuse them.
    ("Ubuntu", "24.04"): Platform(
        "docker.io iptables nftables conntrack",
        "",
        "podman crun dbus netavark aardvark-dns catatonit iptables nftables conntrack",
        _USER_SESSION + " passt slirp4netns",
        "",
    ),
    ("Fedora", ""): Platform(
        "moby-engine docker-cli iptables-nft nftables conntrack-tools",
        "python3-docker",
        _DNF_PODMAN,
        _DNF_ROOTLESS,
        "python3-podman",
        "python3-pip",
    ),
    ("RedHat", "9"): Platform(
        "",
        "",
        _DNF_PODMAN,
        _DNF_ROOTLESS,
        "",
        "python3-pip",
        no_docker="no Docker. Use Podman, or install docker-ce from Docker's own packages and set prepare_packages: []",
    ),
}


def _platform(seen: t.Mapping[str, t.Any]) -> Platform | None:
    """The packages of this system, None for one that nobody has written down."""
    distribution, version = str(seen["distribution"]), str(seen["version"])
    if distribution == "Fedora":
        return PLATFORMS[("Fedora", "")]
    if seen["family"] == "RedHat" and version.partition(".")[0] in ("9", "10"):
        return PLATFORMS[("RedHat", "9")]
    return PLATFORMS.get((distribution, version)) or PLATFORMS.get((distribution, version.partition(".")[0]))


def plan(seen: t.Mapping[str, t.Any], asked: t.Mapping[str, t.Any]) -> Json:
    """Everything that is to be done, and every reason why it cannot be.

    problems: one sentence each, nothing may be touched while there is one; packages: to be installed; python: the interpreter for our
    tasks; venv, sdks: what is missing of the virtual environment; uid; subid: the first number of a range that the user lacks, 0 for
    none lacking; linger, socket, low_port: what is to be set; notes: for people.
    """
    platform = _platform(seen)
    engine, user = str(asked["engine"] or ""), str(asked["user"] or "")
    problems = [*_wrong_wishes(asked), *_wrong_host(seen, platform, asked)]
    sdk = _sdk(platform, engine, str(asked["sdk"] or ""))
    packages = _packages(platform, engine, user, sdk, asked["packages"])
    account = (seen["passwd"] or {}).get(user) if user else None
    return {
        "problems": problems,
        "notes": _notes(seen, platform),
        "packages": [one for one in packages if one not in _installed(seen)],
        "python": "%s/bin/python" % asked["venv"] if sdk == "venv" else seen["python"],
        "venv": sdk == "venv" and not seen["venv"],
        "sdks": _lacking_sdks(seen, engine, sdk),
        "uid": int(account[1]) if account else 0,
        "subids": {name: _free_subid(str(seen[name])) for name in ("subuid", "subgid") if user and not _has_subids(str(seen[name]), user)},
        "linger": bool(user) and user not in str(seen["linger"]).split(),
        "socket": bool(asked["socket"]) and bool(user) and "podman.socket" not in str(seen["user_units"]).split(),
        "low_port": _low_port(seen, asked),
    }


def _wrong_wishes(asked: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    engine, user, sdk = asked["engine"], asked["user"], asked["sdk"]
    if engine not in ENGINES:
        yield "prepare_engine is %r: set docker or podman" % (engine or "",)
    if sdk and sdk not in SDKS:
        yield "prepare_sdk is %r: set os, venv or none" % (sdk,)
    if user and engine == "docker":
        yield "prepare_user is for rootless Podman: leave it out, or set prepare_engine: podman"
    if user and not _USER.fullmatch(str(user)):
        yield "prepare_user is %r, which is no user's name" % (user,)
    if user == "root":
        yield "prepare_user is root: leave it out for root's own containers"
    port = str(asked["low_port"] or "")
    if port and not (port.isdigit() and 1 <= int(port) <= 1024):
        yield "prepare_low_port is %r: set a port from 1 to 1024" % port


def _wrong_host(seen: t.Mapping[str, t.Any], platform: Platform | None, asked: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    system = "%s %s" % (seen["distribution"], seen["version"])
    given = asked["packages"] is not None
    if seen["init"] != "systemd":
        yield "the first process of this host is %s, not systemd: nothing would start containers after a reboot" % (seen["init"] or "unknown")
    if seen["uid"] != 0:
        yield "the role needs root: set become: true"
    if platform is None and not given:
        yield "%s is not known to this role: list what to install in prepare_packages ([] for nothing)" % system
    if platform is not None and not given:
        reason = {"docker": platform.no_docker, "podman": platform.no_podman}.get(str(asked["engine"]), "")
        if reason:
            yield "%s has %s" % (system, reason)
        if asked["sdk"] == "os" and asked["engine"] in ENGINES and not reason and not _os_sdk(platform, str(asked["engine"])):
            yield "%s has no SDK package for %s that works: set prepare_sdk: venv" % (system, asked["engine"])
    yield from _wrong_account(seen, str(asked["user"] or ""))


def _wrong_account(seen: t.Mapping[str, t.Any], user: str) -> t.Iterator[str]:
    if not user:
        return
    if not (seen["passwd"] or {}).get(user):
        yield "there is no user %s on this host: create it first, for example with ansible.builtin.user" % user
    if not seen["cgroups_v2"]:
        yield "this host has no cgroups v2, which rootless Podman needs: boot with systemd.unified_cgroup_hierarchy=1"


def _os_sdk(platform: Platform, engine: str) -> str:
    return platform.docker_sdk if engine == "docker" else platform.podman_sdk


def _sdk(platform: Platform | None, engine: str, asked: str) -> str:
    """Where the SDK comes from: as asked, else the OS where it has one that works."""
    return asked or ("os" if platform and _os_sdk(platform, engine) else "venv")


def _packages(platform: Platform | None, engine: str, user: str, sdk: str, given: t.Any) -> list[str]:
    if given is not None:
        return [str(one) for one in given]
    if platform is None or engine not in ENGINES:
        return []
    words = platform.docker if engine == "docker" else platform.podman
    words += " " + platform.rootless if user else ""
    words += " " + {"os": _os_sdk(platform, engine), "venv": platform.venv}.get(sdk, "")
    return words.split()


def _installed(seen: t.Mapping[str, t.Any]) -> set[str]:
    # What was removed and left its configuration is not installed.
    lines = (line.partition("=") for line in str(seen["installed"]).splitlines())
    return {name for status, _equals, name in lines if status == "installed"}


def _lacking_sdks(seen: t.Mapping[str, t.Any], engine: str, sdk: str) -> list[str]:
    if sdk != "venv" or engine not in ENGINES:
        return []
    there = dict(line.lower().split("==", 1) for line in str(seen["venv"]).split() if "==" in line)
    return [] if _numbers(there.get(engine, "0")) >= _numbers(_WANTED[engine]) else [_REQUIRED[engine]]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _ranges(text: str) -> list[tuple[str, int, int]]:
    found = [line.strip().split(":") for line in text.splitlines()]
    return [(parts[0], int(parts[1]), int(parts[2])) for parts in found if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit()]


def _has_subids(text: str, user: str) -> bool:
    return any(name == user and count >= SUBIDS for name, _first, count in _ranges(text))


def _free_subid(text: str) -> int:
    """The first number behind everybody else's ranges."""
    return max([FIRST_SUBID, *(first + count for _name, first, count in _ranges(text))])


def _low_port(seen: t.Mapping[str, t.Any], asked: t.Mapping[str, t.Any]) -> int:
    """What net.ipv4.ip_unprivileged_port_start is to be, 0 where it is low enough."""
    port, now = str(asked["low_port"] or ""), str(seen["low_port"]).strip()
    return int(port) if port.isdigit() and not (now.isdigit() and int(now) <= int(port)) else 0


def _notes(seen: t.Mapping[str, t.Any], platform: Platform | None) -> list[str]:
    if platform is None or platform.tested:
        return []
    return ["%s %s: the names of its packages are written down, and were not tried on a real host" % (seen["distribution"], seen["version"])]
