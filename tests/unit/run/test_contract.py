# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which contract test runs where."""

from __future__ import annotations

from run import contract

TESTS = ["test_engine_calls.py", "test_haproxy_service.py", "test_switch_caddy.py", "test_switch_states.py"]


def test_engines_are_tried_everywhere_and_the_rest_is_shared_out_among_root_s_hosts() -> None:
    jobs = contract.share(TESTS, ["d01", "p01", "r01"])
    assert jobs == {"d01": [TESTS[0], TESTS[1], TESTS[3]], "p01": [TESTS[0], TESTS[2]], "r01": [TESTS[0]]}


def test_one_host_has_everything() -> None:
    assert contract.share(TESTS, ["r01"]) == {"r01": TESTS}
