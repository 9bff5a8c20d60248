# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured: the environment's wishes, and the combinations that come of them. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from lossless.drivers import DRIVERS, ENGINES, RECIPE_PROXIES

MODES = ("graceful", "rude", "ignore")
PEERS = ("seed", "recreate", "rollout")
# The ways to bring a version live: ours, ours where it is lossy by nature, ours with websockets open, and what others do.
OURS, APART, WEBSOCKETS, SEED, RECREATE, ROLLOUT = "hotswap", "apart", "websockets", "seed", "recreate", "rollout"
PEER_WAYS = (SEED, RECREATE, ROLLOUT)


class Unusable(Exception):
    """The environment asks for what there is not; the text says what there is."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the environment asks for; `rate` in requests a second, `beside` is how many combinations run at once.

    `resume`: go on with the rows that an earlier run has not measured. `out`: the folder of the result, "" is the committed one.
    `rollout`: the program docker-rollout on this machine, "" when it is not to be measured.
    """

    engines: tuple[str, ...]
    drivers: tuple[str, ...]
    modes: tuple[str, ...]
    peers: tuple[str, ...]
    cutovers: int
    apart_cutovers: int
    peer_cutovers: int
    websocket_cutovers: int
    rate: float
    beside: int
    resume: bool = False
    out: str = ""
    rollout: str = ""


@dataclasses.dataclass(frozen=True)
class Combo:
    """One way on one engine with one kind of application; `driver` is empty where no proxy is in the way."""

    way: str
    driver: str
    engine: str
    mode: str
    cutovers: int

    @property
    def name(self) -> str:
        return "-".join(word for word in (self.way, self.driver, self.engine, self.mode) if word)

    def versions(self) -> list[str]:
        """The versions that become live one after the other; A is live before."""
        return ["BA"[number % 2] for number in range(self.cutovers)]


def read(env: t.Mapping[str, str]) -> Settings:
    """The settings of an environment; raises Unusable naming the variable."""
    return Settings(
        engines=_words(env, "ENGINES", ENGINES),
        drivers=_words(env, "DRIVERS", tuple(DRIVERS)),
        modes=_words(env, "MODES", MODES),
        peers=_words(env, "PEERS", PEERS),
        cutovers=int(_number(env, "CUTOVERS", 6)),
        apart_cutovers=int(_number(env, "APART_CUTOVERS", 2)),
        peer_cutovers=int(_number(env, "PEER_CUTOVERS", 2)),
        websocket_cutovers=int(_number(env, "WEBSOCKET_CUTOVERS", 1)),
        rate=_number(env, "RATE", 300),
        beside=int(_number(env, "BESIDE", 2)),
        resume=bool(env.get("CONTINUE")),
        out=env.get("OUT", ""),
        rollout=env.get("DOCKER_ROLLOUT", ""),
    )


def _words(env: t.Mapping[str, str], name: str, known: t.Sequence[str]) -> tuple[str, ...]:
    """The words of a variable in the order of `known`; all when it is not set, none when it is "none"."""
    given = env.get(name, "").replace(",", " ").split()
    if given == ["none"]:
        return ()
    if unknown := [word for word in given if word not in known]:
        raise Unusable("%s: there is no %s; known are: %s" % (name, ", ".join(unknown), " ".join(known)))
    return tuple(word for word in known if word in given or not given)


def _number(env: t.Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(env.get(name) or default)
    except ValueError:
        raise Unusable("%s: %r is not a number" % (name, env[name])) from None
    if value < 0:
        raise Unusable("%s: %r is less than nothing" % (name, env[name]))
    return value


def combos(settings: Settings) -> list[Combo]:
    """Everything to measure: ours first, then what is told apart, websockets, and the peers."""
    strict = [name for name in settings.drivers if not DRIVERS[name].apart]
    lossy = [name for name in settings.drivers if DRIVERS[name].apart]
    # One kind of application is enough: the proxy, not the application, decides what happens to an open websocket.
    found = [
        *[combo for mode in settings.modes for combo in _ours(settings, OURS, strict, mode, settings.cutovers)],
        *[combo for mode in settings.modes for combo in _ours(settings, APART, lossy, mode, settings.apart_cutovers)],
        *_ours(settings, WEBSOCKETS, strict, "graceful", settings.websocket_cutovers),
        *[combo for mode in settings.modes if mode != "ignore" for combo in _peers(settings, mode)],
    ]
    return [combo for combo in found if combo.cutovers]


def _ours(settings: Settings, way: str, drivers: t.Sequence[str], mode: str, cutovers: int) -> list[Combo]:
    return [Combo(way, driver, engine, mode, cutovers) for driver in drivers for engine in settings.engines if engine in DRIVERS[driver].engines]


def _peers(settings: Settings, mode: str) -> t.Iterator[Combo]:
    proxies = [name for name in settings.drivers if name in RECIPE_PROXIES]
    for engine in settings.engines:
        if "seed" in settings.peers:
            yield from (Combo(SEED, driver, engine, mode, settings.peer_cutovers) for driver in proxies)
        if "recreate" in settings.peers:
            yield Combo(RECREATE, "", engine, mode, settings.peer_cutovers)
        if "rollout" in settings.peers and settings.rollout and engine == "docker":
            yield from (Combo(ROLLOUT, driver, engine, mode, settings.peer_cutovers) for driver in proxies)
