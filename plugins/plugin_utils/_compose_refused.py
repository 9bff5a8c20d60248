# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Keys of a Compose file that a rollout cannot honour, each with what to do instead. What is neither here nor taken is no key of Compose."""

from __future__ import annotations

_OUT = "Leave it out; the service module has no option for it."
_RUN = "It concerns a terminal. Leave it out."
_IMAGE = "Build the image elsewhere and name it with its version in image; the module image sends it without a registry."
_FILES = "Put the file on the host and mount it under volumes, read_only."
_NAMES = "The name of a service leads to it on the network. Leave it out."
_CPU = "Use cpus."
_MEMORY = "Use mem_limit."

# What says nothing when it is false.
FALSE_IS_NOTHING = ("privileged", "tty", "stdin_open", "oom_kill_disable", "use_api_socket")

REFUSED = {
    **dict.fromkeys(("attach", "tty", "stdin_open"), _RUN),
    **dict.fromkeys(("build", "develop"), _IMAGE),
    "configs": _FILES,
    **dict.fromkeys(("links", "external_links"), _NAMES),
    **dict.fromkeys(("cpu_count", "cpu_percent", "cpu_shares", "cpu_period", "cpu_quota", "cpu_rt_runtime", "cpu_rt_period", "cpuset"), _CPU),
    **dict.fromkeys(("mem_reservation", "mem_swappiness", "memswap_limit"), _MEMORY),
    **dict.fromkeys(("annotations", "blkio_config", "cgroup", "cgroup_parent", "credential_spec", "device_cgroup_rules", "dns_opt", "dns_search"), _OUT),
    **dict.fromkeys(("domainname", "driver_opts", "gpus", "group_add", "ipc", "isolation", "mac_address", "models", "oom_kill_disable"), _OUT),
    **dict.fromkeys(("oom_score_adj", "pid", "pids_limit", "privileged", "provider", "runtime", "shm_size", "storage_opt", "sysctls"), _OUT),
    **dict.fromkeys(("use_api_socket", "userns_mode", "uts", "volumes_from"), _OUT),
    "container_name": "Containers are named after service and version, as two versions are there at once. Leave it out.",
    "extends": "Write the keys out, or use YAML anchors.",
    "label_file": "Write the labels under labels.",
    "platform": "Name an image of the host's platform.",
    "post_start": "Use a hook, see docs/hooks.md.",
    "pre_stop": "The old version is drained before it is stopped; for more use a hook, see docs/hooks.md.",
}

REFUSED_DEPLOY = {
    "endpoint_mode": "A proxy or a name of the network leads to the instances. Leave it out.",
    "labels": "There are no services in the engine to label; write them under labels of the service.",
    "placement": "Hosts are chosen by the inventory.",
    "rollback_config": "A version that fails is taken back in the same way as it came. Leave it out.",
}

# At the top of the file.
REFUSED_TOP = {
    "configs": _FILES,
    "include": "Put the services into one file.",
    "models": _OUT,
}
