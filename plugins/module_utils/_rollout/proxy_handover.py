# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Replaces a proxy's container while clients use it.

1. A second proxy, the bridge, is made from the new specification and answers for every service that the first one answers for.
2. The kernel leads new connections to the bridge. The first one's clients are told to leave, and it is removed.
3. The proxy's own container is made anew, and confirmed.
4. The kernel leads nobody any more: the new container publishes the ports. The bridge's clients leave, and it is removed.

Each step is found again by what is there, so an interrupted run goes on where it was. Until 2 the first proxy serves, until 4
the bridge does.
"""

from __future__ import annotations

import dataclasses

from .._engine.types import Container
from .._errors import HotswapError, SwitchError, while_doing
from .._switch.sockets import until
from .._switch.types import ProxySettings, Serving, Switch
from . import proxy_bridge
from .drain import Drained
from .http import NoAnswer
from .netns import Unreachable
from .proxy_bridge import Bridge
from .proxy_leave import leave
from .proxy_plan import ProxySpec
from .proxy_start import Seat, install
from .public import PublicRoute, host_for, inside

# Seconds for one answer through a proxy.
_ANSWER = 5.0


@dataclasses.dataclass(frozen=True)
class Handover:
    """What is wanted, and what there is: the proxy's `own` seat, the container and settings in it, and the bridge.

    `fits`: the container there is what is wanted already. `drain`: seconds that clients may take to leave a proxy.
    """

    own: Seat
    bridge: Bridge
    spec: ProxySpec
    settings: ProxySettings
    container: Container | None
    now: ProxySpec | None
    known: ProxySettings | None
    fits: bool
    drain: float

    def run(self) -> Drained:
        """All of it, or what an interrupted run left of it. Raises HotswapError; who served then still does."""
        first = Drained(0, 0)
        if not self.fits:
            if not self._bridged():
                self._begin()
            first = self._leave_own()
            proxy_bridge.empty(self.own.folder)
            with while_doing("making the new container, while %s serves" % self.bridge.seat.container):
                install(self.own, self.spec, self.settings)
        last = self._end()
        return Drained(first.drained + last.drained, first.cut + last.cut)

    def _bridged(self) -> bool:
        """True when the bridge has the clients; one that was stopped in the meantime is started."""
        container = self.bridge.container()
        if container is None or not self.bridge.led():
            return False
        if not container.running:
            self.bridge.seat.engine.start(container.name)
        return True

    def _begin(self) -> None:
        """From the first proxy to the bridge. Without a first one that runs there is nobody to take over."""
        self._end()
        if not self.container or not self.container.running:
            return
        try:
            with while_doing("making %s, which stands in for it" % self.bridge.seat.container):
                self.bridge.build(self.spec, self.settings)
                self._compare()
            self.bridge.lead(self.spec)
        except HotswapError as error:
            self._end()
            error.what += "; the earlier proxy serves as before"
            raise

    def _compare(self) -> None:
        """Whatever answers through the earlier proxy must answer through the new one."""
        if not self.container or not self.now or not self.known:
            return
        wanted = _answering(self.container, self.known, self.own.switch(self.now.driver))
        switch = self.bridge.seat.switch(self.spec.driver)

        def missing() -> set[str] | None:
            there = self.bridge.container()
            return wanted - _answering(there, self.settings, switch) if there else wanted

        if until(lambda: None if missing() else True, self.own.wait, 0.1) is None:
            raise SwitchError(
                "through the new proxy no instance of %s answers, through the earlier one it does" % ", ".join(sorted(missing() or wanted)),
                "Look at the routes, and at what the new image or driver does with them.",
            )

    def _leave_own(self) -> Drained:
        if self.container is None:
            return Drained(0, 0)
        switch = self.own.switch(self.now.driver) if self.now else None
        return leave(self.own.engine, self.container, switch, _ports(self.known), self.drain)

    def _end(self) -> Drained:
        """Leads nobody to the bridge any more, and takes it away when those that it has have left."""
        self.bridge.release()
        container = self.bridge.container()
        left = Drained(0, 0)
        if container:
            settings = self.bridge.seat.folder.stored_settings()
            left = leave(self.own.engine, container, self.bridge.switch(), _ports(settings), self.drain)
        self.bridge.remove()
        return left


def _ports(settings: ProxySettings | None) -> list[int]:
    return [one.port for one in settings.listeners] if settings else []


def _answering(container: Container, settings: ProxySettings, switch: Switch) -> set[str]:
    """The services of which one of the instances that get requests answers through this proxy."""
    listener = settings.listeners[0]
    way = inside(lambda: container.pid, listener.port, settings.token, _ANSWER, bool(listener.certificates))
    return {name for name, serving in switch.routes().items() if not serving.held and _answers(way, switch, serving)}


def _answers(way: PublicRoute, switch: Switch, serving: Serving) -> bool:
    try:
        said = way.answered_by(host_for(serving.route) or way.host, serving.route.path)
    except (NoAnswer, Unreachable):
        return False
    return any(switch.identifies(said, one) for one in serving.targets)
