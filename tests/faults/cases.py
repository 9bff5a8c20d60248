# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The faults. Each is a function of a scene and a case; it raises Broken when something does not hold."""

from __future__ import annotations

import functools
import itertools
import time
import typing as t

from faults.ends import Broken, Json
from faults.scene import BACK_SECONDS, CANARY, DOMAIN, LONG_GATE, NAME, Case, Scene

KILLED = -9
# Further options of the service's task, by the name of their group.
STATES: dict[str, Json] = {
    "hold": {"order": "stop_first", "route": {"hosts": [DOMAIN], "hold": 60}},
    "bake": {"bake": {"time": "1"}},
}
GROUPS = ("module", "container", "engine", "disk", "lock", "handover", *STATES)
Work = t.Callable[[Case], None]
Named = t.Tuple[str, str, Work]


def cases(scene: Scene, acts: t.Sequence[Json]) -> t.Iterator[Named]:
    """Group, words and work of every case, from the acts of an undisturbed rollout."""
    for words, at in points(acts):
        yield "module", "module killed %s" % words, functools.partial(module_killed, scene, at, False)
        if at[1] <= 0:
            yield "module", "module killed %s, then the old version asked for" % words, functools.partial(module_killed, scene, at, True)
    refused = scene.refused()
    for words, at in points(refused):
        yield "module", "module killed while going back, %s" % words, functools.partial(killed_going_back, scene, at)
    for what, step in itertools.product(("proxy", "old", "new"), ("gate", "drain")):
        yield "container", "%s killed during %s" % (what, step), functools.partial(container_killed, scene, what, step)
    yield "engine", "engine's service killed during gate", functools.partial(engine_killed, scene)
    yield "disk", "disk full from the beginning", functools.partial(disk_full, scene, ())
    for step in ("gate", "serve", "record"):
        yield "disk", "disk full before %s" % step, functools.partial(disk_full, scene, (step,))
    for act in acts:
        if act["action"] == "serve" and act["what"].startswith("write "):
            at = (int(act["step"]), int(act["act"]))
            yield "disk", "disk full in serve, after %s" % _short(act["what"]), functools.partial(disk_full, scene, at)
    yield "lock", "two rollouts at once", functools.partial(two_at_once, scene)
    yield from _handover_cases(scene)
    if scene.driver == "haproxy":
        yield from _state_cases(scene)


def _handover_cases(scene: Scene) -> t.Iterator[Named]:
    """Where the proxy's container can be replaced under load; each third one changes its mind."""
    if scene.engine == "rootless":
        return
    for number, (words, at) in enumerate(points(scene.replace())):
        back = number % 3 == 2
        what = "proxy's replacement killed %s%s" % (words, ", then the earlier image asked for" if back else "")
        yield "handover", what, functools.partial(handover_killed, scene, at, back)


def power_cases(scene: Scene, restart: t.Callable[[], None]) -> t.Iterator[Named]:
    """The host loses its power: `restart` cuts it off and returns when it is back."""
    for step in ("gate", "serve", "drain"):
        yield "power", "host crashed during %s" % step, functools.partial(power_cut, scene, restart, step)
    if scene.engine != "rootless":
        yield "power", "host crashed during a proxy's replacement", functools.partial(power_cut_in_handover, scene, restart)


def _state_cases(scene: Scene) -> t.Iterator[Named]:
    """The same kills in what a rollout does with more than a cutover, at the driver that can do all of it."""
    for group, more in STATES.items():
        # The first one brings the route that the others find.
        scene.more = more
        scene.roll(scene.new_version())
        for words, at in points(scene.roll(scene.new_version())):
            yield group, "module killed with %s, %s" % (group, words), functools.partial(module_killed, scene, at, False)
            if at[1] <= 0:
                yield group, "module killed with %s, %s, then the old version asked for" % (group, words), functools.partial(module_killed, scene, at, True)
    scene.more = {}
    scene.roll(scene.new_version())
    for words, at in points(scene.canary()):
        yield "canary", "module killed with a canary, %s, then the canary promoted" % words, functools.partial(canary_killed, scene, at, False)
        if at[1] <= 0:
            yield "canary", "module killed with a canary, %s, then the canary ended" % words, functools.partial(canary_killed, scene, at, True)
    yield "canary", "canary killed while it has its share", functools.partial(canary_container_killed, scene)


