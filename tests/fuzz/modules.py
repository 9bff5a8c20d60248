# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One case of each module: parameters as Ansible gives them to it, and what must be true of what comes of them."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.hotswap.containers.plugins.module_utils._engine import docker_format, podman_format
from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_SPEC, ContainerSpec
from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._image import host as image_host
from ansible_collections.hotswap.containers.plugins.module_utils._options import ENGINE_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._probe.runner import load_of
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import (
    host_proxy_apply,
    info,
    link,
    network,
    parts,
    progress,
    proxy_plan,
    redirect_module,
    reverse_proxy,
    service,
)
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.link_options import LINK_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.network_options import NETWORK_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.proxy_options import PROXY_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.service_options import SERVICE_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.spec import PREVIOUS, ServiceSpec, from_label, from_params
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.validate import unset_blank
from ansible_collections.hotswap.containers.plugins.modules import image as image_module
from ansible_collections.hotswap.containers.plugins.modules import lease as lease_module
from ansible_collections.hotswap.containers.plugins.modules import port_redirect as redirect_options
from ansible_collections.hotswap.containers.plugins.modules import probe as probe_module
from ansible_collections.hotswap.containers.plugins.modules import service_info as info_module
from fuzz import rendered
from fuzz.nothing import EmptyEngine
from fuzz.values import CANARY, SECRET, Options

ENGINE_DEFAULTS = dict.fromkeys(ENGINE_OPTIONS)
Params = t.Dict[str, t.Any]
Use = t.Callable[[Params, pathlib.Path], None]
# What an engine hands on to a process: it may have several lines. Everything else is one line.
_FREE = frozenset(["Env", "env", "Cmd", "command", "Entrypoint", "entrypoint", "Labels", "labels", "Healthcheck", "healthconfig"])


class Leaked(AssertionError):
    """Something came further than it may: into a message, a label, a configuration, a file."""


def tried(spec: Options, params: Params, use: Use, folder: pathlib.Path) -> str:
    """ "accepted", or the message that refused it. Raises AssertionError for what must not be, and whatever the module itself raises."""
    found = ArgumentSpecValidator(dict(spec)).validate(params)
    if found.error_messages:
        return "; ".join(found.error_messages)
    try:
        use(dict(found.validated_parameters), folder)
    except InvalidInput as error:
        _judge_message(spec, str(error))
        _nothing_left(folder)
        return str(error)
    return "accepted"


def _judge_message(spec: Options, text: str) -> None:
    named = re.split(r"[:. \[]", text, maxsplit=1)[0]
    assert named in spec, "the message names no parameter: %.300r" % text
    _no_secret(text)


def _no_secret(text: str) -> None:
    if SECRET in text:
        raise Leaked("a secret stands in %.300r" % text)


def _nothing_left(folder: pathlib.Path) -> None:
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    if left:
        raise Leaked("refused, and it left %s" % left)


def of_service(params: Params, folder: pathlib.Path) -> None:
    """The service module, on a host with nothing: its label, both engines' bodies, four configurations."""
    given = unset_blank(params)
    if given["state"] != "absent" and given["version"] != PREVIOUS:
        _judge_service(from_params(given), given)
    _converged(params, folder)


def _converged(params: Params, folder: pathlib.Path) -> None:
    engine = _empty_engine()
    _without_a_host(SERVICE_OPTIONS, folder, params["name"], lambda: service.converge(engine, StateDir(folder), {**params, "lock_timeout": 0}, False))


def _without_a_host(spec: Options, folder: pathlib.Path, name: str, work: t.Callable[[], t.Any]) -> None:
    """What is not there on this host is refused by what it would be, and leaves at most an empty lock and the note of a failed pull."""
    try:
        work()
    except HotswapError as error:
        _no_secret(str(error) + json.dumps(error.details, default=str))
        if isinstance(error, InvalidInput):
            _judge_message(spec, str(error))
    finally:
        own = folder / "services" / name
        for path in (one for one in folder.rglob("*") if one.is_file()):
            if path.parent != own or path.name not in ("lock", "journal.jsonl", "now"):
                raise Leaked("it left %s" % path.relative_to(folder))
            _no_secret(path.read_text())
            path.unlink()
        for path in sorted((one for one in folder.rglob("*")), reverse=True):
            path.rmdir()


