# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Shares of the traffic and the weights that give them. Pure: integers in, integers out."""

from __future__ import annotations

import fractions
import math
import typing as t

from .._errors import InvalidInput

# What a proxy takes as a weight: 1 to 256; an instance without any other version beside it gets EVEN.
MOST = 256
EVEN = 100

Weights = t.Mapping[str, int]


def weights(asked: t.Mapping[str, int], instances: t.Mapping[str, int]) -> dict[str, int]:
    """Key -> weight of each of its instances: the smallest integers by which each key gets its `asked` percent.

    `asked`: key to a share above 0, 100 together; `instances`: how many each key has. Raises InvalidInput where no weights
    of 1 to 256 come within half a percent of every share.
    """
    if len(asked) == 1:
        return dict.fromkeys(asked, EVEN)
    parts = {key: fractions.Fraction(share, instances[key]) for key, share in asked.items()}
    exact = _exact(parts)
    if max(exact.values()) <= MOST:
        return exact
    found = min((_scaled(parts, most) for most in range(1, MOST + 1)), key=lambda one: _error(one, asked, instances))
    if _error(found, asked, instances) >= fractions.Fraction(1, 2):
        raise InvalidInput(
            "weight: %s percent cannot be given to %s instances" % (_listed(asked, asked), _listed(instances, asked)),
            "Use another weight, or fewer instances of the version with the small share.",
        )
    return found


def _listed(values: t.Mapping[str, int], order: t.Iterable[str]) -> str:
    return " and ".join(str(values[key]) for key in order)


def _exact(parts: t.Mapping[str, fractions.Fraction]) -> dict[str, int]:
    common = 1
    for part in parts.values():
        common = common * part.denominator // math.gcd(common, part.denominator)
    whole = {key: int(part * common) for key, part in parts.items()}
    shared = 0
    for one in whole.values():
        shared = math.gcd(shared, one)
    return {key: one // shared for key, one in whole.items()}


def _scaled(parts: t.Mapping[str, fractions.Fraction], most: int) -> dict[str, int]:
    largest = max(parts.values())
    return {key: max(1, round(part / largest * most)) for key, part in parts.items()}


def _error(found: Weights, asked: t.Mapping[str, int], instances: t.Mapping[str, int]) -> fractions.Fraction:
    """By how many percent points the share that is furthest off is off."""
    total = sum(found[key] * instances[key] for key in found)
    return max(abs(fractions.Fraction(100 * found[key] * instances[key], total) - asked[key]) for key in found)


def shares(given: t.Mapping[str, t.Sequence[int]]) -> dict[str, int]:
    """Key -> percent of the traffic, rounded, from the weights of its instances; a key without any is left out."""
    total = sum(sum(ones) for ones in given.values())
    return {key: round(100 * sum(ones) / total) for key, ones in given.items() if sum(ones)}


def alike(one: Weights, other: Weights) -> bool:
    """True when both give each instance the same part of the traffic, to half a percent point: drivers may scale weights."""
    if set(one) != set(other):
        return False
    total, rest = sum(one.values()), sum(other.values())
    return all(200 * abs(one[name] * rest - other[name] * total) < total * rest for name in one)
