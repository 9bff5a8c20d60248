# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that nobody but a test trusts."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess


@dataclasses.dataclass(frozen=True)
class Pair:
    """A key and its certificate, as PEM files."""

    key: pathlib.Path
    certificate: pathlib.Path


def self_signed(folder: pathlib.Path, name: str) -> Pair:
    """A new pair for this host name, in a folder that is made. Needs the program openssl."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = Pair(folder / "key.pem", folder / "cert.pem")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name]
    words += ["-addext", "subjectAltName=DNS:" + name, "-keyout", str(pair.key), "-out", str(pair.certificate)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return pair
