#!/usr/bin/python
# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Count what a client of the public route loses while something else happens
version_added: 1.0.0
description:
  - Sends HTTP/1.1 requests at a steady rate, with or without TLS, and counts each of them as answered or as lost in exactly one way.
    Nothing is ever retried, so it sees what a client sees that must not repeat a request.
  - Started in the background with a O(name), it runs while other tasks roll out a version; a task with O(state=stopped) ends
    it and returns its counts.
  - "The ways to lose a request: V(refused), V(conn_timeout), V(conn_reset) and V(unreachable) while connecting; V(closed_fresh)
    and V(closed_reused) when a new or a kept connection ends before an answer byte; V(truncated) when the answer ends early;
    V(http_NNN) for a whole answer with another status than O(status); V(bad_body) for a whole answer with a wrong body;
    V(timeout)."
  - A kept connection that is seen closed before a request is sent is opened again without counting, as every client does it.
  - The rate is kept by the clock. When all connections wait for late answers, what is due waits for one of them, and its time
    counts from when it was due.
  - It needs no container engine and nothing but Python on the host.
extends_documentation_fragment:
  - hotswap.containers.attributes
attributes:
  check_mode:
    support: full
    details:
      - Checks the parameters and sends nothing.
  diff_mode:
    support: N/A
    details:
      - There is nothing to compare; the module changes nothing.
  idempotent:
    support: full
    details:
      - The module never reports a change.
