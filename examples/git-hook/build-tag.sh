#!/bin/sh
# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# build-tag.sh [--check] TAG [COMMIT]: builds NAME:TAG of what the tag TAG of this Git repository holds, or of COMMIT.
#   git config hotswap.image localhost/names    the NAME
#   git config hotswap.engine podman            docker, when it is not set
# An image that was built of the same commit stays as it is; one of another commit is refused. --check builds nothing.
set -eu

fail() {
    echo "build-tag.sh: $*" >&2
    exit 1
}

check=
if [ "${1-}" = --check ]; then
    check=yes
    shift
fi
[ $# -ge 1 ] || fail "no tag was given"
tag=$1
revision=org.opencontainers.image.revision
image=$(git config hotswap.image) || fail "no image is named: git config hotswap.image NAME"
engine=$(git config hotswap.engine) || engine=docker

# The grammar of image tags, which is narrower than Git's.
export LC_ALL=C
case $tag in
*[!A-Za-z0-9_.-]* | [.-]* | '') fail "tag $tag: an image cannot be called $image:$tag; use letters, digits, and _ . - after the first one" ;;
esac
[ ${#tag} -le 128 ] || fail "tag $tag: an image tag has 128 characters at most"
commit=$(git rev-parse --verify --quiet "${2-refs/tags/$tag}^{commit}") || fail "tag $tag: it leads to no commit"

if "$engine" image inspect "$image:$tag" >/dev/null 2>&1; then
    built=$("$engine" image inspect --format "{{index .Config.Labels \"$revision\"}}" "$image:$tag") || built=
    [ "$built" = "$commit" ] || fail "$image:$tag was built of ${built:-something else}, and would be of $commit: a version never changes; use a new tag"
    echo "$image:$tag is there already"
    exit 0
fi
[ -z "$check" ] || exit 0

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
git archive --format=tar --output="$folder/source.tar" "$commit"
mkdir "$folder/source"
tar -x -C "$folder/source" -f "$folder/source.tar"
# Git's own variables are about this repository, and none of the build's business.
# shellcheck disable=SC2046 # a list of names
unset $(git rev-parse --local-env-vars)
"$engine" build --label "$revision=$commit" --tag "$image:$tag" "$folder/source" >&2
echo "$image:$tag was built of $commit"
