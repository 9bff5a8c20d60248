# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup rollout_part."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout_part
author: The hotswap.containers contributors (@hotswap-containers)
version_added: 1.0.0
short_description: What the variables of the role rollout ask of the image, the network, the proxy and the services
description:
  - The options of M(hotswap.containers.image), M(hotswap.containers.network), M(hotswap.containers.reverse_proxy) or M(hotswap.containers.service), as the
    tasks of the role P(hotswap.containers.rollout#role) give them, but without those that are not set, or blank.
  - Refuses variables whose names begin with C(rollout_) where nobody reads them and a name that is nearly the same is read.
options:
  _terms:
    description:
      - V(image), V(network) or V(proxy) gives one dictionary, without options where the role has no such part.
      - V(services) gives the items of the variable C(rollout_services), each completed by the variables C(rollout_) and the name of an option.
        Without items it is the one service that these variables describe.
    choices: [image, network, proxy, services]
    type: list
    elements: str
    required: true
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
    network: "{{ lookup('hotswap.containers.rollout_part', 'network') }}"
    services: "{{ query('hotswap.containers.rollout_part', 'services') }}"
"""

RETURN = r"""
_raw:
  description: The options of each part that was asked for.
  type: list
  elements: dict
"""

import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase

from ..module_utils._options import ENGINE_OPTIONS
from ..module_utils._rollout.network_options import NETWORK_OPTIONS
from ..module_utils._rollout.proxy_options import PROXY_OPTIONS
from ..module_utils._rollout.service_options import SERVICE_OPTIONS
from ..plugin_utils import _spelling
from ..plugin_utils._planned import without_blanks

# Its methods have no types of their own.
_Base: t.Any = LookupBase
Json = t.Dict[str, t.Any]
# An option's variable is rollout_ and its name, but for these: the service has the plain names.
_NETWORK = {"name": "rollout_network", "labels": "rollout_network_labels"}
_OF_THE_IMAGE = ("archive", "from_engine", "from_name", "tags", "mutable", "platform")
_IMAGE = {"name": "rollout_image", **{option: "rollout_image_" + option for option in _OF_THE_IMAGE}}
_OF_THE_PROXY = ("where", "owner", "routes", "image", "pull", "restart_policy", "labels", "drain_timeout")
_PROXY = {"name": "rollout_proxy", **{option: "rollout_proxy_" + option for option in _OF_THE_PROXY}}
# The role makes things exist, and never removes a network or a proxy.
_NEVER = ("state", "force")


class LookupModule(_Base):
    """Ansible's way to find the lookup."""

    def run(self, terms: t.Sequence[str], variables: Json | None = None, **kwargs: t.Any) -> list[Json]:
        """The parts. Raises AnsibleError for an unknown one, for a variable or an item's key that is misspelt, and for services that are no dictionaries."""
        self._known = variables or {}
        self.set_options(var_options=self._known, direct=kwargs)
        parts = {"image": self._image, "network": self._network, "proxy": self._proxy, "services": self._services}
        if not terms or set(terms) - set(parts):
            raise AnsibleError("rollout_part: one of %s is needed, not %s" % (", ".join(parts), ", ".join(map(str, terms)) or "nothing"))
        self._refuse(_spelling.misspelt((name for name in self._known if name.startswith("rollout_")), _spelling.variables()))
        return [one for term in terms for one in parts[term]()]

    def _image(self) -> list[Json]:
        found = self._asked(_IMAGE, _IMAGE)
        return [found if {"archive", "from_engine"} & set(found) else {}]

    def _network(self) -> list[Json]:
        managed = boolean(self._value("rollout_manage_network"), strict=False)
        return [self._asked(NETWORK_OPTIONS, _NETWORK) if managed else {}]

    def _proxy(self) -> list[Json]:
        if not self._value("rollout_listen"):
            return [{}]
        found = self._asked(PROXY_OPTIONS, _PROXY)
        # The host's own proxy is on no network of the engine.
        return [{name: value for name, value in found.items() if name != "network" or found.get("where") != "host"}]

    def _services(self) -> list[Json]:
        every = self._asked(SERVICE_OPTIONS, {}, ())
        forced = without_blanks({name: self.get_option(name) or "" for name in ("state", "reason")})
        items = self._value("rollout_services") or [{}]
        if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
            raise AnsibleError("rollout_services: a list of dictionaries is needed, one for each service")
        known = (*ENGINE_OPTIONS, *SERVICE_OPTIONS)
        self._refuse(wrong for one in items for wrong in _spelling.unknown("rollout_services, %s" % one.get("name", "an item"), one, known))
        return [without_blanks({**every, **{name: one[name] for name in known if name in one}, **forced}) for one in items]

    def _refuse(self, wrong: t.Iterable[str]) -> None:
        said = " ".join(wrong)
        if said:
            raise AnsibleError(said)

    def _asked(self, options: t.Iterable[str], variables: t.Mapping[str, str], never: t.Collection[str] = _NEVER) -> Json:
        names = {option: variables.get(option, "rollout_" + option) for option in (*ENGINE_OPTIONS, *options) if option not in never}
        return without_blanks({option: self._value(name) for option, name in names.items() if name in self._known})

    def _value(self, name: str) -> t.Any:
        return self._templar.template(self._known.get(name, ""))
