# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Renders the user's templates of a service on the controller, for there is no Jinja2 on the hosts."""

from __future__ import annotations

import os
import re
import typing as t

from ansible.errors import AnsibleError

from ..module_utils._switch.tokens import FIELDS, token

Json = t.Dict[str, t.Any]
# Every instance of the one version that serves gets the same.
_WEIGHT = 100
# In a folder these are templates, and called so on the host without it.
_SUFFIXES = (".template", ".j2")
_COMMANDS = ("check", "apply", "confirm")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def with_rendered(action: t.Any, args: Json, task_vars: Json) -> Json:
    """A service's options with the texts that its option template comes to, unchanged without one. Raises AnsibleError naming the option.

    `action`: the action plugin that is run, whose task says where templates are.
    """
    template = args.get("template")
    if not isinstance(template, dict) or not template.get("src"):
        return args
    variables = _variables(args, template.get("variables"))
    words = {name: [_put_in(str(word), variables) for word in template[name]] for name in _COMMANDS if isinstance(template.get(name), list)}
    try:
        return {**args, "template": {**template, **words, "rendered": _rendered(action, args, variables, task_vars)}}
    except AnsibleError as error:
        raise AnsibleError("template.src: %s" % error) from error


def _rendered(action: t.Any, args: Json, variables: t.Mapping[str, str], task_vars: Json) -> dict[str, str]:
    """Path on the host -> text, for a template or a folder of them."""
    dest = str(args["template"].get("dest") or "")
    path = action._find_needle("templates", str(args["template"]["src"]))
    if not os.path.isdir(path):
        return {dest: _text(action, args, path, variables, task_vars)}
    found = {name[: -len(suffix)]: name for name in sorted(os.listdir(path)) for suffix in _SUFFIXES if name.endswith(suffix)}
    if not found:
        raise AnsibleError("no file in the folder %s ends with %s" % (path, " or ".join(_SUFFIXES)))
    return {os.path.join(dest, name): _text(action, args, os.path.join(path, file), variables, task_vars) for name, file in found.items()}


def _text(action: t.Any, args: Json, path: str, variables: t.Mapping[str, str], task_vars: Json) -> str:
    """The template as ansible.builtin.template would render it, with `hotswap` beside the task's variables, and each ${NAME} put in."""
    with open(action._loader.get_real_file(path), encoding="utf-8") as file:
        text = file.read()
    searched = [os.path.dirname(path), *task_vars.get("ansible_search_path", [])]
    templar = action._templar
    templar.available_variables = {**task_vars, "hotswap": _words(args)}
    with templar.set_temporary_context(searchpath=searched):
        return _put_in(str(templar.template(_trusted(text), preserve_trailing_newlines=True, escape_backslashes=False)), variables)


def _put_in(text: str, variables: t.Mapping[str, str]) -> str:
    for name, stands_for in variables.items():
        text = text.replace("${%s}" % name, stands_for)
    return text


def _variables(args: Json, given: t.Any) -> dict[str, str]:
    """Name -> what stands for it in the texts. Raises AnsibleError for what an instance has not, and for several instances."""
    if not isinstance(given, dict):
        return {}
    wrong = sorted(str(name) for name in given if not _VARIABLE.fullmatch(str(name)) or given[name] not in FIELDS)
    if wrong:
        raise AnsibleError("template.variables: %s: write NAME: %s" % (", ".join(wrong), " or NAME: ".join(FIELDS)))
    if given and int(args.get("replicas") or 1) > 1:
        raise AnsibleError("template.variables: they stand for one instance, and replicas asks for more: use hotswap.instances in the template")
    return {str(name): token(0, str(field)) for name, field in given.items()}


def _words(args: Json) -> Json:
    route = args.get("route") or {}
    count = int(args.get("replicas") or 1)
    instances = [{**{field: token(index, field) for field in FIELDS}, "weight": _WEIGHT} for index in range(count)]
    return {
        "service": str(args.get("name", "")),
        "route": {"hosts": list(route.get("hosts") or []), "path": route.get("path") or "/"},
        "instances": instances,
    }


def _trusted(text: str) -> str:
    """The text as one that may be rendered: ansible-core 2.19 and newer want to be told."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return text
    trusted: str = trust_as_template(text)
    return trusted
