"""The command line of ``celadon serve``, as a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....patch_options import UsageError, listed, patch_option, split, value_of
from ..listeners import parse_address
from ..option_values import count, octal, seconds
from ..proxied import Trusted
from .application import Name, parse_name

USAGE = """\
usage: celadon serve [options] module:application | module:factory()

Serve a WSGI application over HTTP/1.1, from worker processes with the standard
library made cooperative.

where:
  -b, --bind ADDRESS     host:port, [IPv6]:port, port, unix:path, fd://N; repeat
                         it for several (systemd's sockets, or 127.0.0.1:8000)
  --certfile FILE        TLS, with --keyfile FILE; --ca-certs FILE: clients need
                         a certificate of these authorities
  --unix-mode MODE       mode of a Unix socket's file, such as 660
  --backlog N            length of the kernel's queue (256)
  --proxy-protocol       connections begin with a PROXY header;
                         --proxy-allow-ips LIST: from these (127.0.0.1,::1)
  --forwarded-allow-ips LIST
                         believe Forwarded and X-Forwarded-* of these; * for all
how many, how long:
  -w, --workers N        processes (1);  --reuse-port: a socket for each of them
  --max-requests N       replace a worker after N connections;  --max-age S
  --graceful-timeout S   for requests when a worker ends (30)
  --silence-timeout S    end a worker that is blocked for S seconds (30)
  --max-connections N, --max-body BYTES
  --keep-alive SECONDS   between requests (30);  --header-timeout SECONDS (20)
others:
  --access-log FILE      - is stdout;  --access-log-format combined|json
  --log-level LEVEL      log on stderr: debug, info (default), warning, error
  --pid FILE             the master's process id, for kill -HUP (reload), -TERM,
                         -INT, -USR2, -TTIN, -TTOU
  --reload               replace the workers when a file changes
  --preload              import the application once, in the master
  --chdir FOLDER         work in FOLDER, which is the first on sys.path as well
  --resolver NAME ...    the resolver, and what is patched: see celadon --help
  --man                  the whole manual
"""

_LEVELS = ("debug", "info", "warning", "error")
DEFAULT_ADDRESS = "127.0.0.1:8000"


@dataclass(frozen=True)
class Settings:
    """What is served, where, and how. See ``USAGE``."""

    name: Name
    bind: tuple[str, ...] = ()
    certfile: str | None = None
    keyfile: str | None = None
    ca_certs: str | None = None
    unix_mode: int | None = None
    backlog: int = 256
    proxy_protocol: bool = False
    proxy_allow_ips: tuple[str, ...] = ("127.0.0.1", "::1")
    forwarded_allow_ips: tuple[str, ...] | None = None
    workers: int = 1
    reuse_port: bool = False
    max_requests: int = 0
    max_age: float = 0.0
    graceful_timeout: float = 30.0
    silence_timeout: float = 30.0
    max_connections: int | None = None
    max_body: int | None = None
    keep_alive: float | None = None
    header_timeout: float | None = None
    access_log: str | None = None
    access_log_format: str = "combined"
    log_level: str = "info"
    pid: str | None = None
    reload: bool = False
    preload: bool = False
    chdir: str | None = None
    #: Keywords for ``patch_all``.
    patch: dict[str, Any] = field(default_factory=dict)


def _peers(text: str) -> tuple[str, ...]:
    return tuple(Trusted(listed(text)).peers)


def _address(text: str) -> str:
    number = text.removeprefix("fd://")
    if number == text:
        parse_address(text)
    elif not (number.isascii() and number.isdigit()):
        raise ValueError("fd:// and the number of an open socket")
    return text


def _one_of(*names: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return text

    return convert


_SHORT = {"-b": "--bind", "-w": "--workers"}
_FLAGS = ("--proxy-protocol", "--reuse-port", "--reload", "--preload")
_VALUES: dict[str, Callable[[str], Any]] = {
    "--bind": _address,
    "--certfile": str,
    "--keyfile": str,
    "--ca-certs": str,
    "--unix-mode": octal,
    "--backlog": count,
    "--proxy-allow-ips": _peers,
    "--forwarded-allow-ips": _peers,
    "--workers": count,
    "--max-requests": count,
    "--max-age": seconds,
    "--graceful-timeout": seconds,
    "--silence-timeout": seconds,
    "--max-connections": count,
    "--max-body": count,
    "--keep-alive": seconds,
    "--header-timeout": seconds,
    "--access-log": str,
    "--access-log-format": _one_of("combined", "json"),
    "--log-level": _one_of(*_LEVELS),
    "--pid": str,
    "--chdir": str,
}


def parse(arguments: Sequence[str]) -> Settings:
    """UsageError for a command line that cannot be."""
    args = list(arguments)
    names: list[str] = []
    found: dict[str, Any] = {"bind": (), "patch": {}}
    while args:
        text = args.pop(0)
        if not text.startswith("-"):
            names.append(text)
            continue
        option, value = split(text)
        option = _SHORT.get(option, option)
        keyword = option[2:].replace("-", "_")
        if option in _VALUES:
            given = value_of(option, value, args, _VALUES[option])
            found[keyword] = (*found["bind"], given) if option == "--bind" else given
        elif option in _FLAGS:
            if value is not None:
                raise UsageError(f"{option} takes no value")
            found[keyword] = True
        else:
            patched = patch_option(option, value, args)
            if patched is None:
                raise UsageError(f"unknown option {option}; celadon serve --help lists them")
            found["patch"][patched[0]] = patched[1]
    if len(names) != 1:
        raise UsageError(
            "name one application, as module:attribute" if names else "no application given; write module:attribute"
        )
    try:
        made = Settings(parse_name(names[0]), **found)
    except ValueError as error:
        raise UsageError(str(error)) from None
    _check(made)
    return made


def _check(made: Settings) -> None:
    """Options that have no meaning together."""
    if made.certfile is None and (made.keyfile is not None or made.ca_certs is not None):
        raise UsageError(f"{'--keyfile' if made.keyfile else '--ca-certs'} needs --certfile")
    if made.reload and made.preload:
        raise UsageError("--reload and --preload: what the master has imported stays as it is")


__all__ = ["DEFAULT_ADDRESS", "USAGE", "Settings", "parse"]
