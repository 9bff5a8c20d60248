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
  - A change of container settings (such as O(env), O(secrets) or O(command)) under the same version is rolled out in the same way.
    O(replicas), O(route), O(gate), O(bake), O(drain_timeout) and O(keep) change without a new container.
  - A version never changes its content. When O(image) is another image than the one that O(version) runs, or ran, as on this host, the task fails.
    The way out is a O(version) of its own for the new content. O(state=absent) forgets what the versions of the service were.
  - A rollback is O(state=live) with the version to go back to, or with O(version=previous). It passes the same gate.
extends_documentation_fragment:
  - hotswap.containers.engine
  - hotswap.containers.planned
  - hotswap.containers.attributes
  - hotswap.containers.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
    details:
      - Returns the plan that would be walked. An image that is not on the host is not pulled, and files of O(assets) are not copied out of one.
  diff_mode:
    support: full
    details:
      - Shows the phase of each instance, the versions' shares, and the route. Values of O(env) and O(secrets) are never shown.
      - With O(assets) also the versions whose files are kept on the host.
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
        A canary is taken out of the traffic and runs on. With O(route.preview) it can be reached that way.
      - V(canary) starts and gates it too, and gives it O(weight) percent of the traffic. Other canaries keep their shares, and the
        live version gets what is left. V(live) for the canary's version promotes it, V(live) for the live version ends it.
      - V(absent) takes the route away, drains, and removes every container of the service.
    type: str
    choices:
      - candidate
      - canary
      - live
      - absent
    default: live
  weight:
    description:
      - The share of the traffic that O(state=canary) gets, in percent, from 0 to 99. It counts for no other state.
      - V(0) needs O(route.preview), which is then the only way to it.
      - How fine shares can be depends on the driver of the proxy.
    type: int
  image:
    description:
      - The image to run.
      - Required, other than for O(state=absent) and O(version=previous).
    type: str
  version:
    description:
      - The version, an immutable name of the image's content, such as a tag or a Git SHA.
      - When it is not set, this is the image's tag, or the first twelve digits of its digest.
      - V(previous) is the version that was live before, exactly as its containers are. Only O(gate), O(route), O(bake),
        O(drain_timeout), O(after_drain_timeout) and O(keep) count then. Asked for again, it changes nothing; to go forward, name the version.
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
      - Another kind of network, such as V(host) or V(none). The service then has no proxy, but for V(host) with O(port_env).
    type: str
  port_env:
    description:
      - With O(network_mode=host), the variable that tells each instance the port that it shall listen on, for example V(SERVER_PORT).
      - The port is a free one of the host, so that two versions run beside each other. A proxy that the host runs reaches
        them, see O(hotswap.containers.reverse_proxy#module:where). O(port) is not needed then.
      - The instance must listen on C(127.0.0.1) or on every address.
    type: str
  ports_from:
    description:
      - Where the search for a free port of the host begins, for instances behind a proxy that the host runs.
      - The port of an instance is in the label C(hotswap.port) of its container, and stays for the container's life.
    type: int
    default: 20000
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
      preview:
        description:
          - A way to the candidate or canary that was asked for last, beside the public one.
          - For O(state=candidate) this is the only part of O(route) that counts when the service has a route already.
        type: dict
        suboptions:
          host:
            description:
              - Requests to this host are for it, on O(route.path). Excludes O(route.preview.header).
            type: str
          header:
            description:
              - Requests of the service with this header are for it, if the header is O(route.preview.value).
            type: str
          value:
            description:
              - The value of the header.
            type: str
      sticky:
        description:
          - The name of a cookie that the proxy sets, so that a client stays with the instance that answered it first. When that
            instance goes, another one takes the client over.
        type: str
      hold:
        description:
          - How long requests may wait at the proxy, in seconds, while O(order=stop_first) has nothing to serve them. Without it
            they are answered with 503.
          - It must be longer than O(drain_timeout), the stop of the old version, and the start and the gate of the new one together.
        type: float
      maintenance:
        description:
          - Every request is answered with 503 and this text. Leaving it out ends it. The rollout's own probe passes, so that versions
            can be changed meanwhile.
        type: dict
        suboptions:
          text:
            description:
              - The body of the answer.
            type: str
            required: true
          retry_after:
            description:
              - The value of the header C(Retry-After), in seconds. V(0) sends none.
            type: int
            default: 0
  template:
    description:
      - For any other proxy, on the host. A template of yours, or a folder of them, becomes a file, or files, and commands of
        yours check them, apply them and confirm them. What was there before is put back when one of them fails.
      - Instances are published on a free port of C(127.0.0.1), or are told one by O(port_env). The template knows C(hotswap.service), C(hotswap.route) and
        C(hotswap.instances), each with C(name), C(address), C(port) and C(weight). The first three are put in on the host,
        so loops and texts work, and arithmetic or comparisons with them do not.
      - How many requests a cutover loses depends on the proxy's reload.
      - It excludes O(proxy), O(redirect), O(alias), and O(network_mode) without O(port_env).
    type: dict
    suboptions:
      src:
        description:
          - The template on the controller, searched for as in M(ansible.builtin.template).
          - When it is a folder, every file in it whose name ends with C(.template) or C(.j2) is a template. Its file has the name without that.
        type: str
        required: true
      dest:
        description:
          - The file on the host, or the folder, which must be there, where O(template.src) is one. Owner and mode stay as they are.
          - A file that an earlier version's templates made, and that this one's do not make, is removed.
          - O(state=absent) leaves everything as it is.
        type: path
        required: true
      variables:
        description:
          - Names that the templates write as C(${NAME}), and which of V(name), V(address) and V(port) of the instance stands for each.
            Any other C(${NAME}) stays as it is, so that the proxy's own variables go on to work. The commands may write them too.
          - Only for a service with one instance.
        type: dict
      check:
        description:
          - A command, as a list of words, that must end with 0 before O(template.apply) is run.
        type: list
        elements: str
      apply:
        description:
          - The command, as a list of words, that makes the proxy read the file.
        type: list
        elements: str
        required: true
      confirm:
        description:
          - A command, as a list of words, that ends with 0 as soon as the proxy has done so; it is repeated for 15 seconds.
        type: list
        elements: str
      rendered:
        description:
          - The texts of O(template.src), which the controller's half of this module sets. Leave it out.
        type: dict
  alias:
    description:
      - For a proxy of your own that finds the service by this name on O(network). The live instances bear it as a network
        alias, the others do not.
      - Weaker than a proxy of this collection. The engine takes the old version off the network for up to a second in order
        to take the name from it, and when the proxy asks for the name again is up to the proxy.
      - It excludes O(proxy), O(redirect), O(template), O(route) and O(network_mode).
    type: str
  redirect:
    description:
      - Instead of a proxy, the kernel sends new connections to a port of this host to the live version. For services that
        do not speak HTTP, also for UDP.
      - Only for rootful engines, and only IPv4. It needs O(network), C(nft) (else C(iptables)) and C(conntrack) on the host.
      - Connections that exist stay with the old version until one of their ends closes them, or until O(drain_timeout).
        UDP flows are moved at once.
      - It excludes O(proxy), O(alias), O(template), O(route) and O(network_mode).
    type: dict
    suboptions:
      port:
        description:
          - The port of this host. A port that somebody else redirects, publishes or listens on is refused.
        type: int
        required: true
      protocols:
        description:
          - What is sent on. Without V(tcp) the gate cannot connect; give it another check.
        type: list
        elements: str
        choices: [tcp, udp]
        default: [tcp]
      addresses:
        description:
          - Which addresses of this host the redirect is for; all of them when it is not set.
        type: list
        elements: str
      tool:
        description:
          - What writes the rules. When it is not set, C(nft) does where it is installed, else C(iptables).
        type: str
        choices: [nft, iptables]
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
        is started again when the new one fails. Requests in between wait for O(route.hold), or are answered with 503.
    type: str
    choices:
      - start_first
      - stop_first
    default: start_first
  bake:
    description:
      - How long to watch the new version with all the traffic before the old version is drained. Until then the old one stays warm,
        and gets the traffic back at once when something is wrong.
      - The checks of O(gate) go on. An instance that fails them O(gate.successes) times in a row is wrong.
    type: dict
    suboptions:
      time:
        description:
          - How long, in seconds or as in V(1m30s).
        type: str
        required: true
      interval:
        description:
          - Time from look to look, in seconds or as in V(500ms).
        type: str
        default: '1'
      max_error_rate:
        description:
          - By how many percent points the share of 5xx answers may be greater than that of the version before, as the proxy counted
            both. When it is not set, answers are not judged.
        type: float
      min_requests:
        description:
          - How many answers there must be before they are judged.
        type: int
        default: 50
  drain_timeout:
    description:
      - How long to wait for the requests in flight of the old version, in seconds. What is still open then is up to O(after_drain_timeout).
    type: float
    default: 30
  after_drain_timeout:
    description:
      - V(cut) stops the old version. What is still open is cut, and counted in RV(cut).
      - V(leave) lets instances with open requests run on, without new ones, and names them in RV(left). The next run drains and stops them.
    type: str
    choices:
      - cut
      - leave
    default: cut
  keep:
    description:
      - How many versions that were live stay on the host, stopped, for a rollback. The last known good one always does.
      - An image that this service used, that this collection pulled or sent, and that no container uses any more is removed. The one that was asked for
        last stays, also when it failed. What somebody else brought stays.
    type: int
    default: 1
  min_free_disk:
    description:
      - How much room stays free on the file system of the engine's images, V(10G) or V(10%) of it. Without it nobody looks.
      - With less, versions that O(keep) would keep are removed with their images, the oldest first, until there is enough. Never the live one, the last
        known good one, the one that was asked for, or an image that this collection did not bring or that anything else uses.
      - Room is looked at before anything is done, and after it, also after a failure. When an image has to be pulled and there is too little room even
        then, the task fails before it. Otherwise that is a warning.
    type: str
    version_added: 1.0.0
  lock_timeout:
    description:
      - How long to wait, in seconds, while another process changes the same service on this host.
    type: float
    default: 60
  reason:
    description:
      - Who asked for this and why, for the journal of the service on the host. Never a secret.
    type: str
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
      - Whoever may ask the engine sees them; O(secrets) are files instead.
      - Values are shown neither in the task's output nor in the host's log. Give secrets at least eight characters, so that
        they are hidden in the application's log lines of a failed task too.
    type: dict
  env_file:
    description:
      - Files on the host with one C(KEY=VALUE) on a line. Later files win.
    type: list
    elements: path
  secrets:
    description:
      - Secrets that arrive in the container as files, and never as environment. Each has exactly one of O(secrets[].file), O(secrets[].content) and
        O(secrets[].external).
      - Of O(secrets[].file) and O(secrets[].content) each version has a copy of its own on the host, in a folder that only the user of the engine can
        enter, mounted read-only. It goes with the last container that uses it.
      - A changed value is a new state of the service, and is rolled out. The version before keeps the value that it was started with.
      - Neither values nor files are shown in the task's output or in the host's log.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the secret, up to 128 letters, digits, C(_), C(.) or C(-).
        type: str
        required: true
      file:
        description:
          - A file on the host that has the value, at most 500 KiB.
        type: path
      content:
        description:
          - The value itself, at most 500 KiB, from Vault or a lookup. A dictionary or list is written as JSON.
          - Give it at least eight characters, so that it is taken out of other texts, too.
        type: raw
      external:
        description:
          - Whether the engine keeps the secret itself (C(podman secret create)). Only for Podman; Docker keeps secrets for Swarm only.
          - One that was made anew under its name is a new state of the service.
        type: bool
        default: false
      source:
        description:
          - The name of the secret in the engine, for O(secrets[].external). When it is not set, this is O(secrets[].name).
        type: str
      target:
        description:
          - Where the file is in the container, a whole path or a file's name below C(/run/secrets). When it is not set, this is O(secrets[].name) there.
          - It cannot be inside of something that O(mounts) or O(volumes) put into the container; inside of a tmpfs it can.
        type: str
      mode:
        description:
          - The permissions of the file, as three octal digits in quotes.
        type: raw
        default: '0444'
      uid:
        description:
          - The user in the container that the file belongs to. When it is not set, this is root for an engine of root and for a rootless one.
          - For a copy only root, with an engine of root, can set it. Podman can for O(secrets[].external), also rootless.
        type: int
      gid:
        description:
          - The group in the container that the file belongs to, as for O(secrets[].uid).
        type: int
  assets:
    description:
      - Static files that pages ask for by names that each version makes anew (C(app-3f2a1c.css)). Those of the version before stay served
        for a time after the cutover, as pages that are open ask for them still.
      - Before a version gets its containers, its files are copied out of its image, and joined by those of other versions that it lacks. The result is
        mounted read-only. Versions that run, or can be returned to, get the files of the new one, too, where they have no file of that name.
      - Files belong to the user of the engine, and everybody in the container can read them. Links that lead outside of the folder, devices and pipes are
        refused.
    type: dict
    suboptions:
      path:
        description:
          - The whole path of the folder in the container. The image must have it, and nothing else can be mounted there, above it or below it.
          - Another path is another state of the service, and is rolled out.
        type: str
        required: true
      keep_for:
        description:
          - How long files stay after their version was last in use, as seconds or a text like V(90m). They go with the first run after that.
        type: str
        default: 24h
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
      - Security options, such as V(label=disable) or V(seccomp=/etc/greet/seccomp.json).
      - V(no-new-privileges) is always among them, so that no program in the container gets more rights than it was started with, be it by a
        set-uid bit (C(sudo), C(su)) or by capabilities of its file. An application that needs such a program has V(no-new-privileges:false).
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
      - When the engine starts an instance again, for as long as it has traffic. What has none is not started at boot.
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

- name: Give the next version a tenth of the traffic, and all of it to requests with a header
  hotswap.containers.service:
    name: greet
    image: registry.example/greet:1.5.0
    port: 8282
    state: canary
    weight: 10
    route:
      hosts:
        - greet.example.com
      preview:
        header: X-Greet-Next
        value: please

- name: Make it live, and go back by itself if it answers with errors
  hotswap.containers.service:
    name: greet
    image: registry.example/greet:1.5.0
    port: 8282
    route:
      hosts:
        - greet.example.com
    bake:
      time: 2m
      max_error_rate: 1

- name: A scheduler that must never run twice, whose clients wait while it is replaced
  hotswap.containers.service:
    name: scheduler
    image: registry.example/scheduler:2.1.0
    port: 8080
    order: stop_first
    drain_timeout: 10
    route:
      path: /scheduler
      hold: 60

- name: A name server, for which the kernel sends on a port of the host
  hotswap.containers.service:
    name: names
    image: registry.example/names:1.4.2
    port: 5353
    network: names
    redirect:
      port: 53
      protocols: [tcp, udp]

- name: Behind an nginx of the host that a template of yours configures
  hotswap.containers.service:
    name: greet
    image: registry.example/greet:1.4.2
    port: 8282
    route:
      hosts:
        - greet.example.com
    template:
      src: greet.conf.j2
      dest: /etc/nginx/conf.d/greet.conf
      check: [nginx, -t]
      apply: [systemctl, reload, nginx]
  become: true

- name: With a password and a key in files of the container
  hotswap.containers.service:
    name: greet
    image: registry.example/greet:1.5.0
    port: 8282
    secrets:
      - name: db_password
        content: "{{ vault_db_password }}"
      - name: tls_key
        file: /etc/greet/tls.key
        target: /etc/ssl/private/greet.key
        mode: "0400"

- name: With the stylesheets and scripts of the version before, for pages that are open
  hotswap.containers.service:
    name: greet
    image: registry.example/greet:1.5.0
    port: 8282
    assets:
      path: /app/public/assets
      keep_for: 48h

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
planned:
  description: That this is what O(planned) says, and the module was not run on the host.
  returned: when there was nothing to do
  type: bool
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
disk:
  description: The room on the file system of the engine's images, in bytes.
  returned: when O(min_free_disk) is given
  type: dict
  contains:
    folder:
      description: The folder of the engine.
      type: str
    total:
      description: The size of the file system.
      type: int
    free:
      description: What is free after the task; in check mode, now.
      type: int
    least:
      description: What is to stay free.
      type: int
    removed:
      description: Containers of retired versions that were removed for room, beyond O(keep).
      type: list
      elements: str
    freed:
      description: What that and the images that go anyway free, by the sizes of the layers that no other image has.
      type: int
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
    at:
      description: When it began, in seconds since 1970 by the clock of the host.
      type: float
    names:
      description: >-
        The instances that it was about; images for C(pull), secrets for C(write), a version for C(bridge), and a version with the hash
        of its settings for C(record).
      type: list
      elements: str
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
      description: >-
        What it is for, one of V(live), V(canary), V(candidate), V(retired), V(draining) for one in RV(left), and V(down) for one
        that should have traffic but does not run.
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
assets:
  description: What the version serves at the path of O(assets).
  returned: success, with O(assets)
  type: dict
  contains:
    own:
      description: Files of its own image.
      type: int
    bridged:
      description: Files of other versions.
      type: int
    size:
      description: Bytes of all of them. Versions share files on the disk.
      type: int
drained:
  description: Requests that the old version had in flight and ended by itself (connections, where the proxy cannot count requests).
  returned: success
  type: int
cut:
  description: Requests that were still open at the end of O(drain_timeout), and were cut.
  returned: success
  type: int
left:
  description: Instances that were left running because of their open requests, see O(after_drain_timeout).
  returned: success
  type: list
  elements: str
drain_observed:
  description: What RV(drained) and RV(cut) count, V(requests) or V(connections); V(none) when nothing was drained, or nothing could be counted.
  returned: success
  type: str
shares:
  description: Percent of the traffic by version.
  returned: success
  type: dict
  sample: {"1.4.2": 90, "1.5.0": 10}
bake:
  description: What was seen of the new version during O(bake); not set when there was none.
  returned: success
  type: dict
  contains:
    answers:
      description: Its answers, as the proxy counted them.
      type: int
    errors:
      description: Those of 5xx among them.
      type: int
    judged:
      description: Whether they were enough to be judged.
      type: bool
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

from ..module_utils._zip_imports import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module import run, secrets
from ..module_utils._options import ENGINE_OPTIONS, PLANNED_OPTIONS
from ..module_utils._rollout.service import converge
from ..module_utils._rollout.service_options import SERVICE_OPTIONS


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**ENGINE_OPTIONS, **SERVICE_OPTIONS, **PLANNED_OPTIONS}, supports_check_mode=True)
    # Not everything in a secret is one.
    module.no_log_values = secrets(module.params, SERVICE_OPTIONS)
    run(module, lambda engine, state: converge(engine, state, module.params, module.check_mode))


if __name__ == "__main__":
    main()
