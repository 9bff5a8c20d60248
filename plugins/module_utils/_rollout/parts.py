# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""What network, proxy and services of a host come to, looked at in one process: what their modules would say in check mode.

Nothing is touched and no lock is taken. A part that cannot be judged is `needed`: its own module then says why.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._engine.formats import carries
from .._engine.types import LABEL_PROXY, LABEL_SERVICE, Container, Engine
from .._errors import HotswapError
from . import network, reverse_proxy, service
from .info_view import Live, live_of
from .paths import StateDir

Json = t.Dict[str, t.Any]
# What these return stays the same while nothing is touched.
_QUESTIONS = frozenset(["container", "secret", "network", "networks", "image", "images", "layer_sizes", "storage", "published", "all_addresses"])
_OURS = (LABEL_SERVICE, LABEL_PROXY)


class Once:
    """An engine that is only looked at: each question is asked once, and ours are listed together."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._answers: Json = {}

    def __getattr__(self, name: str) -> t.Any:
        found = getattr(self._engine, name)
        if name not in _QUESTIONS:
            return found
        return lambda *asked: self._once("%s %r" % (name, asked), lambda: found(*asked))

    def containers(self, labels: t.Mapping[str, str]) -> list[Container]:
        """See Engine. All services' are listed at once, as all proxies' are."""
        kind = next((one for one in _OURS if set(labels) == {one}), None)
        if kind is None:
            return self._engine.containers(labels)
        found: list[Container] = self._once("containers " + kind, lambda: self._engine.containers({kind: ""}))
        return [one for one in found if carries(one.labels, labels)]

    def _once(self, question: str, ask: t.Callable[[], t.Any]) -> t.Any:
        if question not in self._answers:
            self._answers[question] = ask()
        return self._answers[question]


@dataclasses.dataclass(frozen=True)
class Asked:
    """The checked parameters of the modules network, reverse_proxy and service, None where a part is not asked for."""

    network: Json | None
    proxy: Json | None
    services: t.Sequence[Json]


class Parts:
    """The parts of one host. `connect` gives the engine that a part's own options engine and engine_url name."""

    def __init__(self, connect: t.Callable[[t.Mapping[str, t.Any]], Engine]) -> None:
        self._connect = connect
        self._engines: dict[tuple[str, str], Engine] = {}

    def plan(self, asked: Asked) -> Json:
        """What the modules would say in check mode, each with `needed`: whether it would do anything at all; and what is `live`.

        Raises HotswapError when it cannot be seen what is live.
        """
        network_, proxy = self._judged(self._network, asked.network), self._judged(self._proxy, asked.proxy)
        below = [name for name, found in (("network", network_), ("proxy", proxy)) if found and found["needed"]]
        # What is seen of a service is not true any more when something below it was changed.
        first = _unknown("%s first" % " and ".join(below)) if below else None
        services = [first or t.cast(Json, self._judged(self._service, one)) for one in asked.services]
        live = [self._live(one, found) for one, found in zip(asked.services, services)]
        return {"network": network_, "proxy": proxy, "services": services, "live": [one for one in live if one]}

    def _live(self, params: Json, found: Json) -> Live | None:
        if "instances" in found:
            return live_of(params["name"], found["instances"])
        # Only for a service that could not be judged: it takes much to import.
        from . import info

        return info.live(self._engine(params), StateDir.of(params["state_dir"]), params["name"])

    def _judged(self, judge: t.Callable[[Json], tuple[bool, Json]], params: Json | None) -> Json | None:
        if params is None:
            return None
        try:
            needed, result = judge(params)
        except (HotswapError, OSError) as error:
            return _unknown(str(error))
        return {**result, "needed": needed}

    def _network(self, params: Json) -> tuple[bool, Json]:
        result = network.converge(self._engine(params), params, True)
        return result["changed"], result

    def _proxy(self, params: Json) -> tuple[bool, Json]:
        result = reverse_proxy.converge(lambda: self._engine(params), StateDir.of(params["state_dir"]), params, True)
        return result["changed"], result

    def _service(self, params: Json) -> tuple[bool, Json]:
        return service.plan_only(self._engine(params), StateDir.of(params["state_dir"]), params)

    def _engine(self, params: Json) -> Engine:
        key = (params["engine"] or "", params["engine_url"] or "")
        if key not in self._engines:
            self._engines[key] = t.cast(Engine, Once(self._connect(params)))
        return self._engines[key]


def _unknown(why: str) -> Json:
    return {"changed": True, "needed": True, "msg": why}
