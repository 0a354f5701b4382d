"""The command line of ``celadon proxy``, as a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ....patch_options import UsageError, is_resolver_option, listed, patch_option, split, value_of
from ....resolver import Guard
from ..listeners import parse_address
from ..option_values import count, octal, seconds
from .destinations import Destinations, host_pattern, port_range
from .proxy_server import Credentials, ProxyLimits

USAGE = """\
usage: celadon proxy [options]

A guarded way out for crawlers, browsers and agents: SOCKS 5, HTTP CONNECT and
plain HTTP on one port. Each name is looked up once, addresses that are not of
the public Internet are refused, and what was judged is connected to.

where:
  -b, --bind ADDRESS     host:port, [IPv6]:port, port (of 127.0.0.1), unix:path,
                         fd://N; repeat it for several (127.0.0.1:1080)
  --unix-mode MODE       mode of a Unix socket's file, such as 660
  -w, --workers N        processes, each with a cache of its own (1)
  --auth USER:PASSWORD   needed beyond loopback; repeat it for several
  --auth-file FILE       USER:PASSWORD, a line each
who may go where; each may be repeated, and takes a list A,B:
  --allow-net NETWORK    let 10.1.0.0/16 or an address through the guard
  --deny-net NETWORK     refuse it as well
  --allow-host HOST      only these: example.com, *.example.com (all below it)
  --deny-host HOST       not these
  --allow-port PORT      only these: 443 or 8000-8999;  --deny-port PORT
how many, how long:
  --per-host N           connections to one host at once; one more waits
  --max-connections N    clients at once; with more, nobody is accepted
  --connect-timeout S    for the lookup and the connect together (20)
  --idle-timeout S       without a byte in either direction (300)
  --header-timeout S     for a client's request (20);  --keep-alive S: until the
                         next one (60)
  --graceful-timeout S   for tunnels after TERM; a second signal ends them (30)
what happens:
  --access-log FILE      a line of JSON for each tunnel and request; - is stdout
  --debug-page ADDRESS   counts of proxy, resolver and hub; needs loopback or a
                         Unix socket
  --log-level LEVEL      log on stderr: debug, info (default), warning, error
the resolver:
  --resolver NAME        python (default), ares, thread
  --servers, --search, --timeout, --attempts, --deadline, --cache,
  --concurrency, --rate  see celadon --help;  --man: the whole manual
