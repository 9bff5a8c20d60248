# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The argument spec of the service module, by subject."""

from __future__ import annotations

import typing as t

Options = t.Dict[str, t.Dict[str, t.Any]]


def _texts() -> dict[str, t.Any]:
    return {"type": "list", "elements": "str"}


_HTTP: Options = {
    "path": {"type": "str", "default": "/"},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "method": {"type": "str", "choices": ["GET", "HEAD"], "default": "GET"},
    "host": {"type": "str"},
    "header": {"type": "dict"},
    "body": {"type": "str"},
    "json": {"type": "dict"},
}

_GATE: Options = {
    "http": {"type": "dict", "options": _HTTP},
    "tcp": {"type": "bool"},
    "exec": _texts(),
    "engine": {"type": "bool"},
    "successes": {"type": "int", "default": 2},
    "min_healthy_time": {"type": "str"},
    "interval": {"type": "str", "default": "0.5"},
    "timeout": {"type": "str", "default": "2"},
    "deadline": {"type": "str", "default": "60"},
}

_PREVIEW: Options = {
    "host": {"type": "str"},
    "header": {"type": "str"},
    "value": {"type": "str"},
}

_MAINTENANCE: Options = {
    "text": {"type": "str", "required": True},
    "retry_after": {"type": "int", "default": 0},
}

_ROUTE: Options = {
    "hosts": _texts(),
    "path": {"type": "str", "default": "/"},
    "preview": {"type": "dict", "options": _PREVIEW},
    "sticky": {"type": "str"},
    "hold": {"type": "float"},
    "maintenance": {"type": "dict", "options": _MAINTENANCE},
}

_BAKE: Options = {
    "time": {"type": "str", "required": True},
    "interval": {"type": "str", "default": "1"},
    "max_error_rate": {"type": "float"},
    "min_requests": {"type": "int", "default": 50},
}

_REDIRECT: Options = {
    "port": {"type": "int", "required": True},
    "protocols": {"type": "list", "elements": "str", "choices": ["tcp", "udp"], "default": ["tcp"]},
    "addresses": _texts(),
    "tool": {"type": "str", "choices": ["nft", "iptables"]},
}

_TEMPLATE: Options = {
    "src": {"type": "str", "required": True},
    "dest": {"type": "path", "required": True},
    "check": _texts(),
    "apply": {"type": "list", "elements": "str", "required": True},
    "confirm": _texts(),
    "variables": {"type": "dict"},
    # They may hold secrets of the proxy.
    "rendered": {"type": "dict", "no_log": True},
}

_MOUNT: Options = {
    "type": {"type": "str", "choices": ["bind", "volume", "tmpfs"], "default": "volume"},
    "source": {"type": "str"},
    "target": {"type": "str", "required": True},
    "read_only": {"type": "bool", "default": False},
    "tmpfs_size": {"type": "str"},
    "options": _texts(),
}

_SECRET: Options = {
    "name": {"type": "str", "required": True},
    "file": {"type": "path"},
    # Raw: what a template made a number or a dictionary of is put back into words.
    "content": {"type": "raw", "no_log": True},
    "external": {"type": "bool", "default": False},
    "source": {"type": "str"},
    "target": {"type": "str"},
    "mode": {"type": "raw", "default": "0444"},
    "uid": {"type": "int"},
    "gid": {"type": "int"},
}

_ASSETS: Options = {
    "path": {"type": "str", "required": True},
    "keep_for": {"type": "str", "default": "24h"},
}

_HEALTHCHECK: Options = {
    "test": {"type": "raw", "required": True},
    "interval": {"type": "str"},
    "timeout": {"type": "str"},
    "retries": {"type": "int"},
    "start_period": {"type": "str"},
}

_ROLLOUT: Options = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["candidate", "canary", "live", "absent"], "default": "live"},
    "weight": {"type": "int"},
    "image": {"type": "str"},
    "version": {"type": "str"},
    "pull": {"type": "str", "choices": ["missing", "never"], "default": "missing"},
    "port": {"type": "int"},
    "network": {"type": "str"},
    "network_mode": {"type": "str"},
    "port_env": {"type": "str"},
    "ports_from": {"type": "int", "default": 20000},
    "proxy": {"type": "str"},
    "route": {"type": "dict", "options": _ROUTE},
    "redirect": {"type": "dict", "options": _REDIRECT},
    "alias": {"type": "str"},
    "template": {"type": "dict", "options": _TEMPLATE},
    "replicas": {"type": "int", "default": 1},
    "gate": {"type": "dict", "options": _GATE},
    "order": {"type": "str", "choices": ["start_first", "stop_first"], "default": "start_first"},
    "bake": {"type": "dict", "options": _BAKE},
    "drain_timeout": {"type": "float", "default": 30},
    "after_drain_timeout": {"type": "str", "choices": ["cut", "leave"], "default": "cut"},
    "keep": {"type": "int", "default": 1},
    "min_free_disk": {"type": "str"},
    "lock_timeout": {"type": "float", "default": 60},
    "reason": {"type": "str"},
}

_CONTAINER: Options = {
    "command": _texts(),
    "entrypoint": _texts(),
    # Values may be secrets: neither the host's log nor the task's output may show them.
    "env": {"type": "dict", "no_log": True},
    "env_file": {"type": "list", "elements": "path"},
    # The host's log would show a content of several lines in another spelling; see the module's main.
    "secrets": {"type": "list", "elements": "dict", "options": _SECRET, "no_log": True},
    "assets": {"type": "dict", "options": _ASSETS},
    "mounts": {"type": "list", "elements": "dict", "options": _MOUNT},
    "volumes": _texts(),
    "tmpfs": _texts(),
    "user": {"type": "str"},
    "workdir": {"type": "str"},
    "hostname": {"type": "str"},
    "memory": {"type": "str"},
    "cpus": {"type": "float"},
    "cap_add": _texts(),
    "cap_drop": _texts(),
    "security_opt": _texts(),
    "read_only": {"type": "bool"},
    "devices": _texts(),
    "ulimits": _texts(),
    "extra_hosts": {"type": "dict"},
    "dns": _texts(),
    "log_driver": {"type": "str"},
    "log_options": {"type": "dict"},
    "labels": {"type": "dict"},
    "restart_policy": {"type": "str", "choices": ["always", "unless-stopped", "on-failure", "no"], "default": "unless-stopped"},
    "stop_signal": {"type": "str"},
    "stop_timeout": {"type": "int"},
    "init": {"type": "bool"},
    "healthcheck": {"type": "dict", "options": _HEALTHCHECK},
}

SERVICE_OPTIONS: Options = {**_ROLLOUT, **_CONTAINER}
