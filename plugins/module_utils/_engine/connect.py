# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The engine that a task means: from `engine` and `engine_url`, or the only one that this host has."""

from __future__ import annotations

import os
import typing as t

from .._errors import EngineError, InvalidInput
from . import sockets
from .podman_service import PodmanService, find_podman
from .types import Engine

_KINDS = (sockets.DOCKER, sockets.PODMAN)


def connect(kind: str | None, url: str | None) -> Engine:
    """A connected engine. `kind` is docker, podman or None (the only one here); `url` is unix:///path, a path, or None.

    For Podman without a url and without an active socket, `podman system service` runs until the engine is closed.

    Raises:
        InvalidInput: an url of another host, another engine at the socket than asked for, or two engines and no `kind`.
        EngineError: no engine, no permission, engine not started, or its Python library is missing: with the fix.
    """
    if kind and kind not in _KINDS:
        raise InvalidInput("engine: %r is not an engine" % kind, "Use docker or podman.")
    env = os.environ
    if url:
        path = sockets.path_of(url)
        return _open(_answering(kind, path), path)
    wanted = kind or _detect(env)
    if wanted == sockets.DOCKER:
        path = sockets.docker_socket(env)
        return _open(_answering(sockets.DOCKER, path), path)
    return _podman(env)


def _answering(kind: str | None, path: str) -> str:
    try:
        answers = sockets.ping(path)
    except OSError as error:
        raise sockets.unreachable(kind or "engine", path, error) from error
    if kind and kind != answers:
        raise sockets.wrong_kind(kind, answers, path)
    return answers


def _podman(env: t.Mapping[str, str]) -> Engine:
    path = sockets.podman_socket(env)
    try:
        answers = sockets.ping(path) if path else ""
    except PermissionError as error:
        raise sockets.unreachable(sockets.PODMAN, path, error) from error
    except OSError:
        answers = ""
    if answers == sockets.PODMAN:
        return _open(sockets.PODMAN, path)
    if answers:
        raise sockets.wrong_kind(sockets.PODMAN, answers, path)
    service = PodmanService(env)
    try:
        return _open(sockets.PODMAN, service.path, service)
    except BaseException:
        service.close()
        raise


def _detect(env: t.Mapping[str, str]) -> str:
    docker = sockets.docker_socket(env)
    podman = sockets.podman_socket(env)
    has_docker = _answers(docker) == sockets.DOCKER
    has_podman = bool(find_podman()) or _answers(podman) == sockets.PODMAN
    if has_docker and has_podman:
        raise InvalidInput("this host has two engines: docker at %s, and podman" % docker, "Set engine: docker or engine: podman.")
    if has_docker or has_podman:
        return sockets.DOCKER if has_docker else sockets.PODMAN
    if os.path.exists(docker):
        return sockets.DOCKER
    raise EngineError(
        "this host has no container engine that user %s can use: no socket at %s, and podman is not installed" % (sockets.user(), docker),
        "Install Docker or Podman, or set engine and engine_url.",
    )


def _answers(path: str) -> str:
    try:
        return sockets.ping(path) if path else ""
    except OSError:
        return ""


def _open(kind: str, path: str, service: PodmanService | None = None) -> Engine:
    # Imported here: each needs its SDK, and a host has one of them.
    if kind == sockets.DOCKER:
        from .docker import DockerEngine

        return DockerEngine(path)
    from .podman import PodmanEngine

    return PodmanEngine(path, service)
