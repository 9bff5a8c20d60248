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

_ROUTE: Options = {
    "hosts": _texts(),
    "path": {"type": "str", "default": "/"},
}

_MOUNT: Options = {
    "type": {"type": "str", "choices": ["bind", "volume", "tmpfs"], "default": "volume"},
    "source": {"type": "str"},
    "target": {"type": "str", "required": True},
    "read_only": {"type": "bool", "default": False},
    "tmpfs_size": {"type": "str"},
    "options": _texts(),
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
    "state": {"type": "str", "choices": ["candidate", "live", "absent"], "default": "live"},
    "image": {"type": "str"},
    "version": {"type": "str"},
    "pull": {"type": "str", "choices": ["missing", "never"], "default": "missing"},
    "port": {"type": "int"},
    "network": {"type": "str"},
    "network_mode": {"type": "str"},
    "proxy": {"type": "str"},
    "route": {"type": "dict", "options": _ROUTE},
    "replicas": {"type": "int", "default": 1},
    "gate": {"type": "dict", "options": _GATE},
    "order": {"type": "str", "choices": ["start_first", "stop_first"], "default": "start_first"},
    "drain_timeout": {"type": "float", "default": 30},
    "keep": {"type": "int", "default": 1},
    "lock_timeout": {"type": "float", "default": 60},
}

_CONTAINER: Options = {
    "command": _texts(),
    "entrypoint": _texts(),
    # Values may be secrets: neither the host's log nor the task's output may show them.
    "env": {"type": "dict", "no_log": True},
    "env_file": {"type": "list", "elements": "path"},
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
