# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script that a boot runs for a redirect, run by a real shell with programs of the test, and its unit."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from ansible_collections.hotswap.containers.plugins.module_utils import _units
from ansible_collections.hotswap.containers.plugins.module_utils._errors import SwitchError
from ansible_collections.hotswap.containers.plugins.module_utils._switch import port_redirect_boot as boot
from ansible_collections.hotswap.containers.plugins.module_utils._switch.port_redirect_types import Destination, Redirect

REDIRECT = Redirect("service.greet", 80, ("tcp",), (), 8282, (Destination("10.1.2.3"),))
RULE = "-d 10.1.2.3/32 -p tcp -m tcp --dport 8282 -m conntrack --ctstate DNAT --ctorigdstport 80 -m comment --comment hotswap:service.greet: -j ACCEPT"
# Each call becomes a line of the log; `chain` is what DOCKER-USER has, and without it there is no such chain.
IPTABLES = """#!/bin/sh
echo "iptables $*" >>{log}
case "$2" in
-S) cat {chain} ;;
-C) grep -q -e "-A $(echo "$*" | cut -d' ' -f3-)" {chain} ;;
esac
"""
NFT = '#!/bin/sh\necho "nft $*" >>{log}\nexit {code}\n'


def run(tmp_path: pathlib.Path, chain: str | None, nft_code: int = 0) -> tuple[int, list[str]]:
    """Exit code of the script, and the programs' calls that change something."""
    log, rules, programs = tmp_path / "log", tmp_path / "chain", tmp_path / "bin"
    programs.mkdir()
    if chain is not None:
        rules.write_text(chain)
    for name, text in (("iptables", IPTABLES.format(log=log, chain=rules)), ("nft", NFT.format(log=log, code=nft_code))):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    script = tmp_path / "it's a script.sh"
    script.write_text(boot.script(REDIRECT, tmp_path / "the $nft file", tmp_path / "no mark"))
    done = subprocess.run(["/bin/sh", str(script)], env={"PATH": "%s:/usr/bin:/bin" % programs}, check=False)
    calls = log.read_text().splitlines()
    return done.returncode, [call for call in calls if " -S " not in call and " -C " not in call]


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (None, None),
        ("-N DOCKER-USER\n", "-A DOCKER-USER"),
        ("-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n", "-I DOCKER-USER 1"),
        ("-N DOCKER-USER\n-A DOCKER-USER -s 1.2.3.4/32 -j DROP\n-A DOCKER-USER -j RETURN\n", "-I DOCKER-USER 2"),
        ("-N DOCKER-USER\n-A DOCKER-USER -s 1.2.3.4/32 -j DROP\n", "-A DOCKER-USER"),
        ("-N DOCKER-USER\n-A DOCKER-USER %s\n-A DOCKER-USER -j RETURN\n" % RULE, None),
    ],
)
def test_the_script_loads_the_rules_and_lets_them_through_docker(tmp_path: pathlib.Path, chain: str | None, words: str | None) -> None:
    code, calls = run(tmp_path, chain)
    assert code == 0
    assert calls[0] == "nft -f %s/the $nft file" % tmp_path
    assert calls[1:] == (["iptables -w %s %s" % (words, RULE)] if words else [])


def test_rules_that_cannot_be_loaded_are_a_failure(tmp_path: pathlib.Path) -> None:
    code, calls = run(tmp_path, None, nft_code=3)
    assert (code, len(calls)) == (3, 1)


def test_a_boot_runs_it_until_the_redirect_is_gone(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_units, "SYSTEMD", tmp_path)
    monkeypatch.setattr(_units, "SYSTEM_UNITS", tmp_path / "units")
    monkeypatch.setattr(_units.os, "geteuid", lambda: 0)
    script = tmp_path / '50% of a "folder"' / "service.greet.ip.sh"
    boot.put("service.greet", script)
    unit = tmp_path / "units" / "multi-user.target.wants" / "hotswap-redirect-service.greet.ip.service"
    assert 'ExecStart=/bin/sh "%s/50%%%% of a \\"folder\\"/service.greet.ip.sh"\n' % tmp_path in unit.read_text()
    for _twice in range(2):
        boot.drop(script)
        assert not [path for path in (tmp_path / "units").rglob("*") if not path.is_dir()]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_units, "SYSTEMD", tmp_path)
    monkeypatch.setattr(_units, "SYSTEM_UNITS", tmp_path / "units")
    monkeypatch.setattr(_units.os, "geteuid", lambda: 0)
    (tmp_path / "units").write_text("a file where the folder should be")
    with pytest.raises(SwitchError, match="at boot cannot be written"):
        boot.put("service.greet", tmp_path / "service.greet.ip.sh")
