# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our lines in somebody else's haproxy.cfg, and nothing beside them."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch.haproxy_sections import find, replaced, servers, snippet
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Target

from .examples import target_lists

PROBE = pathlib.Path("/var/lib/hotswap/proxies/edge/conf/probe")
OWNERS = """\
global
    maxconn 10
frontend web
    default_backend app
backend app
    server-template tpl 3 10.0.0.9:80
    server own 10.0.0.8:80
%s
    server last 10.0.0.7:80
listen raw
    # BEGIN hotswap raw
  # END hotswap raw
"""
TEXT = OWNERS % snippet("greet", PROBE)


def test_what_is_found() -> None:
    section = find(TEXT, "greet")
    assert section is not None
    assert (section.backend, section.lines, section.identified) == ("app", (), True)
    assert [name for name in ("tpl1", "tpl3", "own", "last", "tpl", "tplx", "own1", "greet-a") if section.is_theirs(name)] == ["tpl1", "tpl3", "own", "last"]
    raw = find(TEXT, "raw")
    assert raw is not None and (raw.backend, raw.identified, raw.is_theirs("own")) == ("raw", False, False)
    assert find(TEXT, "gree") is None


def test_what_its_default_server_says_is_for_ours_too() -> None:
    more = "    default-server check inter 1s fall 1 # default-server no\n    default-server init-addr none resolvers dns rise 2\n    # BEGIN hotswap greet"
    section = find(TEXT.replace("    # BEGIN hotswap greet", more), "greet")
    assert section is not None and section.defaults == ("check", "inter", "1s", "fall", "1", "rise", "2")
    plain = find(TEXT, "greet")
    assert plain is not None and plain.defaults == ()


def test_lines() -> None:
    target = Target("greet-a", "10.0.0.1", 80, 7)
    text = replaced(TEXT, "greet", [target])
    assert text == TEXT.replace("# END hotswap greet", "server greet-a 10.0.0.1:80 weight 7\n    # END hotswap greet")
    section = find(text, "greet")
    assert section is not None and section.lines == servers(section, [target]) == ("    server greet-a 10.0.0.1:80 weight 7",)
    assert not section.is_theirs("greet-a")


@given(st.text(st.characters(exclude_characters="#"), max_size=200), st.text(st.characters(exclude_characters="#"), max_size=200), target_lists, target_lists)
def test_no_other_byte_changes(before: str, after: str, first: tuple[Target, ...], second: tuple[Target, ...]) -> None:
    text = "%s\nbackend app\n    # BEGIN hotswap greet\n    # END hotswap greet\n%s" % (before, after)
    once = replaced(text, "greet", first)
    assert once.startswith("%s\nbackend app\n    # BEGIN hotswap greet\n" % before)
    assert once.endswith("    # END hotswap greet\n%s" % after)
    assert once.count("\n") == text.count("\n") + len(first)
    assert replaced(once, "greet", second) == replaced(text, "greet", second)
    assert replaced(once, "greet", ()) == text


@pytest.mark.parametrize("name", ["a b", "a\nb", "a'b", 'a"b', "a{b", "ä", ""])
def test_unsafe_values_are_refused(name: str) -> None:
    for target in (Target(name, "10.0.0.1", 80), Target("greet-a", name, 80)):
        with pytest.raises(SwitchError, match="cannot stand in a proxy configuration"):
            replaced(TEXT, "greet", [target])
    with pytest.raises(SwitchError, match="cannot stand in a proxy configuration"):
        snippet(name, PROBE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# BEGIN hotswap greet\n# END hotswap greet\n", "not inside of one backend"),
        ("frontend f\n# BEGIN hotswap greet\n# END hotswap greet\n", "not inside of one backend"),
        ("backend\n# BEGIN hotswap greet\n# END hotswap greet\n", "not inside of one backend"),
        ("backend a\n# BEGIN hotswap greet\n\nlisten b\n# END hotswap greet\n", "not inside of one backend"),
        ("backend a\n# BEGIN hotswap greet\n", "not one BEGIN and one END"),
        ("backend a\n# BEGIN hotswap greet\ncookie x\n# END hotswap greet\n", "more than servers: cookie x"),
    ],
)
def test_other_marks_are_refused(text: str, says: str) -> None:
    with pytest.raises(SwitchError, match=says):
        find(text, "greet")
    with pytest.raises(SwitchError, match="no marks of other"):
        replaced(text, "other", ())
