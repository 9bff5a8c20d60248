# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter fleet_picture."""

from __future__ import annotations

import calendar
import time
import typing as t

from ansible.errors import AnsibleFilterError

_MINUTES = 60.0


def fleet_picture(hosts: t.Mapping[str, t.Any], title: str = "", since: t.Any = "", minutes: t.Any = "") -> dict[str, t.Any]:
    """The picture of a rollout, as text of an HTML file, of an SVG, and of JSON. Raises AnsibleFilterError for a time that is none."""
    from ansible_collections.hotswap.containers.plugins.plugin_utils import _report, _report_html, _report_svg

    try:
        data = _report.report(hosts, str(title or ""), _moment(since), float(minutes or _MINUTES))
    except ValueError as error:
        raise AnsibleFilterError("fleet_picture: %s" % error) from error
    return {"html": _report_html.page(data), "svg": _report_svg.svg(data), "json": _report_html.as_json(data) + "\n"}


def _moment(value: t.Any) -> float:
    """Seconds since 1970 from a number, or from a time such as 2026-01-31T12:00:00Z; blank is 0."""
    text = str(value or "").strip()
    if not text or text.replace(".", "", 1).isdigit():
        return float(text or 0)
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to function."""
        return {"fleet_picture": fleet_picture}
