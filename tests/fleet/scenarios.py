# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a fleet while it is rolled out, and what must come of it."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
import typing as t

from faults.ends import Broken, Failure, Json

from fleet.fleet import FOLDER, Done, Fleet
from kit.bed.hosts import Host

BATCHES = "1, 50%, 100%"
LONG_GATE = 3


@dataclasses.dataclass
class Scenario:
    """One of them and what came of it. A host's windows are the times in which its lost requests are excused: it was down."""

    name: str
    began: float = dataclasses.field(default_factory=time.time)
    ended: float = 0.0
    problem: str = ""
    windows: dict[str, list[tuple[float, float]]] = dataclasses.field(default_factory=dict)
    lost: list[tuple[str, Failure]] = dataclasses.field(default_factory=list)
    excused: int = 0

    @contextlib.contextmanager
    def down(self, fleet: Fleet, host: Host) -> t.Iterator[None]:
        """Excuses what the host loses meanwhile, until it has answered again."""
        began = time.time()
        yield
        back = time.time()
        self.windows.setdefault(host.name, []).append((began, fleet.loads[host.name].answered_since(back, 90.0)))

    def excuses(self, name: str, failure: Failure) -> bool:
        """Whether the host was down while the request was under way."""
        return any(failure.began <= end and failure.ended >= start for start, end in self.windows.get(name, []))


def expect(done: Done, code: bool, **outcomes: t.Sequence[str]) -> None:
    """The run's exit code (True: 0) and what became of every host that it named."""
    found = {state: sorted(name for name, one in done.outcomes().items() if one == state) for state in set(done.outcomes().values())}
    wanted = {state: sorted(names) for state, names in outcomes.items() if names}
    if (done.code == 0) != code or found != wanted:
        raise Broken("exit code %d and %s instead of %s and %s\n%s" % (done.code, found, "0" if code else "not 0", wanted, done.log[-2500:]))


def roll(fleet: Fleet, version: str, batches: str = BATCHES, **more: t.Any) -> Json:
    """The variables of a rollout."""
    return {"rollout_version": version, "rollout_batches": batches, **{"rollout_" + name: value for name, value in more.items()}}


def converge(fleet: Fleet, version: str, updated: t.Sequence[str], **more: t.Any) -> None:
    """Runs again: only the stragglers change, and every host serves the version."""
    done = fleet.start({**roll(fleet, version, ""), **more}).end()
    expect(done, True, updated=updated, unchanged=[name for name in fleet.names if name not in updated])
    fleet.live = version
    fleet.await_versions({})


def settle(fleet: Fleet, version: str, **more: t.Any) -> dict[str, str]:
    """Runs again where nobody can know how far the hosts got: all come to the version. Returns what became of each."""
    done = fleet.start({**roll(fleet, version, ""), **more}).end()
    found = done.outcomes()
    if done.code or set(found) != set(fleet.names) or set(found.values()) - {"updated", "unchanged"}:
        raise Broken("exit code %d and %s\n%s" % (done.code, found, done.log[-2500:]))
    fleet.live = version
    fleet.await_versions({})
    return found


def staged(fleet: Fleet, scenario: Scenario) -> None:
    """First everywhere without traffic, as a candidate; then, as somebody said so, live: what runs already gets the traffic."""
    version = fleet.next_version()
    expect(fleet.start(roll(fleet, version, state="candidate")).end(), True, updated=fleet.names)
    fleet.await_versions({})
    words = ("ps", "-q", "--filter", "label=hotswap.service=fleet", "--filter", "label=hotswap.version=" + version)
    before = [host.engine(*words).stdout for host in fleet.hosts]
    expect(fleet.start(roll(fleet, version)).end(), True, updated=fleet.names)
    fleet.live = version
    fleet.await_versions({})
    if before != [host.engine(*words).stdout for host in fleet.hosts] or not all(before):
        raise Broken("what passed its gate as a candidate is not what is live: %s" % before)


STEPS = ("before_deploy", "before_candidate", "after_candidate", "once", "before_cutover", "after_cutover", "after_deploy")
HOOKS = {"rollout_hooks_" + step: str(FOLDER / "hook.yml") for step in (*STEPS, "after_success")}


def healthy(fleet: Fleet, scenario: Scenario) -> None:
    """Every host is updated; run again, none is."""
    version = fleet.next_version()
    expect(fleet.start(roll(fleet, version)).end(), True, updated=fleet.names)
    converge(fleet, version, [])


