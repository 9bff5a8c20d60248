# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.
"""How nginx holds requests, though it has no pause between tries: pure text.

A held request is sent to a server block of our own, over a unix socket. That answers nothing and closes after a moment
(`auth_delay`) while the links still say "held", and the request, which has reached no instance, is sent there again
(`proxy_next_upstream`). As soon as the links name an instance, that server block passes it on.
"""

from __future__ import annotations

import hashlib
import math

from . import safe
from .nginx_links import HELD
from .types import Places, Route

# How often a held request looks for an instance (seconds), and how many times at most.
_STEP = 0.1
_TRIES = 200

# In the location of a client's request.
ASIDE = (
    """
        if ($hotswap_at = %s) {
            return 418;
        }
        error_page 418 = @hold;
"""
    % HELD
)

# Holds the whole body, so that it can be sent each time. The other side knows how long an instance may take.
LOCATION = r"""
    location @hold {
        error_log stderr crit;
%s        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $hotswap_connection;
        proxy_pass_header Server;
        proxy_pass_header Date;
        proxy_pass_header X-Hotswap-Instance;
        proxy_request_buffering on;
        proxy_read_timeout 1h;
        proxy_send_timeout 1h;
        proxy_next_upstream error non_idempotent;
        error_page 502 = @over;
        proxy_pass http://$hotswap_room;
    }

    location @over {
        return 503 "hotswap: no instance of this service answers\n";
    }
"""

# Closes the connection without an answer.
LEAVE = """
    location @leave {
        return 444;
    }
"""


def room(service: str) -> str:
    """The name of the service's group of tries."""
    return "hotswap-" + hashlib.sha256(service.encode()).hexdigest()[:8]


def socket(places: Places, service: str) -> str:
    """Where the server block listens that held requests of the service come back from."""
    return "%s/hold-%s.sock" % (safe.place(places.run), room(service)[len("hotswap-") :])


def upstream(route: Route, places: Places) -> str:
    """As many tries as fill the time that a request may be held."""
    tries = max(2, math.ceil(route.hold / _step(route.hold)))
    return "upstream %s {\n%s}\n" % (room(route.service), "    server unix:%s max_fails=0;\n" % socket(places, route.service) * tries)


def wait(seconds: float) -> str:
    """In the location that held requests come to: an answer of 401, late, for as long as nothing serves."""
    return """
        error_log stderr crit;
        auth_delay %dms;
        auth_basic $hotswap_wait;
        auth_basic_user_file /dev/null;
        error_page 401 = @leave;
""" % max(1, round(1000 * _step(seconds)))


def _step(seconds: float) -> float:
    return max(_STEP, seconds / _TRIES)
