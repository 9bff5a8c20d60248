# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A smaller number of cases through the modules' own main(), with an engine that cannot be reached."""

from __future__ import annotations

import collections
import contextlib
import importlib
import io
import json
import pathlib
import typing as t
from unittest import mock

from ansible.module_utils import basic
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzz.modules import MODULES, Leaked
from fuzz.run import Count, outcome
from fuzz.values import SECRET, of_module

_PLACE = "ansible_collections.hotswap.containers.plugins.modules."
# They reach an engine before anything else, or only look.
_NAMES = ("service", "network", "image")


def run(cases: int, number: int, folder: pathlib.Path) -> Count:
    """Tries so many parameters, with -vvv and --diff. The result must be JSON, say what is wrong, and have no secret."""
    found: list[str] = []
    seen: set[str] = set()
    strategies = [st.tuples(st.just(name), of_module(name, MODULES[name][0])) for name in _NAMES]

    @seed(number)
    @settings(max_examples=cases, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.one_of(*strategies))
    def one(chosen: tuple[str, dict[str, t.Any]]) -> None:
        name, params = chosen
        found.append(outcome(name, lambda: _main(name, params, folder), params, seen))

    one()
    counted = collections.Counter(found)
    return Count(len(found), counted["accepted"], counted["crashed"], counted["leaked"])


def _main(name: str, params: dict[str, t.Any], folder: pathlib.Path) -> str:
    given = {**params, "engine": "docker", "engine_url": "unix://%s/nobody.sock" % folder, "state_dir": str(folder / "state")}
    sent = {"ANSIBLE_MODULE_ARGS": {**given, "_ansible_verbosity": 3, "_ansible_diff": True, "_ansible_check_mode": False}}
    module = importlib.import_module(_PLACE + name)
    text = io.StringIO()
    with contextlib.ExitStack() as around:
        around.enter_context(mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps(sent).encode()))
        around.enter_context(mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True))
        around.enter_context(contextlib.redirect_stdout(text))
        around.enter_context(mock.patch("sys.argv", ["module"]))
        around.enter_context(contextlib.suppress(SystemExit))
        module.main()
    result = json.loads(text.getvalue())
    if SECRET in text.getvalue():
        raise Leaked("a secret stands in the result: %.300s" % text.getvalue())
    assert result.get("failed") and result["msg"], result
    assert "Traceback" not in text.getvalue(), result
    if (folder / "state").exists():
        raise Leaked("no engine, and there is a state folder")
    return "refused"
