"""Where a proxy's clients may go, by host and port: pure rules. By address it is the guard that judges."""

from __future__ import annotations

import _socket
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

#: What a host may be made of on the wire: a name in ASCII (IDNA's A-labels), or an address of either family.
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,255}")
_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def plain_host(host: str) -> str:
    """A host as rules compare it: lower case, no final dot. ValueError for what cannot be a host."""
    if _HOST.fullmatch(host) is None:
        raise ValueError(f"{host!r} is not a host: a name in ASCII, or an address")
    return host.lower().removesuffix(".") or "."


def is_address(host: str) -> bool:
    """Whether libc takes the text for an address (inet_aton(3), inet_pton(3)), so that no rule for names holds."""
    try:
        if ":" in host:
            _socket.inet_pton(_socket.AF_INET6, host)
        else:
            _socket.inet_aton(host)
    except OSError:
        return False
    return True


def host_pattern(text: str) -> str:
    """``example.com`` is that host, ``*.example.com`` every host below it. ValueError for anything else."""
    plain = text.strip().removesuffix(".").lower()
    if is_address(plain) or "/" in plain:
        raise ValueError(f"{text!r} is an address: name networks by the guard (--allow-net, --deny-net)")
    try:
        stem = plain.removeprefix("*.")
        encoded = ("*." if stem != plain else "") + (stem if stem.isascii() else stem.encode("idna").decode())
    except UnicodeError as error:
        raise ValueError(f"{text!r} has no IDNA form: {error}") from None
    if _PATTERN.fullmatch(encoded) is None:
        raise ValueError(f"{text!r} is not a host, such as example.com or *.example.com")
    return encoded


def port_range(text: str | int) -> range:
    """``443`` or ``8000-8999`` as a range. ValueError for anything else."""
    match = _PORTS.fullmatch(str(text))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= 65535:
        raise ValueError(f"{text!r} is not a port or a range of ports, such as 443 or 8000-8999")
    return range(first, last + 1)


def _matches(host: str, exact: frozenset[str]) -> str | None:
    """The pattern that a host matches."""
    if host in exact:
        return host
    rest = host
    while rest:
        rest = rest.partition(".")[2]
        if f"*.{rest}" in exact:
            return f"*.{rest}"
    return None


@dataclass(frozen=True)
class Destinations:
    """Rules by host and port. What is denied is refused; where something is allowed, nothing else is.

    Hosts are names and ``*.name`` (see ``host_pattern``), ports numbers and ranges (see ``port_range``). With
    ``allow_hosts`` no literal address is allowed. ValueError for what is neither.
    """

    allow_hosts: Iterable[str] = ()
    deny_hosts: Iterable[str] = ()
    allow_ports: Iterable[str | int] = ()
    deny_ports: Iterable[str | int] = ()
    _hosts: tuple[frozenset[str], frozenset[str]] = field(init=False, repr=False, compare=False)
    _ports: tuple[tuple[range, ...], tuple[range, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("allow_hosts", "deny_hosts", "allow_ports", "deny_ports"):
            if isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is a sequence of texts, not one text: {getattr(self, name)!r}")
        hosts = tuple(frozenset(map(host_pattern, one)) for one in (self.allow_hosts, self.deny_hosts))
        ports = tuple(tuple(map(port_range, one)) for one in (self.allow_ports, self.deny_ports))
        object.__setattr__(self, "_hosts", hosts)
        object.__setattr__(self, "_ports", ports)

    def refusal(self, host: str, port: int) -> str | None:
        """Why a client may not go to a host (as ``plain_host`` gives it) and port, in a few words; None if it may."""
        allowed, denied = self._hosts
        names: frozenset[str] = frozenset() if is_address(host) else denied
        found = _matches(host, names)
        if found is not None:
            return f"the host is denied here ({found})"
        if allowed and (is_address(host) or _matches(host, allowed) is None):
            return "the host is not among those that are allowed here"
        allowed_ports, denied_ports = self._ports
        if any(port in one for one in denied_ports) or (
            allowed_ports and not any(port in one for one in allowed_ports)
        ):
            return f"port {port} is not allowed here"
        return None
