# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAProxy as its owner runs and configures it: only the lines between our marks change, and it is never reloaded by us."""

from __future__ import annotations

import subprocess
import typing as t

import pytest
from switch_bed import TOKEN, Bed, echoed, until
from switch_load import Load

from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import haproxy_runtime
from ansible_collections.hotswap.containers.plugins.module_utils._switch.folder import ProxyFolder
from ansible_collections.hotswap.containers.plugins.module_utils._switch.haproxy_service import HaproxyServiceSwitch
from ansible_collections.hotswap.containers.plugins.module_utils._switch.types import Answers, Preview, Route, Serving, Target

GREET = Route("greet", ("greet.test",))
CUTOVERS = 20
CONFIG = """\
# of the owner: caf\udce9
global
    stats socket {root}/stats.sock mode 600 level admin expose-fd listeners
defaults
    mode http
    option idle-close-on-response
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend web
    bind 127.0.0.1:{port}
    default_backend app

backend app
    balance roundrobin
{marks}    server sorry 127.0.0.1:1 backup
backend other
    server x 127.0.0.1:1
"""
MARKS = """\
\t# BEGIN hotswap greet
\t# END hotswap greet
    http-request set-var(txn.hotswap_probe) bool(true) if {{ req.fhdr(X-Hotswap-Probe) -m str -f {probe} }}
    http-request del-header X-Hotswap-Probe
    http-response del-header X-Hotswap-Instance
    http-response set-header X-Hotswap-Instance %s if {{ var(txn.hotswap_probe) -m bool }}
"""


class HostBed(Bed):
    """HAProxy with its owner's configuration in a file that a link leads to."""

    def __init__(self, marks: str = MARKS) -> None:
        super().__init__("haproxy")
        self.switch.prepare(self.settings)
        self.file = self.root / "real.cfg"
        (self.root / "haproxy.cfg").symlink_to("real.cfg")
        self.write(marks)
        self.file.chmod(0o640)

    def write(self, marks: str) -> None:
        """As an editor does; a reload is the owner's too."""
        text = CONFIG.format(root=self.root, port=self.port, marks=marks.format(probe=self.folder / "conf" / "probe"))
        self.file.write_bytes(text.encode("utf-8", "surrogateescape"))

    def open(self) -> HaproxyServiceSwitch:
        return HaproxyServiceSwitch(ProxyFolder(self.folder), self.run_in_proxy, self.root / "haproxy.cfg", self.root / "stats.sock")

    def start(self) -> None:
        argv = [self.program, "-W", "-db", "-S", "%s/master.sock,mode,600" % self.root, "-f", str(self.root / "haproxy.cfg")]
        with open(self.root / "proxy.log", "ab") as log:
            self.proxy = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        self.switch.wait_ready(20)

    def runtime(self) -> haproxy_runtime.Runtime:
        return haproxy_runtime.Runtime.of_service(self.root / "stats.sock")

    def worker(self) -> str:
        return haproxy_runtime.parse_info(self.runtime().change("show info"))["pid"]

    def reload(self) -> None:
        """The owner's own."""
        before = self.worker()
        self.runtime().reload()
        until(lambda: self.worker() != before)

    def ours(self) -> list[str]:
        """The lines between the marks."""
        between = self.file.read_bytes().split(b"\t# BEGIN hotswap greet\n")[1].split(b"\t# END hotswap greet\n")[0]
        return between.decode().splitlines()

    def theirs(self) -> bytes:
        """Everything else."""
        before, rest = self.file.read_bytes().split(b"\t# BEGIN hotswap greet\n")
        return before + rest.split(b"\t# END hotswap greet\n")[1]


@pytest.fixture()
def bed() -> t.Iterator[HostBed]:
    bed = HostBed()
    try:
        bed.start()
        yield bed
    finally:
        bed.close()


def serving(*targets: Target) -> Serving:
    return Serving(GREET, targets)


