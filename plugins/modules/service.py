#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: A service whose versions replace each other without losing a request
version_added: 1.0.0
description:
  - Brings a service on a host to the asked version and state, from any state, also one that a crash left behind.
  - The new version is started beside the old one, passes its gate, and only then gets the traffic. The old version is drained
    until it is observed to be idle, and only then stopped. It stays on the host, stopped, for a rollback.
  - When the new version fails its gate, or does not answer through the public route, everything goes back to where it was.
    The task fails, with the last log lines of the new version in its result.
  - A change of container settings (such as O(env) or O(command)) under the same version is rolled out in the same way.
    O(replicas), O(route), O(gate), O(drain_timeout) and O(keep) change without a new container.
  - A version never changes its content. When O(image) is another image than the one that O(version) runs as on this host, the task fails.
  - A rollback is O(state=live) with the version to go back to, or with O(version=previous). It passes the same gate.
extends_documentation_fragment:
  - hotswap.containers.engine
  - hotswap.containers.attributes
  - hotswap.containers.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
    details:
      - Returns the plan that would be walked. An image that is not on the host is not pulled.
  diff_mode:
    support: full
    details:
      - Shows the phase of each instance, and the route. Values of O(env) are never shown.
  idempotent:
    support: full
options:
  name:
    description:
      - The name of the service on this host.
    type: str
    required: true
  state:
    description:
      - V(live) gives the version all the traffic of the service.
      - V(candidate) starts the version beside the live one and gates it, without public traffic. For the live version it does nothing.
      - V(absent) takes the route away, drains, and removes every container of the service.
    type: str
    choices:
      - candidate
      - live
      - absent
    default: live
  image:
    description:
      - The image to run.
      - Required, other than for O(state=absent) and O(version=previous).
    type: str
  version:
    description:
      - The version, an immutable name of the image's content, such as a tag or a Git SHA.
      - When it is not set, this is the image's tag, or the first twelve digits of its digest.
      - V(previous) is the version that was live before, exactly as its containers are. Only O(gate), O(route),
        O(drain_timeout) and O(keep) count then. Asked for again, it changes nothing; to go forward, name the version.
    type: str
  pull:
    description:
      - Whether an image that is not on the host is pulled. Images whose name begins with C(localhost/) never are.
    type: str
    choices:
      - missing
      - never
    default: missing
  port:
    description:
      - The port that the service listens on inside its container.
      - A service without a port is a worker. It has no route.
    type: int
  network:
    description:
      - The network of the containers. When it is not set, this is the network of the proxy.
    type: str
  network_mode:
    description:
      - Another kind of network, such as V(host) or V(none). The service then has no proxy.
    type: str
  proxy:
    description:
      - The proxy that the service is reached through, made by M(hotswap.containers.reverse_proxy).
      - When it is not set and O(port) is, this is the only proxy of the host, if there is one.
    type: str
  route:
    description:
      - Which requests of the proxy are for this service. When it is not set, all are.
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
  replicas:
    description:
      - How many instances of the version run.
    type: int
    default: 1
  gate:
    description:
      - What an instance must show before it gets traffic. Every given check must be content.
      - In every case the instance must run, and must not have been restarted by the engine meanwhile.
      - Without any check this is V(tcp) on O(port), or five seconds of running for a service without a port.
      - Network checks go out from the network of the proxy, on the path that the traffic will take.
    type: dict
    suboptions:
      http:
        description:
          - A request to O(port).
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
          - Whether O(port) must accept a connection.
        type: bool
      exec:
        description:
          - A command that must end with exit code 0 inside the container.
        type: list
        elements: str
      engine:
        description:
          - Whether the HEALTHCHECK of the image, or O(healthcheck), must say healthy.
          - On Podman the check is run by this module, because its timers exist only where systemd runs.
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
  order:
    description:
      - V(start_first) starts the new version beside the old one.
      - V(stop_first) never runs two versions at once. The old one is drained and stopped before the new one is started, and
        is started again when the new one fails. Requests in between are answered with 503.
    type: str
    choices:
      - start_first
      - stop_first
    default: start_first
  drain_timeout:
    description:
      - How long to wait for the requests in flight of the old version, in seconds. What is still open then is cut, and counted in RV(cut).
    type: float
    default: 30
  keep:
    description:
      - How many versions that were live stay on the host, stopped, for a rollback. The last known good one always does.
    type: int
    default: 1
  lock_timeout:
    description:
      - How long to wait, in seconds, while another process changes the same service on this host.
    type: float
    default: 60
  command:
    description:
      - The command, as a list of words.
    type: list
    elements: str
  entrypoint:
    description:
      - The entry point, as a list of words.
    type: list
    elements: str
  env:
    description:
      - Environment variables. They win over O(env_file).
      - Values are shown neither in the task's output nor in the host's log. Give secrets at least eight characters, so that
        they are hidden in the application's log lines of a failed task too.
    type: dict
  env_file:
    description:
      - Files on the host with one C(KEY=VALUE) on a line. Later files win.
    type: list
    elements: path
  mounts:
    description:
      - Mounts in their long form.
    type: list
    elements: dict
    suboptions:
      type:
        description:
          - The kind of mount.
        type: str
        choices: [bind, volume, tmpfs]
        default: volume
      source:
        description:
          - The path on the host, or the name of the volume.
        type: str
      target:
        description:
          - The path in the container.
        type: str
        required: true
      read_only:
        description:
          - Whether the container can only read it.
        type: bool
        default: false
      tmpfs_size:
        description:
          - The size of a tmpfs, such as V(64m).
        type: str
      options:
        description:
          - More options of the engine, such as V(z).
        type: list
        elements: str
  volumes:
    description:
      - Mounts in their short form, V(source:target) or V(source:target:options).
    type: list
    elements: str
  tmpfs:
    description:
      - Memory file systems, V(target) or V(target:size=64m).
    type: list
    elements: str
  user:
    description:
      - The user in the container, by name or number, with or without a group.
    type: str
  workdir:
    description:
      - The working directory.
    type: str
  hostname:
    description:
      - The host name in the container.
    type: str
  memory:
    description:
      - The memory limit, such as V(512m). New instances must fit beside the running ones.
    type: str
  cpus:
    description:
      - The CPU limit, such as V(0.5).
    type: float
  cap_add:
    description:
      - Capabilities to add.
    type: list
    elements: str
  cap_drop:
    description:
      - Capabilities to drop.
    type: list
    elements: str
  security_opt:
    description:
      - Security options, such as V(no-new-privileges).
    type: list
    elements: str
  read_only:
    description:
      - Whether the root file system is read-only.
    type: bool
  devices:
    description:
      - Devices, V(HOST), V(HOST:CONTAINER) or V(HOST:CONTAINER:PERMISSIONS).
    type: list
    elements: str
  ulimits:
    description:
      - Limits, V(name:limit) or V(name:soft:hard).
    type: list
    elements: str
  extra_hosts:
    description:
      - Names to addresses for the container's hosts file.
    type: dict
  dns:
    description:
      - DNS servers.
    type: list
    elements: str
  log_driver:
    description:
      - The log driver of the engine.
    type: str
  log_options:
    description:
      - Options of the log driver.
    type: dict
  labels:
    description:
      - Labels of your own. Labels that begin with C(hotswap.) are refused.
    type: dict
  restart_policy:
    description:
      - When the engine starts an instance again.
    type: str
    choices:
      - always
      - unless-stopped
      - on-failure
      - 'no'
    default: unless-stopped
  stop_signal:
    description:
      - The signal that asks the application to end.
    type: str
  stop_timeout:
    description:
      - How long the application may take to end, in seconds, before it is killed.
    type: int
  init:
    description:
      - Whether a small init process runs as the first process of the container.
    type: bool
  healthcheck:
    description:
      - The HEALTHCHECK of the container. Times are in seconds or as in V(1m30s).
    type: dict
    suboptions:
      test:
        description:
          - The command as a list of words, or as a text for the container's shell.
        type: raw
        required: true
      interval:
        description:
          - Time between checks.
        type: str
      timeout:
        description:
          - How long one check may take.
        type: str
      retries:
        description:
          - How many failures in a row make it unhealthy.
        type: int
      start_period:
        description:
          - Time in which failures do not count.
        type: str
