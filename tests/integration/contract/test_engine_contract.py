# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine protocol against a real engine: both adapters must pass this one file.

Runs on the host that has the engine, as the user whose containers are meant:

    HOTSWAP_ENGINE=docker|podman HOTSWAP_IMAGE=REF python3 -m pytest test_engine_contract.py

The image must be on the host and hold a busybox-like /bin/sh, cat, sleep, echo and ls.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import ipaddress
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tarfile
import time
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._engine import podman_service, sockets
from ansible_collections.hotswap.containers.plugins.module_utils._engine.connect import connect
from ansible_collections.hotswap.containers.plugins.module_utils._engine.types import (
    Container,
    ContainerSpec,
    Engine,
    EngineSecret,
    Healthcheck,
    Mount,
    NetworkSpec,
    Publish,
    Ulimit,
)
from ansible_collections.hotswap.containers.plugins.module_utils._errors import EngineError, InvalidInput, NotFound

KIND = os.environ.get("HOTSWAP_ENGINE", "")
IMAGE = os.environ.get("HOTSWAP_IMAGE", "")
PODMAN = KIND == "podman"
RUN = "ct%d" % os.getpid()
MARK = {"hotswap.contract": RUN}
FOREVER = ("/bin/sh", "-c", "while :; do sleep 1; done")
IGNORES_TERM = ("/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done")

pytestmark = pytest.mark.skipif(not KIND or not IMAGE, reason="HOTSWAP_ENGINE and HOTSWAP_IMAGE say what to test")


def wait_for(condition: t.Callable[[], t.Any], seconds: float = 60.0) -> t.Any:
    """The condition's first true value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("not seen within %g s" % seconds)


@pytest.fixture(scope="module")
def engine() -> t.Iterator[Engine]:
    found = connect(KIND, None)
    yield found
    for container in found.containers(MARK):
        found.remove(container.id, force=True)
    for network in found.networks():
        if network.labels.get("hotswap.contract") == RUN:
            found.remove_network(network.name)
    found.close()


@pytest.fixture(scope="module")
def subnet(engine: Engine) -> ipaddress.IPv4Network:
    taken = {network.subnet for network in engine.networks()}
    return next(block for block in ipaddress.IPv4Network("10.231.0.0/16").subnets(new_prefix=24) if str(block) not in taken)


@pytest.fixture(scope="module")
def network(engine: Engine, subnet: ipaddress.IPv4Network) -> str:
    """A network whose lower half is ours to give out, and whose upper half is the engine's."""
    name = "%s-net" % RUN
    engine.create_network(NetworkSpec(name, subnet=str(subnet), ip_range=str(list(subnet.subnets())[1]), labels=MARK))
    return name


class Maker:
    """Makes containers that are removed after the test."""

    def __init__(self, engine: Engine, test: str) -> None:
        self._engine = engine
        self._test = test
        self.made: list[str] = []

    def __call__(self, start: bool = True, **fields: t.Any) -> Container:
        name = "%s-%s-%d" % (RUN, self._test, len(self.made))
        labels = {**MARK, **fields.pop("labels", {})}
        spec = ContainerSpec(**{"name": name, "image": IMAGE, "command": FOREVER, "labels": labels, **fields})
        self.made.append(spec.name)
        made = self._engine.create(spec)
        if start:
            self._engine.start(spec.name)
        return self.again(made)

    def again(self, container: Container) -> Container:
        found = self._engine.container(container.name)
        assert found is not None
        return found


@pytest.fixture
def make(engine: Engine, request: pytest.FixtureRequest) -> t.Iterator[Maker]:
    maker = Maker(engine, request.node.name.replace("test_", "").split("[")[0].replace("_", "-")[:24])
    yield maker
    for name in reversed(maker.made):
        engine.remove(name, force=True)


def inspect(container: Container) -> dict[str, t.Any]:
    """What the engine's own command line says, not the adapter."""
    said = subprocess.run([KIND, "inspect", container.id], check=True, stdout=subprocess.PIPE).stdout
    return t.cast("dict[str, t.Any]", json.loads(said)[0])


