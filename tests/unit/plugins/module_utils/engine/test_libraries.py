# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The SDKs: what is said when one is missing, too old, or beside something that it cannot work with."""

from __future__ import annotations

import sys
import types

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine import libraries
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError


def installed(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Puts modules of these versions in the place of the real ones."""
    for name, version in versions.items():
        module = types.ModuleType(name)
        module.__dict__.update(__version__=version, APIClient=object, PodmanClient=object)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("library", [libraries.DOCKER, libraries.PODMAN])
def test_missing(monkeypatch: pytest.MonkeyPatch, library: libraries.Library) -> None:
    monkeypatch.setitem(sys.modules, library.module, None)
    with pytest.raises(EngineError) as caught:
        libraries.load(library)
    for part in (sys.executable, "%s >= %s" % (library.module, library.minimum), library.os_package, "virtual environment", "pip install"):
        assert part in str(caught.value)


def test_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, docker="4.4.4", requests="2.31.0", urllib3="1.26.20")
    with pytest.raises(EngineError, match=r"is version 4\.4\.4"):
        libraries.load(libraries.DOCKER)


def test_a_folder_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", types.ModuleType("docker"))
    with pytest.raises(EngineError, match="is something else"):
        libraries.load(libraries.DOCKER)


@pytest.mark.parametrize(
    ("library", "version", "requests", "urllib3", "remedy"),
    [
        (libraries.DOCKER, "5.0.3", "2.31.0", "2.2.1", "urllib3<2"),
        (libraries.DOCKER, "5.0.3", "2.32.3", "1.26.20", "requests<2.32"),
        (libraries.DOCKER, "7.0.0", "2.32.3", "2.2.1", "docker>=7.1"),
        (libraries.DOCKER, "7.1.0", "2.32.0", "2.2.1", "requests>=2.32.3"),
        (libraries.PODMAN, "4.7.0", "2.31.0", "2.2.1", "podman>=4.9"),
    ],
)
def test_clashes(monkeypatch: pytest.MonkeyPatch, library: libraries.Library, version: str, requests: str, urllib3: str, remedy: str) -> None:
    installed(monkeypatch, requests=requests, urllib3=urllib3, **{library.module: version})
    with pytest.raises(EngineError) as caught:
        libraries.load(library)
    assert remedy in str(caught.value)
    assert sys.executable in str(caught.value)


@pytest.mark.parametrize(
    ("library", "version", "requests", "urllib3"),
    [
        (libraries.DOCKER, "5.0.3", "2.31.0", "1.26.20"),
        (libraries.DOCKER, "6.1.3", "2.31.0", "2.2.1"),
        (libraries.DOCKER, "7.1.0", "2.32.3", "2.3.0"),
        (libraries.PODMAN, "4.7", "2.32.3", "1.26.20"),
        (libraries.PODMAN, "5.4.0", "2.32.3", "2.3.0"),
    ],
)
def test_what_works(monkeypatch: pytest.MonkeyPatch, library: libraries.Library, version: str, requests: str, urllib3: str) -> None:
    installed(monkeypatch, requests=requests, urllib3=urllib3, **{library.module: version})
    assert libraries.load(library).__version__ == version


def test_numbers() -> None:
    assert libraries.numbers("4.7") == libraries.numbers("4.7.0") == (4, 7)
    assert libraries.numbers("7.1.0.dev3") == (7, 1)
    assert libraries.numbers("unknown") == ()
