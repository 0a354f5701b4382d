"""SOCKS 5 without I/O: what a client says until its tunnel begins, and what it is answered.

Sources: RFC 1928 (SOCKS 5), RFC 1929 (user name and password). Of the commands only CONNECT is served. ``Socks5`` is
fed with bytes and says what to send; what comes after the request is the tunnel's, and stays as it is.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

VERSION = 5
_NO_METHOD, _NO_AUTH, _PASSWORD = 0xFF, 0x00, 0x02
_CONNECT = 0x01
#: Address types (RFC 1928 section 5), with the bytes of those that have a fixed size.
_IPV4, _DOMAIN, _IPV6 = 0x01, 0x03, 0x04
_SIZES = {_IPV4: (_socket.AF_INET, 4), _IPV6: (_socket.AF_INET6, 16)}


class Reply(IntEnum):
    """The codes of a reply: RFC 1928 section 6."""

    SUCCEEDED = 0x00
    FAILURE = 0x01
    NOT_ALLOWED = 0x02
    NETWORK_UNREACHABLE = 0x03
    HOST_UNREACHABLE = 0x04
    REFUSED = 0x05
    TTL_EXPIRED = 0x06
    COMMAND = 0x07
    ADDRESS_TYPE = 0x08


class SocksError(ValueError):
    """What a client said is wrong; ``last`` is sent before the connection is closed."""

    def __init__(self, why: str, last: bytes = b"") -> None:
        super().__init__(why)
        self.last = last


class SocksLoginError(SocksError):
    """The client is not who may use the proxy."""


class Asked(NamedTuple):
    """Where the client wants to be connected: a name as it is written, or the text of an address."""

    host: str
    port: int


def reply(code: Reply) -> bytes:
    """The last message before the tunnel, or before the end. The bound address is not told: 0.0.0.0:0."""
    return bytes((VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0))


class Socks5:
    """One client's handshake.

    ``login`` is None if everybody may use the proxy, else called with user name and password. ``feed`` returns what is
    to be sent; ``asked`` is set at the end, and ``rest`` is then what came after the request: the tunnel's first bytes.
    ``user`` is who logged in.
    """

    def __init__(self, login: Callable[[bytes, bytes], bool] | None = None) -> None:
        self._login = login
        self._data = b""
        self._step: Callable[[bytes], tuple[int, bytes] | None] = self._greeting
        self.asked: Asked | None = None
        self.user: str = ""
        self.rest: bytes = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; returns those to send. SocksError for what is wrong."""
        self._data += data
        out = b""
        while self.asked is None:
            try:
                found = self._step(self._data)
            except SocksError as error:
                error.last = out + error.last
                raise
            if found is None:
                return out
            size, more = found
            self._data = self._data[size:]
            out += more
        self.rest, self._data = self._data, b""
        return out

    # -- the steps: None while the message is not whole, else its size and the answer -----------------------------

    def _greeting(self, data: bytes) -> tuple[int, bytes] | None:
        if data[:1] not in (b"", bytes((VERSION,))):
            raise SocksError(f"the version is {data[0]}, not 5")
        if len(data) < 2 or len(data) < 2 + data[1]:
            return None
        methods = data[2 : 2 + data[1]]
        if self._login is None and _NO_AUTH in methods:
            method = _NO_AUTH
        elif _PASSWORD in methods:  # also where none is asked for: some clients offer nothing else
            method = _PASSWORD
        else:
            refusal = bytes((VERSION, _NO_METHOD))
            if self._login is None:
                raise SocksError("it offers no method that is known here", refusal)
            raise SocksLoginError("it offers no user name and password", refusal)
        self._step = self._password if method == _PASSWORD else self._request
        return 2 + len(methods), bytes((VERSION, method))

    def _password(self, data: bytes) -> tuple[int, bytes] | None:
        if data[:1] not in (b"", b"\x01"):
            raise SocksError("the message with user name and password is not of version 1")
        if len(data) < 2 or len(data) < 3 + data[1]:
            return None
        middle = 2 + data[1]
        size = middle + 1 + data[middle]
        if len(data) < size:
            return None
        user, password = data[2:middle], data[middle + 1 : size]
        if self._login is not None and not self._login(user, password):
            raise SocksLoginError("wrong user name or password", b"\x01\x01")
        self.user = user.decode("utf-8", "replace")
        self._step = self._request
        return size, b"\x01\x00"

    def _request(self, data: bytes) -> tuple[int, bytes] | None:
        if data[:1] not in (b"", bytes((VERSION,))):
            raise SocksError(f"the request's version is {data[0]}, not 5", reply(Reply.FAILURE))
        if len(data) < 5:
            return None
        command, kind = data[1], data[3]
        if command != _CONNECT:
            raise SocksError(f"command {command} is not served, only CONNECT (1)", reply(Reply.COMMAND))
        if kind in _SIZES:
            family, length = _SIZES[kind]
            begin = 4
        elif kind == _DOMAIN:
            family, length, begin = 0, data[4], 5
        else:
            raise SocksError(f"there is no address type {kind}", reply(Reply.ADDRESS_TYPE))
        end = begin + length
        if len(data) < end + 2:
            return None
        raw = data[begin:end]
        host = _socket.inet_ntop(family, raw) if family else raw.decode("latin-1")
        self.asked = Asked(host, int.from_bytes(data[end : end + 2], "big"))
        return end + 2, b""