def points(acts: t.Sequence[Json]) -> t.Iterator[tuple[str, tuple[int, int]]]:
    """Where to kill: before each step (which is also after the one before it), after each act in it, and after the last."""
    for number, group in itertools.groupby(acts, key=lambda act: int(act["step"])):
        step = list(group)
        yield "before %s" % step[0]["action"], (number, 0)
        inner = [act for act in step if act["act"] > 0]
        for act in inner:
            yield "in %s, after %s" % (act["action"], _short(act["what"])), (number, act["act"])
    yield "after the last step", (int(acts[-1]["step"]), -1)


def _short(what: str) -> str:
    """The words of an act without the names and addresses that each rollout has of its own."""
    return " ".join(word for word in what.split() if not word.startswith(NAME + "-v") and ":" not in word and word != "weight")


def module_killed(scene: Scene, at: tuple[int, int], back: bool, case: Case) -> None:
    """kill -9 of the module at an act; then the same task again, or the one before it."""
    new = scene.new_version()
    done = scene.agent.ask("run", module="service", params=scene.service(new), at=at, do="kill")
    if done["status"] != KILLED:
        raise Broken("the module was not killed: %s %s" % (done["status"], done["result"].get("msg")))
    scene.converge(scene.live if back else new)


def canary_killed(scene: Scene, at: tuple[int, int], back: bool, case: Case) -> None:
    """kill -9 of the module that brings a canary; then the same task again, and the canary promoted or ended."""
    new = scene.new_version()
    done = scene.agent.ask("run", module="service", params=scene.service(new, **CANARY), at=at, do="kill")
    if done["status"] != KILLED:
        raise Broken("the module was not killed: %s %s" % (done["status"], done["result"].get("msg")))
    scene.has_canary(new)
    scene.converge(scene.live if back else new)


def canary_container_killed(scene: Scene, case: Case) -> None:
    """kill -9 of a canary's first process, which cuts what it had open; then the canary ended."""
    new = scene.new_version()
    scene.module("service", **scene.service(new, **CANARY))
    killed = scene.agent.ask("kill_container", engine=scene.program, name=scene.container(new))
    scene.module("service", **scene.service(scene.live))
    case.windows.append((killed["from"], scene.load.answered_since(killed["to"], BACK_SECONDS)))
    scene.converge(scene.live)


def killed_going_back(scene: Scene, at: tuple[int, int], case: Case) -> None:
    """kill -9 of the module while it puts everything back, for its version did not pass the gate; then the old version's task."""
    done = scene.agent.ask("run", module="service", params=scene.unhealthy(scene.new_version()), at=at, do="kill")
    if done["status"] != KILLED:
        raise Broken("the module was not killed: %s %s" % (done["status"], done["result"].get("msg")))
    scene.converge(scene.live)


def container_killed(scene: Scene, what: str, step: str, case: Case) -> None:
    """kill -9 of a container's first process while a rollout is in the step."""
    new = scene.new_version()
    proxy, old = NAME + "-proxy", scene.container(scene.live)
    child = _start(scene, new, step)
    name = {"proxy": proxy, "old": old}.get(what) or scene.container(new)
    killed = scene.agent.ask("kill_container", engine=scene.program, name=name, child=child)
    has_traffic = what == "proxy" or (what, step) != ("new", "gate")
    _over(scene, case, child, killed, has_traffic)
    scene.converge(new)


def engine_killed(scene: Scene, case: Case) -> None:
    """kill -9 of dockerd (which systemd starts again), or of Podman's API service, in the gate."""
    new = scene.new_version()
    child = _start(scene, new, "gate")
    killed = scene.agent.ask("kill_engine", engine=scene.program, child=child)
    # A dockerd that died stops and starts all containers when it comes back; Podman's have no daemon.
    _over(scene, case, child, killed, scene.program == "docker")
    scene.converge(new)


def power_cut(scene: Scene, restart: t.Callable[[], None], step: str, case: Case) -> None:
    """Everything that runs on the host ends at once, in the middle of a rollout; then the same tasks again."""
    new, began = scene.new_version(), time.time()
    _start(scene, new, step)
    restart()
    scene.agent.reopen()
    scene.set_up()
    scene.converge(new)
    case.windows.append((began, scene.load.answered_since(time.time(), BACK_SECONDS)))


def handover_killed(scene: Scene, at: tuple[int, int], back: bool, case: Case) -> None:
    """kill -9 of the module while the proxy's container is replaced; then the same task again, or the one before it."""
    task, before = scene.replacement(), scene.proxy_image
    done = scene.agent.ask("run", module="reverse_proxy", params=task, at=at, do="kill")
    if done["status"] != KILLED:
        raise Broken("the module was not killed: %s %s" % (done["status"], done["result"].get("msg")))
    scene.whole(before if back else task["image"])
    scene.load.answered_since(time.time(), BACK_SECONDS)


