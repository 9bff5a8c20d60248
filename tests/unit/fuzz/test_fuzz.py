# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short run of ./dev test-fuzz, always with the same cases; and the readers that it judges configurations with."""

from __future__ import annotations

import pathlib

import pytest
from fuzz import arguments, modules, words
from fuzz.run import fuzz

CASES = 2000
SEED = 6


@pytest.mark.parametrize("name", sorted(modules.MODULES))
def test_bad_input_is_refused_by_name_and_good_input_comes_through(name: str, tmp_path: pathlib.Path) -> None:
    cases = CASES * modules.SHARES[name] // sum(modules.SHARES.values())
    found = fuzz(name, cases, SEED, tmp_path)
    assert (found.cases, found.crashed, found.leaked) == (cases, 0, 0)
    assert 0 < found.accepted < cases or name == "plan"


def test_modules_end_with_a_result(tmp_path: pathlib.Path) -> None:
    found = arguments.run(40, SEED, tmp_path)
    assert (found.cases, found.crashed, found.leaked) == (40, 0, 0)


def test_readers_see_what_was_injected() -> None:
    assert words.haproxy('acl a path -- \'x y\' # no\n server\\ b "c\\"d"') == [["acl", "a", "path", "--", "x y"], ["server b", 'c"d']]
    assert words.nginx('map $a $b { "~^x;{" 1; }\n# no;\nuser root;') == [["map", "$a", "$b", "{"], ['"~^x;{"', "1", ";"], ["}"], ["user", "root", ";"]]
    assert words.apache('# no\nHeader set A "b c"\n\n<X>') == [["Header", "set", "A", '"b c"'], ["<X>"]]
    plain, injected = (words.shape(words.haproxy("a '%s'\n" % text)) for text in ("x", "x'\nserver evil\n'"))
    assert plain != injected
