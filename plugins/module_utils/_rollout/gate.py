# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""The gate: what a candidate must show before it may get traffic. Judging is pure, looking is done by callables."""

from __future__ import annotations

import dataclasses
import json
import re
import time
import typing as t

from .._errors import GateFailed
from .http import Answer


@dataclasses.dataclass(frozen=True)
class HttpCheck:
    """A GET (or `method`) to the service port. Every given condition must hold.

    `status`: accepted codes. `header`: response headers that must equal. `body`: regular expression to be found in
    the body. `json`: dotted field to the value it must equal, compared as text ("status": "UP").
    """

    path: str = "/"
    status: tuple[int, ...] = (200,)
    method: str = "GET"
    host: str = ""
    header: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: str = ""
    json: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class GateSpec:
    """Which checks, and when they are enough. Times in seconds.

    `successes` in a row, over at least `min_healthy_time`, before `deadline`; a check takes at most `timeout`,
    rounds begin `interval` apart. Always, whatever else: the instance runs and was not restarted.
    """

    http: HttpCheck | None = None
    tcp: bool = False
    exec: tuple[str, ...] = ()
    engine: bool = False
    successes: int = 2
    min_healthy_time: float = 0.0
    interval: float = 0.5
    timeout: float = 2.0
    deadline: float = 60.0


@dataclasses.dataclass(frozen=True)
class Sample:
    """One round of looking at one instance. `at`: monotonic seconds; `fatal`: waiting longer cannot help."""

    at: float
    good: bool
    said: str
    fatal: bool = False


def verdict(spec: GateSpec, samples: t.Sequence[Sample]) -> bool:
    """True when the last samples are enough good ones in a row, over at least min_healthy_time."""
    row = 0
    for sample in reversed(samples):
        if not sample.good:
            break
        row += 1
    if row < spec.successes:
        return False
    return samples[-1].at - samples[-row].at >= spec.min_healthy_time


def wait(
    spec: GateSpec,
    names: t.Sequence[str],
    look: t.Callable[[str], Sample],
    clock: t.Callable[[], float] = time.monotonic,
    rest: t.Callable[[float], None] = time.sleep,
) -> dict[str, int]:
    """Looks at every instance in turn until all have passed: name -> rounds needed.

    Raises GateFailed naming the instance, its last answer, and how long was waited.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    began = clock()
    waiting = list(names)
    while waiting:
        round_began = clock()
        for name in list(waiting):
            samples[name].append(look(name))
            _refuse(spec, name, samples[name], clock() - began)
            if verdict(spec, samples[name]):
                waiting.remove(name)
        if waiting:
            rest(max(0.0, spec.interval - (clock() - round_began)))
    return {name: len(found) for name, found in samples.items()}


def _refuse(spec: GateSpec, name: str, samples: t.Sequence[Sample], waited: float) -> None:
    last = samples[-1]
    if last.fatal:
        raise GateFailed("instance %s did not pass its gate: %s" % (name, last.said), instance=name)
    if waited >= spec.deadline and not verdict(spec, samples):
        raise GateFailed(
            "instance %s did not pass its gate within %g s: %s (%d rounds, %d good)"
            % (name, spec.deadline, last.said, len(samples), sum(one.good for one in samples)),
            "Look at the logs in this result; raise gate.deadline if it only needs longer.",
            instance=name,
        )


def judge_http(check: HttpCheck, answer: Answer) -> str:
    """ "" when the answer is as asked, else what is wrong with it, in a few words."""
    if answer.status not in check.status:
        return "%s answered %d, not %s" % (check.path, answer.status, " or ".join(map(str, check.status)))
    for name, value in check.header.items():
        if answer.headers.get(name.lower()) != value:
            return "%s: header %s is %r, not %r" % (check.path, name, answer.headers.get(name.lower()), value)
    if check.body and not re.search(check.body, answer.body):
        return "%s: the body does not match %r: %.80r" % (check.path, check.body, answer.body)
    return _judge_json(check, answer.body) if check.json else ""


def _judge_json(check: HttpCheck, body: str) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return "%s: the body is not JSON: %.80r" % (check.path, body)
    for field, wanted in check.json.items():
        found = _field(document, field)
        if _as_text(found) != wanted:
            return "%s: JSON field %s is %r, not %r" % (check.path, field, found, wanted)
    return ""


def _field(document: t.Any, dotted: str) -> t.Any:
    for part in dotted.split("."):
        if isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        elif isinstance(document, dict):
            document = document.get(part)
        else:
            return None
    return document


def _as_text(value: t.Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
