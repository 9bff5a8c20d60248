# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""Switches traffic in nginx: instances by links that nginx resolves for each request, routes by a reload.

A new set of targets, a version on trial, maintenance and held requests are the rename of one link (nginx_links).
A new or changed route is a reload, which closes idle client connections: at 1,100 requests/s about 7 requests were
lost each time. The reload is over when nobody takes connections any more on the socket that only the earlier
configuration had.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import socket
import typing as t

from .._errors import SwitchError
from . import nginx_render, safe, sockets, tls
from .base import ConfiguredSwitch, Routes, Uncounted, intact, sealed
from .folder import ProxyFolder
from .nginx_links import SLOTS, Links, State, state_of
from .types import Capabilities, ContainerParts, Places, ProxySettings, Route, RunInProxy, Serving

CAPABILITIES = Capabilities(
    shares=SLOTS,
    in_flight=False,
    lossless_reload=False,
    max_instances=SLOTS,
    preview=True,
    sticky=True,
    hold=True,
    maintenance=True,
)

_ANSWER = 5.0
_RELOAD = 20.0
_SOCKET = r"[0-9a-f]{12}\.sock"
_FIX = "Run hotswap.containers.reverse_proxy again; if this stays, look at the proxy container's log."


def container_parts(places: Places) -> ContainerParts:
    """How the proxy's container is run: an nginx that was killed leaves its sockets behind, and does not start on them."""
    return ContainerParts(
        image="docker.io/library/nginx:1.28-alpine",
        entrypoint=("/bin/sh", "-c", 'rm -f %s/*.sock; exec "$@"' % safe.place(places.run), "hotswap"),
        command=("nginx", "-c", places.conf + "/nginx.conf"),
        stop_signal="SIGQUIT",
        # Without SETGID each worker complains that it could not give up its groups, of which it has none.
        cap_add=("NET_BIND_SERVICE", "SETGID"),
        # A connection for each request: without this, 28,000 of them in a minute to one instance use up all ports (measured).
        sysctls={"net.ipv4.tcp_tw_reuse": "1"},
    )


