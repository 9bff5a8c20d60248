# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables in Compose files against the rules, against bash where bash has the same, and against what docker compose 2.26 made of them."""

from __future__ import annotations

import subprocess
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.plugin_utils._compose_text import Variables, dotenv, interpolate

ENV = {"A": "aa", "E": "", "B": "b$A"}
NAMES = ("A", "E", "B", "U", "V_1")
LITERAL = st.text("ab01 .:/_-+?=", max_size=4)


class Piece(t.NamedTuple):
    """A part of a text: `written` in the file, and what it comes to, None for an error."""

    written: str
    value: str | None


def _joined(pieces: t.Sequence[Piece]) -> Piece:
    values = [piece.value for piece in pieces]
    return Piece("".join(piece.written for piece in pieces), None if None in values else "".join(map(str, values)))


def _chosen(name: str, operator: str, text: Piece) -> Piece:
    """The rule of the table, said once more: what counts is set (with a colon: and not empty)."""
    written = "${%s%s%s}" % (name, operator, text.written)
    counts = name in ENV and not (operator.startswith(":") and ENV[name] == "")
    if text.value is None:
        return Piece(written, None)
    if operator.endswith("+"):
        return Piece(written, text.value if counts else "")
    return Piece(written, ENV[name] if counts else None if operator.endswith("?") else text.value)


def _pieces(operators: t.Sequence[str]) -> st.SearchStrategy[Piece]:
    leaf = st.one_of(
        LITERAL.map(lambda text: Piece(text, text)),
        st.sampled_from(NAMES).map(lambda name: Piece("${%s}" % name, ENV.get(name, ""))),
        # What follows a name without braces must not go on with it.
        st.sampled_from(NAMES).map(lambda name: Piece("$%s." % name, ENV.get(name, "") + ".")),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(_joined),
            st.tuples(st.sampled_from(NAMES), st.sampled_from(list(operators)), inner).map(lambda parts: _chosen(*parts)),
        ),
        max_leaves=8,
    )


@given(_pieces((":-", "-", ":+", "+", ":?", "?")))
def test_every_text_comes_to_what_the_rules_say(piece: Piece) -> None:
    try:
        found: str | None = interpolate(piece.written, Variables(ENV))
    except InvalidInput:
        found = None
    assert found == piece.value


@settings(max_examples=30)
@given(_pieces((":-", "-", ":+", "+")))
def test_bash_comes_to_the_same(piece: Piece) -> None:
    done = subprocess.run(["bash", "-c", 'printf %%s "%s"' % piece.written], env=ENV, capture_output=True, text=True, check=True)
    assert interpolate(piece.written, Variables(ENV)) == done.stdout


@given(st.text("ab$ {}:", max_size=8))
def test_escaped_dollars_come_back(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), Variables(ENV)) == text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${A:+${U:-n}}", "n"),
        ("${U:-{x}}", "{x}"),
        ("${U:-}}", "}"),
        ("x${A}}", "xaa}"),
        ("$$$A", "$aa"),
        ("$${A}", "${A}"),
        ("a$ b$1 $", "a$ b$1 $"),
        ("${U:-$$x}", "$x"),
        ("${U:-a:+b}", "a:+b"),
        ("${U-:-x}", ":-x"),
        ("${U:-$}", "$"),
        ("${B}", "b$A"),
        ("$é", "$é"),
    ],
)
def test_as_compose_has_it(written: str, expected: str) -> None:
    assert interpolate(written, Variables(ENV)) == expected


@pytest.mark.parametrize("written", ["${}", "${1}", "${A", "${A/x/y}", "${A }", "${A.b}", "${U:=x}", "${é}", "${U:-${A}"])
def test_what_is_no_variable_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="no variable of a Compose file"):
        interpolate(written, Variables(ENV))


@pytest.mark.parametrize("written", ["${U:?say $A}", "${U?say $A}", "${E:?say $A}", "${A:-${U:?say $A}}"])
def test_what_is_required_is_named(written: str) -> None:
    with pytest.raises(InvalidInput, match=r"the variable [UE] is required: say aa"):
        interpolate(written, Variables(ENV))


def test_what_is_unset_is_noted_once() -> None:
    variables = Variables(ENV)
    assert interpolate("$U${U}${A}${V:-}${E}", variables) == "aa"
    assert variables.unset == ["U"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1 # c", "1"),
        ("A=1# c", "1# c"),
        ("A=#x", "#x"),
        ('A="1 # c" # d', "1 # c"),
        ("B=2\nA=$B", "2"),
        ("B=2\nA='$B'", "$B"),
        ('B=2\nA="$B"', "2"),
        ('A="a\\nb\\tc"', "a\nb\tc"),
        ("A='a\\nb'", "a\\nb"),
        ("A=a\\nb", "a\\nb"),
        ("export A=1", "1"),
        ("A: 1", "1"),
        ("A = 1", "1"),
        ("A= ", ""),
        ("# c\n\n  A=  x  \r\n", "x"),
        ('A="x\ny"', "x\ny"),
        ('A="a\\"b"', 'a"b'),
        ("A='a\\'b'", "a'b"),
        ("A=${U:-d}", "d"),
        ('A="x" B=3', "x"),
        ("A=1\nA=2", "2"),
        ('A="$$B"', "$B"),
        ('A="a\\$B"', "a$B"),
        ("\ufeffA=1", "1"),
        ('A=x"y"', 'x"y"'),
    ],
)
def test_lines_of_an_env_file(text: str, expected: str) -> None:
    assert dotenv(text, {})["A"] == expected


def test_the_environment_wins_in_the_file_of_a_project() -> None:
    assert dotenv("A=x\nB=$A\nC\nD", {"A": "shell", "C": "c"}) == {"A": "shell", "B": "shell", "C": "c"}


def test_the_file_wins_in_the_file_of_a_container() -> None:
    assert dotenv("A=x\nB=$A\nC\nD", {"A": "shell", "C": "c"}, project=False) == {"A": "x", "B": "shell", "C": "c"}


@pytest.mark.parametrize(
    ("text", "says"),
    [("A=1\n=1", "line 2 is not NAME=VALUE"), ('A=1\n\nB="x', "line 3 begins a value"), ("A=${U:?x}", "U is required: x"), ("A B=1", "line 1 is not")],
)
def test_a_bad_line_is_named(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        dotenv(text, {})


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"))
    )
)
def test_quoted_values_come_back(values: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")

    assert dotenv("\n".join("%s=%s" % (name, quoted(value)) for name, value in values.items()), {}) == values
