#!/bin/sh
# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ./dev docs: pages of the modules, the filter and the role in reStructuredText, into build/docs.
set -eu
out=$HOTSWAP_ROOT/build/docs
rm -rf "$out" "$HOTSWAP_WORK/docs"
mkdir -p "$out" "$HOTSWAP_WORK/docs/plugins"
chmod -R go-w "$HOTSWAP_WORK/docs"
echo "dev: rendering every module and role of hotswap.containers" >&2
antsibull-docs collection --use-current --squash-hierarchy --output-format simplified-rst \
    --dest-dir "$HOTSWAP_WORK/docs/plugins" hotswap.containers
cp -R "$HOTSWAP_WORK/docs/plugins/." "$out/"
echo "dev: see build/docs" >&2
