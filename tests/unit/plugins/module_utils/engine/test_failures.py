# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a library raises becomes one error that names step, engine and socket."""

from __future__ import annotations

import pytest
import requests
import urllib3

from ansible_collections.hotswap.containers.plugins.module_utils._engine.failures import Place, refusal, scrubbed, translate
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, InvalidInput, NotFound

PLACE = Place("podman", "unix:///run/podman/podman.sock", (OSError, ValueError))


def answer(status: int, body: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode()
    return response


def test_step_engine_and_socket_are_named() -> None:
    with pytest.raises(EngineError) as caught, PLACE.doing("creating container greet-A-1"):
        raise requests.HTTPError(response=answer(500, '{"cause": "in use", "message": "name greet-A-1 is in use"}'))
    assert str(caught.value) == "name greet-A-1 is in use (while creating container greet-A-1 on podman at unix:///run/podman/podman.sock)"


def test_our_own_errors_get_the_place_too() -> None:
    with pytest.raises(InvalidInput, match=r"^bad \(while x on podman at unix:///run/podman/podman.sock\)$"), PLACE.doing("x"):
        raise InvalidInput("bad")


def test_our_own_mistakes_are_not_hidden() -> None:
    with pytest.raises(KeyError), PLACE.doing("x"):
        raise KeyError("a bug")


def test_404_is_not_found() -> None:
    assert isinstance(translate(requests.HTTPError(response=answer(404, '{"message": "No such container: x"}'))), NotFound)
    assert isinstance(refusal(500, b'{"cause": "image not known", "message": "localhost/x:1: image not known"}'), NotFound)
    assert not isinstance(refusal(409, b"plain words"), NotFound)
    assert refusal(500, b"").what == "the engine answered with status 500 and no explanation"


@pytest.mark.parametrize("gone", [ConnectionRefusedError(111, "Connection refused"), FileNotFoundError(2, "No such file or directory")])
def test_connection_errors_are_dug_out(gone: OSError) -> None:
    wrapped = requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", gone))
    found = translate(wrapped)
    assert found.what == "no answer from the engine: %s" % gone.strerror
    assert "start it" in found.fix
    caused = requests.HTTPError("http://%2Frun/…")
    caused.__cause__ = wrapped
    assert translate(caused).what == found.what


def test_timeouts() -> None:
    assert translate(requests.ReadTimeout("read timed out")).what == "the engine gave no answer in time"
    assert translate(TimeoutError()).what == "the engine gave no answer in time"


def test_unless_gone() -> None:
    def raising(error: Exception) -> None:
        raise error

    assert PLACE.unless_gone(lambda: 5) == 5
    assert PLACE.unless_gone(lambda: raising(NotFound("x"))) is None
    assert PLACE.unless_gone(lambda: raising(requests.HTTPError(response=answer(404, "x")))) is None
    with pytest.raises(requests.HTTPError):
        PLACE.unless_gone(lambda: raising(requests.HTTPError(response=answer(500, "x"))))


def test_values_of_the_environment_are_taken_out() -> None:
    with pytest.raises(EngineError) as caught, scrubbed(["s3cret-word", "1", ""]), PLACE.doing("creating container x1"):
        raise requests.HTTPError(response=answer(400, '{"message": "invalid environment variable: =s3cret-word 1"}'))
    assert str(caught.value).startswith("invalid environment variable: =******** 1 (while creating container x1")
