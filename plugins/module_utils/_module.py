# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The one place where a module meets the engine: shared options, and errors turned into a failed result."""

from __future__ import annotations

import typing as t

from ._engine.connect import connect
from ._engine.types import Engine
from ._errors import HotswapError
from ._rollout.paths import StateDir

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ENGINE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "engine": {"type": "str", "choices": ["docker", "podman"]},
    "engine_url": {"type": "str"},
    "state_dir": {"type": "path"},
}


def run(module: AnsibleModule, work: t.Callable[[Engine, StateDir], dict[str, t.Any]]) -> None:
    """Connects to the engine that the task names, runs `work`, and ends the module with its result or its error."""
    try:
        engine = connect(module.params["engine"], module.params["engine_url"])
        try:
            result = work(engine, StateDir.of(module.params["state_dir"]))
        finally:
            engine.close()
    except HotswapError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**result)
