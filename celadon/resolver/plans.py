"""What a plan is: a lookup written as a generator, which says what it needs to know and is sent it.

A plan yields ``Ask`` (questions to be sent side by side) and is sent the outcomes, or ``Sources`` and is sent where the
kernel would send from; it returns what the standard library would, or raises that. ``front`` runs plans on the hub;
a test runs them on a table. All that the plan knows of its surroundings is in a ``World``.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from .hosts import Hosts
from .model import Config, Question, SockAddr
from .sort import Interface, Rules

T = TypeVar("T")


class Ask(NamedTuple):
    """Send these questions at once; the plan is sent the outcomes in the same order."""

    questions: tuple[Question, ...]


class Sources(NamedTuple):
    """Tell from which address the kernel would send to each of these; None where it cannot."""

    destinations: tuple[SockAddr, ...]


Look = Callable[[str], "Iterable[str] | None"]


class Call(NamedTuple):
    """Call somebody's function with this name, in the greenlet that looks up; the plan is sent what it gives."""

    function: Look
    name: str


Plan = Generator[Ask | Sources | Call, Any, T]

_STATUSES = frozenset(("success", "notfound", "unavail", "tryagain"))


class Source(NamedTuple):
    """One source of the hosts line in nsswitch.conf, and the statuses with which the search ends there.

    Two kinds come from a program and not from that file: ``table`` has the addresses of names, or another name to look
    up in a name's place, and ``look`` is a function that gives addresses, or None for a name that is not its own.
    """

    name: str
    returns: frozenset[str] = frozenset(("success",))
    plain: bool = True  # without criteria of its own
    table: Mapping[str, tuple[str, ...] | str] | None = None
    look: Look | None = None


def table_source(table: Mapping[str, tuple[str, ...] | str]) -> Source:
    """The source that decides about the names in the table, whatever it says of them."""
    return Source("overrides", _STATUSES, table=table)


def look_source(name: str, look: Look) -> Source:
    """The source that asks a function."""
    return Source(name, _STATUSES, look=look)


_COMMON = (Source("files"), Source("dns"))


class Ways(NamedTuple):
    """Where libc's way and a safer one part: each field is a switch, and docs/differences.md says why.

    ``special_names``: RFC 6761's and 7686's names never reach DNS. ``nul``: a NUL in a host is an error, not its end.
    ``strict``: when the A records could not be had, having AAAA does not help. ``cname_order``: a chain of CNAMEs is
    followed in whatever order it came. ``idna`` is 2003 as in the standard library, or 2008.
    """

    special_names: bool = True
    nul: bool = True
    strict: bool = True
    cname_order: bool = True
    idna: int = 2003


@dataclass(frozen=True, slots=True)
class World:
    """What the system's files and interfaces say, and the ways chosen.

    ``order`` is nsswitch's for hosts, ``families`` those that AI_ADDRCONFIG counts, ``interfaces`` the host's own
    addresses, ``rules`` gai.conf's, ``multi``, ``reorder`` and ``trim`` host.conf's, ``aliases`` those of the file that
    HOSTALIASES names. ``hostname`` is this host's, ``variables`` are those of the resolver's that are set,
    ``mdns_allow`` is whether there is a file of that name, ``trouble`` why a file could not be read: they decide who is
    asked, not what is answered.
    """

    config: Config
    hosts: Hosts
    order: tuple[Source, ...] = _COMMON
    families: frozenset[int] = frozenset((int(_socket.AF_INET), int(_socket.AF_INET6)))
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    multi: bool = True
    reorder: bool = False
    trim: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    ways: Ways = field(default_factory=Ways)
    hostname: str = ""
    variables: frozenset[str] = frozenset()
    mdns_allow: bool = False
    trouble: str = ""
    #: Whether the way of the commonest systems is all that a lookup can take: files, then DNS, nothing out of the way.
    simple: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        config = self.config
        out_of_the_way = (
            config.single_request or config.single_request_reopen or config.no_aaaa or config.use_vc or self.aliases
        )
        simple = self.order == _COMMON and not out_of_the_way
        object.__setattr__(self, "simple", simple)
