# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files a program of a Debian-like root needs, as entries of an image layer: the program and what ldd names."""

from __future__ import annotations

import pathlib
import subprocess
import typing as t

from .archive import Entry, file_entry

# Opened by glibc at run time, so ldd does not name them; those that a root has lie beside its libc.
DLOPENED = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libgcc_s.so.1")
# Nothing that a small HTTP server imports; the first half of it is half of the library's size.
UNUSED_STDLIB = frozenset(
    {
        "test",
        "idlelib",
        "tkinter",
        "lib2to3",
        "ensurepip",
        "unittest",
        "xml",
        "xmlrpc",
        "pydoc_data",
        "turtledemo",
        "distutils",
        "venv",
        "curses",
        "dbm",
        "wsgiref",
        "multiprocessing",
        "_pyrepl",
        "ctypes",
        "sitecustomize.py",
        "turtle.py",
        "pydoc.py",
        "doctest.py",
        "antigravity.py",
        "this.py",
        "mailbox.py",
        "pickletools.py",
        "_pydecimal.py",
    }
)
UNUSED_EXTENSIONS = frozenset(
    {
        "_curses",
        "_curses_panel",
        "_tkinter",
        "_dbm",
        "_gdbm",
        "_lzma",
        "_bz2",
        "_ssl",
        "_hashlib",
        "_ctypes",
        "_ctypes_test",
        "_testcapi",
        "_multibytecodec",
        "_codecs_cn",
        "_codecs_hk",
        "_codecs_iso2022",
        "_codecs_jp",
        "_codecs_kr",
        "_codecs_tw",
        "nis",
        "ossaudiodev",
        "readline",
        "audioop",
        "_crypt",
        "_dbus_bindings",
        "_testclinic",
        "_testbuffer",
        "_testlimitedcapi",
        "_testmultiphase",
    }
)


class Missing(Exception):
    """A file that an image is made of is not on this machine; the message says which and what to install."""


def with_libraries(root: pathlib.Path, paths: t.Sequence[str]) -> list[Entry]:
    """The files at `paths` (absolute, seen from `root`) and every shared library that they load.

    Raises:
        Missing: a path, or a library that it needs, is not there.
    """
    for path in paths:
        if not _within(root, path).is_file():
            raise Missing("%s is not in %s" % (path, root))
    libraries = _ldd(root, paths)
    wanted = sorted(set(paths) | libraries | _opened_at_run_time(root, libraries))
    return [file_entry(_within(root, path), path) for path in wanted]


def python(root: pathlib.Path) -> tuple[str, list[Entry]]:
    """The system Python of `root` with a trimmed standard library: (path of the interpreter, entries)."""
    link = _within(root, "/usr/bin/python3")
    if not link.exists():
        raise Missing("%s is missing: apt-get install python3" % link)
    name = link.resolve().name
    library = root / "usr/lib" / name
    binary = "/usr/bin/" + name
    extensions = [
        "/" + str(path.relative_to(root)) for path in sorted((library / "lib-dynload").glob("*.so")) if path.name.split(".")[0] not in UNUSED_EXTENSIONS
    ]
    entries = with_libraries(root, [binary, *extensions])
    entries += [_source(path, root) for path in sorted(library.rglob("*")) if _is_used(path, library)]
    entries.append(Entry("/usr/bin/python3", mode=0o777, link=name))
    return binary, entries


def skeleton(users: t.Mapping[str, int]) -> list[Entry]:
    """What every image needs besides programs: passwd, group, nsswitch, a writable /tmp, mount points."""
    people = {"root": 0, **users, "nobody": 65534}
    passwd = "".join("%s:x:%d:%d::/:/sbin/nologin\n" % (name, uid, uid) for name, uid in people.items())
    group = "".join("%s:x:%d:\n" % (name, uid) for name, uid in people.items())
    return [
        Entry("/etc/passwd", passwd.encode()),
        Entry("/etc/group", group.encode()),
        Entry("/etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n"),
        Entry("/tmp", mode=0o1777, folder=True),
        *(Entry(path, mode=0o755, folder=True) for path in ("/dev", "/proc", "/sys", "/run")),
    ]


def _within(root: pathlib.Path, path: str) -> pathlib.Path:
    """`path` as seen from `root`, absolute links on the way included: they start at `root` again."""
    here = root
    parts = list(pathlib.PurePosixPath(path).parts[1:])
    for _hop in range(100):
        if not parts:
            return here
        here = here / parts.pop(0)
        if here.is_symlink():
            target = pathlib.PurePosixPath(here.readlink())
            parts = [part for part in target.parts if part != "/"] + parts
            here = root if target.is_absolute() else here.parent
    raise Missing("%s in %s is a loop of links" % (path, root))


def _ldd(root: pathlib.Path, paths: t.Sequence[str]) -> set[str]:
    enter = [] if root == pathlib.Path("/") else ["chroot", str(root)]
    done = subprocess.run([*enter, "ldd", *paths], capture_output=True, text=True, check=False)
    if "=> not found" in done.stdout:
        raise Missing("libraries are missing in %s:\n%s" % (root, done.stdout))
    if not done.stdout:
        raise Missing("ldd failed in %s: %s" % (root, done.stderr.strip()))
    return parse_ldd(done.stdout)


def parse_ldd(text: str) -> set[str]:
    """The absolute paths that ldd printed: behind `=>`, and the loader, which stands alone."""
    found = set()
    for line in text.splitlines():
        words = line.split()
        if "=>" in words:
            words = words[words.index("=>") + 1 :]
        if line.startswith("\t") and words and words[0].startswith("/"):
            found.add(words[0])
    return found


def _opened_at_run_time(root: pathlib.Path, libraries: t.Iterable[str]) -> set[str]:
    folders = {str(pathlib.PurePosixPath(path).parent) for path in libraries if path.endswith("/libc.so.6")}
    candidates = {"%s/%s" % (folder, name) for folder in folders for name in DLOPENED}
    return {path for path in candidates if _within(root, path).is_file()}


def _is_used(path: pathlib.Path, library: pathlib.Path) -> bool:
    if path.suffix == ".pyc":  # "os.cpython-313.pyc", but not the optimized "os.cpython-313.opt-1.pyc"
        module = path.name.split(".")[0] + ".py"
        return path.name.count(".") == 2 and _is_used(path.parent.parent / module, library)
    return path.suffix == ".py" and path.is_file() and path.relative_to(library).parts[0] not in UNUSED_STDLIB


def _source(path: pathlib.Path, root: pathlib.Path) -> Entry:
    """A library file. Compiled ones become "unchecked" (PEP 552), as the sources' times are 0 in the image."""
    place = "/" + str(path.relative_to(root))
    data = path.read_bytes()
    if path.suffix == ".pyc":
        data = data[:4] + b"\x01\0\0\0" + bytes(8) + data[16:]
    return Entry(place, data)
