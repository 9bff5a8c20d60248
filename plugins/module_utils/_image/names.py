# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Image references and platforms: what a task may name, and what stands for the same thing."""

from __future__ import annotations

import re
import typing as t

from .._errors import InvalidInput
from .._references import NAME_AND_TAG

_REFERENCE = re.compile(NAME_AND_TAG)
_PART = re.compile("[a-z0-9][a-z0-9_-]{0,31}")
_ID = re.compile("[0-9a-f]{64}")
# What uname and Debian call an architecture, in the words of image configs.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "armhf": "arm", "i386": "386", "i686": "386"}


def check_reference(parameter: str, text: str) -> str:
    """The reference with its tag, ":latest" where it has none.

    Raises:
        InvalidInput: not a reference, or one with a digest, which no engine lets people give to an image.
    """
    found = _REFERENCE.fullmatch(text)
    if not found or _ID.fullmatch(text):
        raise InvalidInput("%s: %r is not a name and a tag" % (parameter, text), "Write it like registry.example.com/team/app:1.2.3 or localhost/app:1.2.3.")
    return text if found.group("tag") else text + ":latest"


def check_tag(name: str, text: str) -> str:
    """One more reference: a full one, or a tag beside that of `name` (a reference with its tag). Raises InvalidInput."""
    return check_reference("tags", text if ":" in text or "/" in text else "%s:%s" % (name.rpartition(":")[0], text))


def is_mutable(reference: str, mutable: t.Iterable[str]) -> bool:
    """Whether the task lets this reference name other content later: its tag or the whole of it is in the list."""
    return bool({reference, reference.rpartition(":")[2]} & set(mutable))


def platform_of(config: t.Mapping[str, t.Any]) -> str:
    """ "linux/amd64" from an image config. The variant is left out: no engine refuses an image because of it."""
    return "%s/%s" % (config.get("os") or "linux", config.get("architecture") or "")


def native_platform(machine: str) -> str:
    """The platform of a host whose uname -m (or whose engine) says `machine`."""
    return "linux/%s" % _ARCHITECTURES.get(machine, machine)


def check_platform(text: str) -> str:
    """A platform as "os/architecture", "linux/arm64/v8" without its variant. Raises InvalidInput."""
    parts = text.split("/")
    if not 2 <= len(parts) <= 3 or not all(_PART.fullmatch(part) for part in parts):
        raise InvalidInput("platform: %r is not a platform" % text, "Write it like linux/arm64.")
    return "/".join(parts[:2])
