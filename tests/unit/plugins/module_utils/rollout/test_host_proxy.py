# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy of the host: its record, its include, and what is refused before anything is touched."""

from __future__ import annotations

import pathlib
import pwd
import typing as t

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils._errors import HotswapError, InvalidInput
from ansible_collections.hotswap.containers.plugins.module_utils._rollout import host_proxy, host_proxy_apply
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.paths import StateDir
from ansible_collections.hotswap.containers.plugins.module_utils._rollout.proxy_options import PROXY_OPTIONS
from ansible_collections.hotswap.containers.plugins.module_utils._switch.folder import ProxyFolder

APACHE = host_proxy.HostSpec("edge", "apache", "apache2.service", "/etc/apache2/sites-enabled")


def params(**given: t.Any) -> dict[str, t.Any]:
    """The module's parameters with their defaults."""
    values = {name: option.get("default") for name, option in PROXY_OPTIONS.items()}
    return {**values, "name": "edge", "where": "host", "driver": "apache", "listen": [{"port": 8080}], **given}


@pytest.mark.parametrize("driver", sorted(host_proxy.SOFTWARE))
def test_a_record_comes_back(driver: str, tmp_path: pathlib.Path) -> None:
    spec = host_proxy.HostSpec("edge", driver, "some.service", "/etc/some", "deploy", "/etc/some.cfg", "/run/some.sock")
    (tmp_path / host_proxy.RECORD).write_text(spec.as_text())
    found = host_proxy.read(tmp_path)
    assert found is not None
    assert (found.spec, found.folder.root) == (spec, tmp_path)
    assert found.switch().driver.startswith(driver)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "edge"}'])
def test_what_is_no_record(text: str, tmp_path: pathlib.Path) -> None:
    assert host_proxy.read(tmp_path) is None
    (tmp_path / host_proxy.RECORD).write_text(text)
    assert host_proxy.read(tmp_path) is None


def test_a_user_sees_only_what_it_may_switch(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateDir(tmp_path)
    monkeypatch.setattr(StateDir, "of_system", classmethod(lambda _cls: StateDir(tmp_path / "none")))
    for name, owner in (("ours", ""), ("theirs", "deploy")):
        state.proxy(name).mkdir(parents=True)
        (state.proxy(name) / host_proxy.RECORD).write_text(host_proxy.HostSpec(name, "apache", "a.service", "/etc/a", owner).as_text())
    for user, seen in (("root", ["ours"]), ("deploy", ["theirs"]), ("other", [])):
        monkeypatch.setattr(pwd, "getpwuid", lambda _uid, user=user: pwd.struct_passwd((user, "x", 1, 1, "", "/", "/bin/sh")))
        assert list(host_proxy.host_proxies(state)) == seen


def test_the_include_names_our_folder_and_may_miss_it() -> None:
    text = APACHE.include_text(ProxyFolder(pathlib.Path("/var/lib/hotswap/proxies/edge")))
    assert text.splitlines()[1] == 'IncludeOptional "/var/lib/hotswap/proxies/edge/conf/apache.conf"'
    assert APACHE.include == pathlib.Path("/etc/apache2/sites-enabled/hotswap-edge.conf")


def test_a_program_that_is_not_there() -> None:
    assert host_proxy.call(("no-such-program-of-ours",)) == (127, "no-such-program-of-ours is not on this host")


def test_missing_modules_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_proxy, "call", lambda _argv: (0, "Loaded Modules:\n proxy_module (shared)\n headers_module (shared)\n"))
    monkeypatch.setattr(host_proxy.programs, "find", lambda _program: "/usr/sbin/a2enmod")
    with pytest.raises(InvalidInput, match=r"Run: a2enmod proxy_http proxy_wstunnel rewrite && systemctl restart apache2\.service"):
        host_proxy.check_modules(APACHE)


def test_a_broken_configuration_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_proxy, "call", lambda _argv: (1, "Syntax error on line 3 of mine.conf"))
    with pytest.raises(HotswapError, match=r"apachectl configtest\): Syntax error on line 3 of mine.conf"):
        host_proxy.check_configuration(APACHE)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"image": "apache"}, "image: it is of a container"),
        ({"network": "edge"}, "network: it is of a container"),
        ({"listen": [{"port": 8080, "publish": ["8080"]}]}, "listen.publish: a proxy of the host has no ports"),
        ({"driver": "caddy"}, "where: a caddy that the host runs is not supported"),
        ({"owner": "no-such-user-here"}, "owner: there is no user no-such-user-here"),
    ],
)
def test_what_is_refused(given: dict[str, t.Any], says: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidInput, match=says):
        host_proxy_apply.ensure(StateDir(tmp_path), params(**given), check_mode=True)
    assert list(tmp_path.iterdir()) == []
