"""The World: what the system's files and environment say, as one frozen value for a lookup."""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ..frozen import field, frozen
from ..model import Config
from ..names.domain import SPECIAL
from .gai_conf import Interface, Rules
from .hosts import Hosts

Look = Callable[[str], "Iterable[str] | None"]
# What a source may report (nsswitch.conf(5)).
STATUSES = ("success", "notfound", "unavail", "tryagain")
_ALL = frozenset(STATUSES)


class Source(NamedTuple):
    """One source of the hosts line in nsswitch.conf, and the statuses with which the search ends there.

    Two kinds come from the program: ``table`` maps names to addresses, or to another name to look up in their place;
    ``look`` is a function that returns a name's addresses, or None for a name that is not its own.
    """

    name: str
    returns: frozenset[str] = frozenset(("success",))
    plain: bool = True  # False: the file has criteria for it
    table: Mapping[str, tuple[str, ...] | str] | None = None
    look: Look | None = None


def table_source(table: Mapping[str, tuple[str, ...] | str]) -> Source:
    """The source for a table: it decides about every name in it."""
    return Source("overrides", _ALL, table=table)


def look_source(name: str, look: Look) -> Source:
    """The source for a function."""
    return Source(name, _ALL, look=look)


_COMMON = (Source("files"), Source("dns"))


class Ways(NamedTuple):
    """Differences from libc: each field is a switch, and docs/differences.md says why.

    ``special_names``: RFC 6761's and 7686's names never reach DNS. ``nul``: a NUL in a host is an error, not its end.
    ``strict``: if the A query fails, the lookup fails, whatever AAAA came. ``cname_order``: a chain of CNAMEs is
    followed in whatever order it came. ``idna`` is 2003 as in the standard library, or 2008.
    """

    special_names: bool = True
    nul: bool = True
    strict: bool = True
    cname_order: bool = True
    idna: int = 2003


@frozen
class World:
    """What the system's files and interfaces say, and the ways chosen.

    ``order``: nsswitch.conf's sources for hosts. ``families``: those that AI_ADDRCONFIG counts. ``interfaces``: the
    host's own addresses. ``rules``: gai.conf's. ``multi``, ``reorder`` and ``trim``: host.conf's. ``aliases``: from the
    file that HOSTALIASES names. The rest only decides between libc and an engine: ``hostname`` is this host's,
    ``variables`` are the resolver's environment variables that are set, ``mdns_allow`` is whether mdns.allow exists,
    ``trouble`` is why a file was never read, ``kept`` why files count as they were read earlier.
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
    kept: str = ""
    #: How many dots a name must have to go straight to DNS as it stands, unless the hosts file has it; infinite where
    #: sources with criteria, or options that change a lookup, leave no short way (``nss.quick``).
    dots: float = field(init=False, compare=False)
    #: How names may end that never reach DNS.
    special: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        config = self.config
        asks = config.single_request or config.single_request_reopen or config.no_aaaa or config.use_vc or self.aliases
        simple = self.order == _COMMON and not (asks or config.sortlist or self.reorder)
        object.__setattr__(self, "dots", config.ndots if simple else float("inf"))
        object.__setattr__(self, "special", tuple(SPECIAL) if self.ways.special_names else ())
