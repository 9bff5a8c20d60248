#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: What a network, a proxy and services on a host come to, in one module run
version_added: 1.0.0
description:
  - Says for each part what its own module would say in check mode, and whether it would do anything. Nothing is changed.
  - A task of M(hotswap.containers.network), M(hotswap.containers.reverse_proxy) or M(hotswap.containers.service) that is given its part of
    the result as O(hotswap.containers.service#module:planned) is not run on the host when there is nothing to do. So a playbook over a host
    where all is as it should be costs one module run, however many services there are.
  - The role P(hotswap.containers.rollout#role) begins with it, and does no more where nothing is needed.
extends_documentation_fragment:
  - hotswap.containers.engine
  - hotswap.containers.attributes
  - hotswap.containers.attributes.actiongroup_all
  - hotswap.containers.attributes.info_module
options:
  network:
    description:
      - The options of M(hotswap.containers.network). Without a name in it, there is no such part.
    type: dict
  proxy:
    description:
      - The options of M(hotswap.containers.reverse_proxy). Without a name in it, there is no such part.
    type: dict
  services:
    description:
      - The options of M(hotswap.containers.service), for each service. Options that are blank texts count as not set, here and in the other parts.
    type: list
    elements: dict
seealso:
  - module: hotswap.containers.network
  - module: hotswap.containers.reverse_proxy
  - module: hotswap.containers.service
author:
  - The hotswap.containers contributors (@hotswap-containers)
"""

EXAMPLES = r"""
- name: Ask what is to be done
  hotswap.containers.plan:
    network:
      name: web
    services:
      - name: greet
        image: registry.example.com/greet:1.5.0
        port: 8282
        network: web
  register: found

- name: Make the network, where it is not as it should be
  hotswap.containers.network:
    name: web
    planned: "{{ found.network }}"

- name: Make the version live, where it is not
  hotswap.containers.service:
    name: greet
    image: registry.example.com/greet:1.5.0
    port: 8282
    network: web
    planned: "{{ found.services[0] }}"
"""

RETURN = r"""
needed:
  description: Whether any of the parts is.
  returned: success
  type: bool
network:
  description: What M(hotswap.containers.network) would return; null when it was not asked for.
  returned: success
  type: dict
  contains: &part
    needed:
      description: Whether the module would do anything. It is also true where that cannot be told yet.
      type: bool
    changed:
      description: Whether that would be a change.
      type: bool
    msg:
      description: Why it cannot be told what would be done. The part's own module says it again, if it is still so then.
      type: str
    asked:
      description: A salted hash of the options. A task with other options does not use this part of the plan.
      type: str
proxy:
  description: What M(hotswap.containers.reverse_proxy) would return; null when it was not asked for.
  returned: success
  type: dict
  contains: *part
services:
  description: What M(hotswap.containers.service) would return, in the order of O(services).
  returned: success
  type: list
  elements: dict
  contains: *part
live:
  description: What is live of these services before anything is done. A service of which nothing is there is left out.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The service.
      type: str
    version:
      description: The version that the traffic is for, empty when none is live.
      type: str
    instances:
      description: The names of its instances.
      type: list
      elements: str
"""

from ..module_utils._zip_imports import compile_once

compile_once()

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils import _module
from ..module_utils._errors import InvalidInput
from ..module_utils._options import ENGINE_OPTIONS
from ..module_utils._rollout.network_options import NETWORK_OPTIONS
from ..module_utils._rollout.parts import Asked, Parts
from ..module_utils._rollout.proxy_options import PROXY_OPTIONS
from ..module_utils._rollout.service_options import SERVICE_OPTIONS

Json = t.Dict[str, t.Any]
OPTIONS: dict[str, dict[str, t.Any]] = {
    "network": {"type": "dict"},
    "proxy": {"type": "dict"},
    # They have secrets: see main.
    "services": {"type": "list", "elements": "dict", "no_log": True},
}
_NEEDS = {"proxy": [("state", "present", ["listen"])]}


def _checked(module: AnsibleModule, where: str, given: Json, options: Json) -> Json:
    """The part as its own module gets it. Raises InvalidInput."""
    common = {name: module.params[name] for name in ENGINE_OPTIONS if module.params[name] is not None}
    found = ArgumentSpecValidator({**ENGINE_OPTIONS, **options}, required_if=_NEEDS.get(where)).validate({**common, **given})
    if found.error_messages:
        raise InvalidInput("%s: %s" % (where, "; ".join(found.error_messages)), "Its options are those of the module that it is for.")
    return dict(found.validated_parameters)


def _asked(module: AnsibleModule) -> Asked:
    def named(where: str, options: Json) -> Json | None:
        given = module.params[where] or {}
        return _checked(module, where, given, options) if given.get("name") else None

    services = [_checked(module, "services", one, SERVICE_OPTIONS) for one in module.params["services"] or ()]
    return Asked(named("network", NETWORK_OPTIONS), named("proxy", PROXY_OPTIONS), services)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**ENGINE_OPTIONS, **OPTIONS}, supports_check_mode=True)
    # Not everything in a service is one: hiding its name would hide the result.
    module.no_log_values = {text for one in module.params["services"] or () for text in _module.secrets(one, SERVICE_OPTIONS)}
    _module.run_on_demand(module, lambda engine, _state: {"changed": False, **Parts(engine).plan(_asked(module))})


if __name__ == "__main__":
    main()
