# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured: the environment's wishes, and the combinations that come of them. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

ENGINES = ("docker", "podman", "rootless")
DRIVERS = ("haproxy", "caddy")
MODES = ("graceful", "rude", "ignore")
PEERS = ("seed", "recreate")
# The ways to bring a version live: ours, ours with websockets open, and what others do.
OURS, WEBSOCKETS, SEED, RECREATE = "hotswap", "websockets", "seed", "recreate"


class Unusable(Exception):
    """The environment asks for what there is not; the text says what there is."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the environment asks for; `rate` in requests a second, `beside` is how many combinations run at once."""

    engines: tuple[str, ...]
    drivers: tuple[str, ...]
    modes: tuple[str, ...]
    peers: tuple[str, ...]
    cutovers: int
    peer_cutovers: int
    websocket_cutovers: int
    rate: float
    beside: int


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
        drivers=_words(env, "DRIVERS", DRIVERS),
        modes=_words(env, "MODES", MODES),
        peers=_words(env, "PEERS", PEERS),
        cutovers=int(_number(env, "CUTOVERS", 6)),
        peer_cutovers=int(_number(env, "PEER_CUTOVERS", 2)),
        websocket_cutovers=int(_number(env, "WEBSOCKET_CUTOVERS", 1)),
        rate=_number(env, "RATE", 300),
        beside=int(_number(env, "BESIDE", 2)),
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
    """Everything to measure: ours first, then websockets, then the peers."""
    ours = [Combo(OURS, driver, engine, mode, settings.cutovers) for mode in settings.modes for driver in settings.drivers for engine in settings.engines]
    # One kind of application is enough: the proxy, not the application, decides what happens to an open websocket.
    sockets = [Combo(WEBSOCKETS, driver, engine, "graceful", settings.websocket_cutovers) for driver in settings.drivers for engine in settings.engines]
    peers = [combo for mode in settings.modes if mode != "ignore" for combo in _peers(settings, mode)]
    return [combo for combo in ours + sockets + peers if combo.cutovers]


def _peers(settings: Settings, mode: str) -> t.Iterator[Combo]:
    for engine in settings.engines:
        if "seed" in settings.peers:
            yield from (Combo(SEED, driver, engine, mode, settings.peer_cutovers) for driver in settings.drivers)
        if "recreate" in settings.peers:
            yield Combo(RECREATE, "", engine, mode, settings.peer_cutovers)