def test_only_our_lines_change(bed: HostBed) -> None:
    theirs, status = bed.theirs(), bed.file.stat()
    one, two = bed.instance("greet-a", 1, 90), bed.instance("greet-b", 2, 10)
    assert (bed.switch.current("greet"), bed.switch.drift(), bed.switch.matches(GREET)) == ({}, [], False)
    bed.switch.serve(serving(one, two))
    assert bed.ours() == ["\tserver greet-a %s:18282 weight 90" % one.address, "\tserver greet-b %s:18282 weight 10" % two.address]
    assert (bed.switch.current("greet"), bed.switch.matches(GREET), bed.switch.drift()) == ({"greet-a": 90, "greet-b": 10}, True, [])
    answers = [bed.who() for _one in range(100)]
    assert (answers.count("greet-a"), answers.count("greet-b")) == (90, 10)
    assert bed.switch.answers("greet", ["greet-a", "greet-b"]) == Answers(100, 0)
    _status, body, headers = bed.ask("/headers", X_Hotswap_Probe=TOKEN)
    assert bed.switch.identifies(headers["x-hotswap-instance"], one) and "hotswap" not in body.lower()
    assert "x-hotswap-instance" not in bed.ask()[2]
    bed.switch.remove("greet")
    bed.switch.remove("greet")
    assert (bed.ours(), bed.switch.current("greet"), bed.switch.routes(), bed.switch.drift()) == ([], {}, {}, [])
    after = bed.file.stat()
    assert (bed.theirs(), after.st_mode, after.st_uid, after.st_gid) == (theirs, status.st_mode, status.st_uid, status.st_gid)
    assert (bed.root / "haproxy.cfg").is_symlink()
    assert sorted(path.name for path in bed.root.iterdir() if path.name.startswith(".")) == []
    # The owner's own server was never touched.
    assert bed.runtime().servers("app")["sorry"].ready


def test_cutovers_lose_nothing_and_reload_nothing(bed: HostBed) -> None:
    worker = bed.worker()
    live = bed.instance("greet-0", 1)
    bed.switch.serve(serving(live))
    with Load(bed.port) as load:
        until(lambda: sum(load.sent.values()) > 100)
        for number in range(1, CUTOVERS + 1):
            new = bed.instance("greet-%d" % number, 1 + number % 2)
            bed.open().serve(serving(new))
            bed.drained("greet", live)
            bed.kill_instance(live)
            bed.switch.forget("greet", [live.name])
            live = new
    print(dict(load.sent), dict(load.lost))
    assert load.lost == {}
    assert (bed.worker(), len(load.answers), bed.switch.drift()) == (worker, CUTOVERS + 1, [])


def test_same_call_changes_nothing(bed: HostBed) -> None:
    target = bed.instance("greet-a", 1)
    bed.switch.serve(serving(target))
    before = bed.file.stat()
    bed.open().serve(serving(target))
    bed.open().apply(bed.settings)
    after = bed.file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_killed_and_started_again(bed: HostBed) -> None:
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(old))
    bed.switch.serve(serving(new))
    bed.kill()
    bed.start()
    assert (bed.who(), bed.switch.current("greet"), bed.switch.drift()) == ("greet-b", {"greet-b": 100}, [])


def test_reload_by_the_owner_in_between(bed: HostBed) -> None:
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(old))
    # Open until we close it, so that the process which the reload replaces stays.
    with bed.websocket() as stream:
        assert bed.switch.in_flight("greet", ["greet-a"]) == 1
        bed.reload()
        assert (bed.who(), bed.switch.drift()) == ("greet-a", [])
        bed.switch.serve(serving(new))
        assert bed.who() == "greet-b"
        # That process is the owner's to end; it may still send the old instance something.
        assert bed.switch.in_flight("greet", ["greet-a"]) == 1
        assert echoed(stream, b"hello\n")
    until(lambda: bed.switch.in_flight("greet", ["greet-a"]) == 0)
    assert bed.switch.in_flight("greet", ["greet-b"]) == 0


