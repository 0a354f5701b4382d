"""The system's files as the stub wants them, read again when they change; never more often than every two seconds."""

from __future__ import annotations

import _socket
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from .config import parse_resolv_conf
from .hosts import parse_hosts
from .stub import World

T = TypeVar("T")

_RECHECK = 2.0  # seconds


class _File:
    """One file: its path, what parses it, and what that made of it when it last changed."""

    def __init__(self, path: str, parse: Callable[[bytes], Any]) -> None:
        self._path = path
        self._parse = parse
        self._stamp: tuple[int, int, int] | None = None
        self.value: Any = parse(b"")

    def refresh(self) -> bool:
        """Read it if it changed; True if it did. A file that cannot be read counts as empty, as for libc."""
        try:
            status = os.stat(self._path)
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return False
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
            finally:
                os.close(fd)
        except OSError:
            stamp, data = (0, 0, 0), b""
            if stamp == self._stamp:
                return False
        self._stamp = stamp
        self.value = self._parse(data)
        return True


def _parse_order(text: bytes) -> tuple[str, ...]:
    for line in text.decode("latin-1").split("\n"):
        database, colon, sources = line.partition("#")[0].partition(":")
        if colon and database.strip() == "hosts":
            return tuple(one for one in sources.split() if one in ("files", "dns")) or ("files", "dns")
    return ("files", "dns")


def _families() -> frozenset[int]:
    """The families that have a route out, which is nearly what AI_ADDRCONFIG asks (getaddrinfo(3))."""
    found = set()
    for family, address in ((_socket.AF_INET, "192.0.2.1"), (_socket.AF_INET6, "2001:db8::1")):
        try:
            probe = _socket.socket(family, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        except OSError:
            continue
        try:
            probe.connect((address, 53))
            found.add(int(family))
        except OSError:
            continue
        finally:
            probe.close()
    return frozenset(found)


class System:
    """The three files. Safe from any thread: the world is swapped whole."""

    def __init__(
        self,
        resolv_conf: str = "/etc/resolv.conf",
        hosts: str = "/etc/hosts",
        nsswitch: str = "/etc/nsswitch.conf",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = _File(resolv_conf, parse_resolv_conf)
        self._hosts = _File(hosts, parse_hosts)
        self._order = _File(nsswitch, _parse_order)
        self._now = now
        self._next = 0.0
        self._world: World | None = None

    def world(self) -> World:
        """What the files say now."""
        now = self._now()
        world = self._world
        if world is not None and now < self._next:
            return world
        self._next = now + _RECHECK
        changed = [one.refresh() for one in (self._config, self._hosts, self._order)]
        families = _families()
        if world is None or any(changed) or families != world.families:
            world = self._world = World(self._config.value, self._hosts.value, self._order.value, families)
        return world

    def changed(self, changes: Mapping[str, Any]) -> Callable[[], World]:
        """As ``world``, with these fields of the configuration put in the place of the file's."""
        last: tuple[World, World] | None = None

        def world() -> World:
            nonlocal last
            now = self.world()
            if last is None or last[0] is not now:
                last = (now, replace(now, config=replace(now.config, **changes)))
            return last[1]

        return world
