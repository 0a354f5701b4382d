"""What a lookup would do, without doing it: which sources and servers it would ask, in which order, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..answers.cache import Cache
from ..errors import ResolveError
from ..model import Question, RRType, type_name
from ..names import domain
from ..names.address import value_of
from ..system.world import Source, World
from .search import candidates

_TYPES = (RRType.A, RRType.AAAA)


class Explanation(NamedTuple):
    """How ``name`` would be looked up: by which ``resolver``, why, and in which ``steps``. ``str()`` is for people."""

    name: str
    resolver: str
    reason: str
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.name or '(empty name)'}", f"  by {self.resolver}: {self.reason}"]
        return "\n".join([*lines, *(f"  {number}. {one}" for number, one in enumerate(self.steps, 1))])


def steps(world: World, name: str, cache: Cache | None, now: float) -> tuple[str, ...]:
    """What the policy would do for a name: one sentence for each step, in order."""
    if value_of(name) is not None:
        return ("an address literal: no source is asked",)
    try:
        ascii_name = domain.to_ascii(name)
    except ResolveError as error:
        return (f"refused: {error.detail}",)
    told = [f"what was read earlier still holds ({world.kept})"] if world.kept else []
    for source in world.order:
        told += _TELL.get(source.name, _of_others)(world, source, ascii_name, cache, now)
        given = _given(source, ascii_name)
        if isinstance(given, str):
            ascii_name = given
        elif _status(world, source, ascii_name) in source.returns:
            break
    return tuple(told)


def _given(source: Source, name: str) -> tuple[str, ...] | str | None:
    return source.table.get(name.lower().removesuffix(".")) if source.table is not None else None


def _status(world: World, source: Source, name: str) -> str:
    """The status that the source would report; empty if only asking can tell."""
    if source.name == "files":
        return "success" if world.hosts.find(name) else "notfound" if world.hosts.readable else "unavail"
    if source.table is not None:
        return "success" if _given(source, name) is not None else ""
    return "" if source.name == "dns" or source.look is not None else "unavail"


def _files(world: World, source: Source, name: str, cache: Cache | None, now: float) -> list[str]:
    found = [line.address for line in world.hosts.find(name)]
    return [f"hosts file: {', '.join(found)}" if found else "hosts file: not there"]


def _dns(world: World, source: Source, name: str, cache: Cache | None, now: float) -> list[str]:
    special = domain.special(name) if world.ways.special_names else None
    if special == "loopback":
        return ["DNS is not asked for localhost: the loopback addresses (RFC 6761)"]
    if special is not None or not domain.is_hostname(name):
        return ["DNS is not asked: " + ("a name that is never there (RFC 6761, RFC 7686)" if special else "not a host")]
    config = world.config
    names = [one or "." for one in candidates(name, config, world.aliases)]
    kinds = "A, then AAAA," if config.single_request else "A alone" if config.no_aaaa else "A and AAAA side by side"
    servers = ", ".join(map(str, config.servers))
    pace = f"{config.timeout:g} s a try, {config.attempts} rounds"
    told = [f"DNS: {kinds} for {names[0]}, of {servers} ({pace})"]
    told += [f"DNS: if that is not there, {one}" for one in names[1:]]
    return [*told, *_cached(names[0], cache, now)]


def _cached(name: str, cache: Cache | None, now: float) -> list[str]:
    if cache is None:
        return ["the cache is off"]
    told = []
    for rdtype in _TYPES:
        entry = cache.peek(Question(name, int(rdtype)))
        if entry is not None:
            left = entry.expires - now
            data = [one.data for one in entry.answer.records if one.rdtype == rdtype] or ["that there is none"]
            how = f"for {left:.0f} s more" if left > 0 else f"{-left:.0f} s too old"
            told.append(f"the cache has {type_name(rdtype)}: {', '.join(data)}, {how}")
    return told or ["the cache has nothing of it"]


def _of_others(world: World, source: Source, name: str, cache: Cache | None, now: float) -> list[str]:
    if source.table is not None:
        given = _given(source, name)
        if given is None:
            return ["overrides: not there"]
        return [f"overrides: {given if isinstance(given, str) else ', '.join(given)}"]
    if source.look is not None:
        return [f"the program's {source.name} is called"]
    return [f"{source.name}: libc's, and passed over here"]


_TELL: dict[str, Callable[[World, Source, str, Cache | None, float], list[str]]] = {"files": _files, "dns": _dns}
