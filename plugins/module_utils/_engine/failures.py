# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Everything that an SDK, requests, urllib3 or the system raises becomes an EngineError here, and nowhere else."""

from __future__ import annotations

import contextlib
import json
import typing as t

from .._errors import EngineError, HotswapError, NotFound

_STOPPED = "The engine went away while it was being used: look at its log, start it, and run this again."
NO_PULL = "Check the name, and that this host reaches the registry and is logged in there. Without a registry, send the image with hotswap.containers.image."

_Answer = t.TypeVar("_Answer")
# Shorter values ("1", "yes") are no secrets, and replacing them would spoil the message.
_LEAST_SECRET = 4


class Place:
    """An engine at a socket, as errors name it. `kinds` are the exception classes that its library can raise."""

    def __init__(self, kind: str, endpoint: str, kinds: tuple[type[BaseException], ...]) -> None:
        self.kind = kind
        self.endpoint = endpoint
        self._kinds = kinds

    @contextlib.contextmanager
    def doing(self, step: str, fix: str = "") -> t.Iterator[None]:
        """Turns whatever the library raises into "WHAT IT SAID (while STEP on KIND at SOCKET). FIX", where the error has no fix of its own.

        Raises:
            NotFound: the engine answered 404.
            EngineError: anything else that went wrong.
        """
        try:
            yield
        except HotswapError as error:
            error.doing.append(self._step(step))
            error.fix = error.fix or fix
            raise
        except self._kinds as error:
            translated = translate(error)
            translated.doing.append(self._step(step))
            translated.fix = translated.fix or fix
            raise translated from error

    def unless_gone(self, ask: t.Callable[[], _Answer]) -> _Answer | None:
        """The answer, or None when the engine says that there is no such object; to be used inside `doing`."""
        try:
            return ask()
        except NotFound:
            return None
        except self._kinds as error:
            if isinstance(translate(error), NotFound):
                return None
            raise

    def _step(self, step: str) -> str:
        return "%s on %s at %s" % (step, self.kind, self.endpoint)


def translate(error: BaseException) -> EngineError:
    """The EngineError (NotFound for a 404) that says what the engine said, or what happened to the connection."""
    response = getattr(error, "response", None)
    if response is not None:
        return refusal(response.status_code, getattr(error, "explanation", None) or response.text)
    root = _root(error)
    if isinstance(root, (ConnectionError, FileNotFoundError)):
        return EngineError("no answer from the engine: %s" % _text(root), _STOPPED)
    if _is_timeout(error):
        return EngineError("the engine gave no answer in time", "Look at the engine's log and at the load of the host.")
    return EngineError(_text(root))


@contextlib.contextmanager
def scrubbed(secrets: t.Iterable[str]) -> t.Iterator[None]:
    """Takes values out of an engine's words: some engines quote what they were sent."""
    try:
        yield
    except EngineError as error:
        for secret in secrets:
            if len(secret) >= _LEAST_SECRET:
                error.what = error.what.replace(secret, "********")
        raise


def refusal(status: int, body: t.Any) -> EngineError:
    """The error for an answer of 400 or above, with the engine's own words: NotFound for 404, and for old Podman's 500 for an image."""
    said = _message(body) or "the engine answered with status %d and no explanation" % status
    return NotFound(said) if status == 404 or said.endswith("image not known") else EngineError(said)


def _message(body: t.Any) -> str:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    try:
        parsed = json.loads(text)
    except ValueError:
        return text.strip()
    if isinstance(parsed, dict):
        return str(parsed.get("message") or parsed.get("cause") or text).strip()
    return text.strip()


def _root(error: BaseException) -> BaseException:
    """The innermost cause: libraries wrap a refused connection three times, as cause, context or argument."""
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        inner = [value for value in error.args if isinstance(value, BaseException)]
        error = error.__cause__ or (inner[-1] if inner else None) or getattr(error, "reason", None) or error
        if not isinstance(error, BaseException):
            return seen[-1]
    return error


def _is_timeout(error: BaseException) -> bool:
    return any(isinstance(each, TimeoutError) or "Timeout" in type(each).__name__ for each in (error, _root(error)))


def _text(error: BaseException) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or error or type(error).__name__)
