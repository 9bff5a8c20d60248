# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What drivers have in common."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._switch.base import intact, sealed, unsealed


@given(st.text(), st.text(min_size=1))
def test_a_sealed_text_tells_when_it_was_changed(text: str, more: str) -> None:
    whole = sealed(text)
    assert intact(whole) and unsealed(whole) == text
    for changed in (text, whole + more, more + whole, whole[:-1], text + more + whole[len(text) :]):
        assert not intact(changed)
