# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The one place where a module meets the engine: shared options, and errors turned into a failed result."""

from __future__ import annotations

import contextlib
import typing as t

from ._engine.connect import connect
from ._engine.types import Engine
from ._errors import HotswapError
from ._rollout.paths import StateDir

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# A shorter value is no secret, and hiding it would hide every word that it is part of ("1", "Hi", a version).
_SHORTEST_SECRET = 8


def run(module: AnsibleModule, work: t.Callable[[Engine, StateDir], dict[str, t.Any]]) -> None:
    """Connects to the engine that the task names, runs `work`, and ends the module with its result or its error."""
    run_on_demand(module, lambda engine, state: work(engine(), state))


def run_on_demand(module: AnsibleModule, work: t.Callable[[t.Callable[..., Engine], StateDir], dict[str, t.Any]]) -> None:
    """The same for work that does not always need the engine: it connects when `work` calls its first argument.

    That takes options engine and engine_url other than the module's own, for work on several engines.
    """
    said: dict[str, t.Any] = {"invocation": {"module_args": _without_secrets(module)}}
    module.no_log_values = {value for value in module.no_log_values if len(str(value)) >= _SHORTEST_SECRET}
    try:
        with contextlib.ExitStack() as opened:

            def engine(options: t.Mapping[str, t.Any] = module.params) -> Engine:
                found = connect(options["engine"], options["engine_url"])
                opened.callback(found.close)
                return found

            result = work(engine, StateDir.of(module.params["state_dir"]))
    except HotswapError as error:
        module.fail_json(msg=str(error), **said, **error.details)
    except OSError as error:
        module.fail_json(msg="%s. The user who runs the task must be able to write there (see state_dir)." % error, **said)
    for line in result.pop("warnings", ()):
        module.warn(line)
    module.exit_json(**said, **result)


def _without_secrets(module: AnsibleModule) -> dict[str, t.Any]:
    """The parameters for -vvv, those that may hold secrets hidden whatever their length."""
    hidden = {name for name, option in module.argument_spec.items() if option.get("no_log")}
    shown = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    return {name: shown if value and name in hidden else value for name, value in module.params.items()}


def secrets(params: t.Any, options: t.Mapping[str, t.Any]) -> set[str]:
    """All texts below the options that hold secrets (no_log), and their lines, for the module to keep out of its result.

    Of an option that has options of its own only those of these that hold secrets: hiding a name would hide the result.
    """
    found: set[str] = set()
    for name, option in options.items():
        value = params.get(name) if isinstance(params, t.Mapping) else None
        if option.get("options"):
            for one in value if isinstance(value, list) else [value]:
                found |= secrets(one, option["options"])
        elif option.get("no_log"):
            found |= {part for text in _texts(value) for part in (text, *map(str.strip, text.splitlines()))}
    return found


def _texts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, t.Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield str(value)
