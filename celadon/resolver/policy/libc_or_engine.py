"""What looks a name up, libc or an engine: Go's table (net/conf.go) as functions of the system's files.

An engine does ``files`` and ``dns`` exactly as libc does. All else goes to libc, in a thread: sources that are plugins,
names that only such a source knows, and settings in which an engine might differ.
"""

from __future__ import annotations

from typing import NamedTuple

from ..frozen import replace
from ..system.world import Source, World

_OURS = ("files", "dns")
_LIBC_KNOWS_BEST = {"darwin": "macOS", "ios": "iOS", "android": "Android", "win32": "Windows"}
_GATEWAYS = frozenset(("_gateway", "_outbound"))
_ONLY_SUCCESS = frozenset(("success",))


class Choice(NamedTuple):
    """What looks the name up, ``thread`` (libc) or ``engine``, and why."""

    who: str
    reason: str


def order_of(world: World) -> str:
    """The names of nsswitch.conf's sources, in order."""
    return " ".join(one.name for one in world.order)


def for_all(world: World, platform: str) -> str | None:
    """Why every name on this system goes to libc; None if it depends on the name."""
    if platform in _LIBC_KNOWS_BEST:
        return f"the names of {_LIBC_KNOWS_BEST[platform]} do not come from files and DNS alone"
    if world.trouble:
        return world.trouble
    if world.config.options:
        return f"resolv.conf says {world.config.options[0]!r}, which only libc may understand"
    for variable in sorted(world.variables):
        return f"{variable} is set"
    for index, source in enumerate(world.order):
        if source.name in _OURS:
            # After the last source, criteria have no effect.
            if source.returns != _ONLY_SUCCESS and index < len(world.order) - 1:
                return f"nsswitch.conf has criteria behind {source.name!r}"
        elif source.name != "myhostname" and not _is_mdns(source):
            return f"nsswitch.conf names the source {source.name!r}"
    if not any(one.name in _OURS for one in world.order):
        return "nsswitch.conf has neither files nor dns for hosts"
    return None


def looks_at_names(world: World) -> bool:
    """Whether some source other than files and dns has names of its own."""
    return any(one.name not in _OURS for one in world.order)


def _is_mdns(source: Source) -> bool:
    return source.name.startswith("mdns")


def for_name(world: World, name: str, reverse: bool = False) -> str | None:
    """Why this name goes to libc though others do not; None if it does not. ``reverse``: ``name`` is an address."""
    if "%" in name or "\\" in name:
        return "a name with % or \\ in it"
    bare = name.removesuffix(".").lower()
    sources = [one.name for one in world.order]
    if "myhostname" in sources:
        if bare == world.hostname.lower() or bare in _GATEWAYS or _is_localhost(bare):
            return "nsswitch.conf has myhostname, and it is this host's name"
        if reverse and (bare in world.interfaces or bare.startswith("127.") or bare == "::1"):
            return "nsswitch.conf has myhostname, and it is this host's address"
    if any(one.startswith("mdns") for one in sources):
        if bare.endswith(".local") or bare == "local":
            return "nsswitch.conf has mdns, and the name ends in .local"
        if reverse and bare.startswith(("169.254.", "fe80:")):
            return "nsswitch.conf has mdns, and the address is of the local link"
        if world.mdns_allow:
            return "nsswitch.conf has mdns, and mdns.allow may give it other domains"
    return None


def _is_localhost(name: str) -> bool:
    return name in ("localhost", "localhost.localdomain") or name.endswith((".localhost", ".localhost.localdomain"))


def decide(world: World, name: str, platform: str, reverse: bool = False) -> Choice:
    """What looks ``name`` up on this system."""
    reason = for_all(world, platform) or for_name(world, name, reverse)
    if reason is not None:
        return Choice("thread", reason)
    return Choice("engine", f"nsswitch.conf means {order_of(ours(world))!r}, and the name needs nothing of libc")


def ours(world: World) -> World:
    """The world for an engine that was chosen: without the sources that the engine does not have."""
    order = tuple(one for one in world.order if one.name in _OURS)
    if order == world.order or not order:
        return world
    return replace(world, order=order)
