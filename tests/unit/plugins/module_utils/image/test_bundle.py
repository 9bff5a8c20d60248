# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive as it goes to the engine."""

from __future__ import annotations

import io
import tarfile

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._image import bundle
from ansible_collections.hotswap.containers.plugins.module_utils._image.pieces import Layer, Piece

BLOCK = tarfile.BLOCKSIZE


@pytest.mark.parametrize("oci", [False, True])
@pytest.mark.parametrize("size", [BLOCK, BLOCK + 1])
def test_no_chunk_is_empty(oci: bool, size: int) -> None:
    layer = Layer("sha256:" + "a" * 64, size, pieces=(Piece("b" * 64, size),))
    chunks = list(bundle.stream(oci, b"{}", [layer], lambda one: [b"", b"x" * one.size]))
    assert all(chunks)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        assert size in [member.size for member in archive]
