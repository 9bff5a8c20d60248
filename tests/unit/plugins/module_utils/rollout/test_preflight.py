# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A version is one image: by its containers, and by what is noted when they are gone."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import LABEL_VERSION
from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.preflight import check_image, check_pinned

SPEC: t.Any = types.SimpleNamespace(name="names", version="1.0", image="localhost/names:1.0")


def there(version: str, image_id: str) -> t.Any:
    return types.SimpleNamespace(name="names-%s-1" % version, labels={LABEL_VERSION: version}, image_id=image_id)


@pytest.mark.parametrize("noted", ["", "sha256:a"])
def test_the_same_content_passes(noted: str) -> None:
    check_pinned(SPEC, "sha256:a", [there("1.0", "sha256:a"), there("2.0", "sha256:b")], noted)


@pytest.mark.parametrize(("present", "noted", "said"), [([there("1.0", "sha256:b")], "", "names-1.0-1"), ([], "sha256:b", "ran as image b on this host")])
def test_other_content_is_refused(present: list[t.Any], noted: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=r"version: 1\.0 of names") as caught:
        check_pinned(SPEC, "sha256:a", present, noted)
    assert said in str(caught.value)
    assert "is now image a" in str(caught.value)
    assert "a version of its own" in str(caught.value)


def test_what_must_be_made_needs_an_image() -> None:
    spec: t.Any = types.SimpleNamespace(name="names", version="1.0", image="")
    engine: t.Any = None
    assert check_image(engine, spec, False, "missing", []) == []
    with pytest.raises(InvalidInput, match=r"image: not given, and not all instances of version 1\.0"):
        check_image(engine, spec, True, "missing", [])
