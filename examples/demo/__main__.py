# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""python -m demo, with the folder examples on the path."""

from __future__ import annotations

import sys

from demo.show import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
