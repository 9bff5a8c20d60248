# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The switch of a service that is found by a name on its network: the live instances bear the alias, the others do not.

Whoever asks the engine's name service gets the live ones; when a proxy asks again is up to the proxy. The engine changes
aliases only while it connects a container: it takes it off the network and puts it back at the same address at once, so
that what is under way is only late. That is why this is the weakest of the switches.
"""

from __future__ import annotations

from .._engine.types import LABEL_ADDRESS, LABEL_SERVICE, Container, Engine
from .._errors import EngineError, InvalidInput, SwitchError
from .._switch.base import Unrouted
from .._switch.types import Capabilities, Route, Serving
from .shares import EVEN


class AliasSwitch(Unrouted):
    """The Traffic of a service whose instances share `alias` on `network`; the engine is the only memory."""

    capabilities = Capabilities(shares=1, in_flight=False, lossless_reload=True)

    def __init__(self, engine: Engine, network: str, alias: str) -> None:
        self._engine = engine
        self._network = network
        self._alias = alias

    def current(self, service: str) -> dict[str, int]:
        return {one.name: EVEN for one in self._of(service) if self._bears(one)}

    def matches(self, route: Route) -> bool:
        return True

    def serve(self, serving: Serving) -> None:
        names = {target.name for target in serving.targets}
        found = self._of(serving.route.service)
        # First those that come: the name never leads to nobody.
        for one in [one for one in found if one.name in names and not self._bears(one)]:
            self._reconnect(one, (self._alias,))
        for one in [one for one in found if one.name not in names and self._bears(one)]:
            self._reconnect(one, ())
        bearing = set(self.current(serving.route.service))
        if bearing != names:
            raise SwitchError(
                "alias %s on network %s: the engine gives it to %s and not to %s" % (self._alias, self._network, sorted(bearing), sorted(names)),
                "See what else changes the containers of this network.",
            )

    def remove(self, service: str) -> None:
        for one in self._of(service):
            if self._bears(one):
                self._reconnect(one, ())

    def refuse_taken(self, service: str) -> None:
        """Raises InvalidInput when the name leads to a container that is not an instance of the service."""
        for one in self._engine.containers({}):
            if one.labels.get(LABEL_SERVICE) != service and (self._bears(one) or (one.name == self._alias and self._network in one.networks)):
                raise InvalidInput(
                    "alias: on network %s the name %s belongs to the container %s, too" % (self._network, self._alias, one.name),
                    "It is left alone. Use another name, or remove that container.",
                )

    def _of(self, service: str) -> list[Container]:
        return self._engine.containers({LABEL_SERVICE: service})

    def _bears(self, one: Container) -> bool:
        return self._alias in one.aliases.get(self._network, ())

    def _reconnect(self, one: Container, aliases: tuple[str, ...]) -> None:
        address = one.labels[LABEL_ADDRESS]
        try:
            self._engine.reconnect(one.name, self._network, address, aliases)
        except EngineError:
            # It may be off the network now, which is worse than a name too many or too few.
            self._engine.reconnect(one.name, self._network, address, aliases)