def hooks(fleet: Fleet, scenario: Scenario) -> None:
    """Hooks run on each host in their order, one of them once; one that fails on the first host keeps the version from all."""
    done = fleet.start({**roll(fleet, fleet.next_version()), **HOOKS, "fleet_bad_hook": "once"}).end()
    expect(done, False, failed=[fleet.names[0]])
    fleet.await_versions({})
    version = fleet.next_version()
    done = fleet.start({**roll(fleet, version), **HOOKS}).end()
    expect(done, True, updated=fleet.names)
    said = re.findall(r"hook (\w+) on (\w+),", done.log)
    for name in fleet.names:
        wanted = [step for step in STEPS if step != "once" or name == fleet.names[0]]
        if [step for step, host in said if host == name and step != "after_success"] != wanted:
            raise Broken("the hooks on %s: %s" % (name, said))
    if [step for step, _host in said].count("after_success") != 1 or "after_success on %s, done" % fleet.names[0] not in done.log:
        raise Broken("the hooks at the end: %s" % said)
    fleet.live = version
    fleet.await_versions({})


def bad_canary(fleet: Fleet, scenario: Scenario) -> None:
    """Nothing but the canary host is touched."""
    canary = fleet.host(3).name
    done = fleet.start({**roll(fleet, fleet.next_version(), canary=canary), "fleet_bad_on": fleet.names}).end()
    expect(done, False, failed=[canary])
    fleet.await_versions({})


def bad_late(fleet: Fleet, scenario: Scenario) -> None:
    """All hosts that were updated before host 4 failed go back."""
    bad = fleet.host(4).name
    done = fleet.start({**roll(fleet, fleet.next_version(), "1, 2, 1, 100%"), "fleet_bad_on": [bad]}).end()
    expect(done, False, failed=[bad], returned=fleet.names[:3])
    fleet.await_versions({})


def down_before(fleet: Fleet, scenario: Scenario) -> None:
    """One may be unreachable: the others are updated, and the next run updates it."""
    host, version = fleet.host(2), fleet.next_version()
    with scenario.down(fleet, host):
        host.crash()
        done = fleet.start(roll(fleet, version, max_unreachable="20%")).end()
        expect(done, True, unreachable=[host.name], updated=[name for name in fleet.names if name != host.name])
        host.start()
        converge(fleet, version, [host.name])


def lost_in_the_middle(fleet: Fleet, scenario: Scenario) -> None:
    """The host is cut off during the rollout: those before it go back, and it is told apart; then all are brought to the version."""
    host, version = fleet.host(3), fleet.next_version()
    with scenario.down(fleet, host):
        run = fleet.start({**roll(fleet, version, "1, 1, 1, 100%"), "fleet_gate": LONG_GATE})
        fleet.await_candidate(host, version, run)
        host.cut()
        done = run.end()
        expect(done, False, returned=fleet.names[:2], unreachable=[host.name])
        host.heal()
    # With its connection lost the task on the host ran on, and may have come to its end there.
    settle(fleet, version, fleet_gate=LONG_GATE)


def rebooted(fleet: Fleet, scenario: Scenario) -> None:
    """The host loses its power during the rollout. It is found again on the way back, and the fleet is of one version."""
    host, version = fleet.engine_hosts("docker")[1], fleet.next_version()
    before = fleet.names[: fleet.names.index(host.name)]
    with scenario.down(fleet, host):
        run = fleet.start({**roll(fleet, version, "%d, 1, 100%%" % len(before)), "fleet_gate": LONG_GATE})
        fleet.await_candidate(host, version, run)
        host.crash()
        host.start()
        done = run.end()
        found = done.outcomes()
        told = {name: state for name, state in found.items() if name != host.name}
        if done.code == 0 or told != dict.fromkeys(before, "returned") or found.get(host.name) not in ("unchanged", "returned"):
            raise Broken("exit code %d and %s\n%s" % (done.code, found, done.log[-2500:]))
        settle(fleet, fleet.live)


def dead_engine(fleet: Fleet, scenario: Scenario) -> None:
    """One may fail: the others are updated, and when its engine is back the next run updates it."""
    host, version = fleet.engine_hosts("docker")[-1], fleet.next_version()
    with scenario.down(fleet, host):
        host.ssh("systemctl stop docker.socket docker.service", user="root")
        done = fleet.start(roll(fleet, version, max_failures=1)).end()
        expect(done, True, failed=[host.name], updated=[name for name in fleet.names if name != host.name])
        host.ssh("systemctl start docker.socket docker.service", user="root")
        host.engine("ps")
        converge(fleet, version, [host.name])


def full_disk(fleet: Fleet, scenario: Scenario) -> None:
    """The host with no space left fails and goes on serving; those before it go back."""
    host = next(host for host in fleet.hosts if host.spec.disk)
    before = fleet.names[: fleet.names.index(host.name)]
    host.ssh("dd if=/dev/zero of=/home/filler bs=64k 2>/dev/null; dd if=/dev/zero of=/home/filler2 bs=1 2>/dev/null; test -s /home/filler", user="root")
    try:
        done = fleet.start(roll(fleet, fleet.next_version(), "%d, 1, 100%%" % len(before) if before else "1")).end()
        # Without space Ansible may not even get as far as the module, and calls that unreachable.
        told = {name: state for name, state in done.outcomes().items() if name != host.name}
        if done.code == 0 or done.outcomes().get(host.name) not in ("failed", "unreachable") or told != dict.fromkeys(before, "returned"):
            raise Broken("exit code %d and %s\n%s" % (done.code, done.outcomes(), done.log[-2500:]))
    finally:
        host.ssh("rm -f /home/filler /home/filler2", user="root")
    fleet.await_versions({})