class NginxSwitch(Uncounted, ConfiguredSwitch):
    """A Switch (types.py) for one nginx. Each request has a connection of its own to its instance."""

    driver = "nginx"
    capabilities = CAPABILITIES
    configuration = "nginx.conf"

    def current(self, service: str) -> dict[str, int]:
        """Instance name to weight by the links, if the running process has a route that resolves them."""
        state = self._met(service)
        return state.weights if state else {}

    def matches(self, route: Route) -> bool:
        """True when the running process has exactly this route."""
        digest, _generation = self._asked(route.service)
        state = self._met(route.service)
        return state is not None and digest == nginx_render.digest(route) and state.maintenance == route.maintenance

    def previewed(self, service: str) -> tuple[str, ...]:
        """Names of the instances on trial by the links, if the running process has a route that resolves them."""
        state = self._met(service)
        return tuple(target.name for target in state.preview) if state else ()

    def serve(self, serving: Serving) -> None:
        """See types.Switch. The links of a new route are there before the route is."""
        wanted, route = safe.serving(serving), serving.route
        with self._folder.locked():
            self._folder.check_bridge()
            others = None if self._has(route) else self._folder.routes()
            links = self._links(route.service)
            if links.state() is None:
                links.point(state_of(wanted))
            # Before the record of it: a disk that is full must change neither.
            generation = links.fill(state_of(wanted))
            if others is None:
                self._folder.save_route(wanted, {})
            else:
                self._install(self._folder.settings(), {**others, route.service: wanted})
            links.turn(generation)
            if not links.intact():
                raise SwitchError("the links of %s in %s do not say what was written" % (route.service, self._folder.conf), _FIX)

    def wait_ready(self, seconds: float) -> None:
        """Returns as soon as the process answers on its socket."""
        if sockets.until(lambda: self._running() or None, seconds) is None:
            raise self._silent()

    def leave(self) -> None:
        """See types.Switch: a file that nginx looks for with each request."""
        self._leaving.touch(mode=0o600)

    @property
    def _leaving(self) -> pathlib.Path:
        return self._folder.run / nginx_render.LEAVING

    def _links(self, service: str) -> Links:
        return Links(self._folder.conf / "up" / safe.name(service))

    def _point_all(self, routes: Routes) -> None:
        for service, serving in routes.items():
            self._links(service).point(state_of(serving))
        with contextlib.suppress(FileNotFoundError):
            self._leaving.unlink()

    def _drop(self, service: str) -> None:
        self._links(service).delete()

    def _astray(self, routes: Routes) -> t.Iterator[str]:
        for service, serving in routes.items():
            if self._links(service).state() != state_of(serving) or not self._links(service).intact():
                yield "%s: the links send requests elsewhere than written." % service

    def _present(self, settings: ProxySettings) -> None:
        tls.Links(self._folder.conf).point(settings)

    def _runs_otherwise(self, settings: ProxySettings, routes: Routes) -> t.Iterator[str]:
        if self._leaving.exists():
            yield "nginx closes each connection after an answer, because of %s." % self._leaving
        yield from tls.Links(self._folder.conf).wrong(settings)
        if nginx_render.structure(self._render(settings, routes)) not in self._running():
            yield "nginx runs another configuration than %s has." % self._file

    def _render(self, settings: ProxySettings, routes: Routes) -> str:
        return sealed(nginx_render.render(settings, routes, self._places))

    def _has(self, route: Route) -> bool:
        """True when the file, as we wrote it, has exactly this route, and connections are taken with it: there is nothing to install."""
        text = self._read()
        return intact(text) and nginx_render.tells(text, route) and nginx_render.structure(text) in self._running()

    def _met(self, service: str) -> State | None:
        """What requests of the service meet in the running process; None when it has no route to it."""
        digest, generation = self._asked(service)
        links = self._links(service)
        if not digest:
            return None
        if generation != links.generation():
            raise SwitchError("nginx reads generation %s of %s, and %s is current" % (generation, service, links.generation()), _FIX)
        return links.state()

    def _asked(self, service: str) -> tuple[str, str]:
        """The digest of the route that the running process has, and the generation that it reads; "" twice for none."""
        for name in self._running():
            status, answer = self._ask(name, "/up/" + safe.name(service))
            if status == 200:
                digest, _space, path = answer.strip().partition(" ")
                return digest, pathlib.PurePath(path).name
        return "", ""

    def _install(self, settings: ProxySettings, routes: Routes) -> None:
        """Makes the running process have the configuration, by a reload where it differs; all put back on failure."""
        text = self._render(settings, routes)
        wanted = nginx_render.structure(text)
        running = self._running()
        if not running:
            raise self._silent()
        if wanted in running:
            self._write(settings, routes)
            return
        self._check(text, settings.token)
        with self._folder.put_back_on_failure(self._file):
            self._write(settings, routes)
            self._reload(wanted, running)

    def _check(self, text: str, token: str) -> None:
        code, output = self._tried(text, "nginx", "-t", "-q", "-c")
        if code != 0:
            # nginx quotes what it does not understand.
            raise SwitchError("nginx refuses the new configuration of proxy %s: %s" % (self._folder.root.name, _last(output, token)), _FIX)

    def _reload(self, wanted: str, running: t.Sequence[str]) -> None:
        """Returns when the new configuration answers, and no worker takes connections with an earlier one."""
        self._sweep(running)
        with contextlib.ExitStack() as held:
            # The sockets themselves: nginx removes their names, while its earlier workers may still take connections on them.
            earlier = [held.enter_context(_opened(self._socket(name))) for name in running]
            code, output = self._run_in_proxy(self._reload_command())
            loaded = code == 0 and sockets.until(lambda: self._loaded(wanted), _RELOAD)
            if not loaded:
                self._sweep(running)
                raise SwitchError("nginx did not load %s: %s" % (self._file, _last(output, "") if code else "is a port in use?"), _FIX)
            if not sockets.until(lambda: None if any(_takes(one) for one in earlier) else True, _RELOAD):
                raise SwitchError("the earlier workers of nginx go on taking connections", _FIX)

    def _reload_command(self) -> t.Sequence[str]:
        return ["nginx", "-q", "-c", "%s/%s" % (self._places.conf, self._file.name), "-s", "reload"]

    def _loaded(self, wanted: str) -> bool | None:
        """None: not yet. False: nginx had opened the socket, and gave up, because another one could not be opened."""
        try:
            return self._ask(wanted, "/")[1].strip() == wanted
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except (OSError, http.client.HTTPException):
            return False

    def _running(self) -> list[str]:
        """The configurations with which connections are taken now: one, but for the moment of a reload; [] for none."""
        found = [path.name[:12] for path in self._folder.run.glob("*.sock") if re.fullmatch(_SOCKET, path.name)]
        return [name for name in found if self._answers(name)]

    def _answers(self, name: str) -> bool:
        try:
            return self._ask(name, "/")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _sweep(self, running: t.Container[str]) -> None:
        """Removes sockets that nobody listens on: nginx could not open its own in their place."""
        for path in self._folder.run.glob("*.sock"):
            if re.fullmatch(_SOCKET, path.name) and path.name[:12] not in running:
                path.unlink()

    def _socket(self, name: str) -> pathlib.Path:
        return self._folder.run / (nginx_render.SOCKET % name)

    def _ask(self, name: str, path: str) -> tuple[int, str]:
        return _exchange(self._socket(name), "GET", path)

    def _silent(self) -> SwitchError:
        return SwitchError("nginx answers on no socket in %s" % self._folder.run, "Start the proxy's container, and look at its log.")


def _exchange(where: pathlib.Path, method: str, path: str) -> tuple[int, str]:
    connection = sockets.HTTPConnection(where, _ANSWER)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()


@contextlib.contextmanager
def _opened(where: pathlib.Path) -> t.Iterator[int]:
    handle = os.open(str(where), os.O_PATH)
    try:
        yield handle
    finally:
        os.close(handle)


def _takes(handle: int) -> bool:
    """True while any process listens on the socket, whatever has become of its name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(_ANSWER)
        try:
            link.connect("/proc/self/fd/%d" % handle)
        except ConnectionRefusedError:
            return False
        except OSError:
            # A queue that is full, for example: somebody has it open.
            return True
    return True


def _last(output: str, token: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    said = lines[0] if lines else "(no output)"
    return said.replace(token, "(token)") if token else said


def open_switch(folder: pathlib.Path, run_in_proxy: RunInProxy, places: Places) -> NginxSwitch:
    """The switch of the nginx whose folder this is."""
    return NginxSwitch(ProxyFolder(folder), run_in_proxy, places)
