# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""One small HTTP request over a socket that somebody else connected. For gates and for the check of the public route."""

from __future__ import annotations

import dataclasses
import http.client
import socket
import typing as t

from .._errors import HotswapError

_BODY_LIMIT = 1024 * 1024


class NoAnswer(HotswapError):
    """No complete HTTP answer came."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case), and up to 1 MiB of the body, decoded with replacement."""

    status: int
    headers: t.Mapping[str, str]
    body: str


def request(sock: socket.socket, method: str, path: str, headers: t.Mapping[str, str]) -> Answer:
    """Sends one request on the connected socket, reads the answer, closes. Raises NoAnswer saying what happened."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = sock
    try:
        connection.request(method, path, headers={**headers, "Connection": "close", "User-Agent": "hotswap.containers"})
        answer = connection.getresponse()
        body = answer.read(_BODY_LIMIT)
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, body.decode("utf-8", "replace"))
    except socket.timeout as error:
        raise NoAnswer("%s: no answer in time" % path) from error
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer("%s: %s" % (path, error or type(error).__name__)) from error
    finally:
        connection.close()
