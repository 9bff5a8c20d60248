#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reverse_proxy
short_description: The proxy in front of services, as a container or as part of one that the host runs
version_added: 1.0.0
description:
  - Runs a reverse proxy in a container called C(NAME-proxy), and keeps its listeners and settings as described.
  - The routes belong to the services. M(hotswap.containers.service) adds, moves and removes them, without this module.
  - The result is confirmed by the running process, which is asked through its control socket. That socket is a file in a
    folder that only the user of the engine can open. There is no administration port.
  - With O(where=host) it is a part of a proxy that the host runs already, as a service of systemd. There is a port of ours, a
    folder with our configuration, and one file that includes it. Nothing that people have written is edited, but for the lines
    between our marks with V(haproxy), see O(where). The engine is not used then.
  - A container of ours runs its process as root of the container without any capability that the proxy does not need, because
    only the user of the engine can read the files and use the control socket.
  - A change of O(connect_timeout), O(client_timeout), O(server_timeout), O(max_connections), O(listen[].tls), or of a listener that is not
    published, is taken over by the running process with a reload. HAProxy loses no request by that. Caddy, nginx and Apache close
    idle kept-alive connections, so that some clients can see a closed connection. WebSockets stay.
  - Every other change needs a new container. Where the kernel can lead connections elsewhere, another container stands in for the
    proxy meanwhile, and no request is lost. Elsewhere the listeners would be closed for a moment, see O(allow_downtime).
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
      - The name of the proxy, at most 57 characters.
    type: str
    required: true
  state:
    description:
      - V(present) makes the proxy run as described. One that was stopped is started again.
      - V(absent) removes the container and its files. It fails while services have routes, unless O(force=true).
    type: str
    choices:
      - present
      - absent
    default: present
  where:
    description:
      - V(container) runs the proxy in a container of its own.
      - V(host) makes a part of the V(apache), V(nginx) or V(haproxy) that the host runs. That service must run, and its
        configuration must pass its own test. The task must be run by root.
      - V(haproxy) of the host has no file of ours. Its servers are lines between two marks, which people put into a backend of
        their own once. O(listen) then names the ports of their own frontends.
    type: str
    choices:
      - container
      - host
    default: container
  service_unit:
    description:
      - The systemd unit of the host's own proxy.
      - The default is C(apache2.service) or C(httpd.service), or C(nginx.service), as the distribution has it.
    type: str
  include_dir:
    description:
      - The folder from whose files the host's own proxy includes its parts. Ours is C(hotswap-NAME.conf).
      - The default is C(/etc/apache2/sites-enabled) or C(/etc/httpd/conf.d), or C(/etc/nginx/conf.d).
    type: path
  config_file:
    description:
      - With O(where=host) and O(driver=haproxy), people's own configuration, in which the servers between two marks are ours.
      - The default is C(/etc/haproxy/haproxy.cfg).
    type: path
  control_socket:
    description:
      - With O(where=host) and O(driver=haproxy), its own control socket (C(stats socket), C(level admin)).
      - The default is C(/run/haproxy/admin.sock).
    type: path
  owner:
    description:
      - With O(where=host), the user of a rootless engine whose services are behind this proxy.
      - The user can then move traffic, which is a rename in a folder of the user, but cannot make or change routes, for which
        the proxy must be reloaded by root. So the routes are named in O(routes).
      - The folder must be where the user finds it, that is below C(/var/lib/hotswap), or the user's tasks name the same O(state_dir).
    type: str
  routes:
    description:
      - With O(where=host), routes that are there before their services. Needed for O(owner), and for nothing else.
      - A route that is not named is left as it is.
    type: list
    elements: dict
    suboptions:
      service:
        description:
          - The name of the service.
        type: str
        required: true
      hosts:
        description:
          - As in O(hotswap.containers.service#module:route.hosts).
        type: list
        elements: str
      path:
        description:
          - As in O(hotswap.containers.service#module:route.path).
        type: str
        default: /
  driver:
    description:
      - The proxy software. V(haproxy) moves traffic by its runtime API and can count the requests in flight.
      - V(caddy), V(nginx) and V(apache) move it by one rename of a file or link that is read for each request.
      - V(apache) goes with O(where=host) only, and V(caddy) with O(where=container) only. The others go with both.
      - They differ in what they can do for O(hotswap.containers.service#module:route) and in how fine shares are. What a driver cannot do is
        refused by M(hotswap.containers.service).
    type: str
    choices:
      - haproxy
      - caddy
      - nginx
      - apache
    default: haproxy
  network:
    description:
      - The network that it shares with the services. It must exist; M(hotswap.containers.network) makes one.
      - Required when O(state=present) and O(where=container).
    type: str
  image:
    description:
      - The image of the proxy.
      - The default is V(docker.io/library/haproxy:3.2-alpine), V(docker.io/library/caddy:2.11-alpine) or V(docker.io/library/nginx:1.28-alpine), by O(driver).
    type: str
  pull:
    description:
      - Whether an image that is not on the host is pulled. Images whose name begins with C(localhost/) never are.
    type: str
    choices:
      - missing
      - never
    default: missing
  listen:
    description:
      - The ports that the proxy listens on.
      - Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      port:
        description:
          - The port inside the container. With O(where=host), the port of the host.
        type: int
        required: true
      publish:
        description:
          - Where on the host it is published. Each is V(PORT), V(ADDRESS:PORT) or V([IPV6]:PORT).
          - When it is not set, the listener can only be reached from the network.
        type: list
        elements: str
      tls:
        description:
          - The listener ends TLS, with certificates that are files on the host. With O(where=container) only.
          - They are read by the user of the task, and checked before anything is touched. The key must have no password.
          - When the files have changed since, the running process presents the new ones. Nothing is closed by that with HAProxy and nginx. Caddy
            closes idle and new connections.
          - TLS 1.2 and 1.3 by Mozilla's profile "intermediate", and HTTP/1.1.
        type: dict
        suboptions:
          certificate:
            description:
              - A file in PEM form with the certificate, and behind it those that it is sent with.
            type: path
            required: true
          key:
            description:
              - A file in PEM form with the private key of the certificate.
              - When it is not set, it is in the file of the certificate.
            type: path
          others:
            description:
              - Further certificates, for clients that ask for one of their names (C(subjectAltName)).
              - Others, and those that ask for no name, get O(listen[].tls.certificate).
            type: list
            elements: dict
            suboptions:
              certificate:
                description:
                  - As O(listen[].tls.certificate).
                type: path
                required: true
              key:
                description:
                  - As O(listen[].tls.key).
                type: path
  connect_timeout:
    description:
      - How long to wait for a connection to an instance, in seconds.
    type: float
    default: 5
  client_timeout:
    description:
      - How long a client may be silent, in seconds.
    type: float
    default: 60
  server_timeout:
    description:
      - How long an instance may be silent, in seconds. It must be longer than its slowest answer.
    type: float
    default: 60
  max_connections:
    description:
      - How many connections of clients are open at once, at most.
    type: int
    default: 4096
  restart_policy:
    description:
      - When the engine starts the container again. With V(always) the proxy comes back after a kill and after a reboot;
        for Podman of a user the user must linger.
    type: str
    choices:
      - always
      - unless-stopped
      - on-failure
      - 'no'
    default: always
  labels:
    description:
      - Labels of your own for the container. Labels that begin with C(hotswap.) are refused.
    type: dict
  allow_downtime:
    description:
      - Whether the listeners of a running proxy may be closed for a moment, where its container cannot be replaced otherwise. The routes are kept.
      - When it is V(false), such a change is an error that says what differs and why the listeners would be closed.
      - Nothing is closed with the Docker or Podman of root, C(nft) or C(iptables), and C(conntrack) on the host, when the network stays, and
        when the ports are published for IPv4 clients. See the page on replacing the proxy in the documentation of the collection.
    type: bool
    default: false
  force:
    description:
      - Whether O(state=absent) also removes a proxy that services have routes on.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long the new process may take until it confirms its configuration, in seconds.
    type: float
    default: 30
  drain_timeout:
    description:
      - How long the clients of a container that is replaced may take to leave it, in seconds. Each is told with its next answer.
      - Connections that are still open then are closed. They are idle ones, slow requests, and WebSockets.
      - Caddy closes WebSockets after 3 seconds, and idle connections too.
    type: float
    default: 30
seealso:
  - module: hotswap.containers.network
  - module: hotswap.containers.service
author:
  - The hotswap.containers contributors (@hotswap-containers)
"""

EXAMPLES = r"""
- name: Run a proxy for local clients only
  hotswap.containers.reverse_proxy:
    name: edge
    engine: podman
    network: edge
    listen:
      - port: 8181
        publish: 127.0.0.1:8080

- name: Run Caddy, published on every address
  hotswap.containers.reverse_proxy:
    name: edge
    engine: docker
    driver: caddy
    network: edge
    listen:
      - port: 8080
        publish: 80

- name: Present a certificate, or the one that has replaced it since
  hotswap.containers.reverse_proxy:
    name: edge
    engine: podman
    network: edge
    listen:
      - port: 8443
        publish: 443
        tls:
          certificate: /etc/ssl/greet.pem
          key: /etc/ssl/greet.key

- name: Take a newer image while clients use the proxy
  hotswap.containers.reverse_proxy:
    name: edge
    engine: podman
    network: edge
    image: docker.io/library/haproxy:3.3-alpine
    listen:
      - port: 8181
        publish: 127.0.0.1:8080

- name: The same for rootless Podman, in a maintenance window
  hotswap.containers.reverse_proxy:
    name: edge
    engine: podman
    network: edge
    image: docker.io/library/haproxy:3.3-alpine
    listen:
      - port: 8181
        publish: 127.0.0.1:8080
    allow_downtime: true

- name: Be a part of the Apache that the host runs
  hotswap.containers.reverse_proxy:
    name: edge
    where: host
    driver: apache
    listen:
      - port: 8080
  become: true

- name: The same for the rootless Podman of a user
  hotswap.containers.reverse_proxy:
    name: edge
    where: host
    driver: apache
    owner: deploy
    routes:
      - service: greet
        hosts: [greet.example.com]
    listen:
      - port: 8080
  become: true

- name: Remove the proxy
  hotswap.containers.reverse_proxy:
    name: edge
    engine: podman
    state: absent
"""

RETURN = r"""
planned:
  description: That this is what O(planned) says, and the module was not run on the host.
  returned: when there was nothing to do
  type: bool
state:
  description: Whether the proxy exists after this run.
  returned: success
  type: str
  sample: present
engine:
  description: The kind of engine that was used.
  returned: success, for a proxy in a container
  type: str
  sample: podman
action:
  description:
    - What was done, or would be done in check mode.
    - One of V(none), V(create), V(replace), V(handover), V(start), V(apply), V(remove).
    - V(replace) closes the listeners for a moment, V(handover) does not.
  returned: success
  type: str
  sample: create
reasons:
  description: Why it was done, one short text each.
  returned: success
  type: list
  elements: str
  sample: ["client_timeout from 60.0 to 30.0"]
drained:
  description: Connections that clients ended when they were told to leave the containers that were replaced.
  returned: for the action V(handover), not in check mode
  type: int
cut:
  description: Connections that were still open after O(drain_timeout), and were closed.
  returned: for the action V(handover), not in check mode
  type: int
proxy:
  description: The proxy as it is, or as it would be in check mode.
  returned: success, when O(state=present)
  type: dict
  contains:
    name:
      description: The name.
      type: str
    container:
      description: The name of its container.
      type: str
      sample: edge-proxy
    driver:
      description: The proxy software.
      type: str
    image:
      description: The image.
      type: str
    network:
      description: The network that it shares with services.
      type: str
    publish:
      description: The published ports, as C(ADDRESS:PORT:PORT IN THE CONTAINER).
      type: list
      elements: str
      sample: ["127.0.0.1:8080:8181"]
    restart_policy:
      description: When the engine starts it again.
      type: str
    labels:
      description: Labels of your own.
      type: dict
    where:
      description: V(host) for a part of a proxy that the host runs.
      type: str
    service_unit:
      description: The unit of that proxy.
      type: str
      sample: apache2.service
    include:
      description: The file that includes our part there.
      type: str
      sample: /etc/apache2/sites-enabled/hotswap-edge.conf
    settings:
      description: Listeners, timeouts and limits. A listener with TLS is its port and what everybody may see of its certificates.
      type: dict
    routes:
      description: Names of the services that have a route.
      type: list
      elements: str
    folder:
      description: The folder on the host that holds the files.
      type: str
logs:
  description: The last lines that the proxy wrote.
  returned: when a new proxy did not come up
  type: list
  elements: str
"""

from ..module_utils._zip_imports import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _module
from ..module_utils._options import ENGINE_OPTIONS, PLANNED_OPTIONS
from ..module_utils._rollout.proxy_options import PROXY_OPTIONS
from ..module_utils._rollout.reverse_proxy import converge


def main() -> None:
    module = AnsibleModule(
        argument_spec={**ENGINE_OPTIONS, **PROXY_OPTIONS, **PLANNED_OPTIONS},
        required_if=[("state", "present", ["listen"])],
        supports_check_mode=True,
    )
    _module.run_on_demand(module, lambda engine, state: converge(engine, state, module.params, module.check_mode))


if __name__ == "__main__":
    main()
