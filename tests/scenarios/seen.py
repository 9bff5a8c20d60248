# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is seen on a host of a scenario, past everything of ours."""

from __future__ import annotations

from kit.bed.hosts import Host


def versions(host: Host, service: str) -> list[str]:
    """The versions of a service that run there, one for each container."""
    form = '{{index .Labels "hotswap.version"}}' if host.spec.program == "podman" else '{{.Label "hotswap.version"}}'
    return sorted(host.engine("ps", "--filter", "label=hotswap.service=" + service, "--format", form).stdout.split())
