# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: speed_sdk
short_description: Imports the Docker SDK for Python, and asks for its version
description:
  - The least that a module for containers can do.
author:
  - The hotswap.containers contributors (@hotswap-containers)
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    import docker

    client = docker.APIClient(base_url="unix:///var/run/docker.sock")
    module.exit_json(changed=False, version=client.version()["Version"])


if __name__ == "__main__":
    main()
