# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""A proxy that the host runs as a service of its own: what we know of it, and how its programs are called.

We own a folder and one file that includes it. Everything else of that proxy's configuration belongs to people.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import pwd
import typing as t

from .._errors import HotswapError, InvalidInput
from .._switch import programs
from .._switch.folder import ProxyFolder
from .._switch.types import Places, RunInProxy, Switch
from .paths import StateDir

RECORD = "host.json"


@dataclasses.dataclass(frozen=True)
class Software:
    """How one kind of proxy is found on hosts, and what it wants there.

    `places`: folder of includes and systemd unit, as distributions have them. `include`: the line, %s is our conf folder;
    "" where there is none, because ours are lines in `config`, people's own file. `check` tests all of the configuration
    (%s is that file) and `reload` is what the driver asks for, which systemd does. `modules`: what must be loaded, as
    `list_modules` names it, with the distribution's command that loads them.
    """

    places: tuple[tuple[str, str], ...]
    include: str
    open: t.Callable[[HostSpec, pathlib.Path, RunInProxy], Switch]
    check: tuple[str, ...]
    reload: tuple[str, ...] = ()
    config: str = ""
    control: str = ""
    list_modules: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    load: str = ""


def _places(folder: pathlib.Path) -> Places:
    return Places(str(folder / "conf"), str(folder / "run"))


def _apache() -> Software:
    from .._switch import apache

    return Software(
        places=(("/etc/apache2/sites-enabled", "apache2.service"), ("/etc/httpd/conf.d", "httpd.service")),
        # Optional: without our folder the rest of that Apache goes on.
        include='IncludeOptional "%s/apache.conf"',
        open=lambda _spec, folder, run: apache.open_switch(folder, run, _places(folder)),
        check=apache.CHECK,
        reload=apache.RELOAD,
        list_modules=("apachectl", "-M"),
        modules=("headers", "proxy", "proxy_http", "proxy_wstunnel", "rewrite"),
        load="a2enmod",
    )


def _nginx() -> Software:
    from .._switch import nginx_host

    return Software(
        places=(("/etc/nginx/conf.d", "nginx.service"),),
        # A pattern, for the same reason.
        include="include %s/nginx.con[f];",
        open=lambda _spec, folder, run: nginx_host.open_switch(folder, run, _places(folder)),
        check=nginx_host.CHECK,
        reload=nginx_host.RELOAD,
    )


def _haproxy() -> Software:
    from .._switch.haproxy_service import HaproxyServiceSwitch

    return Software(
        places=(("/etc/haproxy", "haproxy.service"),),
        include="",
        open=lambda spec, folder, run: HaproxyServiceSwitch(ProxyFolder(folder), run, pathlib.Path(spec.config), pathlib.Path(spec.control)),
        check=("haproxy", "-c", "-f", "%s"),
        config="/etc/haproxy/haproxy.cfg",
        control="/run/haproxy/admin.sock",
    )


# Each imports its driver: most hosts have none of them.
SOFTWARE: t.Mapping[str, t.Callable[[], Software]] = {"apache": _apache, "nginx": _nginx, "haproxy": _haproxy}


def software(driver: str) -> Software:
    """How a driver's proxy is found on hosts. Raises InvalidInput for one that only runs in a container."""
    if driver not in SOFTWARE:
        raise InvalidInput("where: a %s that the host runs is not supported" % driver, "Use %s, or where: container." % " or ".join(sorted(SOFTWARE)))
    return SOFTWARE[driver]()


@dataclasses.dataclass(frozen=True)
class HostSpec:
    """What is recorded of the proxy. `owner`: the user whose engine's services it serves, "" for root's.

    `config` and `control`: people's own file and control socket, for the software whose file ours are lines of; else "".
    """

    name: str
    driver: str
    service_unit: str
    include_dir: str
    owner: str = ""
    config: str = ""
    control: str = ""

    @property
    def include(self) -> pathlib.Path | None:
        """The one file of ours outside of our folder, None where there is none."""
        return pathlib.Path(self.include_dir) / ("hotswap-%s.conf" % self.name) if software(self.driver).include else None

    def include_text(self, folder: ProxyFolder) -> str:
        """What the include says."""
        return "# Written by hotswap.containers for its proxy %s.\n%s\n" % (self.name, software(self.driver).include % folder.conf)

    def as_text(self) -> str:
        """The canonical JSON text, which is the record."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True) + "\n"


@dataclasses.dataclass(frozen=True)
class HostProxy:
    """A recorded proxy of the host, and where its folder is."""

    spec: HostSpec
    folder: ProxyFolder

    @property
    def running(self) -> bool:
        """True when systemd says that its service runs."""
        return call(("systemctl", "is-active", "--quiet", self.spec.service_unit))[0] == 0

    def switch(self) -> Switch:
        """What moves its traffic."""
        return software(self.spec.driver).open(self.spec, self.folder.root, run_on_host(self.spec))


def read(folder: pathlib.Path) -> HostProxy | None:
    """The proxy of the host whose folder this is; None when it is none, or not ours to read."""
    try:
        values = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return HostProxy(HostSpec(**values), ProxyFolder(folder))
    except (OSError, ValueError, TypeError):
        return None


def host_proxies(state: StateDir) -> dict[str, HostProxy]:
    """Those that this user may switch, by name: in the user's own state folder, and in the system's those with the user as owner."""
    me = _user_name()
    found: dict[str, HostProxy] = {}
    for root in dict.fromkeys([StateDir.of_system().root, state.root]):
        for path in sorted((root / "proxies").glob("*/" + RECORD)):
            one = read(path.parent)
            if one and me == (one.spec.owner or "root"):
                found[one.spec.name] = one
    return found


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def call(argv: t.Sequence[str]) -> tuple[int, str]:
    """Runs a program of the host: exit code (see programs.Done), and what it said."""
    done = programs.run(argv)
    return done.code, done.said


def run_on_host(spec: HostSpec) -> RunInProxy:
    """Runs what the driver asks for; a reload goes through systemd, as the host's own people do it."""
    reload = software(spec.driver).reload

    def run(argv: t.Sequence[str]) -> tuple[int, str]:
        return call(("systemctl", "reload", spec.service_unit) if tuple(argv) == reload else argv)

    return run


def check_configuration(spec: HostSpec) -> None:
    """The whole configuration of that proxy, as people and we have written it, passes its own test. Raises HotswapError."""
    check = [word.replace("%s", spec.config) for word in software(spec.driver).check]
    code, output = call(check)
    if code == programs.MISSING:
        raise InvalidInput("driver: %s" % output.strip(), "Install %s, or use where: container." % spec.driver)
    if code:
        raise HotswapError(
            "the configuration of %s is refused by its own test (%s): %s" % (spec.service_unit, " ".join(check), " ".join(output.split())[-600:]),
            "Nothing was touched. Correct it first.",
        )


def check_modules(spec: HostSpec) -> None:
    """What our part needs of that proxy is loaded. Raises InvalidInput with the command that loads what is missing."""
    wants = software(spec.driver)
    if not wants.modules:
        return
    _code, output = call(wants.list_modules)
    loaded = {line.split()[0] for line in output.splitlines() if line.split()}
    missing = [name for name in wants.modules if name + "_module" not in loaded]
    if missing:
        how = "%s %s && systemctl restart %s" % (wants.load, " ".join(missing), spec.service_unit)
        other = "Load them in its configuration, and restart %s" % spec.service_unit
        raise InvalidInput(
            "driver: %s has not loaded %s" % (spec.service_unit, ", ".join("mod_" + name for name in missing)),
            "%s." % ("Run: " + how if programs.find(wants.load) else other),
        )
