# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""One service of a Compose file -> the options of the service module, key by key. What no key here takes is refused. Pure."""

from __future__ import annotations

import dataclasses
import math
import shlex
import typing as t

from ..module_utils._rollout.service_options import SERVICE_OPTIONS
from . import _compose_places as places
from . import _compose_secrets as secrets
from ._compose_at import At
from ._compose_refused import FALSE_IS_NOTHING, REFUSED, REFUSED_DEPLOY
from ._compose_text import dotenv

Options = t.Dict[str, t.Any]
OURS = "x-hotswap"
PROXY, REDIRECT = "proxy", "redirect"
# A healthcheck's own defaults (Docker's reference), in seconds; and the time that a start takes beside it.
_INTERVAL, _TIMEOUT, _RETRIES, _START = 30.0, 30.0, 3, 30.0


@dataclasses.dataclass(frozen=True)
class Around:
    """What a service's text refers to: the project's variables, volumes, folder and secrets, and a way to read files beside the file."""

    environment: t.Mapping[str, str]
    places: places.Places
    read: t.Callable[[str], str | None]
    secrets: t.Mapping[str, Options] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Service:
    """A service as read. `options` are the module's; `by` is how its published `ports` are reached; `needs` come before it."""

    name: str
    at: At
    options: Options = dataclasses.field(default_factory=dict)
    ports: list[places.Port] = dataclasses.field(default_factory=list)
    exposed: list[int] = dataclasses.field(default_factory=list)
    networks: list[str] = dataclasses.field(default_factory=lambda: ["default"])
    needs: dict[str, bool] = dataclasses.field(default_factory=dict)
    profiles: list[str] = dataclasses.field(default_factory=list)
    by: str = PROXY
    ours: Options = dataclasses.field(default_factory=dict)


def read(name: str, at: At, value: t.Any, around: Around) -> Service:
    """The service, each of its keys taken or refused. Raises InvalidInput naming the key."""
    found = Service(name, at)
    keys = at.mapping(value)
    for key, one in keys.items():
        _refuse(at.key(key), key, one)
    if keys.get("image") is None:
        raise at.key("image").error("not given", "Name the image to run.")
    for key, take in TAKEN.items():
        if keys.get(key) is not None:
            found.options.update(take(at.key(key), keys[key], found, around) or {})
    _choose_order(found)
    _take_ours(at.key(OURS), (value or {}).get(OURS), found)
    return found


def _refuse(at: At, key: str, value: t.Any) -> None:
    if key in TAKEN or value is None or (value is False and key in FALSE_IS_NOTHING):
        return
    if key in REFUSED:
        raise at.error("not supported", REFUSED[key])
    raise at.error("this is no key of a service that is known here", "Correct the name, or leave it out.")


def _choose_order(found: Service) -> None:
    """Two versions never write to the same place because nobody said in which order they go."""
    if "order" not in found.options and places.writable(found.options.get("mounts", [])):
        found.options["order"] = "stop_first"


def _take_ours(at: At, value: t.Any, found: Service) -> None:
    """Options for which Compose has no word; they win."""
    given = at.mapping(value, {"by", *SERVICE_OPTIONS} - {"name", "state"})
    found.by = at.key("by").choice(given.pop("by", PROXY), (PROXY, REDIRECT))
    found.ours = given


def _text(option: str) -> t.Callable[..., Options]:
    return lambda at, value, _found, _around: {option: at.text(value)}


def _texts(option: str, single: bool = False) -> t.Callable[..., Options]:
    return lambda at, value, _found, _around: {option: at.texts(value, single)}