@pytest.mark.parametrize(
    ("marks", "says", "fix"),
    [
        ("", "has no place for greet", "Paste into the backend"),
        ("    # BEGIN hotswap other\n    # END hotswap other\n", "has no place for greet", "Paste into the backend"),
        ("    # BEGIN hotswap greet\n    # END hotswap greet\n", "does not say which instance answers", "Take these lines over"),
        ("    # BEGIN hotswap greet\n", "not one BEGIN and one END", ""),
        ("    # END hotswap greet\n    # BEGIN hotswap greet\n", "not one BEGIN and one END", ""),
        (MARKS + MARKS, "not one BEGIN and one END", ""),
        ("    # BEGIN hotswap greet\nbackend more\n    # END hotswap greet\n", "not inside of one backend", ""),
        ("    # BEGIN hotswap greet\n    option forwardfor\n    # END hotswap greet\n", "more than servers: option forwardfor", ""),
    ],
)
def test_refused_before_anything_is_touched(marks: str, says: str, fix: str) -> None:
    bed = HostBed(marks)
    try:
        bed.start()
        before = bed.file.read_bytes()
        target = bed.instance("greet-a", 1)
        with pytest.raises(SwitchError, match=says):
            # The first question of every task, before it starts an instance.
            bed.switch.matches(GREET)
        with pytest.raises(SwitchError, match=says) as refused:
            bed.switch.serve(serving(target))
        assert fix in refused.value.fix and TOKEN not in str(refused.value)
        assert (bed.file.read_bytes(), bed.switch.routes(), "greet-a" in bed.runtime().servers("app")) == (before, {}, False)
        if fix:
            pasted = refused.value.fix.partition("\n")[2]
            bed.write(pasted.replace("{", "{{").replace("}", "}}"))
            bed.reload()
            bed.switch.serve(serving(target))
            assert (bed.who(), bed.switch.drift()) == ("greet-a", [])
    finally:
        bed.close()


def test_a_backend_that_does_not_run_yet(bed: HostBed) -> None:
    target = bed.instance("greet-a", 1)
    bed.write("backend fresh\n" + MARKS)
    before = bed.file.read_bytes()
    with pytest.raises(SwitchError, match="does not run backend fresh"):
        bed.switch.serve(serving(target))
    assert bed.file.read_bytes() == before


def test_what_haproxy_refuses_is_not_written(bed: HostBed) -> None:
    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(old))
    broken = bed.file.read_bytes() + b"    bogus word\n"
    bed.file.write_bytes(broken)
    with pytest.raises(SwitchError, match="unknown keyword 'bogus'"):
        bed.switch.serve(serving(new))
    assert (bed.file.read_bytes(), bed.who(), bed.switch.current("greet")) == (broken, "greet-a", {"greet-a": 100})
    assert not [path for path in bed.root.iterdir() if path.name.startswith(".")]


def test_names_of_the_owners_servers_are_taken(bed: HostBed) -> None:
    with pytest.raises(SwitchError, match="has a server sorry of its own"):
        bed.switch.serve(serving(Target("sorry", "127.1.0.9", 1)))
    assert bed.ours() == []


def test_more_than_servers_is_refused(bed: HostBed) -> None:
    for route in (Route("greet", preview=Preview(host="next.test")), Route("greet", sticky="to"), Route("greet", hold=3.0)):
        with pytest.raises(SwitchError, match="more than servers"):
            bed.switch.serve(Serving(route, ()))
    assert (bed.switch.previewed("greet"), bed.switch.routes()) == ((), {})


def test_drift(bed: HostBed) -> None:
    bed.switch.serve(serving(bed.instance("greet-a", 1)))
    bed.runtime().order("set server app/greet-a state maint")
    assert bed.switch.drift() == ["app: HAProxy does not serve greet-a as written."]
    bed.switch.apply(bed.settings)
    assert bed.switch.drift() == []
    bed.file.write_bytes(bed.file.read_bytes().replace(b"weight 100", b"weight 7"))
    assert bed.switch.drift() == ["greet: its lines in %s were changed by something else." % bed.file]
    bed.switch.apply(bed.settings)
    assert (bed.switch.drift(), bed.who()) == ([], "greet-a")


def test_crash_between_file_and_process(bed: HostBed, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_arguments: object) -> t.NoReturn:
        raise Killed

    old, new = bed.instance("greet-a", 1), bed.instance("greet-b", 2)
    bed.switch.serve(serving(old))
    monkeypatch.setattr(HaproxyServiceSwitch, "_move", die)
    with pytest.raises(Killed):
        bed.switch.serve(serving(new))
    monkeypatch.undo()
    assert (bed.who(), bed.switch.current("greet"), len(bed.switch.drift())) == ("greet-a", {"greet-a": 100}, 2)
    bed.switch.serve(serving(new))
    assert (bed.who(), bed.switch.current("greet"), bed.switch.drift()) == ("greet-b", {"greet-b": 100}, [])
