# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The container SDKs, imported when they are needed, with an error that says what to install for which interpreter."""

from __future__ import annotations

import http.client
import importlib
import re
import sys
import typing as t

from .._errors import EngineError


class Library(t.NamedTuple):
    """An SDK: what to import, the least version that we were tested with, a name that only it has, and its OS package."""

    module: str
    minimum: str
    proof: str
    os_package: str


DOCKER = Library("docker", "5.0.3", "APIClient", "python3-docker")
PODMAN = Library("podman", "4.7", "PodmanClient", "python3-podman")


class Clash(t.NamedTuple):
    """Versions that install beside each other and then fail at the first call (measured), and what to install instead."""

    module: str
    below: str
    other: str
    other_from: str
    other_below: str
    remedy: str


# How they fail: requests 2.32 refuses docker's URL scheme; urllib3 2 passes "chunked" to a connection that has no such word.
CLASHES = (
    Clash("docker", "7.1", "requests", "2.32", "", "'docker>=7.1' or 'requests<2.32'"),
    Clash("docker", "", "requests", "2.32.0", "2.32.1", "'requests>=2.32.3'"),
    Clash("docker", "6.1", "urllib3", "2", "", "'docker>=7.1' or 'urllib3<2'"),
    Clash("podman", "4.9", "urllib3", "2", "", "'podman>=4.9' or 'urllib3<2'"),
)

# What Python itself raises below an SDK; ValueError is an answer that is not JSON.
TRANSPORT_ERRORS: tuple[type[BaseException], ...] = (OSError, http.client.HTTPException, ValueError)


def load(library: Library) -> t.Any:
    """The imported SDK module.

    Raises:
        EngineError: it is missing, too old, or beside a version of its own dependencies with which it cannot work.
    """
    try:
        module = importlib.import_module(library.module)
    except ImportError as error:
        raise _unusable(library, "cannot be imported (%s)" % error) from error
    if not hasattr(module, library.proof):
        raise _unusable(library, "is something else: %s has no %s" % (getattr(module, "__file__", None) or "a folder", library.proof))
    version = str(getattr(module, "__version__", "0"))
    if numbers(version) < numbers(library.minimum):
        raise _unusable(library, "is version %s" % version)
    _refuse_clashes(library.module, version)
    return module


def transport_errors() -> tuple[type[BaseException], ...]:
    """The exceptions of the libraries below both SDKs; to be called after `load`, which imports them."""
    return (importlib.import_module("requests").RequestException, importlib.import_module("urllib3").exceptions.HTTPError)


def numbers(version: str) -> tuple[int, ...]:
    """ "7.1.0.dev3" -> (7, 1, 0): the leading numbers, without trailing zeros that would make 4.7 less than 4.7.0."""
    match = re.match(r"\d+(\.\d+)*", version)
    found = [int(part) for part in match.group().split(".")] if match else []
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def _refuse_clashes(name: str, version: str) -> None:
    for clash in CLASHES:
        if clash.module != name or (clash.below and numbers(version) >= numbers(clash.below)):
            continue
        other = str(getattr(importlib.import_module(clash.other), "__version__", "0"))
        if numbers(other) >= numbers(clash.other_from) and not (clash.other_below and numbers(other) >= numbers(clash.other_below)):
            raise EngineError(
                "the Python library %s %s does not work with %s %s, both installed for %s" % (name, version, clash.other, other, sys.executable),
                "Install %s for that interpreter: %s -m pip install %s." % (clash.remedy, sys.executable, clash.remedy.split(" or ")[0]),
            )


def _unusable(library: Library, why: str) -> EngineError:
    return EngineError(
        "the Python library %s >= %s is needed by %s, and %s" % (library.module, library.minimum, sys.executable, why),
        "Install the OS package %s if it is new enough, or '%s -m pip install \"%s>=%s\"' in a virtual environment; "
        "then point ansible_python_interpreter at the interpreter that has it, or let the role hotswap.containers.prepare do both."
        % (library.os_package, sys.executable, library.module, library.minimum),
    )