def _words(option: str) -> t.Callable[..., Options]:
    """A command: a list, or a text that is split as a shell splits it."""

    def take(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
        try:
            words = at.texts(value) if isinstance(value, list) else shlex.split(at.text(value))
        except ValueError as error:
            raise at.error("a quote is not closed (%s)" % error, "Close it, or write a list.") from None
        if not words:
            raise at.error("an empty %s is not supported" % option, "Leave it out for that of the image, or write what to run.")
        return {option: words}

    return take


def _environment(at: At, value: t.Any, found: Service, around: Around) -> Options:
    given = {key: around.environment.get(key) if one is None else one for key, one in at.pairs(value).items()}
    return {"env": {**found.options.get("env", {}), **{key: one for key, one in given.items() if one is not None}}}


def _env_file(at: At, value: t.Any, found: Service, around: Around) -> Options:
    """Read here, where the file is; the module's own env_file is on the host."""
    env: dict[str, str] = {}
    for number, one in enumerate(value if isinstance(value, list) else [value]):
        place = at.key(number)
        entry = place.mapping(one, ("path", "required")) if isinstance(one, dict) else {"path": one}
        path = place.key("path").text(entry.get("path"))
        text = around.read(path)
        if text is None and place.key("required").flag(entry.get("required", True)):
            raise place.error("there is no file %s beside the Compose file" % path, "Write it, or leave it out.")
        env.update(dotenv(text or "", {**around.environment, **env}, project=False))
    return {"env": env}


def _labels(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    return {"labels": {key: one or "" for key, one in at.pairs(value).items()}}


def _ports(at: At, value: t.Any, found: Service, _around: Around) -> None:
    found.ports = places.ports(at, value)


def _expose(at: At, value: t.Any, found: Service, _around: Around) -> None:
    found.exposed = places.exposed(at, value)


def _volumes(at: At, value: t.Any, _found: Service, around: Around) -> Options:
    return {"mounts": places.mounts(at, value, around.places)}


def _secrets(at: At, value: t.Any, _found: Service, around: Around) -> Options:
    return {"secrets": secrets.of_service(at, value, around.secrets)}


def _networks(at: At, value: t.Any, found: Service, _around: Around) -> None:
    found.networks = at.texts(value) if isinstance(value, list) else list(at.mapping(value))
    for name in found.networks if isinstance(value, dict) else ():
        place = at.key(name)
        details = place.mapping(value[name], ("aliases",))
        if set(place.key("aliases").texts(details.get("aliases"))) - {found.name}:
            raise place.key("aliases").error("not supported", "The one name that leads to a service is its own: %s." % found.name)
    if len(found.networks) != 1:
        raise at.error("a service is on one network here, not on %d" % len(found.networks), "Name one network that all services share.")


def _network_mode(at: At, value: t.Any, found: Service, _around: Around) -> Options:
    found.networks = []
    return {"network_mode": at.choice(value, ("host", "none"))}


def _healthcheck(at: At, value: t.Any, found: Service, _around: Around) -> Options:
    known = ("test", "interval", "timeout", "retries", "start_period", "disable")
    given = at.mapping(value, known)
    test = given.get("test")
    words = at.key("test").texts(test) if isinstance(test, list) else test and ["CMD-SHELL", at.key("test").text(test)]
    if at.key("disable").flag(given.get("disable", False)) or words == ["NONE"]:
        return {"healthcheck": {"test": ["NONE"]}}
    if not words:
        raise at.key("test").error("not given", "Say what to run in the container.")
    at.key("test").choice(words[0], ("CMD", "CMD-SHELL"))
    seconds = {name: at.key(name).seconds(given[name]) for name in ("interval", "timeout", "start_period") if given.get(name) is not None}
    retries = at.key("retries").whole(given["retries"]) if given.get("retries") is not None else _RETRIES
    deadline = _START + seconds.get("start_period", 0) + (retries + 1) * (seconds.get("interval", _INTERVAL) + seconds.get("timeout", _TIMEOUT))
    texts = {name: "%gs" % one for name, one in seconds.items()}
    return {"healthcheck": {"test": words, "retries": retries, **texts}, "gate": {"engine": True, "deadline": "%g" % deadline}}


def _grace(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    return {"stop_timeout": math.ceil(at.seconds(value))}


def _restart(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    if isinstance(value, bool):
        raise at.error("without quotes this is %s" % str(value).lower(), 'Write "no".')
    text = at.text(value)
    if text.startswith("on-failure:"):
        raise at.error("a number of tries is not supported", "Write on-failure.")
    return {"restart_policy": at.choice(text, ("no", "always", "on-failure", "unless-stopped"))}


def _pull(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    word = at.choice(value, ("missing", "if_not_present", "never"))
    return {"pull": "never" if word == "never" else "missing"}


def _scale(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    return {"replicas": _replicas(at, value)}


def _replicas(at: At, value: t.Any) -> int:
    count = at.whole(value)
    if count < 1:
        raise at.error("%d instances are none" % count, "Write 1 or more; to remove a service use state: absent of the module.")
    return count


def _ulimits(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    found = []
    for name, one in at.mapping(value).items():
        place = at.key(name)
        both = place.mapping(one, ("soft", "hard")) if isinstance(one, dict) else {"soft": one, "hard": one}
        found.append("%s:%d:%d" % (name, place.key("soft").whole(both.get("soft")), place.key("hard").whole(both.get("hard"))))
    return {"ulimits": found}


def _extra_hosts(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    if isinstance(value, dict):
        return {"extra_hosts": {key: one or "" for key, one in at.pairs(value).items()}}
    split = [text.partition("=" if "=" in text else ":") for text in at.texts(value)]
    return {"extra_hosts": {host: address.strip("[]") for host, _mark, address in split}}


def _logging(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    given = at.mapping(value, ("driver", "options"))
    driver = {"log_driver": at.key("driver").text(given["driver"])} if given.get("driver") is not None else {}
    return {**driver, "log_options": {key: one or "" for key, one in at.key("options").pairs(given.get("options")).items()}}


def _flag(option: str) -> t.Callable[..., Options]:
    return lambda at, value, _found, _around: {option: at.flag(value)}


def _cpus(at: At, value: t.Any, _found: Service, _around: Around) -> Options:
    return {"cpus": at.number(value)}


def _depends_on(at: At, value: t.Any, found: Service, _around: Around) -> None:
    if isinstance(value, list):
        found.needs = dict.fromkeys(at.texts(value), True)
        return
    for name, one in at.mapping(value).items():
        details = at.key(name).mapping(one, ("condition", "required", "restart"))
        if details.get("restart"):
            raise at.key(name).key("restart").error("not supported", "Services are only restarted for a new version or other settings of their own.")
        condition = details.get("condition") or "service_started"
        if condition == "service_completed_successfully":
            raise at.key(name).key("condition").error("%s is not supported" % condition, "Run what has to end before in a hook, see docs/hooks.md.")
        at.key(name).key("condition").choice(condition, ("service_started", "service_healthy"))
        found.needs[name] = at.key(name).key("required").flag(details.get("required", True))


def _profiles(at: At, value: t.Any, found: Service, _around: Around) -> None:
    found.profiles = at.texts(value)


def _deploy(at: At, value: t.Any, found: Service, _around: Around) -> Options:
    given = at.mapping(value)
    for key, one in given.items():
        if key in REFUSED_DEPLOY and one is not None:
            raise at.key(key).error("not supported", REFUSED_DEPLOY[key])
    at.mapping(value, {"mode", "replicas", "update_config", "resources", "restart_policy", *REFUSED_DEPLOY})
    at.key("mode").choice(given.get("mode") or "replicated", ("replicated",))
    options: Options = {"replicas": _replicas(at.key("replicas"), given["replicas"])} if given.get("replicas") is not None else {}
    if options and found.options.get("replicas", options["replicas"]) != options["replicas"]:
        raise at.key("replicas").error("scale says otherwise", "Leave one of them out.")
    replicas = options.get("replicas") or found.options.get("replicas", 1)
    return {
        **options,
        **_update(at.key("update_config"), given.get("update_config"), replicas),
        **_limits(at.key("resources"), given.get("resources")),
        **_policy(at.key("restart_policy"), given.get("restart_policy")),
    }


def _update(at: At, value: t.Any, replicas: int) -> Options:
    """Order and monitor; what all instances at once cannot honour is refused."""
    given = at.mapping(value, ("order", "parallelism", "delay", "failure_action", "monitor", "max_failure_ratio"))
    given = {key: one for key, one in given.items() if one is not None}
    parallelism = at.key("parallelism").whole(given.get("parallelism", 0))
    if 0 < parallelism < replicas:
        raise at.key("parallelism").error(
            "%d of %d instances at a time cannot be honoured" % (parallelism, replicas),
            "All instances of a version get the traffic in one cutover: write 0 or %d. Hosts go in batches with rollout_batches." % replicas,
        )
    at.key("delay").seconds(given.get("delay", "0s"))  # between groups of instances; there is one group
    at.key("failure_action").choice(given.get("failure_action", "rollback"), ("rollback",))
    if at.key("max_failure_ratio").number(given.get("max_failure_ratio", 0)):
        raise at.key("max_failure_ratio").error("no instance may fail", "Write 0. Hosts may fail with rollout_max_failures.")
    order = {"order": at.key("order").choice(given["order"], ("start-first", "stop-first")).replace("-", "_")} if "order" in given else {}
    monitor = at.key("monitor").seconds(given.get("monitor", "0s"))
    return {**order, **({"bake": {"time": "%g" % monitor}} if monitor else {})}


def _limits(at: At, value: t.Any) -> Options:
    limits = at.key("limits").mapping(at.mapping(value, ("limits",)).get("limits"), ("cpus", "memory"))
    place = at.key("limits")
    cpus = {"cpus": place.key("cpus").number(limits["cpus"])} if limits.get("cpus") is not None else {}
    return {**cpus, **({"memory": place.key("memory").text(limits["memory"])} if limits.get("memory") is not None else {})}


def _policy(at: At, value: t.Any) -> Options:
    given = at.mapping(value, ("condition",))
    if not given:
        return {}
    words = {"none": "no", "on-failure": "on-failure", "any": "always"}
    return {"restart_policy": words[at.key("condition").choice(given.get("condition") or "any", list(words))]}


# In the order of reading: env_file before environment, which wins; scale before deploy.
TAKEN: dict[str, t.Callable[..., Options | None]] = {
    "image": _text("image"),
    "command": _words("command"),
    "entrypoint": _words("entrypoint"),
    "env_file": _env_file,
    "environment": _environment,
    "ports": _ports,
    "expose": _expose,
    "volumes": _volumes,
    "tmpfs": _texts("tmpfs", single=True),
    "secrets": _secrets,
    "networks": _networks,
    "network_mode": _network_mode,
    "healthcheck": _healthcheck,
    "labels": _labels,
    "user": _text("user"),
    "working_dir": _text("workdir"),
    "hostname": _text("hostname"),
    "stop_signal": _text("stop_signal"),
    "stop_grace_period": _grace,
    "restart": _restart,
    "pull_policy": _pull,
    "scale": _scale,
    "deploy": _deploy,
    "depends_on": _depends_on,
    "profiles": _profiles,
    "cap_add": _texts("cap_add"),
    "cap_drop": _texts("cap_drop"),
    "security_opt": _texts("security_opt"),
    "read_only": _flag("read_only"),
    "devices": _texts("devices"),
    "ulimits": _ulimits,
    "extra_hosts": _extra_hosts,
    "dns": _texts("dns", single=True),
    "logging": _logging,
    "init": _flag("init"),
    "mem_limit": _text("memory"),
    "cpus": _cpus,
}