author:
  - The hotswap.containers contributors (@hotswap-containers)
seealso:
  - module: hotswap.containers.reverse_proxy
  - module: hotswap.containers.network
  - module: hotswap.containers.service_info
"""

EXAMPLES = r"""
- name: Make version 1.4.2 live
  hotswap.containers.service:
    name: greet
    image: registry.example/greet:1.4.2
    port: 8282
    route:
      hosts:
        - greet.example.com

- name: Only let a version pass that is healthy for ten seconds
  hotswap.containers.service:
    name: greet
    image: registry.example/greet:1.4.3
    port: 8282
    replicas: 2
    env:
      GREETING: Hi
    gate:
      http:
        path: /health
        json:
          status: UP
      successes: 3
      min_healthy_time: 10s
      deadline: 2m

- name: Start the next version beside the live one, without traffic
  hotswap.containers.service:
    name: greet
    image: registry.example/greet:1.5.0
    port: 8282
    state: candidate

- name: Go back to the version that was live before
  hotswap.containers.service:
    name: greet
    version: previous

- name: Remove the service from the host
  hotswap.containers.service:
    name: greet
    state: absent
"""

RETURN = r"""
version:
  description: The version that the task was about; not set for O(state=absent).
  returned: always
  type: str
  sample: 1.4.2
previous_version:
  description: The version that was live before it, if that is still on the host.
  returned: always
  type: str
  sample: 1.4.1
plan:
  description: The steps of the plan, in order; empty when everything was as asked already.
  returned: always
  type: list
  elements: str
  sample: ["create greet-1.4.2-3f2a1c-1", "start greet-1.4.2-3f2a1c-1", "gate greet-1.4.2-3f2a1c-1"]
phases:
  description: The steps that were walked and how long each took.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What was done.
      type: str
    seconds:
      description: How long it took, in seconds.
      type: float
instances:
  description: The containers of the service after the task.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the container.
      type: str
    version:
      description: Its version.
      type: str
    phase:
      description: What it is for, one of V(live), V(candidate), V(retired), and V(down) for one that should have traffic but does not run.
      type: str
    weight:
      description: Its share in the running proxy; 0 gets no new request.
      type: int
    address:
      description: Its fixed address on the network.
      type: str
    state:
      description: The engine's word for its state.
      type: str
drained:
  description: Requests that the old version had in flight and ended by itself (connections, where the proxy cannot count requests).
  returned: success
  type: int
cut:
  description: Requests that were still open at the end of O(drain_timeout).
  returned: success
  type: int
phase:
  description: The step that failed.
  returned: failure
  type: str
restored:
  description: Whether everything is back where it was before the task.
  returned: failure
  type: bool
logs:
  description: The last log lines of each instance of the version that failed.
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module import ENGINE_OPTIONS, run
from ..module_utils._rollout.service import converge
from ..module_utils._rollout.service_options import SERVICE_OPTIONS


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**ENGINE_OPTIONS, **SERVICE_OPTIONS}, supports_check_mode=True)
    run(module, lambda engine, state: converge(engine, state, module.params, module.check_mode))


if __name__ == "__main__":
    main()
