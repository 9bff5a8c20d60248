# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module finds the container engine of the host."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  engine:
    description:
      - The container engine to use.
      - When it is not set, the engine that is found on the host is used; it is an error when there are both.
    type: str
    choices:
      - docker
      - podman
  engine_url:
    description:
      - The socket of the engine, like V(unix:///run/podman/podman.sock).
      - When it is not set, the socket of the user who runs the module is used.
        Where Podman has no active socket, its API service is started for the length of the module's run.
    type: str
  state_dir:
    description:
      - The folder on the host for locks, histories and the files of proxies.
      - When it is not set, this is C(/var/lib/hotswap) for root, and C($XDG_STATE_HOME/hotswap) (usually
        C(~/.local/state/hotswap)) for any other user.
    type: path
notes:
  - For rootless Podman run the task as the user who owns the containers, with C(become_user) or by connecting as that user.
  - Everything that this collection creates carries labels that begin with C(hotswap.). What does not carry them is never
    changed, stopped or removed.
requirements:
  - Python 3.8 or newer on the host.
  - The Docker SDK for Python (C(docker)) 5.0.3 or newer on the host, for Docker.
  - The Podman SDK for Python (C(podman)) 4.7 or newer on the host, for Podman.
"""
