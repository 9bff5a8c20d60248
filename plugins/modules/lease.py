#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lease
short_description: Say who rolls a service out over many hosts
version_added: 1.0.0
description:
  - Takes, renews or gives back a lease on a service. While one run has it, another that asks for it is refused and told who
    has it, why, and since when.
  - The playbook C(hotswap.containers.rollout) takes it on the first hosts of the fleet, so that two controllers do not roll out
    the same service at once. M(hotswap.containers.service) does not ask for it; it has a lock of its own on every host.
  - A lease lasts from one task to the next, and ends by itself when it is not renewed in time.
  - Taking it waits for a task that still works on the service on this host, also one whose connection was lost.
extends_documentation_fragment:
  - hotswap.containers.attributes
attributes:
  check_mode:
    support: full
    details:
      - Fails as it would, and writes nothing.
  diff_mode:
    support: N/A
    details:
      - A lease is who has it, which the result says.
  idempotent:
    support: full
options:
  names:
    description:
      - The services. All are leased, or none.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(held) takes the lease, or renews one that O(owner) has.
      - V(released) gives it back; another owner's is left alone.
    type: str
    choices:
      - held
      - released
    default: held
  owner:
    description:
      - An id of the run that no other run has.
    type: str
    required: true
  who:
    description:
      - Who asked for the run, for people.
    type: str
    default: ''
  why:
    description:
      - What the run is for, for people. Never a secret.
    type: str
    default: ''
  seconds:
    description:
      - How long after its last renewal the lease ends.
    type: int
    default: 1800
  replaces:
    description:
      - Owners that are known to have died; their leases are taken over.
    type: list
    elements: str
    default: []
  break_lease:
    description:
      - Whether the lease of any other owner is taken over.
    type: bool
    default: false
  lock_timeout:
    description:
      - How long to wait, in seconds, for a task that works on a service on this host.
    type: float
    default: 60
  state_dir:
    description:
      - The folder on the host for locks and histories, as for M(hotswap.containers.service).
    type: path
author:
  - The hotswap.containers contributors (@hotswap-containers)
seealso:
  - module: hotswap.containers.service
"""

EXAMPLES = r"""
- name: Keep others from rolling out greet until this playbook ends
  hotswap.containers.lease:
    names:
      - greet
    owner: ci-4711
    who: the pipeline 4711
    why: version 1.4.2
  delegate_to: web1
  run_once: true

- name: Let others in again
  hotswap.containers.lease:
    names:
      - greet
    owner: ci-4711
    state: released
  delegate_to: web1
  run_once: true
"""

RETURN = r"""
held:
  description: Whether O(owner) has the lease now.
  returned: success
  type: bool
holder:
  description: Who has the lease.
  returned: when it is another owner
  type: dict
  contains:
    owner:
      description: The id of its run.
      type: str
    who:
      description: Who asked for it.
      type: str
    why:
      description: What it is for.
      type: str
    service:
      description: The service.
      type: str
    since:
      description: When it was taken, in seconds since 1970.
      type: float
    until:
      description: When it ends by itself, in seconds since 1970.
      type: float
    age:
      description: How long ago it was taken, in seconds.
      type: int
"""

from ..module_utils._zip_imports import compile_once

compile_once()

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import HotswapError
from ..module_utils._rollout import lease
from ..module_utils._rollout.paths import StateDir
from ..module_utils._rollout.validate import check_name, check_positive

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "names": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
    "owner": {"type": "str", "required": True},
    "who": {"type": "str", "default": ""},
    "why": {"type": "str", "default": ""},
    "seconds": {"type": "int", "default": 1800},
    "replaces": {"type": "list", "elements": "str", "default": []},
    "break_lease": {"type": "bool", "default": False},
    "lock_timeout": {"type": "float", "default": 60},
    "state_dir": {"type": "path"},
}


def work(params: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """Parameters -> result. Raises HotswapError."""
    state = StateDir.of(params["state_dir"])
    names = [check_name("names", name) for name in params["names"]]
    if params["state"] == "released":
        return {"changed": lease.release(state, names, params["owner"], check), "held": False}
    seconds = check_positive("seconds", params["seconds"], 1)
    claim = lease.Claim(params["owner"], params["who"], params["why"], seconds, tuple(params["replaces"]), params["break_lease"])
    return {"changed": lease.take(state, names, claim, check_positive("lock_timeout", params["lock_timeout"]), check), "held": not check}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(**work(module.params, module.check_mode))
    except HotswapError as error:
        module.fail_json(msg=str(error), **error.details)
    except OSError as error:
        module.fail_json(msg="%s. The user who runs the task must be able to write there (see state_dir)." % error)


if __name__ == "__main__":
    main()
