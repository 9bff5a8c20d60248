# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values for any option of any module: good ones, good ones with something foreign inside, and anything at all."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

Options = t.Mapping[str, t.Mapping[str, t.Any]]

# What an injected directive, command or header would be called.
CANARY = "hotswapcanary"
# The values of options that may hold secrets; no message and no label may have it.
SECRET = "hotswapsecret"

_BREAKS = ("\n", "\r\n", "\x00", "\x0b", "\x1b[2J", "\u2028", "\x7f", " ", "\t", ";", "#", "|", "&&")
_QUOTES = ("'", '"', "\\", "`", "}", "{", "'\n", '"\n', "\\\n", "}\n", ")", "%", "$")
_CALLS = ("$(%s)", "`%s`", "${%s}", "{env.%s}", "{file./etc/%s}", "%%[env(%s)]", "%%{ENV:%s}", "{{ %s }}", "__hotswap_0_name__%s")
TRICKS = (
    *(mark + CANARY + " on" for mark in _BREAKS + _QUOTES),
    *(call % CANARY for call in _CALLS),
    "\n    server %s 127.0.0.1:1\n" % CANARY,
    "\r\nX-%s: 1\r\n\r\n" % CANARY,
    "../../%s" % CANARY,
    "/../%s" % CANARY,
    "-%s" % CANARY,
    "--%s=1" % CANARY,
    "//",
    "..",
    ".",
    "*",
    ":",
    "=",
    ",",
    "%00",
    "%0a" + CANARY,
    "\u00b2",
    "\u0663",
    "\u212a",
    "\u00e9",
    "\U0001f600",
    "\u202e",
    "x" * 5000,
    "9" * 5000,
    "-1",
    "1e999",
    "nan",
)
_ANY = st.text(max_size=40)
# Texts that options take; those that no list names take any text.
GOOD: t.Mapping[str, tuple[str, ...]] = {
    "name": ("greet", "a.b_c-d"),
    "names": ("greet",),
    "image": ("localhost/greet:A", "registry.example:5000/team/greet:1.4.2"),
    "from_name": ("localhost/greet:A",),
    "tags": ("A", "localhost/greet:B"),
    "version": ("A", "1.4.2", "previous"),
    "network": ("edge",),
    "proxy": ("edge",),
    "hosts": ("greet.example.com", "*.example.com"),
    "host": ("next.example.com",),
    "path": ("/", "/api/v2", "/a$b~c+d=e,f:@/-"),
    "url": ("http://127.0.0.1:1/", "http://127.0.0.1:1/x?y=z"),
    "sticky": ("greet_at",),
    "src": ("proxy.j2",),
    "dest": ("/etc/proxy/greet.conf",),
    "target": ("/data", "/run/secrets/key"),
    "file": ("/proc/version", "/etc/passwd"),
    "mode": ("0400", "444"),
    "volumes": ("data:/data", "/srv:/srv:ro", "/srv:/opt:ro,z"),
    "tmpfs": ("/tmp", "/run:size=1m"),
    "memory": ("512m", "1.5g"),
    "min_free_disk": ("10G", "10%", "0", ""),
    "tmpfs_size": ("1m",),
    "ulimits": ("nofile:1024:2048",),
    "dns": ("10.0.0.1",),
    "devices": ("/dev/fuse",),
    "security_opt": ("no-new-privileges", "label=disable"),
    "cap_add": ("NET_BIND_SERVICE",),
    "cap_drop": ("ALL",),
    "stop_signal": ("SIGTERM", "9"),
    "publish": ("8080", "127.0.0.1:8080", "[::1]:8080"),
    "subnet": ("10.213.0.0/24",),
    "ip_range": ("10.213.0.0/25",),
    "gateway": ("10.213.0.1",),
    "addresses": ("10.0.0.1",),
    "address": ("10.0.0.1",),
    "platform": ("linux/amd64",),
    "network_mode": ("host", "none", "bridge"),
    "port_env": ("SERVER_PORT",),
    "alias": ("greet",),
    "service": ("greet",),
    "service_unit": ("haproxy.service",),
    "include_dir": ("/etc/nginx/conf.d",),
    "config_file": ("/etc/haproxy/haproxy.cfg",),
    "control_socket": ("/run/haproxy/admin.sock",),
    "owner": ("root", "ci-4711"),
    "certificate": ("/etc/ssl/greet.pem",),
    "key": ("/etc/ssl/greet.key",),
    "body": ("ready", "^ok$"),
    "body_regex": ("ready",),
    "header": ("X-Try",),
    "value": ("yes",),
    "user": ("1000:1000",),
    "workdir": ("/srv",),
    "hostname": ("greet",),
    "text": ("closed until noon",),
    "keep_for": ("24h", "90m", "3600"),
    **dict.fromkeys(("time", "interval", "timeout", "deadline", "min_healthy_time", "start_period"), ("1m30s", "500ms", "2", "0.5")),
}
_NUMBERS = st.one_of(st.sampled_from([1, 2, 8080]), st.sampled_from([0, -1, 65535, 65536, 2**31, 2**63, 10**30, 10**400]), st.integers())
_FLOATS = st.one_of(st.sampled_from([1.0, 0.5, 30.0]), st.floats(), st.sampled_from([0.0, -1.0, 1e-9, 1e300]))


