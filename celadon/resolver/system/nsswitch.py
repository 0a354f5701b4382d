"""nsswitch.conf: the sources for hosts, and which status ends the search at each (nsswitch.conf(5))."""

from __future__ import annotations

import re
from typing import Any

from .world import STATUSES, Source

_WHITE = " \t\n\v\f\r"  # isspace, in any locale that libc's parsers run in
_SOURCE = re.compile(r"([^\s\[]+)\s*(\[[^]]*(?:\]|$))?\s*", re.ASCII)
_CRITERIA = re.compile(
    rf"\[\s*(?:!?(?:{'|'.join(STATUSES)})\s*=\s*(?:return|continue|merge)(?:\s+|(?=\])))+\]", re.ASCII | re.IGNORECASE
).fullmatch
_CRITERION = re.compile(r"(!?)([a-z]+)\s*=\s*([a-z]+)", re.ASCII)
_DATABASES = frozenset(
    [
        *("aliases", "ethers", "group", "group_compat", "gshadow", "hosts", "initgroups", "netgroup", "networks"),
        *("passwd", "passwd_compat", "protocols", "publickey", "rpc", "services", "shadow", "shadow_compat"),
    ]
)
#: For a file with a broken line, because libc then has no source at all.
_BROKEN = (Source("broken line"),)


def parse_nsswitch(text: bytes) -> tuple[Source, ...]:
    """The sources of the hosts line with their criteria; files and dns without such a line (nsswitch.conf(5)).

    If glibc cannot read the criteria of any database, it has no source at all, and every lookup fails. So here.
    """
    order: tuple[Source, ...] = ()
    for raw in text.split(b"\n")[:-1]:
        # As glibc: a comment is a whole line, a last line without newline is lost, the colon may be missing.
        line = raw.partition(b"\0")[0].decode("latin-1")
        key, rest = _KEY(line).groups()
        if key in _DATABASES and rest:
            sources = _sources(rest[1:])
            if sources is _BROKEN:
                return _BROKEN  # of whichever database: glibc gives up the whole file
            if key == "hosts":
                order = sources
    return order or (Source("files"), Source("dns"))


_KEY: Any = re.compile(r"\s*([^\s:]*)(.*)", re.ASCII | re.DOTALL).match


def _sources(text: str) -> tuple[Source, ...]:
    made: list[Source] = []
    at = len(text) - len(text.lstrip(_WHITE))
    while word := _SOURCE.match(text, at):
        at = word.end()
        name, criteria = word.groups()
        if not criteria:
            made.append(Source(name))
            continue
        if not _CRITERIA(criteria):
            return _BROKEN
        returns = set(Source(name).returns)
        for negated, status, action in _CRITERION.findall(criteria.lower()):
            of = [one for one in STATUSES if one != status] if negated else [status]
            returns = returns.union(of) if action == "return" else returns.difference(of)
        made.append(Source(name, frozenset(returns), plain=False))
    return tuple(made)
