# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two archives of one image, the second with a new layer above the same base: python3 archives.py FOLDER."""

from __future__ import annotations

import gzip
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

from kit import archive

_BASE, _LAYER = 30 * 2**20, 2 * 2**20


def main() -> None:
    """Writes one.tar, two.tar and layer.gz."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    # Half of it can be compressed, as with programs.
    dice = random.Random(8)
    text = [b"".join(dice.randbytes(512) + bytes(512) for _number in range(size // 1024)) for size in (_BASE, _LAYER, _LAYER)]
    base = archive.layer([archive.Entry("/base", text[0])])
    tops = [archive.layer([archive.Entry("/app", one)]) for one in text[1:]]
    for name, top in zip(("one", "two"), tops):
        archive.write(folder / (name + ".tar"), [archive.Image(("localhost/speed:" + name,), (base, top), {"Cmd": ["/app"]})])
    (folder / "layer.gz").write_bytes(gzip.compress(tops[1].tar, mtime=0))


if __name__ == "__main__":
    main()