def _judge_service(made: ServiceSpec, given: Params) -> None:
    container = made.instance(made.names[0], "10.0.0.2")
    label = json.loads(container.labels[LABEL_SPEC])
    _no_secret(container.labels[LABEL_SPEC])
    blank = {**given, "gate": None, "route": None, "bake": None, **dict.fromkeys(("redirect", "alias", "template"))}
    again = from_label(made.name, made.version, label, blank)
    for field in ("image", "port", "network", "proxy", "replicas", "gate", "order", "bake", "means", "assets"):
        if field != "means" or not made.means.template:
            assert getattr(again, field) == getattr(made, field), "the label gives another %s back" % field
    assert again.to_label() == made.to_label()
    _judge_bodies(container)
    rendered.judge(made.route)


def _judge_bodies(container: ContainerSpec) -> None:
    docker = docker_format.container_config(container)
    podman = podman_format.container_body(container)
    for body in (docker, podman):
        for path, one in _leaves(body, ()):
            if isinstance(one, int):
                assert -(2**63) <= one < 2**64, "%s is no number that an engine takes" % (path,)
            text = str(one)
            assert "\x00" not in text, "%s has a zero byte" % (path,)
            assert text.isprintable() or _FREE & set(path), "%s has %.60r" % (path, text)
            text.encode()
    assert dict(one.split("=", 1) for one in docker.get("Env", ())) == dict(container.env) == podman.get("env", {})
    for bind in docker.get("HostConfig", {}).get("Binds", ()):
        assert bind.count(":") == 2, "%r is more than a source, a target and options" % bind


