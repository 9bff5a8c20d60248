#!/bin/sh
# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ./dev clean: what tests and tools leave behind. Hosts of the test bed are taken down with `./dev bed down`.
set -eu
cd "$HOTSWAP_ROOT"
rm -rf .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist collections tests/output
find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
rm -rf "$HOTSWAP_CACHE/checkout-$(printf '%s' "$HOTSWAP_ROOT" | sha256sum | cut -c1-12)"
