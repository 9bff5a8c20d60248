# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in front of a host's OCI runtime where cgroup v2 lacks controllers, under the name of that runtime.

Drops the limits that the runtime could not set, so that --memory, --cpus and --pids-limit are accepted and shown by inspect.
They are not enforced then.
"""

from __future__ import annotations

import json
import os
import sys

CONTROLLER_OF = {"memory": "memory", "cpu": "cpu", "pids": "pids", "blockIO": "io"}


def runtime() -> str:
    """The real runtime: Debian's releases differ in the folder."""
    name = os.path.basename(sys.argv[0])
    return next(path for path in ("/usr/bin/" + name, "/usr/sbin/" + name) if os.path.exists(path))


def bundle(arguments: list[str]) -> str:
    """The folder with config.json."""
    for option, value in zip(arguments, arguments[1:]):
        if option in ("-b", "--bundle"):
            return value
    return "."


def without_limits(text: str) -> str:
    """The text of config.json without what this kernel cannot limit."""
    with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as handle:
        have = handle.read().split()
    config = json.loads(text)
    resources = config["linux"].get("resources", {})
    for key, controller in CONTROLLER_OF.items():
        if controller not in have:
            resources.pop(key, None)
    return json.dumps(config)


def create(program: str, arguments: list[str]) -> int:
    """Runs the runtime on the changed config.json, then restores the file: podman inspect shows the limits from it."""
    path = os.path.join(bundle(arguments), "config.json")
    with open(path, encoding="utf-8") as handle:
        asked = handle.read()
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(without_limits(asked))
    code = os.spawnv(os.P_WAIT, program, [program, *arguments])
    if os.path.exists(path):
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(asked)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    given = sys.argv[1:]
    if "create" in given or "run" in given:
        sys.exit(create(runtime(), given))
    os.execv(runtime(), [runtime(), *given])