def two_controllers(fleet: Fleet, scenario: Scenario) -> None:
    """The second is told who rolls out, why and since when; the first is not disturbed."""
    version = fleet.next_version()
    first = fleet.start({**roll(fleet, version, "", reason="the first of two"), "fleet_gate": LONG_GATE})
    fleet.await_candidate(fleet.host(1), version, first)
    second = fleet.start(roll(fleet, fleet.next_version()), "--limit", fleet.names[-1]).end()
    text = " ".join(second.log.split())
    if second.code == 0 or "is being rolled out by" not in text or "for the first of two, since" not in text or second.outcomes():
        raise Broken("the second controller was not kept out as it must: %s" % second.log[-2500:])
    expect(first.end(), True, updated=fleet.names)
    fleet.live = version
    fleet.await_versions({})


def killed_controller(fleet: Fleet, scenario: Scenario) -> None:
    """kill -9 of the controller in the second batch; the same command again brings every host to the version."""
    version = fleet.next_version()
    run = fleet.start({**roll(fleet, version), "fleet_gate": LONG_GATE})
    fleet.await_candidate(fleet.host(2), version, run)
    run.kill()
    found = settle(fleet, version, fleet_gate=LONG_GATE)
    if found[fleet.names[0]] != "unchanged":
        raise Broken("the host of the first batch was %s by the second run" % found[fleet.names[0]])


# A survey sends every answer as a text, and what was left out as an empty one.
BLANK = {"rollout_canary": "", "rollout_max_failures": "", "rollout_max_unreachable": "", "rollout_batch_delay": "", "rollout_lease_break": "false"}


def awx_workflow(fleet: Fleet, scenario: Scenario) -> None:
    """ansible-runner, canary host and then the rest: the second run is given the first one's artifacts beside the answers."""
    version, canary = fleet.next_version(), fleet.names[0]
    answers = {**BLANK, "rollout_version": version, "rollout_batches": "1, 50%, 100%", "awx_job_id": 12, "awx_user_name": "kim"}
    first = fleet.start_job(answers, canary).end()
    expect_job(first, "successful", updated=[canary])
    second = fleet.start_job({**answers, **first["artifacts"]}).end()
    expect_job(second, "successful", unchanged=[canary], updated=fleet.names[1:])
    fleet.live = version
    fleet.await_versions({})


def awx_cancelled(fleet: Fleet, scenario: Scenario) -> None:
    """ansible-runner, cancelled in the second batch and launched again: every host comes to the version."""
    version = fleet.next_version()
    answers = {**BLANK, "rollout_version": version, "rollout_batches": BATCHES, "fleet_gate": str(LONG_GATE)}
    job = fleet.start_job(answers)
    fleet.await_candidate(fleet.host(2), version, job)
    job.cancel()
    done = job.end()
    if done["status"] != "canceled":
        raise Broken("a cancelled job ended as %s" % done["status"])
    again = fleet.start_job(answers).end()
    found = again["artifacts"]
    if again["status"] != "successful" or sorted(found["rollout_run_updated"] + found["rollout_run_unchanged"]) != fleet.names:
        raise Broken("the relaunch ended as %s: %s" % (again["status"], again["log"][-2500:]))
    fleet.live = version
    fleet.await_versions({})


def expect_job(done: Json, status: str, **outcomes: t.Sequence[str]) -> None:
    """How a job ended, and the hosts in its artifacts."""
    found = {state: done["artifacts"].get("rollout_run_" + state) for state in ("updated", "unchanged", "failed", "unreachable", "returned", "stuck")}
    if done["status"] != status or found != {**{state: [] for state in found}, **{state: sorted(names) for state, names in outcomes.items()}}:
        raise Broken("the job ended as %s with %s\n%s" % (done["status"], found, done["log"][-2500:]))


Work = t.Callable[[Fleet, Scenario], None]
SCENARIOS: dict[str, Work] = {
    "healthy rollout in batches, and again": healthy,
    "a candidate on every host, then live": staged,
    "hooks, and one of them that fails": hooks,
    "bad version found on the canary host": bad_canary,
    "bad version that only fails on host 4": bad_late,
    "host down before": down_before,
    "host lost in the middle": lost_in_the_middle,
    "host rebooted in the middle": rebooted,
    "engine dead on one": dead_engine,
    "disk full on one": full_disk,
    "two controllers at once": two_controllers,
    "controller killed -9 in the middle, and again": killed_controller,
    "ansible-runner: canary host, then the rest": awx_workflow,
    "ansible-runner: cancelled, and launched again": awx_cancelled,
}

# Most of what can go wrong, in a few minutes: what ./dev test has of it.
SHORT = (healthy, bad_canary, bad_late, lost_in_the_middle)
