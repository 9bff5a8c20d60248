#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_info
short_description: What runs on a host
version_added: 1.0.0
description:
  - Returns the services, proxies and networks that this collection made on one engine of the host.
  - Which version is live is read from the running proxy, not from its files.
  - Needs the rights of the user who runs the engine, because it uses the control sockets of the proxies.
extends_documentation_fragment:
  - hotswap.containers.engine
  - hotswap.containers.attributes
  - hotswap.containers.attributes.actiongroup_all
  - hotswap.containers.attributes.info_module
options:
  name:
    description:
      - Only this service is returned. One that does not exist is an empty list.
      - When it is not set, all of them are.
    type: str
  journal:
    description:
      - How many of the last entries of each service's journal are returned, see RV(journal).
    type: int
    default: 0
  disk:
    description:
      - Whether to add up the space that is taken. That looks at every image of the engine.
    type: bool
    default: false
seealso:
  - module: hotswap.containers.service
  - module: hotswap.containers.reverse_proxy
author:
  - The hotswap.containers contributors (@hotswap-containers)
"""

EXAMPLES = r"""
- name: Ask what runs
  hotswap.containers.service_info:
    engine: podman
  register: found

- name: Show the live version of each service
  ansible.builtin.debug:
    msg: "{{ item.name }} {{ item.version | default('has no live version', true) }}"
  loop: "{{ found.services }}"
  loop_control:
    label: "{{ item.name }}"

- name: Fail when a proxy does not do what its files say
  ansible.builtin.assert:
    that: found.proxies | map(attribute='drift') | flatten | length == 0

- name: Ask for the space that is taken, too
  hotswap.containers.service_info:
    disk: true
"""

RETURN = r"""
engine:
  description: The engine that was asked.
  returned: success
  type: dict
  contains:
    kind:
      description: Docker or Podman.
      type: str
      sample: podman
    endpoint:
      description: Its socket.
      type: str
      sample: unix:///run/podman/podman.sock
    rootless:
      description: Whether it runs as an ordinary user.
      type: bool
services:
  description: The services, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the service.
      type: str
      sample: greet
    version:
      description: The live version, null when none gets traffic. A canary is not the live version, whatever its share.
      type: str
      sample: B
    proxy:
      description: The proxy, null for a service without one.
      type: str
    network:
      description: The network.
      type: str
    port:
      description: The port that the instances listen on.
      type: int
    route:
      description: How it is reached.
      type: dict
    replicas:
      description: How many instances a version has.
      type: int
    problems:
      description: What is wrong, one sentence each.
      type: list
      elements: str
    drift:
      description:
        - Where the service is not as its last run left it, one sentence each, an instance that somebody changed or replaced for example.
          Where a proxy differs from its files is told by the proxy.
      type: list
      elements: str
    versions:
      description: Every version that is on the host.
      type: list
      elements: dict
      contains:
        version:
          description: The version.
          type: str
        hash:
          description: A hash of the container settings; one version with two sets of settings is listed twice.
          type: str
        phase:
          description:
            - V(live) gets the traffic, other than the shares of each V(canary).
            - V(draining) runs and gets no new requests.
            - V(candidate) runs and was never given traffic by the proxy that runs now.
            - V(retired) is stopped, ready for a rollback.
          type: str
          sample: live
        share:
          description: Its part of the traffic, in percent.
          type: int
        image:
          description: The image.
          type: str
        instances:
          description: Its containers.
          type: list
          elements: dict
          contains:
            name:
              description: The name of the container.
              type: str
            state:
              description: The state of the container.
              type: str
              sample: running
            health:
              description: What its health check says; empty without one.
              type: str
            address:
              description: Its fixed address.
              type: str
            weight:
              description: Its weight in the running proxy, 0 when it gets no new request.
              type: int
            restarts:
              description: How often the engine restarted it.
              type: int
            at_boot:
              description: Whether a boot of the host starts it, null where that cannot be told.
              type: bool
            exit_code:
              description: How its last run ended.
              type: int
            image:
              description: The image.
              type: str
            image_id:
              description: The id of the image.
              type: str
            created:
              description: When it was created.
              type: str
            started:
              description: When it was started last.
              type: str
proxies:
  description: The proxies, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the proxy.
      type: str
    where:
      description: V(container), or V(host) for one that the host runs as a service.
      type: str
    container:
      description: The name of its container.
      type: str
    service_unit:
      description: With V(host), the unit of systemd.
      type: str
    include:
      description: With V(host), the file that includes our part.
      type: str
    state:
      description: The state of the container, or of the service.
      type: str
    running:
      description: Whether it runs.
      type: bool
    driver:
      description: The proxy software.
      type: str
    image:
      description: The image.
      type: str
    network:
      description: The network.
      type: str
    listeners:
      description: The ports inside the container. One with TLS is a dictionary of C(port) and C(certificates).
      type: list
      elements: raw
    publish:
      description: The published ports, as C(ADDRESS:PORT:PORT IN THE CONTAINER).
      type: list
      elements: str
    routes:
      description: The routes, by service.
      type: dict
    serving:
      description:
        - For each route the instances that get its requests, each with its weight, as the running proxy has them. Those on other
          hosts (M(hotswap.containers.link)) are here too.
      type: dict
      sample:
        greet:
          green: 100
    drift:
      description: Where the running process differs from its files, or why that cannot be told.
      type: list
      elements: str
networks:
  description: The networks that M(hotswap.containers.network) made.
  returned: success
  type: list
  elements: dict
drift:
  description: Redirects of M(hotswap.containers.port_redirect) that the kernel does not have, one sentence each. Only root is told.
  returned: success
  type: list
  elements: str
disk:
  description: The space that is taken, in bytes.
  returned: when O(disk) is true
  type: dict
  contains:
    state:
      description: The state folder.
      type: int
    images:
      description: How many images the engine has.
      type: int
    images_size:
      description: The sum of their sizes. Layers that two of them share count twice.
      type: int
    engine_folder:
      description: Where the engine keeps them.
      type: str
    free:
      description: What is free there, null where this user may not look.
      type: int
    total:
      description: How large the file system is.
      type: int
journal:
  description:
    - By service, what rollouts did on this host, the oldest first; also of services that are gone.
    - An entry has the end of the run (C(time)), C(outcome), C(who), C(reason), C(state), C(version), C(image), C(image_id), the shares of the
      traffic C(before) and after it (C(shares)), and C(phases), C(drained), C(cut), C(bake) as M(hotswap.containers.service) returns them. One of
      a failed run has C(error), C(phase), C(restored), C(logs), and in C(walked) how many of the phases came before the way back.
    - P(hotswap.containers.fleet_picture#filter) draws it.
  returned: success
  type: dict
  sample: {}
"""

from ..module_utils._zip_imports import compile_once

compile_once()

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _module
from ..module_utils._engine.types import Engine
from ..module_utils._options import ENGINE_OPTIONS
from ..module_utils._rollout import info, progress
from ..module_utils._rollout.paths import StateDir

OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "journal": {"type": "int", "default": 0},
    "disk": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec={**ENGINE_OPTIONS, **OPTIONS}, supports_check_mode=True)

    def work(engine: Engine, state: StateDir) -> dict[str, t.Any]:
        found = info.gather(engine, state, module.params["name"], module.params["disk"])
        return {**found, "journal": progress.journals(state, module.params["name"], module.params["journal"])}

    _module.run(module, work)


if __name__ == "__main__":
    main()
