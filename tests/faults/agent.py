# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a host of the bed: the collection's modules, and the faults that meet them.

Reads one JSON request a line and answers each with one line. A module runs in a child, as Ansible would run it; what a
child does is watched by wrapping the product's own functions from here, and ends it with SIGKILL where that is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time
import typing as t

from ansible.module_utils.testing import patch_module_args

from ansible_collections.hotswap.containers.plugins.module_utils._rollout.runner import Runner
from ansible_collections.hotswap.containers.plugins.module_utils._switch.haproxy_runtime import Runtime

PACKAGE = "ansible_collections.hotswap.containers.plugins."
ACTIONS = ("record", "create", "start", "gate", "serve", "preview", "withdraw", "hold", "verify", "bake", "drain", "stop", "remove", "unroute")
ENGINE_ACTS = ("create", "start", "stop", "remove")
CHILD_SECONDS = 100.0
ENGINE_SECONDS = 60.0
BLOCK = b"\0" * 4096
Json = t.Dict[str, t.Any]


class Watch:
    """Lives in a child. Tells the parent each act of the walk, and does what was asked at one of them.

    An act is (step, act): the number of the step in the walk, and 0 before it, 1.. after each of its own acts that
    changes something (an engine call, a rename, a command to HAProxy), -1 after it.
    """

    def __init__(self, channel: int, at: t.Sequence[t.Any], do: str, fill: str) -> None:
        self._channel = channel
        self._at = tuple(at)
        self._do = do
        self._fill = fill
        self._step = self._act = -1
        self._action = ""

    def install(self, engine: str) -> None:
        """Wraps the product's functions in this process."""
        for action in ACTIONS:
            setattr(Runner, "_" + action, self._step_of(action, getattr(Runner, "_" + action)))
        adapter = importlib.import_module(PACKAGE + "module_utils._engine." + engine)
        kind = getattr(adapter, engine.capitalize() + "Engine")
        for act in ENGINE_ACTS:
            setattr(kind, act, self._act_of(getattr(kind, act), functools.partial(_engine_act, act)))
        for name in ("rename", "replace"):
            setattr(os, name, self._act_of(getattr(os, name), lambda args: "write %s" % os.path.basename(args[1])))
        # A proxy's replacement is one step; what it has the kernel do are acts of it too.
        handover: t.Any = importlib.import_module(PACKAGE + "module_utils._rollout.proxy_handover").Handover
        handover.run = self._step_of("handover", handover.run)
        programs: t.Any = importlib.import_module(PACKAGE + "module_utils._switch.programs")
        programs.run = self._act_of(programs.run, lambda args: " ".join(args[0][:3]))
        runtime: t.Any = Runtime
        runtime.change = self._act_of(Runtime.change, lambda args: " ".join(args[1].split()[:2] + args[1].split()[3:5]))

    def _step_of(self, action: str, method: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        @functools.wraps(method)
        def wrapped(*args: t.Any) -> t.Any:
            self._step, self._act, self._action = self._step + 1, 0, action
            self._tell(0, "")
            answer = method(*args)
            self._tell(-1, "")
            self._action = ""
            return answer

        return wrapped

    def _act_of(self, function: t.Callable[..., t.Any], words: t.Callable[[t.Any], str]) -> t.Callable[..., t.Any]:
        @functools.wraps(function)
        def wrapped(*args: t.Any, **named: t.Any) -> t.Any:
            answer = function(*args, **named)
            if self._action:
                self._act += 1
                self._tell(self._act, words(args))
            return answer

        return wrapped

    def _tell(self, act: int, what: str) -> None:
        here = [self._step, act] == list(self._at) or (act == 0 and self._at == (self._action,))
        event = {"step": self._step, "action": self._action, "act": act, "what": what, "here": here}
        os.write(self._channel, json.dumps(event).encode() + b"\n")
        if here and self._do == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if here and self._do == "fill":
            fill(pathlib.Path(self._fill))


def _engine_act(act: str, args: t.Sequence[t.Any]) -> str:
    return "%s %s" % (act, getattr(args[1], "name", args[1]))


class Child:
    """One run of a module in a process of its own."""

    def __init__(self, request: Json) -> None:
        self.events: list[Json] = []
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._channel, theirs = os.pipe()
        self._pending = b""
        self._ended = False
        self._deadline = time.monotonic() + CHILD_SECONDS
        self.pid = os.fork()
        if self.pid == 0:
            self._become_module(request, theirs)
        os.close(theirs)

    def _become_module(self, request: Json, channel: int) -> t.NoReturn:
        code = 70
        try:
            os.dup2(self._output.fileno(), 1)
            module = importlib.import_module(PACKAGE + "modules." + request["module"])
            Watch(channel, request.get("at", ()), request.get("do", ""), request.get("fill", "")).install(request["params"]["engine"])
            with patch_module_args({**request["params"], "_ansible_check_mode": request.get("check", False)}):
                module.main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    @property
    def alive(self) -> bool:
        return not self._ended and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def reach(self) -> bool:
        """True once the act that was asked for has come; False when the child ends without it."""
        while not any(event["here"] for event in self.events):
            if not self._read():
                return False
        return True

    def finish(self) -> Json:
        """Waits for the end: how it ended (negative: by that signal), what the module printed, and its acts."""
        while self._read():
            pass
        _pid, status = os.waitpid(self.pid, 0)
        self._ended = True
        os.close(self._channel)
        self._output.seek(0)
        said = self._output.read().decode("utf-8", "replace")
        self._output.close()
        return {"status": os.waitstatus_to_exitcode(status), "result": _parse(said), "events": self.events}

    def _read(self) -> bool:
        ready, _w, _x = select.select([self._channel], [], [], max(0.0, self._deadline - time.monotonic()))
        if not ready:
            os.kill(self.pid, signal.SIGKILL)
            self._deadline += CHILD_SECONDS
            return True
        data = os.read(self._channel, 65536)
        *lines, self._pending = (self._pending + data).split(b"\n")
        self.events += [json.loads(line) for line in lines]
        return bool(data)


def _parse(said: str) -> Json:
    for line in said.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                return found
    return {"failed": True, "msg": "no result but: %s" % said[-2000:]}


def fill(folder: pathlib.Path) -> None:
    """Leaves no free block in the folder's file system, which must be one of its own: anything else is the disk of this machine."""
    if not os.path.ismount(str(folder)):
        raise RuntimeError("%s is no file system of its own" % folder)
    with contextlib.suppress(OSError), open(str(folder / "filler"), "ab", buffering=0) as file:
        while True:
            file.write(BLOCK)


class Agent:
    """What the other end can ask for: a method for each request."""

    def __init__(self) -> None:
        self._children: dict[int, Child] = {}

    def start(self, request: Json) -> Json:
        """Starts a module; returns when it is at the act `at` (at once without one)."""
        child = Child(request)
        self._children[child.pid] = child
        return {"child": child.pid, "reached": child.reach() if request.get("at") else True}

    def finish(self, request: Json) -> Json:
        """Waits for a started module."""
        return self._children.pop(request["child"]).finish()

    def run(self, request: Json) -> Json:
        """Runs a module to its end."""
        return Child(request).finish()

    def kill_container(self, request: Json) -> Json:
        """SIGKILL to the first process of a container; `from` and `to`: before it, and when it was gone."""
        said = subprocess.run([request["engine"], "inspect", "--format", "{{.State.Pid}}", request["name"]], check=True, capture_output=True, text=True)
        return self._kill([int(said.stdout)], request)

    def kill_engine(self, request: Json) -> Json:
        """SIGKILL to the engine's service; returns when systemd has a new one that answers (Podman: when it is gone)."""
        docker = request["engine"] == "docker"
        before = self._docker_pid() if docker else 0
        done = self._kill([before] if docker else _podman_services(), request)
        end = time.monotonic() + ENGINE_SECONDS
        while docker and time.monotonic() < end and not (self._docker_pid() not in (0, before) and self._docker_answers()):
            time.sleep(0.05)
        return {**done, "to": time.time()}

    @staticmethod
    def _kill(pids: t.Sequence[int], request: Json) -> Json:
        began = time.time()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except PermissionError:
                subprocess.run(["sudo", "-n", "kill", "-9", str(pid)], check=True)
        end = time.monotonic() + ENGINE_SECONDS
        while any(_lives(pid) for pid in pids) and time.monotonic() < end:
            time.sleep(0.005)
        return {"pids": list(pids), "from": began, "to": time.time(), "during": _lives(request.get("child", 0))}

    @staticmethod
    def _docker_pid() -> int:
        said = subprocess.run(["systemctl", "show", "-p", "MainPID", "--value", "docker"], check=True, capture_output=True, text=True)
        return int(said.stdout)

    @staticmethod
    def _docker_answers() -> bool:
        return subprocess.run(["docker", "version"], check=False, capture_output=True).returncode == 0

    def fill(self, request: Json) -> Json:
        """See fill()."""
        fill(pathlib.Path(request["folder"]))
        return {}

    def free(self, request: Json) -> Json:
        """Undoes `fill`."""
        (pathlib.Path(request["folder"]) / "filler").unlink()
        return {}

    def call(self, request: Json) -> Json:
        """A command's exit code and output."""
        done = subprocess.run(request["argv"], check=False, capture_output=True, text=True)
        return {"code": done.returncode, "output": done.stdout + done.stderr}


def _lives(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        stat = pathlib.Path("/proc/%d/stat" % pid).read_text(errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _podman_services() -> list[int]:
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if os.path.basename(words[0]) == b"podman" and {b"system", b"service"} <= set(words):
                found.append(int(path.parent.name))
    return found


def main() -> None:
    """Answers requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    agent = Agent()
    for name in ("service", "reverse_proxy", "network"):
        importlib.import_module(PACKAGE + "modules." + name)
    for engine in ("docker", "podman"):
        with contextlib.suppress(ImportError):
            importlib.import_module(engine)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(agent, request["op"])(request)
        except Exception as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
