# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The argument spec of the reverse_proxy module, which the plan module takes too."""

from __future__ import annotations

import typing as t

_CERTIFICATE: dict[str, dict[str, t.Any]] = {
    "certificate": {"type": "path", "required": True},
    "key": {"type": "path", "no_log": False},
}

_TLS: dict[str, dict[str, t.Any]] = {**_CERTIFICATE, "others": {"type": "list", "elements": "dict", "options": _CERTIFICATE}}

_LISTEN: dict[str, dict[str, t.Any]] = {
    "port": {"type": "int", "required": True},
    "publish": {"type": "list", "elements": "str"},
    "tls": {"type": "dict", "options": _TLS},
}

_ROUTE: dict[str, dict[str, t.Any]] = {
    "service": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "path": {"type": "str", "default": "/"},
}

PROXY_OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "where": {"type": "str", "choices": ["container", "host"], "default": "container"},
    "driver": {"type": "str", "choices": ["haproxy", "caddy", "nginx", "apache"], "default": "haproxy"},
    "service_unit": {"type": "str"},
    "include_dir": {"type": "path"},
    "config_file": {"type": "path"},
    "control_socket": {"type": "path"},
    "owner": {"type": "str"},
    "routes": {"type": "list", "elements": "dict", "options": _ROUTE},
    "network": {"type": "str"},
    "image": {"type": "str"},
    "pull": {"type": "str", "choices": ["missing", "never"], "default": "missing"},
    "listen": {"type": "list", "elements": "dict", "options": _LISTEN},
    "connect_timeout": {"type": "float", "default": 5},
    "client_timeout": {"type": "float", "default": 60},
    "server_timeout": {"type": "float", "default": 60},
    "max_connections": {"type": "int", "default": 4096},
    "restart_policy": {"type": "str", "choices": ["always", "unless-stopped", "on-failure", "no"], "default": "always"},
    "labels": {"type": "dict"},
    "allow_downtime": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 30},
    "drain_timeout": {"type": "float", "default": 30},
}
