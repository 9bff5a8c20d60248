# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bed as an Ansible inventory."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

from .hosts import SSH_OPTIONS, Host
from .lab import Lab
from .spec import ENGINES

if t.TYPE_CHECKING:
    from .beds import Bed


def text(hosts: t.Sequence[Host], state: pathlib.Path, *, pipelining: bool = False) -> str:
    """The inventory of `hosts`: one group for each engine, and `bed` with all."""
    lines = ["[bed]", *map(_line, hosts)]
    for engine in ENGINES:
        lines += ["", "[%s]" % engine, *(host.name for host in hosts if host.spec.engine == engine)]
    lines += ["", "[bed:vars]", *("%s=%s" % item for item in _variables(state, pipelining).items())]
    return "\n".join(lines) + "\n"


def write(bed: Bed, out: pathlib.Path | None = None, *, pipelining: bool = False) -> pathlib.Path:
    """Writes the inventory of a bed to `out`, else into its state folder. Returns where."""
    path = out or bed.state / "inventory.ini"
    path.write_text(text(bed.hosts, bed.state, pipelining=pipelining), encoding="utf-8")
    return path


def _line(host: Host) -> str:
    variables = {
        "ansible_host": host.address,
        "ansible_user": host.spec.user,
        "ansible_python_interpreter": host.spec.python,
        "bed_engine": host.spec.program,
        "bed_suite": host.spec.suite,
    }
    return " ".join([host.name, *("%s=%s" % item for item in variables.items())])


def _variables(state: pathlib.Path, pipelining: bool) -> dict[str, str]:
    return {
        "ansible_ssh_private_key_file": shlex.quote(str(state / "id_ed25519")),
        "ansible_ssh_common_args": shlex.join(SSH_OPTIONS),
        # kept connections are found by address, and another bed may have the same one
        "ansible_control_path_dir": "/tmp/%s" % Lab(state).tag,
        "ansible_pipelining": "true" if pipelining else "false",
    }
