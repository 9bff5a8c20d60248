# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who can tell a proxy what to do: its own user, over sockets in a folder, and nobody over a network."""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
import subprocess
import sys

from switch_bed import Bed

NOBODY = 65534
CONNECT = """
import socket, sys
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except PermissionError:
    sys.exit(13)
"""


def processes(group: int) -> list[pathlib.Path]:
    """The folders in /proc of the processes of that group."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(int(path.name)) == group:
                found.append(path)
    return found


def ports(group: int) -> set[int]:
    """The TCP ports that processes of the group listen on."""
    inodes = set()
    for path in processes(group):
        for handle in (path / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                inodes.add(os.readlink(handle))
    rows = [line.split() for name in ("tcp", "tcp6") for line in pathlib.Path("/proc/net", name).read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and "socket:[%s]" % row[9] in inodes}


def test_it_listens_on_its_public_port_alone(bed: Bed) -> None:
    assert bed.proxy is not None
    assert ports(bed.proxy.pid) == {bed.port}


def test_no_other_user_reaches_its_sockets(bed: Bed) -> None:
    sockets = [path for path in bed.folder.rglob("*") if path.is_socket()]
    assert sockets or bed.driver == "apache"
    for path in sockets:
        done = subprocess.run([os.path.realpath(sys.executable), "-S", "-c", CONNECT, str(path)], user=NOBODY, group=NOBODY, extra_groups=[], check=False)
        assert done.returncode == 13, "%s can be reached" % path
    own = {path.name: stat.S_IMODE(path.stat().st_mode) for path in sockets if bed.driver in ("caddy", "haproxy")}
    assert set(own.values()) <= {0o600}, own