"""

DEFAULT_ADDRESS = "127.0.0.1:1080"
_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class ProxySettings:
    """Where it listens, who may go where, and how. See ``USAGE``."""

    bind: tuple[Any, ...] = ()
    unix_mode: int | None = None
    workers: int = 1
    users: dict[str, str] = field(default_factory=dict)
    destinations: Destinations = field(default_factory=Destinations)
    guard: Guard = field(default_factory=Guard)
    limits: ProxyLimits = field(default_factory=ProxyLimits)
    graceful_timeout: float = 30.0
    access_log: str | None = None
    debug_page: Any = None
    log_level: str = "info"
    #: Options of the resolver, its name as ``resolver``.
    resolver: dict[str, Any] = field(default_factory=dict)


def _address(text: str) -> Any:
    """What a server takes; a port alone is one of loopback, and not of every address as elsewhere."""
    number = text.removeprefix("fd://")
    if number != text:
        if not (number.isascii() and number.isdigit()):
            raise ValueError("fd:// and the number of an open socket")
        return text
    if text.isascii() and text.isdigit():
        text = f"127.0.0.1:{text}"
    parse_address(text)
    return text


def _user(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not colon:
        raise ValueError("USER:PASSWORD")
    Credentials({name: password})
    return name, password


def _users_of(path: str) -> list[tuple[str, str]]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.rstrip("\r\n") for line in file]
    except OSError as error:
        raise UsageError(f"--auth-file: {path}: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            try:
                found.append(_user(line))
            except ValueError as error:
                raise UsageError(f"--auth-file: line {number} of {path}: {error}") from None
    if not found:
        raise UsageError(f"--auth-file: {path} names no user")
    return found


def _each(check: Callable[[str], object]) -> Callable[[str], list[str]]:
    def convert(text: str) -> list[str]:
        found = listed(text)
        if not found:
            raise ValueError("a list with something in it")
        for one in found:
            check(one)
        return found

    return convert


def _level(text: str) -> str:
    if text not in _LEVELS:
        raise ValueError(f"one of {', '.join(_LEVELS)}")
    return text


#: Options that may be repeated -> what makes a list of each value.
_LISTS: dict[str, Callable[[str], list[Any]]] = {
    "--bind": lambda text: [_address(text)],
    "--auth": lambda text: [_user(text)],
    "--auth-file": _users_of,
    "--allow-net": _each(lambda one: Guard(allow=[one])),
    "--deny-net": _each(lambda one: Guard(block=[one])),
    "--allow-host": _each(host_pattern),
    "--deny-host": _each(host_pattern),
    "--allow-port": _each(port_range),
    "--deny-port": _each(port_range),
}
_VALUES: dict[str, Callable[[str], Any]] = {
    "--unix-mode": octal,
    "--workers": count,
    "--per-host": count,
    "--max-connections": count,
    "--connect-timeout": seconds,
    "--idle-timeout": seconds,
    "--header-timeout": seconds,
    "--keep-alive": seconds,
    "--graceful-timeout": seconds,
    "--access-log": str,
    "--debug-page": _address,
    "--log-level": _level,
}
_LIMITS = {
    "per_host": "per_host",
    "max_connections": "connections",
    "connect_timeout": "connect_seconds",
    "idle_timeout": "idle_seconds",
    "header_timeout": "header_seconds",
    "keep_alive": "keep_alive_seconds",
}
_SHORT = {"-b": "--bind", "-w": "--workers"}
#: What is counted, or shown, in one process, and so would not hold for several.
_OF_ONE_PROCESS = ("--per-host", "--max-connections", "--debug-page", "--rate", "--concurrency")


def parse(arguments: Sequence[str]) -> ProxySettings:
    """UsageError for a command line that cannot be."""
    args = list(arguments)
    lists: dict[str, list[Any]] = {name: [] for name in _LISTS}
    found: dict[str, Any] = {}
    resolver: dict[str, Any] = {}
    seen: list[str] = []
    while args:
        text = args.pop(0)
        option, value = split(text)
        option = _SHORT.get(option, option)
        seen.append(option)
        if option in _LISTS:
            lists[option] += value_of(option, value, args, _LISTS[option])
        elif option in _VALUES:
            found[option[2:].replace("-", "_")] = value_of(option, value, args, _VALUES[option])
        elif not text.startswith("-"):
            raise UsageError(f"celadon proxy takes options only, not {text!r}")
        else:
            given = patch_option(option, value, args) if is_resolver_option(option[2:]) else None
            if given is None:
                raise UsageError(f"unknown option {option}; celadon proxy --help lists them")
            resolver[given[0]] = given[1]
    single = [one for one in seen if one in _OF_ONE_PROCESS]
    if single and found.get("workers", 1) > 1:
        raise UsageError(f"{single[0]} is of one process, and does not go with --workers {found['workers']}")
    limits = {name: found.pop(option) for option, name in _LIMITS.items() if option in found}
    return ProxySettings(
        bind=tuple(lists["--bind"]),
        users=dict(lists["--auth"] + lists["--auth-file"]),
        destinations=Destinations(
            lists["--allow-host"], lists["--deny-host"], lists["--allow-port"], lists["--deny-port"]
        ),
        guard=Guard(allow=lists["--allow-net"], block=lists["--deny-net"]),
        limits=ProxyLimits(**limits),
        resolver=resolver,
        **found,
    )


assert {one.name for one in fields(ProxyLimits)} == set(_LIMITS.values())

__all__ = ["DEFAULT_ADDRESS", "USAGE", "ProxySettings", "parse"]
