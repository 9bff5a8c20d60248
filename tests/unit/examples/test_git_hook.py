# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Git hook of the examples: a tag makes an image, once, and never another one of the same name. Git is real, the engine is a script."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).parents[3] / "examples" / "git-hook"
SCRIPTS = ("reference-transaction", "build-tag.sh")
# Keeps each image as a file: its label, what is in its context, and which of Git's variables a build was given.
ENGINE = """#!/bin/sh
set -eu
cd "$(dirname "$0")"
for last; do :; done
case "$1 $2" in
"image inspect") test -e "images/$last" && sed -n '1s/.*=//p' "images/$last" ;;
"build --label") test ! -e broken && {
    echo "$3"
    cat "$last/text"
    ls -A "$last"
    env | grep -E '^GIT_(DIR|PREFIX|CONFIG_PARAMETERS|QUARANTINE_PATH)=' || true
} >"images/$5" ;;
esac
"""


class Repository:
    """A repository with the hook, and the engine that its images are in."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder / "repository"
        self.images = folder / "images" / "localhost"
        self.images.mkdir(parents=True)
        self.folder.mkdir()
        engine = folder / "engine"
        engine.write_text(ENGINE)
        engine.chmod(0o755)
        self.git("init", "--quiet", "--template=", ".")
        hooks = self.folder / ".git" / "hooks"
        hooks.mkdir()
        for name in SCRIPTS:
            shutil.copy(FOLDER / name, hooks)
        self.git("config", "hotswap.image", "localhost/names")
        self.git("config", "hotswap.engine", str(engine))
        self.commit("first")

    def git(self, *words: str, fails: bool = False) -> str:
        """Runs git, apart from this machine's own settings; what it says. It must fail if `fails`, else succeed."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env.update(HOME=str(self.folder), GIT_CONFIG_NOSYSTEM="1")
        names = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
        done = subprocess.run(["git", *names, *words], cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stdout + done.stderr

    def commit(self, text: str) -> None:
        """A commit whose only file has this text."""
        (self.folder / "text").write_text(text + "\n")
        self.git("add", "text")
        self.git("commit", "--quiet", "--message", text)

    def built(self) -> dict[str, list[str]]:
        """The images, each with the lines after its label: the text, the names in the context, and Git's variables."""
        return {path.name: path.read_text().splitlines()[1:] for path in sorted(self.images.iterdir())}

    def tags(self) -> list[str]:
        """The tags."""
        return self.git("tag").split()


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> Repository:
    return Repository(tmp_path)


def test_commits_and_branches_build_nothing(repository: Repository) -> None:
    repository.git("branch", "next")
    assert repository.built() == {}


@pytest.mark.parametrize("words", [(), ("--annotate", "--message", "a release")])
def test_a_tag_builds_its_image(repository: Repository, words: tuple[str, ...]) -> None:
    said = repository.git("tag", *words, "1.0")
    assert repository.built() == {"names:1.0": ["first", "text"]}
    assert "localhost/names:1.0 was built of " + repository.git("rev-parse", "HEAD").strip() in said


def test_what_is_committed_is_built_and_not_what_lies_around(repository: Repository) -> None:
    (repository.folder / "text").write_text("unfinished\n")
    (repository.folder / "more").write_text("")
    repository.git("tag", "1.0")
    assert repository.built() == {"names:1.0": ["first", "text"]}


def test_a_tag_of_an_older_commit_has_that_content(repository: Repository) -> None:
    repository.commit("second")
    repository.git("tag", "1.0", "HEAD~")
    repository.git("tag", "2.0")
    assert repository.built() == {"names:1.0": ["first", "text"], "names:2.0": ["second", "text"]}


def test_a_tag_that_is_deleted_leaves_its_image(repository: Repository) -> None:
    repository.git("tag", "1.0")
    repository.git("tag", "--delete", "1.0")
    assert repository.tags() == []
    assert list(repository.built()) == ["names:1.0"]


def test_a_transaction_that_is_aborted_builds_nothing(repository: Repository) -> None:
    head = repository.git("rev-parse", "HEAD").strip()
    commands = "start\\ncreate refs/tags/1.0 %s\\nprepare\\nabort\\n" % head
    repository.git("-c", "alias.abort=!printf '%s' | git update-ref --stdin" % commands, "abort")
    assert repository.tags() == []
    assert repository.built() == {}


def test_a_tag_moves_neither_before_nor_after_a_deletion(repository: Repository) -> None:
    repository.git("tag", "1.0")
    before = repository.built()
    repository.commit("second")
    assert "a version never changes" in repository.git("tag", "--force", "1.0", fails=True)
    repository.git("tag", "--delete", "1.0")
    assert "localhost/names:1.0 was built of" in repository.git("tag", "1.0", fails=True)
    assert repository.tags() == []
    assert repository.built() == before


def test_the_same_tag_again_builds_nothing(repository: Repository) -> None:
    repository.git("tag", "1.0")
    repository.git("tag", "--delete", "1.0")
    assert "is there already" in repository.git("tag", "1.0")


@pytest.mark.parametrize("name", ["release/1.0", "1.0+more", "-x", "x" * 129])
def test_a_name_that_no_image_can_have_is_refused(repository: Repository, name: str) -> None:
    said = repository.git("update-ref", "refs/tags/" + name, "HEAD", fails=True)
    assert "build-tag.sh: tag %s: " % name in said
    assert repository.tags() == []
    assert repository.built() == {}


def test_a_push_builds_where_it_arrives(repository: Repository, tmp_path: pathlib.Path) -> None:
    other = Repository(tmp_path / "other")
    other.git("branch", "--move", "elsewhere")
    repository.git("config", "core.hooksPath", "/nonexistent")
    repository.git("tag", "1.0")
    repository.git("push", "--quiet", str(other.folder), "1.0")
    assert other.built() == {"names:1.0": ["first", "text"]}
    assert repository.built() == {}


def test_a_build_that_fails_is_told_and_can_be_repeated(repository: Repository) -> None:
    broken = repository.images.parent.parent / "broken"
    broken.touch()
    repository.git("tag", "1.0")
    assert repository.built() == {}
    broken.unlink()
    words = ["alias.build=!.git/hooks/build-tag.sh 1.0"]
    assert "localhost/names:1.0 was built of" in repository.git("-c", *words, "build")
    assert "localhost/names:1.0 is there already" in repository.git("-c", *words, "build")


def test_without_a_name_a_tag_is_refused(repository: Repository) -> None:
    repository.git("config", "--unset", "hotswap.image")
    assert "git config hotswap.image" in repository.git("tag", "1.0", fails=True)
    assert repository.tags() == []


def test_the_scripts_are_clean() -> None:
    done = subprocess.run(["shellcheck", *SCRIPTS], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""
