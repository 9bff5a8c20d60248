#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: link
short_description: A route of a proxy that leads to instances on other hosts
version_added: 1.0.0
description:
  - Makes a proxy of this host send the requests of a route to exactly the named instances, which run on other hosts. It starts and
    stops nothing there. With two hosts of which one is linked at a time this is blue and green.
  - Instances that are new to the route pass a gate first, asked from where the proxy's requests will leave. Then the traffic is moved without a
    moment in between, it is proven through the public route that one of them answers, and those that are no longer linked get nothing new,
    while they answer what they have.
  - When one of this fails, the route leads to where it did before.
  - Without O(to) it changes nothing, and says who is linked.
  - Services whose containers run on the host of the proxy are moved by M(hotswap.containers.service), and refused here.
extends_documentation_fragment:
  - hotswap.containers.engine
  - hotswap.containers.attributes
  - hotswap.containers.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
    details:
      - The gate is not asked.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - The name of the route, which no service of this host may have.
    type: str
    required: true
  proxy:
    description:
      - The proxy of this host, made by M(hotswap.containers.reverse_proxy). For one with C(where=host) no engine is needed.
    type: str
    required: true
  state:
    description:
      - V(present) makes the route lead to O(to).
      - V(absent) takes the route away.
    type: str
    choices:
      - present
      - absent
    default: present
  to:
    description:
      - The instances, which get equal shares. When it is not set, nothing is changed.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - A name for the instance, such as that of its host, or a colour.
        type: str
        required: true
      address:
        description:
          - The IPv4 address of its host, as the proxy reaches it.
        type: str
        required: true
      port:
        description:
          - The port there.
        type: int
        required: true
  route:
    description:
      - Which requests of the proxy are meant. When it is not set, all are.
    type: dict
    suboptions:
      hosts:
        description:
          - Host names; V(*.example.com) covers every name below C(example.com). When there are none, every host matches.
        type: list
        elements: str
      path:
        description:
          - The path prefix. V(/api) covers C(/api) and everything below C(/api/).
        type: str
        default: /
  gate:
    description:
      - What an instance must show before it gets requests. Without any check this is V(tcp).
    type: dict
    suboptions:
      http:
        description:
          - A request to the instance.
        type: dict
        suboptions:
          path:
            description:
              - Path and query.
            type: str
            default: /
          status:
            description:
              - Accepted status codes.
            type: list
            elements: int
            default: [200]
          method:
            description:
              - The request method.
            type: str
            choices: [GET, HEAD]
            default: GET
          host:
            description:
              - The Host header. When it is not set, this is the first host of the route, or the address.
            type: str
          header:
            description:
              - Headers of the answer that must have exactly these values.
            type: dict
          body:
            description:
              - A regular expression that must be found in the body.
            type: str
          json:
            description:
              - Fields of a JSON body, in dotted form, that must equal these values, compared as text.
            type: dict
      tcp:
        description:
          - Whether the port must accept a connection.
        type: bool
      successes:
        description:
          - How many rounds in a row must be good.
        type: int
        default: 2
      min_healthy_time:
        description:
          - How long these rounds must span at least, in seconds or as in V(1m30s).
        type: str
      interval:
        description:
          - Time from round to round, in seconds or as in V(500ms).
        type: str
        default: '0.5'
      timeout:
        description:
          - How long one check may take, in seconds or as in V(500ms).
        type: str
        default: '2'
      deadline:
        description:
          - How long the gate may take altogether, in seconds or as in V(1m30s).
        type: str
        default: '60'
  drain_timeout:
    description:
      - How long to wait for the requests in flight of those that are no longer linked, in seconds. What is still open then goes on,
        and is counted in RV(cut).
    type: float
    default: 30
  lock_timeout:
    description:
      - How long to wait, in seconds, while another process changes the same route on this host.
    type: float
    default: 60
seealso:
  - module: hotswap.containers.reverse_proxy
  - module: hotswap.containers.service
author:
  - The hotswap.containers contributors (@hotswap-containers)
"""

EXAMPLES = r"""
- name: Ask which colour is live
  hotswap.containers.link:
    name: greet
    proxy: edge
  register: linked

- name: Send all requests to the green host, once it is up
  hotswap.containers.link:
    name: greet
    proxy: edge
    to:
      - name: green
        address: 192.0.2.12
        port: 8282
    gate:
      http:
        path: /health
"""

RETURN = r"""
live:
  description: Names of the instances that get new requests, as the running proxy has them; in check mode, as it would have them.
  returned: success
  type: list
  elements: str
  sample: [green]
to:
  description: The instances that the route leads to, as written; each with C(name), C(address) and C(port).
  returned: success
  type: list
  elements: dict
drained:
  description: Requests of those that are no longer linked that ended by themselves.
  returned: success
  type: int
cut:
  description: Requests that were still open when O(drain_timeout) had passed.
  returned: success
  type: int
drain_observed:
  description: V(requests) where the proxy counts them, V(none) where nobody had any, or the proxy cannot tell.
  returned: success
  type: str
  sample: requests
"""

from ..module_utils._zip_imports import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module import run_on_demand
from ..module_utils._options import ENGINE_OPTIONS
from ..module_utils._rollout.link import converge
from ..module_utils._rollout.link_options import LINK_OPTIONS


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**ENGINE_OPTIONS, **LINK_OPTIONS}, supports_check_mode=True)
    run_on_demand(module, lambda engine, state: converge(state, module.params, module.check_mode, engine))


if __name__ == "__main__":
    main()
