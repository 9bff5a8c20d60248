# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Whose a container or a network is, read from its labels. Pure."""

from __future__ import annotations

import typing as t

from .._engine.types import LABEL_ASSETS, LABEL_BRIDGE, LABEL_NETWORK, LABEL_PROXY, LABEL_SERVICE

# Label to sentence: what the usual tools write on what they create.
_OWNERS = (
    (LABEL_SERVICE, "it is an instance of the service %s"),
    (LABEL_ASSETS, "the assets of the service %s are read out of it"),
    (LABEL_PROXY, "it is the container of the proxy %s"),
    (LABEL_BRIDGE, "it stands in for the proxy %s"),
    (LABEL_NETWORK, "it was made by hotswap.containers.network as %s"),
    ("com.docker.compose.project", "it belongs to the Compose project %s"),
    ("io.podman.compose.project", "it belongs to the Compose project %s"),
    ("PODMAN_SYSTEMD_UNIT", "it belongs to the systemd unit %s"),
    ("io.kubernetes.pod.name", "it belongs to the Kubernetes pod %s"),
    ("com.docker.stack.namespace", "it belongs to the swarm stack %s"),
)


def owner(labels: t.Mapping[str, str]) -> str:
    """Half a sentence that says who made the object, as far as its labels tell."""
    for label, sentence in _OWNERS:
        if label in labels:
            return sentence % labels[label]
    return "none of its labels says who made it"
