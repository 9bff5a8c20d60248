#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_redirect
short_description: A port of the host that the kernel sends on to a version
version_added: 1.0.0
description:
  - Sends new connections (TCP), and datagrams (UDP), for a port of this host to an address and port. Another run
    moves them to another one, in one step of the kernel, without a moment in between.
  - It is for people who start and stop their versions themselves. A service that is to be rolled out has its redirect
    in O(hotswap.containers.service#module:redirect).
  - Connections that exist stay where they are until one of their ends closes them. UDP flows are moved at once.
  - Rules, and redirects, of others are never touched. A port that somebody else redirects, publishes or listens on is refused.
  - Without O(port) it lists what is redirected.
  - Runs as root. It needs C(nft), or else C(iptables), and C(conntrack).
extends_documentation_fragment:
  - hotswap.containers.engine
  - hotswap.containers.attributes
  - hotswap.containers.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  port:
    description:
      - The port of this host.
    type: int
  state:
    description:
      - V(present) makes the port lead to O(to), and nowhere else.
      - V(absent) ends the redirect. Connections that exist go on.
    type: str
    choices:
      - present
      - absent
    default: present
  protocols:
    description:
      - What is sent on.
    type: list
    elements: str
    choices:
      - tcp
      - udp
    default:
      - tcp
  addresses:
    description:
      - Which addresses of this host the redirect is for; all of them when it is not set.
    type: list
    elements: str
  to:
    description:
      - Where the port leads to.
    type: dict
    suboptions:
      address:
        description:
          - The address of a container, or V(127.0.0.1) for a port that a rootless engine has published there. A port
            that a rootful engine has published cannot be the target, because it has no listener; use the container's address.
          - An IPv6 address redirects IPv6 clients, an IPv4 address IPv4 clients, and never one the other's.
        type: str
      port:
        description:
          - The port there; the same as O(port) when it is not set.
        type: int
      service:
        description:
          - Instead of O(to.address), the name of a service of this collection on a rootful engine.
        type: str
      version:
        description:
          - Which running version of O(to.service) is meant; it may be left out when only one runs.
        type: str
  tool:
    description:
      - What writes the rules. When it is not set, C(nft) does where it is installed, else C(iptables).
    type: str
    choices:
      - nft
      - iptables
seealso:
  - module: hotswap.containers.service
author:
  - The hotswap.containers contributors (@hotswap-containers)
"""

EXAMPLES = r"""
- name: Make version 2 of a name server answer, which runs beside version 1
  hotswap.containers.port_redirect:
    port: 53
    protocols: [tcp, udp]
    to:
      address: 10.89.0.12
      port: 5353
  become: true

- name: Send a port to a rootless container, which publishes 127.0.0.1:18080
  hotswap.containers.port_redirect:
    port: 80
    to:
      address: 127.0.0.1
      port: 18080
  become: true

- name: List what is redirected on this host
  hotswap.containers.port_redirect:
  become: true
  register: what

- name: End the redirect
  hotswap.containers.port_redirect:
    port: 53
    state: absent
  become: true
"""

RETURN = r"""
redirects:
  description: All redirects of this host that this collection made, by port.
  returned: success
  type: list
  elements: dict
  contains:
    port:
      description: The port of this host.
      type: int
    protocols:
      description: What is sent on.
      type: list
      elements: str
    addresses:
      description: Which addresses of this host it is for; empty for all of them.
      type: list
      elements: str
    to:
      description: Where it leads to; each with C(address), C(port) and C(weight), which is relative to the others.
      type: list
      elements: dict
    service:
      description: The service whose redirect it is, if it is one's.
      type: str
"""

from ..module_utils._zip_imports import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module import run_on_demand
from ..module_utils._options import ENGINE_OPTIONS
from ..module_utils._rollout.redirect_module import converge

_TO = {
    "address": {"type": "str"},
    "port": {"type": "int"},
    "service": {"type": "str"},
    "version": {"type": "str"},
}

OPTIONS = {
    "port": {"type": "int"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "protocols": {"type": "list", "elements": "str", "choices": ["tcp", "udp"], "default": ["tcp"]},
    "addresses": {"type": "list", "elements": "str"},
    "to": {"type": "dict", "options": _TO},
    "tool": {"type": "str", "choices": ["nft", "iptables"]},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**ENGINE_OPTIONS, **OPTIONS}, supports_check_mode=True)
    run_on_demand(module, lambda engine, state: converge(state, module.params, module.check_mode, engine))


if __name__ == "__main__":
    main()
