# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The network as a container sees it: sockets made inside its network namespace, and its established connections.

A socket belongs for ever to the namespace in which it was made. So a short-lived child enters the namespace, makes
the socket and hands it back: the gate then goes over the path that the proxy's traffic takes, needs no tool in any
image, and works the same rootful and rootless (setns(2), unix(7) SCM_RIGHTS).
"""

from __future__ import annotations

import array
import ctypes
import os
import socket

from .._errors import HotswapError

# In place of a process: the namespace that we are in ourselves.
HERE = 0
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_ESTABLISHED = "01"


class Unreachable(HotswapError):
    """No connection to the address from that namespace."""


def connect(pid: int, address: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection from inside the network namespace of process `pid`; timeout in seconds stays on the socket."""
    sock = socket_in(pid)
    sock.settimeout(timeout)
    try:
        sock.connect((address, port))
    except OSError as error:
        sock.close()
        raise Unreachable("%s:%d: %s" % (address, port, error or "timed out")) from error
    return sock


def socket_in(pid: int) -> socket.socket:
    """A TCP/IPv4 socket that lives in the network namespace of process `pid`; HERE is our own."""
    if pid == HERE:
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = os.fork()
        if child == 0:
            _hand_over(theirs, pid)
        _pid, status = os.waitpid(child, 0)
        if status:
            raise Unreachable(
                "the network of process %d cannot be entered: %s" % (pid, os.strerror(os.WEXITSTATUS(status))),
                "The engine's containers must run on this host, and the task as the user who owns them (or root).",
            )
        return socket.socket(fileno=_receive(ours))


def _hand_over(channel: socket.socket, pid: int) -> None:
    """Runs in the child: enter, make, send, and leave without any clean-up of the parent's objects."""
    code = 0
    try:
        _enter(pid)
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        channel.sendmsg([b"s"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [made.fileno()]))])
    except OSError as error:
        code = error.errno or 1
    finally:
        os._exit(code)


def _enter(pid: int) -> None:
    # On the host's network a rootless container is where we are, in a namespace that its owner may not enter again.
    if os.path.samestat(os.stat("/proc/%d/ns/net" % pid), os.stat("/proc/self/ns/net")):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    # A rootless engine's network namespace belongs to its user namespace: root may go in directly, its owner not.
    kinds = [("net", _CLONE_NEWNET)] if os.geteuid() == 0 else [("user", _CLONE_NEWUSER), ("net", _CLONE_NEWNET)]
    for name, flag in kinds:
        fd = os.open("/proc/%d/ns/%s" % (pid, name), os.O_RDONLY)
        if libc.setns(fd, flag):
            raise OSError(ctypes.get_errno(), "setns")


def _receive(channel: socket.socket) -> int:
    fds = array.array("i")
    _data, control, _flags, _address = channel.recvmsg(1, socket.CMSG_LEN(fds.itemsize))
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: fds.itemsize])
    return fds[0]


def established(pid: int, port: int, everyone: bool = False) -> int:
    """Established TCP connections to local `port` in the namespace of process `pid`, those from itself left out unless `everyone`.

    Source: /proc/PID/net/tcp and tcp6 (proc(5)). 0 when the process is gone.
    """
    return sum(_count(text, port, everyone) for text in (_read(pid, "tcp"), _read(pid, "tcp6")))


def _read(pid: int, table: str) -> str:
    try:
        with open("/proc/%d/net/%s" % (pid, table), encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def _count(table: str, port: int, everyone: bool) -> int:
    count = 0
    for line in table.splitlines()[1:]:
        _number, local, remote, state = line.split()[:4]
        address, _colon, local_port = local.partition(":")
        if state == _ESTABLISHED and int(local_port, 16) == port and (everyone or remote.partition(":")[0] != address):
            count += 1
    return count
