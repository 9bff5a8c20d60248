# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for get-pip.py, which ansible-test would download from a server that many networks do not reach.

It is given get-pip's arguments: packages to install, and switches that ensurepip has no use for.
"""

from __future__ import annotations

import subprocess
import sys


def main() -> None:
    """Bootstraps pip from the interpreter's own wheel, then installs what was asked for."""
    arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
    subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--upgrade", *arguments])


if __name__ == "__main__":
    main()
