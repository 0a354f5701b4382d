"""Listening sockets that another process has made: by number, or from systemd (sd_listen_fds(3))."""

from __future__ import annotations

import _socket
import os
from collections.abc import MutableMapping
from typing import NamedTuple

from ..socket import socket

#: The first number that systemd passes: sd-daemon.h, SD_LISTEN_FDS_START.
_FIRST = 3
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Inherited(NamedTuple):
    """A socket that systemd has passed, by its ``FileDescriptorName``: systemd.socket(5)."""

    name: str
    socket: socket


def from_fd(fd: int) -> socket:
    """The socket behind a number, which belongs to it from now on. OSError for what is no socket."""
    try:
        made = socket(fileno=fd)
    except OSError as error:
        raise OSError(error.errno, f"descriptor {fd} is not an open socket: {error.strerror}") from None
    os.set_inheritable(fd, False)
    return made


def listen_fds(environ: MutableMapping[str, str], pid: int) -> tuple[tuple[int, str], ...]:
    """The numbers that are meant for process ``pid``, with their names; none if the variables are another's.

    ValueError for variables that cannot be.
    """
    if environ.get("LISTEN_PID", "") != str(pid):
        return ()
    count = environ.get("LISTEN_FDS", "")
    if not (count.isascii() and count.isdigit()):
        raise ValueError(f"LISTEN_FDS={count}: this is no number")
    names = environ["LISTEN_FDNAMES"].split(":") if environ.get("LISTEN_FDNAMES") else ["unknown"] * int(count)
    if len(names) != int(count):
        raise ValueError(f"LISTEN_FDNAMES has {len(names)} names, and LISTEN_FDS is {count}")
    return tuple(enumerate(names, _FIRST))


def systemd_listeners(environ: MutableMapping[str, str] | None = None) -> tuple[Inherited, ...]:
    """What systemd has passed to this process: sockets that listen, or are bound. Nothing if it was not started so.

    The variables are taken out of ``environ`` (default: ``os.environ``), so that no child believes them to be its own:
    the second call finds nothing.
    """
    environ = os.environ if environ is None else environ
    found = listen_fds(environ, os.getpid())
    for variable in _VARIABLES if found else ():
        environ.pop(variable, None)
    return tuple(Inherited(name, from_fd(fd)) for fd, name in found)


def listens(one: socket) -> bool:
    """Whether a stream socket listens already."""
    return bool(one.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN))


__all__ = ["Inherited", "from_fd", "listen_fds", "listens", "systemd_listeners"]