def texts(name: str) -> st.SearchStrategy[str]:
    """Texts for the option of that name."""
    good = st.sampled_from(GOOD.get(name, ("plain",)))
    return st.one_of(good, good, good, good, st.builds(_inside, good, st.sampled_from(TRICKS), st.integers(0, 12)), st.sampled_from(TRICKS), _ANY)


def _inside(good: str, trick: str, at: int) -> str:
    return good[:at] + trick + good[at:]


# What a case begins with most of the time, so that it comes as far as what else it has.
BASES: t.Mapping[str, dict[str, t.Any]] = {
    "service": {"name": "greet", "image": "localhost/greet:A", "port": 8282},
    "reverse_proxy": {"name": "edge", "network": "edge", "listen": [{"port": 8080, "publish": ["127.0.0.1:8080"]}]},
    "link": {"name": "greet", "proxy": "edge"},
    "port_redirect": {"port": 8080, "to": {"address": "10.0.0.1"}},
}


def of_module(module: str, spec: Options) -> st.SearchStrategy[dict[str, t.Any]]:
    """Parameters of the module: few at a time are bad, or nothing would be accepted."""
    base = BASES.get(module, {})
    often = st.sampled_from([True, True, True, True, False])
    return st.builds(lambda keep, found: {**found, **base} if keep else found, often, options(spec))


def options(spec: Options, name: str = "") -> st.SearchStrategy[dict[str, t.Any]]:
    """Values for an argument spec: what it requires, and some of the others. `name` is that of the option it belongs to."""
    required = {key: value(key, option) for key, option in spec.items() if option.get("required")}
    others = {key: value(key, option) for key, option in spec.items() if not option.get("required")}
    if not others:
        return st.fixed_dictionaries(required)
    few = st.lists(st.sampled_from(sorted(others)), max_size=4, unique=True)
    chosen = few.flatmap(lambda keys: st.fixed_dictionaries({key: others[key] for key in keys}))
    return st.builds(lambda some, more: {**some, **more}, st.fixed_dictionaries(required), chosen)


def value(name: str, option: t.Mapping[str, t.Any]) -> st.SearchStrategy[t.Any]:
    """Values for one option."""
    if option.get("no_log") and not option.get("options"):
        return st.dictionaries(st.one_of(st.just("TOKEN"), texts("env")), st.one_of(texts("env"), _NUMBERS, st.none()).map(_secret), max_size=3)
    if option.get("choices") and option.get("type") != "list":
        return st.sampled_from(option["choices"])
    return _by_type(name, option)


def _secret(inner: t.Any) -> t.Any:
    return SECRET + inner if isinstance(inner, str) else inner


def _by_type(name: str, option: t.Mapping[str, t.Any]) -> st.SearchStrategy[t.Any]:
    kind = option.get("type", "str")
    if kind == "list":
        one = value(name, {**option, "type": option.get("elements", "str")})
        return st.lists(one, max_size=3)
    if kind == "dict":
        return options(option["options"], name) if option.get("options") else st.dictionaries(texts(name), texts(name), max_size=3)
    simple: dict[str, st.SearchStrategy[t.Any]] = {
        "int": _NUMBERS,
        "float": _FLOATS,
        "bool": st.booleans(),
        "raw": st.one_of(texts(name), st.lists(texts(name), max_size=3)),
    }
    return simple.get(kind, texts(name))
