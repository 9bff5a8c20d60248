# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Sourced by ./dev: finds or installs what the verbs need, and sets the environment that they run in.
# shellcheck shell=sh

HOTSWAP_CACHE=${HOTSWAP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hotswap}
export HOTSWAP_CACHE

say() { printf 'dev: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        # A password is asked for only where somebody can type one.
        if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "'$*' needs root: run ./dev as root, or install sudo"
    fi
}

# One apt call for all packages of the list that are missing.
need_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null 2>&1 || die "missing:$missing; install them with your system's package manager"
    say "installing$missing (apt-get)"
    # shellcheck disable=SC2086 # a list of package names
    set -- -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 install $missing
    # The package lists of a fresh machine may be empty or old: fetch them when the first attempt fails.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" >/dev/null 2>&1 || {
        as_root apt-get -q update >/dev/null
        as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" >&2
    }
}

# A python >= 3.10 that can make virtual environments. The system's comes first: version managers put shims on the
# PATH that exist for every version and run for none.
find_python() {
    for candidate in "${HOTSWAP_PYTHON:-/usr/bin/python3}" /usr/bin/python3 python3.13 python3.12 python3.11 python3.10 python3; do
        path=$(command -v "$candidate" 2>/dev/null) || continue
        "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || continue
        printf '%s\n' "$path"
        return 0
    done
    return 1
}

need_venv() {
    base_python=$(find_python) || {
        need_packages python3 python3-venv
        base_python=$(find_python) || die "no Python >= 3.10 found; set HOTSWAP_PYTHON to one"
    }
    stamp=$({
        cat "$HOTSWAP_ROOT/tests/requirements.txt"
        "$base_python" -c 'import sys; print(sys.version, sys.prefix)'
    } | sha256sum | cut -c1-12)
    HOTSWAP_VENV=$HOTSWAP_CACHE/venv-$stamp
    export HOTSWAP_VENV
    [ -e "$HOTSWAP_VENV/.ready" ] && return 0
    mkdir -p "$HOTSWAP_CACHE"
    (
        flock 9
        [ -e "$HOTSWAP_VENV/.ready" ] && exit 0
        say "making $HOTSWAP_VENV with $("$base_python" -V) (once, about half a minute)"
        rm -rf "$HOTSWAP_VENV"
        "$base_python" -m venv "$HOTSWAP_VENV"
        "$HOTSWAP_VENV/bin/python" -m pip install -q --disable-pip-version-check \
            -r "$HOTSWAP_ROOT/tests/requirements.txt" 2>"$HOTSWAP_CACHE/pip.log" || {
            cat "$HOTSWAP_CACHE/pip.log" >&2
            exit 1
        }
        touch "$HOTSWAP_VENV/.ready"
    ) 9>"$HOTSWAP_CACHE/venv.lock" || die "the virtual environment could not be made (see above)"
}

# Ansible and Python find the collection only below ansible_collections/NAMESPACE/NAME: a link to the checkout.
need_tree() {
    # Set beforehand (with HOTSWAP_OUTPUT), two runs of one checkout do not meet: each has its own hosts.
    HOTSWAP_WORK=${HOTSWAP_WORK:-$HOTSWAP_CACHE/checkout-$(printf '%s' "$HOTSWAP_ROOT" | sha256sum | cut -c1-12)}
    HOTSWAP_LINKED=$HOTSWAP_WORK/linked
    mkdir -p "$HOTSWAP_LINKED/ansible_collections/hotswap"
    ln -sfn "$HOTSWAP_ROOT" "$HOTSWAP_LINKED/ansible_collections/hotswap/containers"
    export HOTSWAP_WORK HOTSWAP_LINKED
}

need_environment() {
    [ "$(uname -s)" = Linux ] || die "this needs Linux: hosts and engines of the tests and the demo are Linux namespaces"
    need_packages git openssh-client util-linux zstd
    need_venv
    need_tree
    PATH=$HOTSWAP_VENV/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    PYTHONPATH=$HOTSWAP_ROOT/tests:$HOTSWAP_LINKED
    ANSIBLE_COLLECTIONS_PATH=$HOTSWAP_LINKED
    ANSIBLE_HOME=$HOTSWAP_WORK/ansible
    # Without a UTF-8 locale every Ansible command ends at once.
    LC_ALL=C.UTF-8
    export PATH PYTHONPATH ANSIBLE_COLLECTIONS_PATH ANSIBLE_HOME LC_ALL
    unset PYTHONHOME VIRTUAL_ENV
}

# Replaces the shell by a command that makes namespaces: as root, with this environment and nothing else of the person's.
exec_privileged() {
    [ "$(id -u)" -ne 0 ] || exec "$@"
    say "hosts with real engines are namespaces, which only root makes: asking sudo"
    as_root env HOME="$HOME" PATH="$PATH" PYTHONPATH="$PYTHONPATH" LC_ALL="$LC_ALL" \
        HOTSWAP_ROOT="$HOTSWAP_ROOT" HOTSWAP_CACHE="$HOTSWAP_CACHE" HOTSWAP_VENV="$HOTSWAP_VENV" \
        HOTSWAP_WORK="$HOTSWAP_WORK" HOTSWAP_OUTPUT="${HOTSWAP_OUTPUT:-}" HOTSWAP_LINKED="$HOTSWAP_LINKED" \
        ANSIBLE_COLLECTIONS_PATH="$ANSIBLE_COLLECTIONS_PATH" ANSIBLE_HOME="$ANSIBLE_HOME" "$@"
    exit
}

# What builds and runs the hosts of the test bed.
need_bed() {
    need_packages debootstrap iproute2 nftables openssh-client util-linux
}
