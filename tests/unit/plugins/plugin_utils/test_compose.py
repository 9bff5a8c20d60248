# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each key of a Compose file: what it becomes, or that it is refused by name."""

from __future__ import annotations

import pathlib
import tempfile
import typing as t

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hotswap.containers.plugins.module_utils._errors import InvalidInput
from ansible_collections.hotswap.containers.plugins.plugin_utils import _compose
from ansible_collections.hotswap.containers.plugins.plugin_utils._compose_refused import REFUSED, REFUSED_DEPLOY, REFUSED_TOP
from ansible_collections.hotswap.containers.plugins.plugin_utils._compose_service import TAKEN

Json = t.Dict[str, t.Any]


class Folder:
    """A folder with a Compose file, and what comes of that."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def rollout(self, text: str, asked: _compose.Asked | None = None, **environ: str) -> Json:
        (self.path / "compose.yaml").write_text(text)
        return _compose.rollout(str(self.path / "compose.yaml"), asked or _compose.Asked(), environ)

    def project(self, top: Json, **environ: str) -> Json:
        return self.rollout(yaml.safe_dump({"name": "shop", **top}, sort_keys=False), **environ)

    def service(self, keys: Json, top: Json | None = None, asked: _compose.Asked | None = None, **environ: str) -> Json:
        """The item of one service with these keys."""
        text = yaml.safe_dump({"name": "shop", "services": {"web": {"image": "greet:1", **keys}}, **(top or {})})
        return t.cast(Json, self.rollout(text, asked, **environ)["services"][0])

    def refused(self, keys: Json, top: Json | None = None) -> str:
        """How a service with these keys is refused."""
        with pytest.raises(InvalidInput) as error:
            self.service(keys, top)
        assert error.value.fix, "it does not say what to do: %s" % error.value
        return str(error.value)


@pytest.fixture(name="folder")
def _folder(tmp_path: pathlib.Path) -> Folder:
    return Folder(tmp_path)


ALONE = {"name": "shop-web", "image": "greet:1", "network": "shop_default", "proxy": ""}
HEALTH = {"test": ["CMD", "true"], "interval": "1m30s", "timeout": "500ms", "retries": 2, "start_period": "5s"}


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ({}, {}),
        ({"command": "run 'a b' --x=$$HOME"}, {"command": ["run", "a b", "--x=$HOME"]}),
        ({"command": ["run", "a b", 5]}, {"command": ["run", "a b", "5"]}),
        ({"command": None}, {}),
        ({"entrypoint": ["/in it"]}, {"entrypoint": ["/in it"]}),
        ({"environment": {"A": 1.5, "B": True, "C": None, "D": None}}, {"env": {"A": "1.5", "B": "true", "C": "from outside"}}),
        ({"environment": ["A=x=y", "B=", "C", "D"]}, {"env": {"A": "x=y", "B": "", "C": "from outside"}}),
        ({"labels": {"a": 1}}, {"labels": {"a": "1"}}),
        ({"labels": ["a=b", "c"]}, {"labels": {"a": "b", "c": ""}}),
        ({"user": 1000}, {"user": "1000"}),
        ({"working_dir": "/srv"}, {"workdir": "/srv"}),
        ({"hostname": "h"}, {"hostname": "h"}),
        ({"stop_signal": "SIGQUIT"}, {"stop_signal": "SIGQUIT"}),
        ({"stop_grace_period": "1m1.5s"}, {"stop_timeout": 62}),
        ({"restart": "no"}, {"restart_policy": "no"}),
        ({"restart": "on-failure"}, {"restart_policy": "on-failure"}),
        ({"pull_policy": "never"}, {"pull": "never"}),
        ({"pull_policy": "if_not_present"}, {"pull": "missing"}),
        ({"scale": "3"}, {"replicas": 3}),
        ({"tmpfs": "/x:size=1m"}, {"tmpfs": ["/x:size=1m"]}),
        ({"cap_add": ["NET_ADMIN"], "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}, None),
        ({"read_only": True, "init": True}, {"read_only": True, "init": True}),
        ({"devices": ["/dev/null:/dev/x"]}, {"devices": ["/dev/null:/dev/x"]}),
        ({"ulimits": {"nproc": 3, "nofile": {"soft": 1, "hard": 2}}}, {"ulimits": ["nofile:1:2", "nproc:3:3"]}),
        ({"extra_hosts": ["a:1.2.3.4", "b=[::1]"]}, {"extra_hosts": {"a": "1.2.3.4", "b": "::1"}}),
        ({"extra_hosts": {"a": "1.2.3.4"}}, {"extra_hosts": {"a": "1.2.3.4"}}),
        ({"dns": "9.9.9.9"}, {"dns": ["9.9.9.9"]}),
        ({"logging": {"driver": "journald", "options": {"tag": 1}}}, {"log_driver": "journald", "log_options": {"tag": "1"}}),
        ({"mem_limit": "50M", "cpus": "0.5"}, {"memory": "50M", "cpus": 0.5}),
        ({"privileged": False, "tty": False, "sysctls": None}, {}),
        ({"healthcheck": {"disable": True}}, {"healthcheck": {"test": ["NONE"]}}),
        ({"healthcheck": {"test": ["NONE"]}}, {"healthcheck": {"test": ["NONE"]}}),
        (
            {"healthcheck": HEALTH},
            {
                "healthcheck": {"test": ["CMD", "true"], "interval": "90s", "timeout": "0.5s", "retries": 2, "start_period": "5s"},
                "gate": {"engine": True, "deadline": "306.5"},
            },
        ),
        (
            {"healthcheck": {"test": "curl -f x"}},
            {"healthcheck": {"test": ["CMD-SHELL", "curl -f x"], "retries": 3}, "gate": {"engine": True, "deadline": "270"}},
        ),
        ({"expose": ["8282", "99/udp"]}, {"port": 8282, "alias": "web"}),
        ({"expose": ["99/udp"]}, {}),
        ({"ports": ["8080:80"]}, {"port": 80, "proxy": "shop"}),
        ({"ports": [{"target": 80, "published": "8080", "host_ip": "127.0.0.1", "mode": "host"}]}, {"port": 80, "proxy": "shop"}),
        ({"ports": ["53:53", "53:53/udp"], "x-hotswap": {"by": "redirect"}}, {"port": 53, "redirect": {"port": 53, "protocols": ["tcp", "udp"]}}),
        (
            {"ports": ["10.0.0.1:53:5353/udp"], "x-hotswap": {"by": "redirect"}},
            {"port": 5353, "redirect": {"port": 53, "protocols": ["udp"], "addresses": ["10.0.0.1"]}},
        ),
        ({"network_mode": "host"}, {"network_mode": "host", "network": ""}),
        ({"networks": {"default": {"aliases": ["web"]}}}, {}),
        ({"deploy": {"mode": "replicated", "replicas": 2}}, {"replicas": 2}),
        ({"deploy": {"update_config": {"order": "start-first"}}}, {"order": "start_first"}),
        ({"deploy": {"update_config": {"order": "stop-first"}}}, {"order": "stop_first"}),
        ({"deploy": {"update_config": {"monitor": "1m"}}}, {"bake": {"time": "60"}}),
        ({"deploy": {"update_config": {"parallelism": 0, "delay": "10s", "failure_action": "rollback", "max_failure_ratio": 0}}}, {}),
        ({"deploy": {"replicas": 2, "update_config": {"parallelism": 2}}}, {"replicas": 2}),
        ({"scale": 2, "deploy": {"update_config": {"parallelism": 2}}}, {"replicas": 2}),
        ({"deploy": {"resources": {"limits": {"cpus": "0.5", "memory": "50M"}}}}, {"cpus": 0.5, "memory": "50M"}),
        ({"deploy": {"restart_policy": {"condition": "any"}}}, {"restart_policy": "always"}),
        ({"deploy": {"restart_policy": {"condition": "none"}}}, {"restart_policy": "no"}),
        ({"x-anything": {"a": "${unread"}}, {}),
        ({"x-hotswap": {"keep": 2, "drain_timeout": 5}}, {"keep": 2, "drain_timeout": 5}),
        ({"healthcheck": {"test": "x"}, "x-hotswap": {"gate": {"tcp": True}}}, None),
    ],
)
def test_what_a_key_becomes(folder: Folder, keys: Json, options: Json | None) -> None:
    found = folder.service(keys, C="from outside")
    if options is None:
        options = {key: value for key, value in keys.items() if not key.startswith(("x-", "healthcheck"))} | keys.get("x-hotswap", {})
        assert {key: found[key] for key in options} == options
    else:
        assert found == {**ALONE, **options}


TAKEN_VALUES = {"image": "", "profiles": "", "depends_on": "", "env_file": "", "volumes": "", "secrets": ""}


def test_every_key_that_is_taken_is_tried() -> None:
    marks: t.Any = test_what_a_key_becomes
    tried = {key for case in marks.pytestmark[0].args[1] for key in case[0]}
    assert set(TAKEN) - tried - set(TAKEN_VALUES) == set()


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        *[({key: "x"}, "compose.yaml: services.web.%s: not supported" % key) for key in REFUSED],
        *[({"deploy": {key: {"a": "b"}}}, "compose.yaml: services.web.deploy.%s: not supported" % key) for key in REFUSED_DEPLOY],
        ({"imag": "x"}, "services.web.imag: this is no key"),
        ({"image": None}, "services.web.image: not given"),
        ({"command": ""}, "services.web.command: an empty command"),
        ({"entrypoint": []}, "services.web.entrypoint: an empty entrypoint"),
        ({"command": "a 'b"}, "services.web.command: a quote is not closed"),
        ({"command": {"a": 1}}, "services.web.command: it must be one text"),
        ({"environment": "A=1"}, "services.web.environment: it must be a mapping or a list"),
        ({"environment": {"A": ["x"]}}, "services.web.environment.A: it must be one text"),
        ({"env_file": "none.env"}, "services.web.env_file[0]: there is no file none.env"),
        ({"env_file": [{"path": "none.env", "format": "raw"}]}, "services.web.env_file[0].format: not supported"),
        ({"ports": ["3000"]}, "services.web.ports[0]: no port of the host is named for 3000"),
        ({"ports": ["127.0.0.1::80"]}, "services.web.ports[0]: no port of the host"),
        ({"ports": ["8000-8001:80-81"]}, "services.web.ports[0]: ranges"),
        ({"ports": ["8080:80/sctp"]}, "services.web.ports[0].protocol: sctp is not supported"),
        ({"ports": ["8080:99999"]}, "services.web.ports[0]: 99999 is not a port"),
        ({"ports": ["a:b"]}, "services.web.ports[0]: a:b is not a port"),
        ({"ports": ["53:53/udp"]}, "services.web.ports: UDP does not go through a proxy"),
        ({"ports": ["80:80", "81:81"]}, "services.web.ports: 80 and 81 are published"),
        ({"ports": ["80:80", "81:80"], "x-hotswap": {"by": "redirect"}}, "services.web.ports: a redirect needs one published port"),
        ({"ports": [{"target": 80, "published": 80, "app_protocol": "smtp"}]}, "ports[0].app_protocol: smtp does not go through"),
        ({"ports": [{"published": 80}]}, "services.web.ports[0]: target is not given"),
        ({"ports": ["80:80"], "network_mode": "host"}, "services.web.ports: with network_mode nothing is published"),
        ({"network_mode": "service:db"}, "services.web.network_mode: service:db is not supported"),
        ({"networks": ["a", "b"]}, "services.web.networks: a service is on one network here, not on 2"),
        ({"networks": ["nowhere"]}, "networks: the network nowhere is not declared"),
        ({"networks": {"default": {"aliases": ["other"]}}}, "services.web.networks.default.aliases: not supported"),
        ({"networks": {"default": {"ipv4_address": "1.2.3.4"}}}, "services.web.networks.default.ipv4_address: not supported"),
        ({"volumes": ["/data"]}, "services.web.volumes[0]: the volume at /data has no name"),
        ({"volumes": ["data:/data"]}, "services.web.volumes[0]: the volume data is not among the volumes"),
        ({"volumes": ["./x:/x"]}, "services.web.volumes[0]: ./x is relative to the file"),
        ({"volumes": ["~/x:/x"]}, "services.web.volumes[0]: ~/x depends on who asks"),
        ({"volumes": ["/x:/x:cached"]}, "services.web.volumes[0]: cached is not supported"),
        ({"volumes": [{"type": "cluster", "target": "/x"}]}, "services.web.volumes[0].type: cluster is not supported"),
        ({"volumes": [{"type": "volume", "target": "/x"}]}, "services.web.volumes[0]: the volume at /x has no name"),
        ({"volumes": [{"type": "bind", "source": "/x", "target": "/x", "bind": {"propagation": "shared"}}]}, "volumes[0].bind.propagation: not supported"),
        ({"volumes": [{"type": "tmpfs", "target": "/x", "volume": {"nocopy": True}}]}, "volumes[0].volume.nocopy: not supported"),
        ({"healthcheck": {"interval": "1s"}}, "services.web.healthcheck.test: not given"),
        ({"healthcheck": {"test": ["curl"]}}, "services.web.healthcheck.test: curl is not supported"),
        ({"healthcheck": {"test": "x", "start_interval": "1s"}}, "services.web.healthcheck.start_interval: not supported"),
        ({"healthcheck": {"test": "x", "interval": "often"}}, "services.web.healthcheck.interval: often is not a duration"),
        ({"stop_grace_period": "10"}, "services.web.stop_grace_period: 10 is not a duration"),
        ({"restart": False}, "services.web.restart: without quotes this is false"),
        ({"restart": "on-failure:3"}, "services.web.restart: a number of tries"),
        ({"pull_policy": "always"}, "services.web.pull_policy: always is not supported"),
        ({"scale": 0}, "services.web.scale: 0 instances are none"),
        ({"scale": 2, "deploy": {"replicas": 3}}, "services.web.deploy.replicas: scale says otherwise"),
        ({"deploy": {"replicas": "two"}}, "services.web.deploy.replicas: two is not a whole number"),
        ({"deploy": {"mode": "global"}}, "services.web.deploy.mode: global is not supported"),
        ({"deploy": {"replica": 1}}, "services.web.deploy.replica: not supported"),
        ({"deploy": {"replicas": 3, "update_config": {"parallelism": 2}}}, "update_config.parallelism: 2 of 3 instances at a time cannot be honoured"),
        ({"deploy": {"update_config": {"order": "any"}}}, "services.web.deploy.update_config.order: any is not supported"),
        ({"deploy": {"update_config": {"failure_action": "pause"}}}, "services.web.deploy.update_config.failure_action: pause is not supported"),
        ({"deploy": {"update_config": {"failure_action": "continue"}}}, "update_config.failure_action: continue is not supported"),
        ({"deploy": {"update_config": {"max_failure_ratio": 0.1}}}, "update_config.max_failure_ratio: no instance may fail"),
        ({"deploy": {"resources": {"reservations": {"cpus": 1}}}}, "services.web.deploy.resources.reservations: not supported"),
        ({"deploy": {"resources": {"limits": {"pids": 1}}}}, "services.web.deploy.resources.limits.pids: not supported"),
        ({"deploy": {"restart_policy": {"condition": "any", "delay": "5s"}}}, "services.web.deploy.restart_policy.delay: not supported"),
        ({"depends_on": ["db"]}, "services.web.depends_on.db: there is no such service"),
        ({"depends_on": {"web": {"condition": "service_completed_successfully"}}}, "depends_on.web.condition: service_completed_successfully"),
        ({"depends_on": {"web": {"restart": True}}}, "services.web.depends_on.web.restart: not supported"),
        ({"depends_on": ["web"]}, "services.web.depends_on: web, web need each other"),
        ({"read_only": "maybe"}, "services.web.read_only: maybe is neither true nor false"),
        ({"x-hotswap": {"by": "magic"}}, "services.web.x-hotswap.by: magic is not supported"),
        ({"x-hotswap": {"nonsense": 1}}, "services.web.x-hotswap.nonsense: not supported"),
        ({"x-hotswap": {"name": "other"}}, "services.web.x-hotswap.name: not supported"),
        ({"user": "${NAME:?who}"}, "compose.yaml: services.web.user: the variable NAME is required: who"),
        ({"command": ["a", "${NAME"]}, "compose.yaml: services.web.command[1]: ${NAME is no variable"),
    ],
)
def test_what_is_refused_by_name(folder: Folder, keys: Json, says: str) -> None:
    assert says in folder.refused(keys)


@pytest.mark.parametrize(
    ("top", "says"),
    [
        *[({key: {"a": {}}}, "compose.yaml: %s: not supported" % key) for key in REFUSED_TOP],
        ({"servces": {}}, "compose.yaml: servces: this is no key"),
        ({"name": "Shop"}, "compose.yaml: name: 'Shop' is no name of a project"),
        ({"volumes": {"data": {"driver": "nfs"}}}, "compose.yaml: volumes.data.driver: nfs is not supported"),
        ({"volumes": {"data": {"driver_opts": {}}}}, "compose.yaml: volumes.data.driver_opts: not supported"),
        ({"networks": {"default": {"driver": "overlay"}}}, "compose.yaml: networks.default.driver: overlay is not supported"),
        ({"networks": {"default": {"enable_ipv6": True}}}, "compose.yaml: networks.default.enable_ipv6: not supported"),
        ({"networks": {"default": {"ipam": {"config": [{}, {}]}}}}, "compose.yaml: networks.default.ipam.config: more than one subnet"),
    ],
)
def test_what_is_refused_at_the_top(folder: Folder, top: Json, says: str) -> None:
    assert says in folder.refused({}, top)


def test_nothing_is_both_taken_and_refused() -> None:
    assert set(TAKEN) & set(REFUSED) == set()


VOLUMES = {"data": None, "theirs": {"external": True}, "named": {"name": "other"}}
MOUNTS = [
    ("data:/d", {"type": "volume", "source": "shop_data", "target": "/d", "read_only": False, "options": []}),
    ("theirs:/d:ro", {"type": "volume", "source": "theirs", "target": "/d", "read_only": True, "options": []}),
    ("named:/d:rw", {"type": "volume", "source": "other", "target": "/d", "read_only": False, "options": []}),
    ("/x:/d:ro,Z", {"type": "bind", "source": "/x", "target": "/d", "read_only": True, "options": ["Z"]}),
    ("./x/../y:/d", {"type": "bind", "source": "/srv/shop/y", "target": "/d", "read_only": False, "options": []}),
    ({"type": "volume", "source": "data", "target": "/d"}, {"type": "volume", "source": "shop_data", "target": "/d", "read_only": False, "options": []}),
    (
        {"type": "bind", "source": "/x", "target": "/d", "read_only": True, "bind": {"selinux": "z", "create_host_path": True}},
        {"type": "bind", "source": "/x", "target": "/d", "read_only": True, "options": ["z"]},
    ),
    ({"type": "tmpfs", "target": "/d", "tmpfs": {"size": 4096}}, {"type": "tmpfs", "target": "/d", "read_only": False, "tmpfs_size": "4096"}),
]


@pytest.mark.parametrize(("written", "mount"), MOUNTS, ids=[str(case[0]) for case in MOUNTS])
def test_what_a_mount_becomes(folder: Folder, written: t.Any, mount: Json) -> None:
    found = folder.service({"volumes": [written]}, {"volumes": VOLUMES}, _compose.Asked(folder="/srv/shop"))
    assert found["mounts"] == [mount]
    # Two versions never write to the same place because nobody said in which order they go.
    assert found.get("order") == (None if mount["read_only"] or mount["type"] == "tmpfs" else "stop_first")


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_an_order_that_is_written_counts(folder: Folder, order: str) -> None:
    found = folder.service({"volumes": ["data:/d"], "deploy": {"update_config": {"order": order}}}, {"volumes": VOLUMES})
    assert found["order"] == order.replace("-", "_")


def test_env_files_come_before_environment(folder: Folder) -> None:
    (folder.path / "a.env").write_text("A=file\nB=$A\nC=c\n")
    (folder.path / "b.env").write_text("C=${B}2\nD\n")
    keys = {"env_file": ["a.env", {"path": "b.env"}, {"path": "none.env", "required": False}], "environment": {"A": "said"}}
    assert folder.service(keys, D="outside")["env"] == {"A": "said", "B": "file", "C": "file2", "D": "outside"}
    assert folder.service({"env_file": "a.env"}, A="outside")["env"] == {"A": "file", "B": "outside", "C": "c"}


def test_variables_come_from_the_playbook_then_the_environment_then_the_file(folder: Folder) -> None:
    (folder.path / ".env").write_text("A=file\nB=file\nC=file\n")
    found = folder.service({"user": "$A $B $C"}, asked=_compose.Asked({"A": "playbook"}), A="outside", B="outside")
    assert found["user"] == "playbook outside file"


def test_a_bad_env_file_is_named(folder: Folder) -> None:
    (folder.path / ".env").write_text("A=1\n=\n")
    assert ".env: line 2 is not NAME=VALUE" in folder.refused({})


def test_what_is_unset_is_warned_of(folder: Folder) -> None:
    found = folder.project({"services": {"web": {"image": "greet:1", "user": "$NOBODY"}}})
    assert found["warnings"] == ["compose.yaml: the variable NOBODY is not set, and counts as empty"]


def _services(**keys: Json) -> Json:
    return {"services": {name: {"image": "greet:1", **one} for name, one in keys.items()}}


def _names(found: Json) -> list[str]:
    return [one["name"] for one in found["services"]]


def test_services_come_after_what_they_need(folder: Folder) -> None:
    top = _services(web={"depends_on": {"api": {"condition": "service_healthy"}}}, api={"depends_on": ["db"]}, db={}, other={})
    assert _names(folder.project(top)) == ["shop-db", "shop-api", "shop-web", "shop-other"]


@given(st.lists(st.lists(st.integers(0, 5), max_size=3, unique=True), min_size=1, max_size=6), st.permutations(range(6)))
def test_any_services_come_after_what_they_need(needs: list[list[int]], order: list[int]) -> None:
    """Each needs only those of a smaller number, in whatever order they are written."""
    services = {number: sorted({one for one in found if one < number}) for number, found in enumerate(needs)}
    written = _services(**{"s%d" % number: {"depends_on": ["s%d" % one for one in services[number]]} for number in order if number in services})
    with tempfile.TemporaryDirectory() as path:
        names = _names(Folder(pathlib.Path(path)).project(written))
    assert sorted(names) == sorted("shop-s%d" % number for number in services)
    for number, found in services.items():
        assert all(names.index("shop-s%d" % one) < names.index("shop-s%d" % number) for one in found)


def test_services_that_need_each_other(folder: Folder) -> None:
    with pytest.raises(InvalidInput, match=r"services.a.depends_on: a, b, a need each other"):
        folder.project(_services(a={"depends_on": ["b"]}, b={"depends_on": ["a"]}))


def test_profiles(folder: Folder) -> None:
    top = _services(web={"depends_on": {"tools": {"required": False}}}, tools={"profiles": ["debug"]})
    assert _names(folder.project(top)) == ["shop-web"]
    assert _names(folder.project(top, COMPOSE_PROFILES="x,debug")) == ["shop-tools", "shop-web"]
    text = yaml.safe_dump(top)
    assert len(folder.rollout(text, _compose.Asked(profiles=["debug"]))["services"]) == 2
    with pytest.raises(InvalidInput, match=r"services.web.depends_on.tools: its profiles are not active"):
        folder.project(_services(web={"depends_on": ["tools"]}, tools={"profiles": ["debug"]}))
    with pytest.raises(InvalidInput, match="there is none to roll out"):
        folder.project(_services(tools={"profiles": ["debug"]}))


def test_the_name_of_a_project(tmp_path: pathlib.Path) -> None:
    folder = Folder(tmp_path / "My Shop.2")
    folder.path.mkdir()
    text = yaml.safe_dump(_services(web={}))
    assert folder.rollout(text)["network"] == "myshop2_default"
    assert folder.rollout(text, COMPOSE_PROJECT_NAME="other")["network"] == "other_default"
    assert folder.rollout("name: ${X:-said}\n" + text, COMPOSE_PROJECT_NAME="other")["network"] == "said_default"


def test_a_network_with_everything(folder: Folder) -> None:
    network = {"internal": True, "labels": ["a=b"], "ipam": {"config": [{"subnet": "10.1.0.0/24", "gateway": "10.1.0.1", "ip_range": "10.1.0.0/25"}]}}
    found = folder.project({**_services(web={"networks": ["front"]}), "networks": {"front": network}})
    assert found["network"] == "shop_front"
    assert found["services"][0]["network"] == "shop_front"
    assert found["manage_network"] is True
    assert {key: found[key] for key in ("subnet", "gateway", "ip_range", "internal", "labels")} == {
        "subnet": "10.1.0.0/24",
        "gateway": "10.1.0.1",
        "ip_range": "10.1.0.0/25",
        "internal": True,
        "labels": {"a": "b"},
    }


def test_a_network_of_somebody_else(folder: Folder) -> None:
    found = folder.project({**_services(web={}), "networks": {"default": {"name": "edge", "external": True}}})
    assert (found["network"], found["manage_network"]) == ("edge", False)


def test_services_on_different_networks(folder: Folder) -> None:
    with pytest.raises(InvalidInput, match=r"networks: the services are on different networks \(default, front\)"):
        folder.project({**_services(web={}, db={"networks": ["front"]}), "networks": {"front": None}})


def test_the_proxy_listens_where_ports_are_published(folder: Folder) -> None:
    found = folder.project(_services(web={"ports": ["127.0.0.1:80:8282", "8080:8282", "[::1]:443:8282"]}))
    assert found["proxy"] == "shop"
    assert found["listen"] == [{"port": 8080, "publish": "127.0.0.1:80"}, {"port": 8081, "publish": "8080"}, {"port": 8443, "publish": "[::1]:443"}]


def test_without_a_published_port_there_is_no_proxy(folder: Folder) -> None:
    found = folder.project(_services(web={"expose": ["80"]}, dns={"ports": ["53:53/udp"], "x-hotswap": {"by": "redirect"}}))
    assert (found["proxy"], found["listen"]) == ("", [])


def test_two_services_behind_one_proxy(folder: Folder) -> None:
    both = {"web": {"ports": ["80:80"]}, "api": {"ports": ["81:80"]}}
    with pytest.raises(InvalidInput, match=r"services.api.ports: web and api are behind one proxy"):
        folder.project(_services(**both))
    route = {"x-hotswap": {"route": {"hosts": ["api.example.com"]}}}
    found = folder.project(_services(web=both["web"], api={**both["api"], **route}))
    assert [one.get("route") for one in found["services"]] == [None, {"hosts": ["api.example.com"]}]
    assert [one["publish"] for one in found["listen"]] == ["80", "81"]


def test_two_services_on_one_port(folder: Folder) -> None:
    with pytest.raises(InvalidInput, match=r"services.b.ports: a publishes port 53, too"):
        folder.project(_services(a={"ports": ["53:53"], "x-hotswap": {"by": "redirect"}}, b={"ports": ["53:54"], "x-hotswap": {"by": "redirect"}}))


def test_there_is_no_such_file(folder: Folder) -> None:
    with pytest.raises(InvalidInput, match=r"none.yaml: there is no such file"):
        _compose.rollout(str(folder.path / "none.yaml"), _compose.Asked(), {})
