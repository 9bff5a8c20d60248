# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup rollout_services."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout_services
author: The hotswap.containers contributors (@hotswap-containers)
version_added: 1.0.0
short_description: The services that the role rollout works on, each with all its options
description:
  - Items of the variable C(rollout_services), each completed by the variables C(rollout_) and the name of an option. Without items it is the
    one service that these variables describe.
  - Options that are not set, or blank, are left out.
options:
  _terms:
    description: None are needed.
  state:
    description: The state of every service, whatever the variables say.
    type: str
  reason:
    description: The reason of every service, whatever the variables say.
    type: str
seealso:
  - module: hotswap.containers.plan
"""

EXAMPLES = r"""
- name: Ask what a rollout would do
  hotswap.containers.plan:
    services: "{{ query('hotswap.containers.rollout_services') }}"
"""

RETURN = r"""
_raw:
  description: The services with the options of M(hotswap.containers.service).
  type: list
  elements: dict
"""

import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ..module_utils._module import ENGINE_OPTIONS
from ..module_utils._rollout.service_options import SERVICE_OPTIONS
from ..plugin_utils._planned import without_blanks

_OPTIONS = (*ENGINE_OPTIONS, *SERVICE_OPTIONS)
# Its methods have no types of their own.
_Base: t.Any = LookupBase
Json = t.Dict[str, t.Any]


class LookupModule(_Base):
    """Ansible's way to find the lookup."""

    def run(self, terms: t.Sequence[str], variables: Json | None = None, **kwargs: t.Any) -> list[Json]:
        """The services. Raises AnsibleError for items that are no dictionaries."""
        known = variables or {}
        self.set_options(var_options=known, direct=kwargs)
        every = {option: self._templar.template(known["rollout_" + option]) for option in _OPTIONS if "rollout_" + option in known}
        forced = without_blanks({name: self.get_option(name) or "" for name in ("state", "reason")})
        items = self._templar.template(known.get("rollout_services", [])) or [{}]
        if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
            raise AnsibleError("rollout_services: a list of dictionaries is needed, one for each service")
        return [without_blanks({**every, **{name: one[name] for name in _OPTIONS if name in one}, **forced}) for one in items]
