# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_lease."""

from __future__ import annotations

import typing as t


def fleet_lease(results: t.Sequence[t.Mapping[str, t.Any]], variables: t.Mapping[str, t.Any] | None = None) -> dict[str, t.Any]:
    """This run's `owner` and `who`; of the tries to take its leases: `dead` owners to replace, and why it is `kept_out` ("" if it is not)."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _controller

    refused = [one for one in results if one.get("holder")]
    return {
        "owner": _controller.run_id(),
        "who": _controller.who(variables or {}),
        "dead": sorted({str(one["holder"]["owner"]) for one in refused if _controller.is_dead(str(one["holder"]["owner"]))}),
        "kept_out": _why(results, refused),
    }


def _why(results: t.Sequence[t.Mapping[str, t.Any]], refused: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _fleet

    if refused:
        return "; ".join("%s: %s" % (one.get("item", "?"), one["msg"]) for one in refused)
    if results and not any(one.get("held") for one in results):
        said = "; ".join("%s: %s" % (one.get("item", "?"), _fleet.reason(one)) for one in results)
        return "no host could keep the lease of this run (%s); repair one, name others in rollout_lease_hosts, or set rollout_lease=false" % said
    return ""


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_lease": fleet_lease}
