#!/usr/bin/python

# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image
short_description: An image on the host, from a registry or sent from the controller
version_added: 1.0.0
description:
  - Makes the engine of the host have an image under the given names.
  - Without a registry the image is sent from the controller, out of an archive (O(archive)) or out of the controller's own engine
    (O(from_engine)). Only the layers that the host lacks are sent, compressed, and checked against their digests. A transfer that was cut
    goes on where it was when the task is run again.
  - What is there is recognised by its id, not by its name. When the image is there, nothing is sent.
  - A name that is on the host never changes its content, unless its tag is declared mutable. This is refused before anything is sent.
extends_documentation_fragment:
  - hotswap.containers.engine
  - hotswap.containers.attributes
  - hotswap.containers.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
    details:
      - It says how many bytes would be sent, and sends none. For this it compresses the missing layers on the controller.
      - Whether a registry has newer content for a mutable tag is only known when it is pulled.
  diff_mode:
    support: full
  idempotent:
    support: full
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
options:
  name:
    description:
      - The name and tag that the image has on the host. Without a tag, V(latest) is meant.
    type: str
    required: true
  state:
    description:
      - V(present) makes the image be there under its names.
      - V(absent) takes the names away, O(name) and O(tags), and the image with its last name. It fails when a container, also a stopped one,
        uses the image and no other name would be left.
    type: str
    choices:
      - present
      - absent
    default: present
  archive:
    description:
      - The path of an archive on the controller, as written by C(docker save), C(podman save) or a tool that writes OCI archives.
      - It may be compressed with gzip or zstd.
      - When neither this nor O(from_engine) is set, the image is pulled from its registry.
    type: path
  from_engine:
    description:
      - Send the image out of this engine on the controller.
    type: str
    choices:
      - docker
      - podman
  from_name:
    description:
      - What the image is called in the archive or in the controller's engine.
      - When it is not set, it is O(name) there too. An archive that holds one image only needs neither.
    type: str
  tags:
    description:
      - Further names for the image, like V(latest) or the SHA of a commit. A word without a colon and a slash is a tag beside that of O(name).
    type: list
    elements: str
    default: []
  mutable:
    description:
      - Tags, or whole names, that may name other content later.
      - A mutable O(name) is pulled again in every run; any other one is pulled once.
    type: list
    elements: str
    default:
      - latest
  platform:
    description:
      - The platform that the image is for, like V(linux/arm64).
      - When it is not set, it is that of the host. An image for another one is refused before it is sent.
    type: str
  shipment:
    description:
      - What the controller offers, then what it has sent. Written by the action plugin of this module, not by people.
    type: dict
notes:
  - The archive is never in memory as a whole. The controller keeps the compressed layers in its temporary folder for the length of the task, and the
    host in the folder of Ansible's temporary files until the engine has them.
seealso:
  - module: hotswap.containers.service
author:
  - The hotswap.containers contributors (@hotswap-containers)
"""

EXAMPLES = r"""
- name: Send an archive that the build wrote
  hotswap.containers.image:
    name: localhost/greet:1.4.2
    archive: "{{ playbook_dir }}/greet-1.4.2.tar"
    tags:
      - "{{ git_sha }}"
      - latest

- name: Send what this machine's Docker has built to rootless Podman
  hotswap.containers.image:
    name: localhost/greet:1.4.2
    from_engine: docker
    from_name: greet:1.4.2
    engine: podman
  become: true
  become_user: deploy

- name: Pull from a registry, once
  hotswap.containers.image:
    name: registry.example.com/team/greet:1.4.2

- name: Remove an old version
  hotswap.containers.image:
    name: localhost/greet:1.4.1
    state: absent
"""

RETURN = r"""
state:
  description: Whether the image exists under these names after this run.
  returned: success
  type: str
  sample: present
engine:
  description: The kind of engine that was used.
  returned: success
  type: str
  sample: podman
image:
  description: The image as it is, or as it would be in check mode.
  returned: success, when O(state=present)
  type: dict
  contains:
    id:
      description: The image's id. Empty when it would be pulled.
      type: str
      sample: sha256:45dc7323c20c79090942bf03c23b5a4f05c32f9a5c6433cb238abc08438ee0b8
    references:
      description: Its names, as asked for.
      type: list
      elements: str
    platform:
      description: What it is for. Empty when it is not on the host yet.
      type: str
      sample: linux/amd64
    size:
      description: Its size in bytes, as the engine counts. 0 when it is not on the host yet.
      type: int
sent:
  description: What went over the wire, or would go in check mode.
  returned: success, when the image comes from the controller
  type: dict
  contains:
    bytes:
      description: Compressed bytes of the config and of the layers that the host lacked, those of RV(sent.resumed_bytes) too.
      type: int
    layers:
      description: How many layers were sent.
      type: int
    layers_there:
      description: How many layers of the image the host had.
      type: int
    resumed_bytes:
      description: How many of them an earlier, cut transfer had sent. They were not sent again. 0 in check mode, which does not look.
      type: int
    whole_because:
      description: Why the engine got the whole archive instead of the missing layers, in its own words. Empty when it did not.
      type: str
"""

from ..module_utils._zip_imports import compile_once

compile_once()

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _module
from ..module_utils._engine.types import Engine
from ..module_utils._image import host
from ..module_utils._options import ENGINE_OPTIONS
from ..module_utils._rollout.images import Brought
from ..module_utils._rollout.paths import StateDir

OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "archive": {"type": "path"},
    "from_engine": {"type": "str", "choices": ["docker", "podman"]},
    "from_name": {"type": "str"},
    "tags": {"type": "list", "elements": "str", "default": []},
    "mutable": {"type": "list", "elements": "str", "default": ["latest"]},
    "platform": {"type": "str"},
    "shipment": {"type": "dict"},
}


def main() -> None:
    module = AnsibleModule(argument_spec={**ENGINE_OPTIONS, **OPTIONS}, mutually_exclusive=[("archive", "from_engine")], supports_check_mode=True)

    def work(engine: Engine, state: StateDir) -> dict[str, t.Any]:
        want = host.wanted(module.params)
        brought = Brought(state, engine.kind)
        if module.params["state"] == "absent":
            done = host.absent(engine, want, module.check_mode)
            if not module.check_mode:
                brought.forget(want.refs)
            return done
        shipment = module.params["shipment"]
        if shipment and "offered" in shipment:
            return host.ask(engine, want, host.candidates(shipment["offered"]), module.check_mode)
        done = host.load(engine, want, shipment) if shipment else host.present(engine, want, module.check_mode)
        if done.pop("brought", False):
            image_id, before = done["image"]["id"], done["diff"]["before"]["references"]
            brought.note([ref for ref in want.refs if before[ref] != image_id], image_id)
        return done

    _module.run(module, work)


if __name__ == "__main__":
    main()