def inside(engine: Engine, container: Container, script: str) -> str:
    result = engine.execute(container.name, ["/bin/sh", "-c", script], 30)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_connected(engine: Engine) -> None:
    assert engine.kind == KIND
    assert engine.endpoint.startswith("unix:///")
    assert engine.rootless == (os.geteuid() != 0)


def test_the_other_engine_is_refused(engine: Engine) -> None:
    other = "docker" if PODMAN else "podman"
    with pytest.raises(InvalidInput, match="Set engine: %s" % KIND):
        connect(other, engine.endpoint)
    found = connect(None, engine.endpoint)
    assert found.kind == KIND
    found.close()


def test_process_settings(engine: Engine, make: Maker) -> None:
    made = make(
        entrypoint=("/bin/sh", "-c"),
        command=("while :; do sleep 1; done",),
        env={"GREETING": "Hi there", "EMPTY": ""},
        user="1:2",
        workdir="/tmp",
        hostname="greeter",
        init=True,
    )
    assert inside(engine, made, "echo $GREETING/$EMPTY") == "Hi there/"
    assert inside(engine, made, "grep ^Uid: /proc/self/status 2>/dev/null || cat /proc/self/status").find("Uid:\t1\t") >= 0
    assert inside(engine, made, "pwd") == "/tmp"
    assert inside(engine, made, "hostname") == "greeter"
    assert "init" in inside(engine, made, "cat /proc/1/cmdline") or "catatonit" in inside(engine, made, "cat /proc/1/comm")


def test_a_folder_is_read_out_of_what_never_ran(engine: Engine, make: Maker) -> None:
    made = make(start=False, command=("nothing",), network_mode="none")
    chunks = engine.archive(made.name, "/bin")
    assert chunks is not None
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as found:
        first, *rest = list(found)
        names = {one.name: one for one in rest}
        assert (first.name, first.isdir()) == ("bin", True)
        assert (names["bin/sh"].issym(), names["bin/sh"].linkname) == (True, "busybox")
        assert names["bin/busybox"].isreg() and found.extractfile(names["bin/busybox"]) is not None


def test_what_is_no_folder_is_told_by_the_archive(engine: Engine, make: Maker) -> None:
    made = make(start=False)
    assert engine.archive(made.name, "/nowhere/at/all") is None
    chunks = engine.archive(made.name, "/etc/passwd")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks or ()))) as found:
        assert [(one.name, one.isreg()) for one in found] == [("passwd", True)]


def test_no_entrypoint_is_the_image_s(make: Maker) -> None:
    made = make(command=None, start=False)
    assert inspect(made)["Config"]["Cmd"] == ["/bin/app"]


