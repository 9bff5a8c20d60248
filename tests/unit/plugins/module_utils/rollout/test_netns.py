# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counting connections from the kernel's table, and sockets in another namespace (this process's own, as any user)."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._rollout import netns

# /proc/net/tcp of an app on port 8282 (0x205A): a listener, two connections from 10.89.0.2, one in TIME_WAIT,
# one from itself, and one of its own to another host's port 8282.
TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:205A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0500590A:205A 0200590A:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0500590A:205A 0200590A:9C41 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0500590A:205A 0200590A:9C42 06 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1
   4: 0100007F:205A 0100007F:9C43 01 00000000:00000000 00:00000000 00000000     0        0 5 1 0 20 4 30 10 -1
   5: 0500590A:9C44 0600590A:205A 01 00000000:00000000 00:00000000 00000000     0        0 6 1 0 20 4 30 10 -1
"""


def test_only_established_connections_from_others_count() -> None:
    assert netns._count(TABLE, 8282, everyone=False) == 2
    assert netns._count(TABLE, 8282, everyone=True) == 3


def test_a_gone_process_has_none() -> None:
    assert netns.established(2**22 + 1, 8282) == 0


def test_this_process_counts_its_own_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        assert netns.established(os.getpid(), server.getsockname()[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of its own needs root")
def test_a_socket_is_made_in_the_namespace_of_the_process() -> None:
    there = ["unshare", "--net", "sh", "-c", "echo there; exec cat"]
    with socket.create_server(("127.0.0.1", 0)) as server, subprocess.Popen(there, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"there\n"
        with pytest.raises(netns.Unreachable, match="Network is unreachable"):
            netns.connect(process.pid, "127.0.0.1", server.getsockname()[1], 2.0)
        process.communicate()


def test_our_own_namespace_is_entered_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, port = server.getsockname()
        with netns.connect(os.getpid(), address, port, 2.0) as client:
            assert client.getpeername() == (address, port)


def test_nobody_listening_is_said_with_the_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(netns.Unreachable, match="127.0.0.1:%d" % port):
            netns.connect(os.getpid(), "127.0.0.1", port, 2.0)


def test_a_namespace_that_is_not_there() -> None:
    with pytest.raises(netns.Unreachable, match="cannot be entered"):
        netns.socket_in(2**22 + 1)