options:
  url:
    description:
      - Where to send requests, V(http://) or V(https://).
    type: str
    default: http://127.0.0.1:8080/
  ca_file:
    description:
      - For V(https://), a file on the host with the certificates to trust. When it is not set, those that the host trusts.
      - The server's certificate must be for the name in the header C(Host), else for that of O(url).
    type: path
  method:
    description:
      - The method for the traffic kinds V(keepalive), V(keepalive_idle) and V(fresh).
    type: str
    choices:
      - GET
      - HEAD
    default: GET
  headers:
    description:
      - Headers for each request. C(Host) is that of O(url) unless it is given here.
    type: dict
  traffic:
    description:
      - What to send. Without it V(keepalive) and V(fresh) share O(rate).
    type: list
    elements: dict
    suboptions:
      kind:
        description:
          - V(keepalive) asks on connections that are kept and busy.
          - V(keepalive_idle) asks on many connections that are kept and idle most of the time.
          - V(fresh) opens a connection for each request.
          - V(post) and V(post_fresh) send 4 KiB to a page that must echo them, on kept and on new connections.
          - V(slow) always has requests in flight that take long.
          - V(stream) always has chunked answers in flight, which must end with a line V(END).
          - V(websocket) keeps websockets open and echoes on them; they are counted apart in RV(websockets).
        type: str
        required: true
        choices:
          - keepalive
          - keepalive_idle
          - fresh
          - post
          - post_fresh
          - slow
          - stream
          - websocket
      rate:
        description:
          - Requests in a second. Without it the kind gets an equal share of O(rate).
          - V(slow), V(stream) and V(websocket) have no rate; O(traffic[].connections) says how many are always in flight.
        type: float
      connections:
        description:
          - How many connections to use at most.
          - Without it V(8) for V(post) and V(post_fresh), V(40) for V(keepalive_idle), V(6) for V(slow), V(4) for V(stream)
            and V(websocket), V(16) otherwise.
        type: int
      path:
        description:
          - The path to ask, with its query.
          - Without it V(/echo) for V(post) and V(post_fresh), V(/slow?s=3) for V(slow), V(/stream?s=3) for V(stream), V(/ws) for
            V(websocket), and the path of O(url) otherwise.
        type: str
  rate:
    description:
      - Requests in a second, shared equally by the kinds of O(traffic) that have a rate and name none.
    type: float
    default: 20
  duration:
    description:
      - End after this many seconds. V(10) when neither this nor O(requests) is set.
    type: float
  requests:
    description:
      - End after this many requests of the kinds with a rate.
    type: int
  timeout:
    description:
      - Seconds within which a request must be answered completely. At most 5 of them for connecting.
    type: float
    default: 10
  status:
    description:
      - The statuses of a good answer.
    type: list
    elements: int
    default: [200]
  body_regex:
    description:
      - A regular expression that must be found in the answers to V(keepalive), V(keepalive_idle) and V(fresh).
      - A group V(version) in it names the version that answered, instead of O(version_header).
    type: str
  version_header:
    description:
      - The header of answers that names the version that answered.
    type: str
    default: X-Version
  max_lost:
    description:
      - The task fails when more requests than this were lost. V(-1) never fails.
    type: int
    default: 0
  name:
    description:
      - A name for the probe, so that another task can end it. Needed for O(state=stopped).
    type: str
  state:
    description:
      - V(present) sends requests until O(duration) or O(requests) is reached, or until a task stops the probe of this O(name).
      - V(stopped) ends the running probe of this O(name), waits for its open requests, and returns its result. The result of a
        probe that has ended by itself is returned too, once.
    type: str
    choices:
      - present
      - stopped
    default: present
  state_dir:
    description:
      - The folder on the host for the marks of named probes.
      - When it is not set, this is C(/var/lib/hotswap) for root, and C($XDG_STATE_HOME/hotswap) (usually
        C(~/.local/state/hotswap)) for any other user.
    type: path
requirements:
  - Python 3.8 or newer on the host.
notes:
  - Ansible does not combine C(async) with check mode; see the example for a task that works in both.
author:
  - The hotswap.containers contributors (@hotswap-containers)
seealso:
  - module: hotswap.containers.service
"""

EXAMPLES = r"""
- name: Ask the public route 200 times and fail if one request is lost
  hotswap.containers.probe:
    url: http://127.0.0.1:8080/
    headers:
      Host: greet.example.com
    requests: 200

- name: Start asking in the background
  hotswap.containers.probe:
    name: greet
    rate: 100
    duration: 900
    traffic:
      - kind: keepalive
      - kind: fresh
      - kind: post
        rate: 10
      - kind: slow
        connections: 4
  async: "{{ ansible_check_mode | ternary(0, 1000) }}"
  poll: 0

- name: Roll out
  hotswap.containers.service:
    name: greet
    image: localhost/greet:B
    port: 8282
    network: edge
    proxy: edge

- name: Read what was lost meanwhile
  hotswap.containers.probe:
    name: greet
    state: stopped
  register: probe

- name: Say it
  ansible.builtin.debug:
    msg: "{{ probe.msg }}"
"""

RETURN = r"""
msg:
  description: The counts in one line.
  returned: always
  type: str
  sample: sent 1200 in 12.0 s, lost 0, longest gap 0.031 s, answered by A (700), B (500)
sent:
  description: Requests sent, without websockets. V(0) in check mode.
  returned: success or lost requests
  type: int
  sample: 1200
ok:
  description: Requests that got the answer that they should.
  returned: success or lost requests
  type: int
  sample: 1200
lost:
  description: Requests that did not.
  returned: success or lost requests
  type: int
  sample: 0
lost_by_kind:
  description: How many were lost in which way.
  returned: success or lost requests
  type: dict
  sample:
    closed_reused: 2
traffic:
  description: RV(sent), RV(ok), RV(lost), RV(lost_by_kind) and RV(slowest_ms) of each kind of traffic.
  returned: when requests were sent
  type: dict
  sample:
    keepalive:
      sent: 600
      ok: 600
      lost: 0
      lost_by_kind: {}
      slowest_ms: 12.3
versions:
  description: For each version in the answers how many there were, and the first and last time (seconds since 1970).
  returned: when requests were sent
  type: dict
  sample:
    A:
      answers: 700
      first: 1767225600.1
      last: 1767225607.2
websockets:
  description: Websockets opened, messages echoed, closed with a close frame, and lost by kind.
  returned: when requests were sent
  type: dict
  sample:
    opened: 4
    messages: 480
    closed: 0
    lost_by_kind: {}
timeline:
  description: >-
    For a picture, the requests that ended C(ok) and those C(lost) in each of the following times of C(step) seconds, beginning at C(from)
    (seconds since 1970). There are at most 240.
  returned: when requests were sent
  type: dict
  sample:
    from: 1767225600.1
    step: 1
    ok: [100, 101, 99]
    lost: [0, 0, 0]
failures:
  description: The first failures, with their time (seconds since 1970), kind, kind of traffic, and version where one answered.
  returned: when requests were sent
  type: list
  elements: dict
  sample: []
seconds:
  description: How long requests were sent.
  returned: when requests were sent
  type: float
  sample: 12.0
requests_per_second:
  description: The rate over that time.
  returned: when requests were sent
  type: float
  sample: 100.0
longest_gap:
  description: The longest time without a good answer while requests were sent, in seconds.
  returned: when requests were sent
  type: float
  sample: 0.031
p50_ms:
  description: Half of the requests with a rate were answered within this time, in milliseconds since they were due.
  returned: when requests were sent
  type: float
  sample: 1.4
p99_ms:
  description: 99 % were answered within this time.
  returned: when requests were sent
  type: float
  sample: 9.1
slowest_ms:
  description: All that were answered were so within this time.
  returned: when requests were sent
  type: float
  sample: 12.3
ended_by:
  description: What ended the probe, V(duration), V(requests) or V(stopped).
  returned: when requests were sent
  type: str
  sample: stopped
"""

from ..module_utils._zip_imports import compile_once

compile_once()

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import HotswapError
from ..module_utils._probe.client import KINDS
from ..module_utils._probe.mailbox import Mailbox
from ..module_utils._probe.runner import judge, load_of, run_probe, stop_probe, summary
from ..module_utils._rollout.paths import StateDir
from ..module_utils._rollout.validate import check_name

TRAFFIC_OPTIONS = {
    "kind": {"type": "str", "required": True, "choices": list(KINDS)},
    "rate": {"type": "float"},
    "connections": {"type": "int"},
    "path": {"type": "str"},
}
ARGUMENTS = {
    "url": {"type": "str", "default": "http://127.0.0.1:8080/"},
    "ca_file": {"type": "path"},
    "method": {"type": "str", "choices": ["GET", "HEAD"], "default": "GET"},
    "headers": {"type": "dict"},
    "traffic": {"type": "list", "elements": "dict", "options": TRAFFIC_OPTIONS},
    "rate": {"type": "float", "default": 20},
    "duration": {"type": "float"},
    "requests": {"type": "int"},
    "timeout": {"type": "float", "default": 10},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "body_regex": {"type": "str"},
    "version_header": {"type": "str", "default": "X-Version"},
    "max_lost": {"type": "int", "default": 0},
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "stopped"], "default": "present"},
    "state_dir": {"type": "path"},
}


def probe(params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Starts or stops the probe that the parameters describe; raises HotswapError."""
    load_of(params)
    mailbox = None
    if params["name"]:
        mailbox = Mailbox(StateDir.of(params["state_dir"]).root / "probes", check_name("name", params["name"]))
    if check_mode:
        return {"msg": "check mode: no request was sent", "sent": 0, "ok": 0, "lost": 0, "lost_by_kind": {}}
    stops = params["state"] == "stopped"
    result = stop_probe(params, mailbox) if mailbox and stops else run_probe(params, mailbox)
    judge(result, params["max_lost"])
    return {"msg": summary(result), **result}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "stopped", ["name"])],
        supports_check_mode=True,
    )
    try:
        result = probe(module.params, module.check_mode)
    except HotswapError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
