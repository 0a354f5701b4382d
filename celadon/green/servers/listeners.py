"""From what a program writes (an address, a path, a number) to a socket that listens there."""

from __future__ import annotations

import _socket
import socket as _std
from collections.abc import Callable
from types import MethodType
from typing import Any

from ..socket import getaddrinfo, socket
from . import unix_path

#: What a server may be given to listen on; see ``BaseServer``.
Listener = _std.socket | tuple[str, int] | tuple[str, int, int, int] | str | int


def parse_address(text: Any) -> tuple[int, Any]:
    """Family and address of what a program wrote: an address tuple, a port, ``"host:port"``, or a Unix socket's path.

    The family is 0 where a host of letters or none leaves it open. A path is known by its ``/``, by ``unix:`` in front
    of it, or by the NUL of an abstract one. ValueError for a text that is none of these, TypeError for another type.
    """
    if isinstance(text, tuple):
        return (_socket.AF_INET6 if ":" in (text[0] or "") else 0), text
    if isinstance(text, int) and not isinstance(text, bool):
        return 0, ("", text)
    if not isinstance(text, str):
        raise TypeError(f"an address is a tuple, a text or a port, not {text!r}")
    if text.startswith("unix:"):
        return _socket.AF_UNIX, text.removeprefix("unix:").removeprefix("//")
    if "/" in text or text.startswith("\0"):
        return _socket.AF_UNIX, text
    host, _, port = text.rpartition(":")
    try:
        number = int(port)
    except ValueError:
        raise ValueError(f"{text!r} is no address: write host:port, [IPv6]:port, a port, or unix:path") from None
    if host.startswith("[") and host.endswith("]"):
        return _socket.AF_INET6, (host[1:-1], number)
    return (_socket.AF_INET6 if ":" in host else 0), ("" if host == "*" else host, number)


def listen(
    address: Any,
    family: int = 0,
    kind: int = _socket.SOCK_STREAM,
    *,
    backlog: int | None = None,
    reuse_addr: bool = True,
    reuse_port: bool = False,
    unix_mode: int | None = None,
) -> socket:
    """A socket that is bound to ``address``, and listens if ``backlog`` (a queue of so many) is not None.

    ``reuse_port`` lets several sockets share the port, the kernel giving each its part (socket(7), SO_REUSEPORT). An
    empty host is every address; of a name's several the first IPv4 one is taken, as ``socket.bind`` does. A stale Unix
    socket is taken over (``unix_path.bind``), and its mode is ``unix_mode``. OSError names the address.
    """
    if not isinstance(address, str):
        found = getaddrinfo(address[0] or None, address[1], family, kind, 0, _socket.AI_PASSIVE)
        family, kind, _, _, resolved = next((one for one in found if one[0] == _socket.AF_INET), found[0])
        resolved = (*resolved[:2], *address[2:]) if len(address) > 2 else resolved
    made = socket(_socket.AF_UNIX if isinstance(address, str) else family, kind)
    try:
        if isinstance(address, str):
            unix_path.bind(made, address, backlog, unix_mode)
            return made
        if reuse_addr:
            made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if reuse_port:
            made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEPORT, 1)
        made.bind(resolved)
        if backlog is not None:
            made.listen(backlog)
    except OSError as error:
        made.close()
        raise type(error)(error.errno, f"cannot listen on {address!r}: {error.strerror or error}") from None
    except BaseException:
        made.close()
        raise
    return made


class OfClassOrInstance:
    """A method for a class, by the class' settings, or for an instance, by its own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: object | None, owner: type) -> MethodType:
        return MethodType(self._function, owner if instance is None else instance)


__all__ = ["Listener", "OfClassOrInstance", "listen", "parse_address"]