def _leaves(value: t.Any, path: tuple[t.Any, ...]) -> t.Iterator[tuple[tuple[t.Any, ...], t.Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, "key"), key
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


def of_proxy(params: Params, folder: pathlib.Path) -> None:
    """The reverse_proxy module: a container's spec and its label, or the record of a host's proxy; and its settings in a configuration."""
    given = unset_blank(params)
    settings = proxy_plan.settings_of({**given, "listen": given["listen"] or []}, "0123456789abcdef")
    if given["where"] == "host":
        spec = host_proxy_apply._spec_of(given)
        for text in (spec.service_unit, spec.include_dir, spec.config, spec.control):
            assert text.isprintable() and not text.startswith("-"), "%r would be an option of a command" % text
    else:
        made = proxy_plan.spec_of({**given, "network": given["network"] or ""}, "localhost/proxy:1")
        assert proxy_plan.read_spec(made.as_text()) == made
    rendered.judge_settings(settings)
    engine = EmptyEngine()
    try:
        if given["where"] != "host":
            reverse_proxy.converge(lambda: t.cast(t.Any, engine), StateDir(folder), given, True)
    except InvalidInput as error:
        _judge_message(PROXY_OPTIONS, str(error))
    except HotswapError:
        pass
    assert not engine.touched
    _nothing_left(folder)


def of_network(params: Params, _folder: pathlib.Path) -> None:
    """The network module: what it would create."""
    want = network.wanted(params)
    for text in (want.name, want.subnet, want.ip_range, want.gateway):
        assert text.isprintable() and (CANARY not in text or text == want.name)
    engine = EmptyEngine()
    result = network.converge(t.cast(t.Any, engine), params, True)
    assert not engine.touched
    json.dumps(result)


def of_image(params: Params, _folder: pathlib.Path) -> None:
    """The image module: references that engines and registries can only read as names."""
    for ref in (want := image_host.wanted(params)).refs:
        assert ref.isprintable() and ref.isascii() and " " not in ref
        # A tag may have dots, and is no folder of a registry's path.
        assert ".." not in re.sub(r":[^:/]*$", "", ref.partition("@")[0])
    assert want.platform.isprintable()


def of_redirect(params: Params, _folder: pathlib.Path) -> None:
    """The port_redirect module: what the kernel would be told."""
    given = unset_blank(params)
    if given["port"] is None or given["state"] == "absent":
        return
    made = redirect_module._wanted(given["port"], given, lambda: t.cast(t.Any, EmptyEngine()))
    for text in (made.name, *made.addresses, *(one.address for one in made.to)):
        assert text.isprintable() and CANARY not in text


def of_lease(params: Params, folder: pathlib.Path) -> None:
    """The lease module, on an empty folder: it holds what was asked for, and gives it back."""
    assert lease_module.work({**params, "state_dir": str(folder), "lock_timeout": min(params["lock_timeout"], 1)}, False)["changed"] == (
        params["state"] == "held" and bool(params["names"])
    )
    lease_module.work({**params, "state_dir": str(folder), "state": "released"}, False)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.name != "lock":
            raise Leaked("it left %s" % path.relative_to(folder))
        path.unlink() if path.is_file() else path.rmdir()


def of_probe(params: Params, _folder: pathlib.Path) -> None:
    """The probe module: what it would send."""
    load = load_of(params)
    for name, text in load._target.headers.items():
        assert "\n" not in name + text and "\r" not in name + text
    assert load._target.address.path.isprintable() and " " not in load._target.address.path


def of_link(params: Params, folder: pathlib.Path) -> None:
    """The link module, on a host without a proxy: what would be written, and what it leaves there."""
    given = unset_blank(params)
    link.refuse_unfit(given)
    if given["state"] == "present" and given["to"] is not None:
        wanted = link.asked(given)[0]
        rendered.judge(wanted.route)
        for one in wanted.targets:
            assert (one.name + one.address).isprintable() and CANARY not in one.address and 0 < one.port < 65536
    _without_a_host(LINK_OPTIONS, folder, params["name"], lambda: link.converge(StateDir(folder), {**params, "lock_timeout": 0}, False, _empty_engine))


def of_info(params: Params, folder: pathlib.Path) -> None:
    """The service_info module: it looks at no other place than its own."""
    json.dumps(info.gather(_empty_engine(), StateDir(folder), params["name"], False))
    assert progress.journals(StateDir(folder), params["name"], params["journal"]) == {}
    _nothing_left(folder)


def _empty_engine() -> t.Any:
    return EmptyEngine()


def of_plan(params: Params, folder: pathlib.Path) -> None:
    """The plan module: it never fails for a part, but says why that cannot be judged."""
    service_ = {**ENGINE_DEFAULTS, **params, "state_dir": str(folder)}
    judged = parts.Parts(lambda _options: t.cast(t.Any, EmptyEngine())).plan(parts.Asked(None, None, [service_]))["services"][0]
    _no_secret(json.dumps(judged, default=str))
    assert judged["needed"] or not judged["changed"]
    _nothing_left(folder)


MODULES: t.Mapping[str, tuple[Options, Use]] = {
    "service": (SERVICE_OPTIONS, of_service),
    "reverse_proxy": (PROXY_OPTIONS, of_proxy),
    "network": (NETWORK_OPTIONS, of_network),
    "image": ({name: one for name, one in image_module.OPTIONS.items() if name != "shipment"}, of_image),
    "port_redirect": (t.cast(Options, redirect_options.OPTIONS), of_redirect),
    "lease": (lease_module.ARGUMENTS, of_lease),
    "link": (LINK_OPTIONS, of_link),
    "service_info": (info_module.OPTIONS, of_info),
    "plan": (SERVICE_OPTIONS, of_plan),
    "probe": (t.cast(Options, probe_module.ARGUMENTS), of_probe),
}
# So much of all cases is each module's.
SHARES = {
    "service": 10,
    "reverse_proxy": 4,
    "image": 2,
    "link": 2,
    **dict.fromkeys(("network", "port_redirect", "lease", "service_info", "plan", "probe"), 1),
}
