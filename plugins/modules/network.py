#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: The container network that a proxy and its services share
version_added: 1.0.0
description:
  - Creates a bridge network in which every instance of a service can get an address of its own that stays the same when
    the engine restarts the instance.
  - The lower half of the subnet is left to the engine for other containers. Instances get addresses from the upper half.
  - A network of that name that was not made by this module is never touched. It is an error that says whose it is.
extends_documentation_fragment:
  - hotswap.containers.engine
  - hotswap.containers.planned
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
  name:
    description:
      - The name of the network.
    type: str
    required: true
  state:
    description:
      - V(present) makes the network exist as described.
      - V(absent) removes it, and fails while containers are attached to it.
    type: str
    choices:
      - present
      - absent
    default: present
  subnet:
    description:
      - The IPv4 subnet, at least a C(/29).
      - When it is not set, a new network gets a C(/24) that overlaps no network of the engine and no route of the host,
        and an existing network keeps what it has.
      - Changing it makes the network anew, which fails while containers are attached.
    type: str
  ip_range:
    description:
      - The part of O(subnet) out of which the engine gives addresses to other containers.
      - When it is not set, a new network gets the lower half of its subnet.
    type: str
  gateway:
    description:
      - The host's address in the network.
      - When it is not set, a new network gets the first address of its subnet.
    type: str
  internal:
    description:
      - Whether the containers on this network can reach nothing outside of it.
    type: bool
    default: false
  labels:
    description:
      - Labels of your own. Labels that begin with C(hotswap.) are refused.
    type: dict
seealso:
  - module: hotswap.containers.reverse_proxy
  - module: hotswap.containers.service
author:
  - The hotswap.containers contributors (@hotswap-containers)
"""

EXAMPLES = r"""
- name: Make a network for the proxy and its services
  hotswap.containers.network:
    name: edge
    engine: podman

- name: Choose the addresses
  hotswap.containers.network:
    name: edge
    engine: docker
    subnet: 10.213.7.0/24
    ip_range: 10.213.7.0/26
    gateway: 10.213.7.1

- name: Remove the network of the rootless engine of the user deploy
  hotswap.containers.network:
    name: edge
    engine: podman
    state: absent
  become: true
  become_user: deploy
"""

RETURN = r"""
planned:
  description: That this is what O(planned) says, and the module was not run on the host.
  returned: when there was nothing to do
  type: bool
state:
  description: Whether the network exists after this run.
  returned: success
  type: str
  sample: present
engine:
  description: The kind of engine that was used.
  returned: success
  type: str
  sample: podman
network:
  description: The network as it is, or as it would be in check mode.
  returned: success, when O(state=present)
  type: dict
  contains:
    id:
      description: The engine's own id; empty when the network would be created.
      type: str
    name:
      description: The name.
      type: str
    driver:
      description: The kind of network.
      type: str
      sample: bridge
    subnet:
      description: The IPv4 subnet.
      type: str
      sample: 10.213.0.0/24
    ip_range:
      description: Where the engine gives out addresses by itself.
      type: str
      sample: 10.213.0.0/25
    gateway:
      description: The host's address in the network.
      type: str
      sample: 10.213.0.1
    internal:
      description: Whether the containers can reach nothing outside.
      type: bool
    labels:
      description: The labels.
      type: dict
    containers:
      description: Names of the running containers on the network, and their addresses there.
      type: dict
"""

from ..module_utils._zip_imports import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _module
from ..module_utils._options import ENGINE_OPTIONS, PLANNED_OPTIONS
from ..module_utils._rollout.network import converge
from ..module_utils._rollout.network_options import NETWORK_OPTIONS


def main() -> None:
    module = AnsibleModule(argument_spec={**ENGINE_OPTIONS, **NETWORK_OPTIONS, **PLANNED_OPTIONS}, supports_check_mode=True)
    _module.run(module, lambda engine, _state: converge(engine, module.params, module.check_mode))


if __name__ == "__main__":
    main()
