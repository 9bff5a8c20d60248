# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""How a service that is not behind a proxy of ours gets its traffic: at most one means of those that a task may name."""

from __future__ import annotations

import dataclasses
import typing as t

from .._engine.types import Engine
from .._errors import InvalidInput
from .._switch.template import NOTHING, Commands, Rendered, TemplateSwitch
from .._switch.types import Traffic
from . import redirects, validate
from .alias import AliasSwitch
from .paths import StateDir

NAMES = ("redirect", "alias", "template")


@dataclasses.dataclass(frozen=True)
class Means:
    """What the task names beside a proxy; nothing of it for a service behind one, and for one that nobody asks."""

    redirect: redirects.Ask | None = None
    alias: str = ""
    template: Commands | None = None
    rendered: Rendered = NOTHING

    @property
    def name(self) -> str:
        """The parameter's name, "" for none."""
        return next((name for name in NAMES if getattr(self, name)), "")

    def aimed_at(self, names: tuple[str, ...]) -> Means:
        """The same, the rendered texts being for these instances."""
        return dataclasses.replace(self, rendered=Rendered(self.rendered.texts, names))

    @property
    def has_tcp(self) -> bool:
        """False where the service is reached by UDP only: its gate cannot connect."""
        return not self.redirect or "tcp" in self.redirect.redirect.protocols

    def to_label(self) -> dict[str, t.Any]:
        """What a rollback needs to know again; {} for none."""
        values = {"redirect": redirects.ask_to_dict(self.redirect), "alias": self.alias, "template": self.template and dataclasses.asdict(self.template)}
        return {name: value for name, value in values.items() if value}

    def traffic(self, engine: Engine, state: StateDir, service: str, network: str) -> Traffic | None:
        """The switch of this means, None where there is none."""
        if self.template:
            return TemplateSwitch(state.service(service), self.template, self.rendered)
        if self.alias:
            return AliasSwitch(engine, network, self.alias)
        return redirects.switch_of(state, self.redirect) if self.redirect else None

    def check(self, engine: Engine, state: StateDir, service: str, network: str) -> None:
        """Refuses what cannot be, before anything is touched. Raises InvalidInput."""
        if self.name and not network and not self.template:
            raise InvalidInput("network: not given, and %s needs one" % self.name, "Name a network of hotswap.containers.network.")
        if self.redirect:
            redirects.check_service(engine, state, self.redirect)
        if self.alias:
            AliasSwitch(engine, network, self.alias).refuse_taken(service)


NO_MEANS = Means()


def commands_of(value: t.Mapping[str, t.Any]) -> Commands:
    """The template parameter -> Commands. Raises InvalidInput naming the option."""
    if not value["dest"].startswith("/"):
        raise InvalidInput("template.dest: %s is not an absolute path" % value["dest"], "Write where on the host the file goes.")
    words = {name: tuple(str(word) for word in value.get(name) or ()) for name in ("check", "apply", "confirm")}
    if not words["apply"]:
        raise InvalidInput("template.apply: not given", "Name the command that makes the proxy read its file.")
    return Commands(value["dest"], **words)


def means_of(service: str, values: t.Mapping[str, t.Any]) -> Means:
    """Parameters, or a label -> Means. Raises InvalidInput for two that exclude each other."""
    # An instance that is told its port is reached on the host's network as well as one whose port is published there.
    alone = () if values.get("template") and values.get("port_env") else ("network_mode",)
    given = [name for name in ("proxy", *alone, *NAMES) if values.get(name)]
    if len(given) > 1 and set(given) & set(NAMES):
        raise InvalidInput("%s: it cannot go with %s" % (given[1], given[0]), "A service gets its traffic in one way: leave one of them out.")
    alias = validate.check_name("alias", values["alias"]) if values.get("alias") else ""
    template = commands_of(values["template"]) if values.get("template") else None
    means = Means(redirects.ask_of(service, values.get("redirect")), alias, template, Rendered((values.get("template") or {}).get("rendered") or {}, ()))
    route = values.get("route") or {}
    if means.name and not template and (route.get("hosts") or route.get("path", "/") not in (None, "/")):
        raise InvalidInput("route: %s moves connections, and knows no hosts and paths" % means.name, "Leave route out.")
    if means.name and not values.get("port") and not values.get("port_env"):
        raise InvalidInput("port: not given, but there is %s" % means.name, "Say on which port the service listens.")
    return means


def noted(state: StateDir, service: str) -> dict[str, t.Any]:
    """The means of a service whose containers are gone, as its label would have it; {} for none."""
    found = redirects.noted(state, service)
    return {"redirect": found, "port": found["port"]} if found else {}