def test_isolation_settings(engine: Engine, make: Maker) -> None:
    made = make(
        cap_add=("NET_ADMIN",),
        cap_drop=("CHOWN", "MKNOD"),
        security_opt=("no-new-privileges",),
        read_only=True,
        devices=("/dev/null:/dev/nothing:rw",),
        ulimits=(Ulimit("nofile", 512, 1024), Ulimit("nproc", 4096, 8192)),
    )
    status = inside(engine, made, "cat /proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    bounding = int(fields["CapBnd"], 16)
    assert bounding & (1 << 12)  # CAP_NET_ADMIN
    assert not bounding & (1 << 0)  # CAP_CHOWN
    assert not bounding & (1 << 27)  # CAP_MKNOD
    assert fields["NoNewPrivs"].strip() == "1"
    assert engine.execute(made.name, ["touch", "/nothing"], 30).exit_code != 0
    assert inside(engine, made, "echo gone > /dev/nothing; ls -l /dev/nothing").startswith("c")
    assert "512                  1024" in inside(engine, made, "cat /proc/1/limits")


def test_mounts(engine: Engine, make: Maker, tmp_path: pathlib.Path) -> None:
    (tmp_path / "word").write_text("from the host")
    volume = "%s-vol" % RUN
    made = make(
        mounts=(
            Mount("bind", "/host", str(tmp_path), read_only=True),
            Mount("volume", "/volume", volume),
            Mount("tmpfs", "/scratch", size=1024 * 1024),
            Mount("bind", "/shared", str(tmp_path), options=("rshared",)),
        )
    )
    try:
        assert inside(engine, made, "cat /host/word") == "from the host"
        assert inside(engine, made, "cat /shared/word; touch /shared/made") == "from the host"
        assert (tmp_path / "made").exists()
        assert engine.execute(made.name, ["touch", "/host/x"], 30).exit_code != 0
        assert inside(engine, made, "touch /volume/x; ls /volume") == "x"
        assert "size=1024k" in next(line for line in inside(engine, made, "cat /proc/mounts").splitlines() if " /scratch tmpfs " in line)
    finally:
        engine.remove(made.name, force=True)
        subprocess.run([KIND, "volume", "rm", volume], check=True, stdout=subprocess.DEVNULL)


def test_names_and_logging(engine: Engine, make: Maker) -> None:
    made = make(
        extra_hosts={"db.example": "192.0.2.7"}, dns=("192.0.2.53",), log_driver="json-file", log_options={"max-size": "1m"}, restart_policy="on-failure:3"
    )
    assert "192.0.2.7" in inside(engine, made, "cat /etc/hosts")
    assert "192.0.2.53" in inside(engine, made, "cat /etc/resolv.conf")
    host = inspect(made)["HostConfig"]
    assert host["LogConfig"]["Type"] in ("json-file", "k8s-file")
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert (host["LogConfig"].get("Size") if PODMAN else host["LogConfig"]["Config"]["max-size"]) in ("1.048576MB", "1.049MB", "1m", "1MB")


def test_stop_settings(make: Maker) -> None:
    config = inspect(make(stop_signal="SIGUSR1", stop_timeout=3, start=False))["Config"]
    assert config["StopSignal"] in ("SIGUSR1", 10)
    assert config["StopTimeout"] == 3


def test_limits(engine: Engine, make: Maker) -> None:
    # Docker refuses cpus, and drops memory, where the kernel's controllers are not there.
    if not PODMAN:
        pytest.skip("needs the kernel's memory and cpu controllers on Docker")
    host = inspect(make(memory=64 * 1024 * 1024, cpus=0.5, start=False))["HostConfig"]
    assert host["Memory"] == 64 * 1024 * 1024
    assert host["CpuQuota"] == 50000


@pytest.mark.parametrize("mode", ["none", "host", "container"])
def test_network_modes(engine: Engine, make: Maker, mode: str) -> None:
    first = make()
    made = make(network_mode="container:%s" % first.name if mode == "container" else mode)
    same = os.readlink("/proc/self/ns/net" if mode == "host" else "/proc/%d/ns/net" % first.pid)
    assert (os.readlink("/proc/%d/ns/net" % made.pid) == same) == (mode != "none")


def test_record(engine: Engine, make: Maker, network: str) -> None:
    port = free_port()
    wanted = (Publish("127.0.0.1", port, 8080), Publish("", free_port(), 8081, "udp"))
    created = make(network=network, publish=wanted, labels={"a": "1"}, start=False)
    image = engine.image(IMAGE)
    assert image is not None
    assert (created.state, created.running, created.pid, created.started_at) == ("created", False, 0, "")
    assert created.image_id == image.id
    assert created.image == IMAGE
    assert created.labels["a"] == "1"
    assert not engine_sees(engine, created)
    engine.start(created.name)
    made = make.again(created)
    assert (made.state, made.running, made.restart_count, made.health, made.has_healthcheck) == ("running", True, 0, "", False)
    assert made.pid > 0
    assert pathlib.Path("/proc/%d" % made.pid).exists()
    assert made.started_at.startswith("20")
    assert made.created_at.startswith("20")
    assert set(made.publish) == set(wanted)
    assert {each for name, each in engine.published() if name == made.name} == set(wanted)
    assert made.networks[network]
    engine.kill(made.name, "SIGKILL")
    wait_for(lambda: make.again(made).state == "exited")
    ended = make.again(made)
    assert ended.exit_code == 137
    assert ended.pid == 0
    assert ended.finished_at.startswith("20")
    assert ended.networks == {network: ""}


def engine_sees(engine: Engine, container: Container) -> list[Publish]:
    return [port for name, port in engine.published() if name == container.name]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_labels_are_anded(engine: Engine, make: Maker) -> None:
    both = make(labels={"x.a": "1", "x.b": "2"}, start=False)
    only_a = make(labels={"x.a": "1", "x.b": "3"}, start=False)
    make(labels={"x.c": "1"}, start=False)
    found = {container.name for container in engine.containers({**MARK, "x.a": "1", "x.b": "2"})}
    assert found == {both.name}
    assert {container.name for container in engine.containers({**MARK, "x.b": ""})} == {both.name, only_a.name}
    assert engine.containers({**MARK, "x.a": "nothing"}) == []


def test_fixed_address_survives_a_crash(engine: Engine, make: Maker, network: str, subnet: ipaddress.IPv4Network) -> None:
    address = str(subnet[20])
    made = make(network=network, address=address, aliases=("greet",), restart_policy="always")
    assert made.networks == {network: address}
    mac = inside(engine, made, "cat /sys/class/net/eth0/address")
    os.kill(made.pid, signal.SIGKILL)

    def restarted() -> Container | None:
        now = make.again(made)
        return now if now.running and now.pid not in (0, made.pid) else None

    now = wait_for(restarted)
    assert now.networks == {network: address}
    assert inside(engine, now, "cat /sys/class/net/eth0/address") == mac
    assert mac == "02:42:" + ":".join("%02x" % byte for byte in subnet[20].packed)
    asking = make(network=network)
    assert address in inside(engine, asking, "nslookup greet 2>&1 || true")


def test_reconnect_changes_the_aliases_and_nothing_else(engine: Engine, make: Maker, network: str, subnet: ipaddress.IPv4Network) -> None:
    address = str(subnet[12])
    made = make(network=network, address=address)
    before = _mac(engine, made)
    assert "greet" not in made.aliases[network]
    for aliases in (("greet", "salve"), ()):
        engine.reconnect(made.name, network, address, aliases)
        now = make.again(made)
        assert {"greet", "salve"} & set(now.aliases[network]) == set(aliases)
        assert now.networks[network] == address
        assert now.started_at == made.started_at
        assert _mac(engine, now) == before
    with pytest.raises(NotFound):
        engine.reconnect("%s-nobody" % RUN, network, address, ())


def _mac(engine: Engine, container: Container) -> str:
    return engine.execute(container.name, ["/bin/sh", "-c", "cat /sys/class/net/eth*/address"], 20.0).output


def test_network(engine: Engine, make: Maker, network: str, subnet: ipaddress.IPv4Network) -> None:
    found = engine.network(network)
    assert found is not None
    assert (found.name, found.driver, found.subnet, found.gateway, found.internal) == (network, "bridge", str(subnet), str(subnet[1]), False)
    upper = list(subnet.subnets())[1]
    assert found.ip_range == str(upper)
    assert found.labels["hotswap.contract"] == RUN
    given = make(network=network)
    assert ipaddress.ip_address(given.networks[network]) in upper
    stopped = make(network=network, address=str(subnet[9]), start=False)
    here = engine.network(network)
    assert here is not None
    assert here.addresses == {given.name: given.networks[network]}
    assert here == next(each for each in engine.networks() if each.name == network)
    assert {given.networks[network], str(subnet[9])} <= engine.all_addresses(network)
    assert stopped.state == "created"


def test_network_names_are_unique_and_exact(engine: Engine, network: str) -> None:
    with pytest.raises(EngineError, match="creating network %s on %s" % (network, KIND)):
        engine.create_network(NetworkSpec(network, labels=MARK))
    found = engine.network(network)
    assert found is not None
    assert [each.name for each in engine.networks()].count(network) == 1
    assert engine.network(network[:-1]) is None
    assert engine.network(found.id[:10]) is None
    engine.remove_network("%s-none" % RUN)


def test_internal_network_without_subnet(engine: Engine) -> None:
    name = "%s-inner" % RUN
    made = engine.create_network(NetworkSpec(name, internal=True, labels=MARK))
    assert made.internal
    assert made.subnet
    engine.remove_network(name)
    assert engine.network(name) is None


def test_execute(engine: Engine, make: Maker) -> None:
    made = make()
    assert engine.execute(made.name, ["sh", "-c", "echo out; echo err >&2; exit 7"], 30).exit_code == 7
    result = engine.execute(made.name, ["sh", "-c", "echo out; echo err >&2"], 30)
    assert (result.exit_code, sorted(result.output.split())) == (0, ["err", "out"])
    assert engine.execute(made.name, ["sh", "-c", "printf 'caf\\351'"], 30).output == "caf�"
    assert engine.execute(made.name, ["true"], 30).output == ""
    many = engine.execute(made.name, ["sh", "-c", "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done"], 60)
    assert many.output.splitlines() == ["line %d" % number for number in range(3000)]


def test_execute_what_is_not_there(engine: Engine, make: Maker) -> None:
    made = make()
    result = engine.execute(made.name, ["/bin/no-such-program"], 30)
    assert result.exit_code in (126, 127)  # as shells have it; Docker says 126
    assert "no-such-program" in result.output


def test_execute_runs_out_of_time(engine: Engine, make: Maker) -> None:
    made = make()
    with pytest.raises(EngineError, match=r"did not end within 1 s \(while running sleep in container"):
        engine.execute(made.name, ["sleep", "4711"], 1)
    # Its process is gone too: a check that hangs must not pile up.
    wait_for(lambda: "4711" not in engine.execute(made.name, ["ps"], 30).output)


def test_logs(engine: Engine, make: Maker) -> None:
    made = make(command=("/bin/sh", "-c", "echo one; echo two >&2; printf 'caf\\351\\n'; exec sleep 1000"))
    wait_for(lambda: len(engine.logs(made.name, 10)) >= 3)
    assert sorted(engine.logs(made.name, 10)) == ["caf�", "one", "two"]
    assert len(engine.logs(made.name, 2)) == 2


@pytest.mark.parametrize(("test", "verdict"), [("true", "healthy"), ("false", "unhealthy")])
def test_health(engine: Engine, make: Maker, test: str, verdict: str) -> None:
    check = Healthcheck(("CMD-SHELL", test), interval=1, timeout=5, retries=1)
    made = make(healthcheck=check)
    assert made.has_healthcheck
    assert made.health in ("starting", verdict)
    wait_for(lambda: engine.health(made.name) == verdict)
    assert make.again(made).health == verdict
    assert inspect(made)["Config"]["Healthcheck"]["Interval"] == 1_000_000_000


def test_health_without_a_check(engine: Engine, make: Maker) -> None:
    assert engine.health(make().name) == ""
    switched_off = make(healthcheck=Healthcheck(("NONE",)))
    assert not switched_off.has_healthcheck
    assert engine.health(switched_off.name) == ""


def test_stop(engine: Engine, make: Maker) -> None:
    rude = make(command=IGNORES_TERM, stop_timeout=1)
    engine.stop(rude.name, 0)
    assert (make.again(rude).state, make.again(rude).exit_code) == ("exited", 137)
    engine.stop(rude.name, 1)
    own_time = make(command=IGNORES_TERM, stop_timeout=1)
    engine.stop(own_time.name, None)
    assert make.again(own_time).exit_code == 137
    graceful = make(command=("/bin/sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"))
    wait_for(lambda: "sleep" in engine.execute(graceful.name, ["ps"], 30).output)
    engine.stop(graceful.name, 20)
    assert make.again(graceful).exit_code == 3
    engine.start(graceful.name)
    assert make.again(graceful).running
    engine.stop(make(start=False).name, 1)


def test_remove(engine: Engine, make: Maker) -> None:
    made = make()
    with pytest.raises(EngineError, match="removing container %s on %s at unix://" % (made.name, KIND)):
        engine.remove(made.name)
    engine.remove(made.name, force=True)
    assert engine.container(made.name) is None
    engine.remove(made.name)
    engine.remove(made.name, force=True)
    stopped = make(start=False)
    engine.remove(stopped.name)
    assert engine.container(stopped.name) is None


def test_part_of_an_id_is_no_name(engine: Engine, make: Maker) -> None:
    made = make(start=False)
    part = made.id[:12]
    assert engine.container(part) is None
    engine.remove(part, force=True)
    assert engine.container(made.name) == made
    assert engine.container(made.id) == made
    with pytest.raises(NotFound):
        engine.start(part)


def test_what_is_not_there(engine: Engine) -> None:
    name = "%s-nobody" % RUN
    assert engine.container(name) is None
    assert engine.image("localhost/%s:none" % RUN) is None
    calls: list[t.Callable[[], t.Any]] = [
        lambda: engine.start(name),
        lambda: engine.stop(name, 1),
        lambda: engine.kill(name, "SIGTERM"),
        lambda: engine.logs(name, 5),
        lambda: engine.health(name),
        lambda: engine.execute(name, ["true"], 5),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="container %s on %s at %s" % (name, KIND, engine.endpoint)):
            call()
    with pytest.raises(NotFound, match="creating container %s" % name):
        engine.create(ContainerSpec(name, "localhost/%s:none" % RUN, labels=MARK))


def test_name_clash_and_no_secret_in_errors(engine: Engine, make: Maker) -> None:
    made = make(start=False)
    with pytest.raises(EngineError, match="in use") as caught:
        engine.create(ContainerSpec(made.name, IMAGE, labels=MARK, env={"PASSWORD": "s3cret-word"}))
    assert "s3cret-word" not in str(caught.value)


def test_secrets_of_the_engine(engine: Engine, make: Maker) -> None:
    name = "%s-secret" % RUN
    wanted = (EngineSecret(name, "/run/secrets/word", 0o400, 33, 34), EngineSecret(name + "2", "/etc/greet/word"))
    if not PODMAN:
        for refused in (lambda: engine.secret(name), lambda: make(secrets=wanted)):
            with pytest.raises(InvalidInput, match="Docker keeps secrets for Swarm only"):
                refused()
        return
    assert engine.secret(name) is None
    try:
        for each in wanted:
            _podman_secret(each.source, "opaque-word")
        before = engine.secret(name)
        made = make(secrets=wanted)
        seen = "stat -c '%a %u %g' /run/secrets/word; cat /run/secrets/word /etc/greet/word; stat -c %a /etc/greet/word"
        assert engine.execute(made.name, ["/bin/sh", "-c", seen], 30).output.split() == ["400", "33", "34", "opaque-wordopaque-word444"]
        subprocess.run(["podman", "secret", "rm", name], check=True, stdout=subprocess.DEVNULL)
        _podman_secret(name, "another-word")
        assert before and engine.secret(name) not in (None, before)
        engine.stop(made.name, 1)
        engine.start(made.name)
        # What it was made with is its own.
        assert engine.execute(made.name, ["cat", "/run/secrets/word"], 30).output == "opaque-word"
        with pytest.raises(EngineError, match="creating container"):
            make(secrets=(EngineSecret(name + "-nobody", "/word"),))
    finally:
        subprocess.run(["podman", "secret", "rm", *(each.source for each in wanted)], check=False, capture_output=True)


def _podman_secret(name: str, word: str) -> None:
    subprocess.run(["podman", "secret", "create", name, "-"], input=word.encode(), check=True, stdout=subprocess.DEVNULL)


def test_execute_in_a_stopped_container(engine: Engine, make: Maker) -> None:
    with pytest.raises(EngineError, match="running true in container"):
        engine.execute(make(start=False).name, ["true"], 10)


def test_image(engine: Engine) -> None:
    found = engine.image(IMAGE)
    assert found is not None
    assert found.id.startswith("sha256:")
    assert IMAGE in found.refs
    assert found.size > 0
    assert engine.image(found.id) == found
    assert not found.has_healthcheck


def test_images(engine: Engine) -> None:
    found = engine.image(IMAGE)
    assert found is not None
    assert len(found.layers) == 1
    assert found.platform.startswith("linux/")
    assert found in engine.images()
    assert len(engine.layer_sizes(found.id)) == 1
    assert engine.layer_sizes("sha256:" + "0" * 64) == ()


def test_a_name_is_given_and_taken(engine: Engine, make: Maker) -> None:
    ref = "localhost/%s:name" % RUN
    image = engine.image(IMAGE)
    assert image is not None
    for _time in range(2):
        engine.tag(image.id, ref)
    assert getattr(engine.image(ref), "id", "") == image.id
    # A container of the image does not keep a name of several.
    make()
    for _time in range(2):
        engine.remove_image(ref)
    assert engine.image(ref) is None
    assert getattr(engine.image(IMAGE), "id", "") == image.id
    with pytest.raises(NotFound):
        engine.tag("sha256:" + "0" * 64, ref)


def _archive(words: bytes) -> tuple[str, list[bytes]]:
    """An image of one small layer as a docker-archive in chunks, and its id."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, "words", words)
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/words"]}, "rootfs": {"type": "layers", "diff_ids": [_digest(layer.getvalue())]}}
    text = json.dumps(config).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        _add(tar, "c.json", text)
        _add(tar, "l/layer.tar", layer.getvalue())
        _add(tar, "manifest.json", json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["l/layer.tar"]}]).encode())
    data = out.getvalue()
    return _digest(text), [data[at : at + 1000] for at in range(0, len(data), 1000)]


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_an_image_without_a_name_is_loaded_and_removed_with_its_last(engine: Engine, make: Maker) -> None:
    ref = "localhost/%s:loaded" % RUN
    image_id, chunks = _archive(RUN.encode())
    for _time in range(2):
        engine.load(iter(chunks))
    found = engine.image(image_id)
    assert found is not None
    assert found.refs == ()
    assert found.platform == "linux/amd64"
    assert found.size > 0
    assert sum(engine.layer_sizes(image_id)) in range(found.size + 1)
    engine.tag(image_id, ref)
    user = make(start=False, image=ref)
    with pytest.raises(EngineError, match="removing image %s on %s" % (ref, KIND)):
        engine.remove_image(ref)
    assert getattr(engine.image(ref), "id", "") == image_id
    engine.remove(user.name, force=True)
    engine.remove_image(ref)
    assert engine.image(image_id) is None


def test_what_is_no_archive_is_not_loaded(engine: Engine) -> None:
    with pytest.raises(EngineError, match="loading an image on %s" % KIND):
        engine.load([b"no archive"])


def test_an_error_of_the_archive_s_source_is_raised(engine: Engine) -> None:
    def broken() -> t.Iterator[bytes]:
        yield b"x" * 1000
        raise InvalidInput("the layer is damaged")

    with pytest.raises(InvalidInput, match="the layer is damaged"):
        engine.load(broken())


def test_storage(engine: Engine) -> None:
    found = engine.storage()
    assert pathlib.Path(found.folder).is_absolute()
    assert found.architecture in ("amd64", "x86_64", "arm64", "aarch64")
    assert found.by_config


def test_pull_from_nowhere(engine: Engine) -> None:
    ref = "127.0.0.1:1/nowhere/app:1"
    with pytest.raises(EngineError, match=r"refused.*while pulling image %s on %s.*\. Check the name.*send the image with" % (ref, KIND)):
        engine.pull(ref)


@pytest.mark.skipif(not PODMAN, reason="Podman only")
def test_transient_service_outlives_its_idle_time() -> None:
    service = podman_service.PodmanService(os.environ, idle_seconds=1)
    try:
        assert pathlib.Path(service.path).parent.stat().st_mode & 0o777 == 0o700
        assert sockets.ping(service.path) == "podman"
        time.sleep(4)  # what is to be seen is that nothing happens
        assert sockets.ping(service.path) == "podman"
    finally:
        service.close()
    assert not pathlib.Path(service.path).parent.exists()
    service.close()


@pytest.mark.skipif(not PODMAN, reason="Podman only")
def test_transient_service_ends_when_its_module_is_killed() -> None:
    script = (
        "import os, sys, time\n"
        "from ansible_collections.hotswap.containers.plugins.module_utils._engine.podman_service import PodmanService\n"
        "service = PodmanService(os.environ, idle_seconds=1)\n"
        "print(service.path, flush=True)\n"
        "time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        path = child.stdout.readline().decode().strip()
        assert sockets.ping(path) == "podman"
        child.kill()
    wait_for(lambda: not os.path.exists(path))
    os.rmdir(os.path.dirname(path))


def test_a_record_has_no_environment() -> None:
    # Records go into results and diffs: no field may carry the environment.
    assert not {"env", "environment"} & {field.name for field in dataclasses.fields(Container)}