def power_cut_in_handover(scene: Scene, restart: t.Callable[[], None], case: Case) -> None:
    """Everything on the host ends when the old proxy has gone, and the new one is not there yet."""
    gone = next(act for act in scene.replace() if act["what"] == "remove %s-proxy" % NAME)
    began, task = time.time(), scene.replacement()
    started = scene.agent.ask("start", module="reverse_proxy", params=task, at=[gone["step"], gone["act"]])
    if not started["reached"]:
        raise Broken("the old proxy was never removed")
    restart()
    case.windows.append((began, scene.load.answered_since(time.time(), BACK_SECONDS)))
    scene.agent.reopen()
    scene.whole(task["image"])
    scene.converge(scene.new_version())


def _start(scene: Scene, new: str, step: str) -> int:
    started = scene.agent.ask("start", module="service", params=scene.service(new, LONG_GATE), at=[step])
    if not started["reached"]:
        done = scene.agent.ask("finish", child=started["child"])
        raise Broken("the rollout never came to %s: %s" % (step, done["result"].get("msg")))
    return int(started["child"])


def _over(scene: Scene, case: Case, child: int, killed: Json, has_traffic: bool) -> None:
    """Notes the time that the fault excuses, and waits for the rollout that it met, however that ends."""
    if has_traffic:
        case.windows.append((killed["from"], scene.load.answered_since(killed["to"], BACK_SECONDS)))
    done = scene.agent.ask("finish", child=child)
    if not killed["during"]:
        raise Broken("the rollout was over before the fault came")
    if done["status"] not in (0, 1):
        raise Broken("the module ended with %s: %s" % (done["status"], done["result"].get("msg")))


def disk_full(scene: Scene, at: t.Sequence[t.Any], case: Case) -> None:
    """No block is left in the state folder's file system, from an act of the rollout on."""
    new, old = scene.new_version(), scene.live
    if not at:
        scene.agent.ask("fill", folder=scene.state)
    asked = {"at": at, "do": "fill", "fill": scene.state} if at else {}
    done = scene.agent.ask("run", module="service", params=scene.service(new), **asked)
    # Later than that nothing goes back: it is done, and only the record of it is missing. Once serve has written its first
    # file, all that it needs may have found its room.
    finished = done["status"] == 0 or done["result"].get("phase") == "record"
    serves = new if finished else old
    if finished and at in ((), ("gate",), ("serve",)):
        problem = "the rollout went on without its files: %s" % done["result"].get("msg")
    else:
        problem = "" if done["status"] == 0 else _full_disk_problem(scene, done, serves, new)
    scene.agent.ask("free", folder=scene.state)
    problem = problem or scene.drift()
    scene.live = serves
    scene.converge(new)
    if problem:
        raise Broken(problem)


def _full_disk_problem(scene: Scene, done: Json, serves: str, new: str) -> str:
    """What is wrong with how a rollout failed for want of space, "" for nothing."""
    message = str(done["result"].get("msg"))
    if not done["result"].get("failed") or "No space left on device" not in message:
        return "the module did not say that the disk is full: %s %s" % (done["status"], message)
    try:
        scene.load.await_version(serves, BACK_SECONDS)
        if serves != new and scene.running(new):
            return "%s still runs after it failed: %s" % (new, message)
    except Broken as problem:
        return "after '%s': %s" % (message, problem)
    return ""


def two_at_once(scene: Scene, case: Case) -> None:
    """A second rollout is told who holds the lock, a third waits for it and finds nothing left to do."""
    new = scene.new_version()
    first = _start(scene, new, "gate")
    refused = scene.agent.ask("run", module="service", params=scene.service(scene.live, lock_timeout=0))["result"]
    waiting = scene.agent.ask("start", module="service", params=scene.service(new, LONG_GATE))["child"]
    scene.succeeded("the first rollout", scene.agent.ask("finish", child=first))
    waited = scene.succeeded("the one that waited", scene.agent.ask("finish", child=waiting))
    message = str(refused.get("msg"))
    if not refused.get("failed") or "locked by" not in message or "process %d, for live of %s" % (first, NAME) not in message:
        raise Broken("the second rollout was not told who holds the lock: %s" % message)
    if waited["changed"]:
        raise Broken("the one that waited had something left to do: %s" % waited["plan"])
    scene.converge(new)
