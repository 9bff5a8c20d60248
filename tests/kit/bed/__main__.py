# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bed's command line:

python -m kit.bed up --hosts d01:docker p01:podman r01:rootless
python -m kit.bed lab ansible-playbook -i "$(python -m kit.bed inventory)" x.yml
python -m kit.bed ssh r01 podman ps
python -m kit.bed down
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time
import typing as t

from . import base, check, inventory
from .beds import Bed, in_parallel, say
from .hosts import Host
from .shell import BedError
from .spec import BARE_SUITES, SUITES

# verbs that take any number of hosts
SIMPLE: dict[str, tuple[str, t.Callable[[Host], None]]] = {
    "start": ("start hosts that are down", Host.start),
    "stop": ("shut hosts down", Host.stop),
    "crash": ("pull the power cord", Host.crash),
    "reboot": ("shut down and start", Host.reboot),
    "cut": ("unplug the network", Host.cut),
    "heal": ("plug it in", Host.heal),
    "freeze": ("stop all processes of hosts", Host.freeze),
    "thaw": ("let them go on", Host.thaw),
    "clear": ("end slow and loss", Host.clear),
}


def _up(bed: Bed, options: argparse.Namespace) -> int:
    begin = time.monotonic()
    hosts = bed.up()
    say("up: %s in %.1f s" % (" ".join("%s=%s" % (host.name, host.address) for host in hosts), time.monotonic() - begin))
    return 0


def _down(bed: Bed, options: argparse.Namespace) -> int:
    bed.down(options.names)
    return 0


def _status(bed: Bed, options: argparse.Namespace) -> int:
    for host in bed.hosts:
        print(host.name, host.address, host.spec.engine, host.spec.suite, "up" if host.up else "down")
    return 0


def _base(bed: Bed, options: argparse.Namespace) -> int:
    print(base.build(options.suite, say))
    return 0


def _doctor(bed: Bed, options: argparse.Namespace) -> int:
    found = check.missing()
    print("\n".join(found) or "the bed can work here")
    return 1 if found else 0


def _inventory(bed: Bed, options: argparse.Namespace) -> int:
    print(inventory.write(bed, options.out, pipelining=options.pipelining))
    return 0


def _simple(bed: Bed, options: argparse.Namespace) -> int:
    in_parallel(SIMPLE[options.verb][1], [bed.host(name) for name in options.names])
    return 0


def _slow(bed: Bed, options: argparse.Namespace) -> int:
    bed.host(options.name).slow(options.rate)
    return 0


def _loss(bed: Bed, options: argparse.Namespace) -> int:
    bed.host(options.name).loss(options.percent)
    return 0


def _load(bed: Bed, options: argparse.Namespace) -> int:
    for archive in options.archives:
        print("\n".join(bed.host(options.name).load_image(archive)))
    return 0


def _lab(bed: Bed, options: argparse.Namespace) -> int:
    words = [*bed.lab_words, *options.command]
    os.execvp(words[0], words)


def _ssh(bed: Bed, options: argparse.Namespace) -> int:
    user, _at, name = options.name.rpartition("@")
    words = [*bed.lab_words, *bed.host(name).ssh_words(user or None), *options.command]
    os.execvp(words[0], words)


def _arguments(argv: t.Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kit.bed", description="hosts with real engines on this machine")
    parser.add_argument("--state", help="folder of the bed; another folder is another bed (default: $HOTSWAP_BED_STATE, else in the cache)")
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(name: str, text: str, action: t.Callable[[Bed, argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.set_defaults(action=action, hosts=[], suite="trixie")
        return made

    up = verb("up", "bring hosts up", _up)
    up.add_argument("--hosts", nargs="+", required=True, metavar="NAME:ENGINE[:OPTION]...", help="engines and options: see README.md")
    up.add_argument("--suite", choices=(*SUITES, *BARE_SUITES), default="trixie")
    verb("down", "remove hosts, or the whole bed", _down).add_argument("names", nargs="*")
    verb("status", "list the hosts", _status)
    verb("base", "build a Debian root into the cache", _base).add_argument("--suite", choices=(*SUITES, *BARE_SUITES), default="trixie")
    verb("doctor", "say what is missing on this machine", _doctor)
    listing = verb("inventory", "write an Ansible inventory, print its path", _inventory)
    listing.add_argument("--out", type=pathlib.Path)
    listing.add_argument("--pipelining", action="store_true")
    for name, (text, _action) in SIMPLE.items():
        verb(name, text, _simple).add_argument("names", nargs="+")
    for name, text, action, value, kind in (("slow", "limit the rate", _slow, "rate", str), ("loss", "drop packets", _loss, "percent", int)):
        fault = verb(name, text, action)
        fault.add_argument("name")
        fault.add_argument(value, type=kind)
    load = verb("load", "load image archives into a host's engine", _load)
    load.add_argument("name")
    load.add_argument("archives", nargs="+")
    verb("lab", "run a command in the hosts' network", _lab).add_argument("command", nargs=argparse.REMAINDER)
    ssh = verb("ssh", "run a command on a host ([user@]host)", _ssh)
    ssh.add_argument("name")
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args(argv)


def main(argv: t.Sequence[str] | None = None) -> int:
    """Returns the exit code; an error is one message without a trace."""
    options = _arguments(sys.argv[1:] if argv is None else argv)
    try:
        result: int = options.action(Bed(options.hosts, state=options.state, suite=options.suite), options)
    except BedError as error:
        sys.stderr.write("bed: %s\n" % error)
        return 1
    return result


if __name__ == "__main__":
    raise SystemExit(main())
