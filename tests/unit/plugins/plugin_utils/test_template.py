# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user's templates: one, a folder of them, and names in people's own way of writing."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.hotswap.containers.plugins.module_utils._switch.tokens import token
from ansible_collections.hotswap.containers.plugins.plugin_utils._template import with_rendered


def rendered(folder: pathlib.Path, template: dict[str, t.Any], **args: t.Any) -> dict[str, str]:
    """What a task with this template brings to the host, the search path being the folder."""
    loader = DataLoader()
    action = types.SimpleNamespace(_loader=loader, _templar=Templar(loader=loader), _find_needle=lambda _folder, needle: str(folder / needle))
    found: dict[str, str] = with_rendered(action, {"name": "adara", "template": template, **args}, {"domain": "adara.example.com"})["template"]["rendered"]
    return found


@pytest.fixture
def sites(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "a.conf.template").write_text("Define P ${ADARA_PORT}\nLog ${APACHE_LOG_DIR}\nServerName {{ domain }}\n")
    (tmp_path / "sites" / "b.conf.j2").write_text("{% for one in hotswap.instances %}{{ one.address }}:{{ one.port }}{% endfor %}\n")
    (tmp_path / "sites" / "README.md").write_text("{{ no_such_variable }}")
    return tmp_path


def test_every_template_of_a_folder_becomes_a_file_of_the_folder(sites: pathlib.Path) -> None:
    found = rendered(sites, {"src": "sites", "dest": "/etc/sites", "variables": {"ADARA_PORT": "port"}})
    assert found == {
        "/etc/sites/a.conf": "Define P %s\nLog ${APACHE_LOG_DIR}\nServerName adara.example.com\n" % token(0, "port"),
        "/etc/sites/b.conf": "%s:%s\n" % (token(0, "address"), token(0, "port")),
    }


def test_commands_may_name_the_instance_too(sites: pathlib.Path) -> None:
    action = types.SimpleNamespace(_loader=DataLoader(), _templar=Templar(loader=DataLoader()), _find_needle=lambda _folder, needle: str(sites / needle))
    template = {"src": "sites/b.conf.j2", "dest": "/etc/x", "variables": {"P": "port"}, "apply": ["reload"], "confirm": ["curl", "http://${HOST}/${P}"]}
    found = with_rendered(action, {"name": "adara", "template": template}, {})["template"]
    assert (found["apply"], found["confirm"]) == (["reload"], ["curl", "http://${HOST}/%s" % token(0, "port")])


def test_one_template_becomes_one_file(sites: pathlib.Path) -> None:
    found = rendered(sites, {"src": "sites/b.conf.j2", "dest": "/etc/x"}, replicas=2)
    assert found == {"/etc/x": "".join("%s:%s" % (token(index, "address"), token(index, "port")) for index in range(2)) + "\n"}


@pytest.mark.parametrize(
    ("template", "args", "said"),
    [
        ({"src": "."}, {}, r"template\.src: no file in the folder"),
        ({"src": "sites", "variables": {"ADARA_PORT": "ports"}}, {}, r"template\.variables: ADARA_PORT: write NAME: name or"),
        ({"src": "sites", "variables": {"ADARA PORT": "port"}}, {}, r"template\.variables: ADARA PORT"),
        ({"src": "sites", "variables": {"ADARA_PORT": "port"}}, {"replicas": 2}, "they stand for one instance"),
    ],
)
def test_what_cannot_be_rendered_is_refused(sites: pathlib.Path, template: dict[str, t.Any], args: dict[str, t.Any], said: str) -> None:
    with pytest.raises(AnsibleError, match=said):
        rendered(sites, {"dest": "/etc/sites", **template}, **args)
