"""The system's files as a World. They are looked at once a second at most, and read again when they change.

A file that is gone, or that cannot be read, is often one that a DHCP client or a VPN is just writing. What it said last
holds until it can be read again, and so does a resolv.conf that had name servers and has none now. ``World.kept`` says
so. glibc keeps nothing: it asks 127.0.0.1, has no hosts, or fails (seen with 2.36; docs/differences.md). Before a file
was read once there is nothing to keep, and it counts as empty, as for glibc.
"""

from __future__ import annotations

import _socket
import errno
import os
import stat
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..frozen import replace
from . import interfaces
from .gai_conf import parse_gai_conf
from .host_conf import parse_aliases, parse_host_conf
from .hosts import Hosts, parse_hosts
from .nsswitch import parse_nsswitch
from .resolv_conf import names_a_server, parse_resolv_conf
from .world import Ways, World

T = TypeVar("T")
_RECHECK = 1.0  # seconds; with the second that ``Lookups`` keeps a result, a change is seen after two at most
_VARIABLES = (
    *("LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES"),  # resolv.conf(5), hostname(7)
    *("RESOLV_HOST_CONF", "RESOLV_MULTI", "RESOLV_REORDER"),  # host.conf(5)
    *("RESOLV_ADD_TRIM_DOMAINS", "RESOLV_OVERRIDE_TRIM_DOMAINS"),
)


class _File:
    """One file: its path, its parser, and the parsed value since the file last changed."""

    def __init__(
        self,
        path: str,
        parse: Callable[[bytes], Any],
        missing: Any = None,
        lacks: Callable[[bytes], str] = lambda data: "",
    ) -> None:
        self._path = path
        self._parse = parse
        self._lacks = lacks
        self._stamp: tuple[int, ...] | None = None
        self._missing = missing if missing is not None else parse(b"")
        self._good = False
        self.value: Any = self._missing
        #: Why it could not be read, other than that it is not there or not for us, if it never was before.
        self.trouble = ""
        #: Why ``value`` is what it said earlier; empty if it is what it says now.
        self.kept = ""

    def refresh(self) -> bool:
        """Read it if it changed; True if that changed anything. ``lacks`` says what good data must have and has not."""
        before = self.trouble, self.kept, self.value
        try:
            status = os.stat(self._path)
            stamp: tuple[int, ...] = (
                status.st_dev,
                status.st_ino,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_size,
            )
            if stamp == self._stamp:
                return False
            data = _read(self._path)
        except OSError as error:
            self._stamp = None
            why = f"{self._path}: {error.strerror or error}"
            if self._good:
                self.kept = why
            else:
                self.value = self._missing
                self.trouble = "" if isinstance(error, _LIKE_EMPTY) else why
            return before != (self.trouble, self.kept, self.value)
        self._stamp = stamp
        lack = self._lacks(data)
        if lack and self._good:
            self.kept = f"{self._path}: {lack}"
            return before != (self.trouble, self.kept, self.value)
        self.trouble = self.kept = ""
        self._good = not lack
        self.value = self._parse(data)
        return True


# What glibc takes for an empty file.
_LIKE_EMPTY = (FileNotFoundError, NotADirectoryError, PermissionError)


def _read(path: str) -> bytes:
    """The content of a regular file, of a device (such as /dev/null) nothing. OSError for anything else.

    Opening a pipe would wait for its writer: O_NONBLOCK.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISCHR(mode):
            return b""
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        return b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
    finally:
        os.close(fd)


def _no_server(resolv_conf: bytes) -> str:
    return "" if names_a_server(resolv_conf) else "No name server in it"


class System:
    """The files, the interfaces and the environment. Safe from any thread: the world is swapped whole."""

    def __init__(
        self,
        resolv_conf: str = "/etc/resolv.conf",
        hosts: str = "/etc/hosts",
        nsswitch: str = "/etc/nsswitch.conf",
        gai_conf: str = "/etc/gai.conf",
        host_conf: str = "/etc/host.conf",
        mdns_allow: str = "/etc/mdns.allow",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolv = _File(resolv_conf, lambda data: data, lacks=_no_server)
        self._hosts = _File(hosts, parse_hosts, Hosts(readable=False))
        self._order = _File(nsswitch, parse_nsswitch)
        self._rules = _File(gai_conf, parse_gai_conf)
        self._host_conf = _File(host_conf, lambda data: data)
        self._other_host_conf: _File | None = None
        self._mdns_allow = mdns_allow
        self._aliases: _File | None = None
        self._environ: dict[str, str] = {}
        self._now = now
        self._next = 0.0
        self._world: World | None = None

    def world(self) -> World:
        """What they say now, or said at most a second ago."""
        now = self._now()
        world = self._world
        if world is not None and now < self._next:
            return world
        self._next = now + _RECHECK
        files = (self._resolv, self._hosts, self._order, self._rules, self._host_conf)
        changed = [one.refresh() for one in files].count(True) > 0
        environ = _environ()
        if environ != self._environ:
            changed = True
            path = environ.get("HOSTALIASES")
            self._aliases = _File(path, parse_aliases) if path else None
            path = environ.get("RESOLV_HOST_CONF")
            self._other_host_conf = _File(path, lambda data: data) if path else None
            self._environ = environ
        if self._aliases is not None:
            changed = self._aliases.refresh() or changed
        host_conf = self._host_conf
        if self._other_host_conf is not None:
            host_conf = self._other_host_conf
            changed = host_conf.refresh() or changed
        addresses = interfaces.addresses()
        hostname, allow = _socket.gethostname(), os.path.exists(self._mdns_allow)
        if world is not None and (hostname, allow) != (world.hostname, world.mdns_allow):
            changed = True
        if world is None or changed or addresses != world.interfaces:
            also = (host_conf,) if self._aliases is None else (host_conf, self._aliases)
            kept = "; ".join(one.kept for one in (*files[:4], *also) if one.kept)
            config = parse_resolv_conf(self._resolv.value, hostname.partition(".")[2], environ)
            if world is not None and config == world.config:
                config = world.config
            world = self._world = World(
                config,
                self._hosts.value,
                self._order.value,
                interfaces.families(addresses),
                addresses,
                self._rules.value,
                *parse_host_conf(host_conf.value, environ),
                self._aliases.value if self._aliases is not None else {},
                hostname=hostname,
                variables=frozenset(environ),
                mdns_allow=allow,
                trouble=self._resolv.trouble or self._order.trouble,
                kept=kept,
            )
        return world

    def changed(self, changes: Mapping[str, Any], ways: Ways) -> Callable[[], World]:
        """As ``world``, with these fields of the configuration in place of the file's, and with these ways."""
        base: World | None = None
        made: Any = None

        def world() -> World:
            nonlocal base, made
            if base is not None and base is self._world and self._now() < self._next:
                return made  # type: ignore[no-any-return]  # what the lines below come to, without a call
            now = self.world()
            if base is not now:
                base, made = now, replace(now, config=replace(now.config, **changes), ways=ways)
            return made  # type: ignore[no-any-return]

        return world


def _environ() -> dict[str, str]:
    """The resolver's environment variables; none in a set-user-ID process (environ(7), secure_getenv(3))."""
    if os.getuid() != os.geteuid() or os.getgid() != os.getegid():
        return {}
    return {name: os.environ[name] for name in _VARIABLES if name in os.environ}
