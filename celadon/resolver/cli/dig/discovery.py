"""Designated resolvers (RFC 9462): which encrypted servers a plain one names for itself. ``@ddr://ADDRESS`` uses them.

The plain server is asked for SVCB records of ``_dns.resolver.arpa``. What they name may be used if its certificate is
valid for the plain server's address (verified discovery, §4.2), or unchecked if it is at that very address and the
address is private (opportunistic discovery, §4.3).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ... import lazy
from ...errors import ResolveError, ResolverConfigError
from ...model import Answer, Record, RRType, Server
from ...protocols import Outcome
from ...system.servers import SCHEMES, parse_server
from ..escapes import strict
from ..exits import NO_REPLY, OK, UsageError, complain
from .settings import Lookup, Settings

#: Asks this server a question of a name.
AskOne = Callable[[Lookup, str, Server], Outcome]

_NAME = "_dns.resolver.arpa"
_ALPN, _PORT, _IPV4, _IPV6, _PATH = 1, 3, 4, 6, 7
_SCHEMES = {b"dot": "tls", b"h2": "https", b"doq": "quic"}
_NOTHING = 2
_PRIVATE = ("10.", "127.", "192.168.", "169.254.", *(f"172.{n}." for n in range(16, 32)), "fe80:", "fc", "fd")


class Designated(NamedTuple):
    """One designated server, and the priority and name under which it was given."""

    priority: int
    target: str
    server: Server

    @property
    def uri(self) -> str:
        """As ``@`` takes it."""
        server = self.server
        host = f"[{server.address}]" if ":" in server.address else server.address
        port = "" if server.port == SCHEMES[server.scheme] else f":{server.port}"
        return f"{server.scheme}://{host}{port}{server.path}#{server.hostname}"


def designated(answer: Answer, plain: Server, addresses: dict[str, tuple[str, ...]]) -> list[Designated]:
    """What the answer names, best first. ``addresses`` are those of targets without hints, by name."""
    found = []
    for record in answer.records:
        if record.rdtype != RRType.SVCB or record.name.lower() != _NAME:
            continue
        rdata = lazy.rdata().rdata(record.rdclass, record.rdtype, record.data)
        target = str(rdata.target).rstrip(".")
        if not rdata.priority or not target:
            continue  # an alias, or no name (RFC 9462 §4)
        params = {int(key): value for key, value in rdata.params.items()}
        known = (*_hints(params), *_of(answer.additional, target), *addresses.get(target.lower(), ()))
        for scheme in [_SCHEMES[one] for one in params[_ALPN].ids if one in _SCHEMES] if _ALPN in params else []:
            path = params[_PATH].value.decode("ascii", "replace").partition("{")[0] if _PATH in params else ""
            if scheme == "https" and not path.startswith("/"):
                continue  # RFC 9461 §5: without a path there is no DoH
            port = params[_PORT].port if _PORT in params else SCHEMES[scheme]
            for address in dict.fromkeys(known):
                trust = None if address == plain.address and address.startswith(_PRIVATE) else ""
                server = Server(address, port, scheme, plain.address, path if scheme == "https" else "", trust)
                found.append(Designated(rdata.priority, target, server))
    return sorted(found, key=lambda one: one.priority)


def _hints(params: dict[int, Any]) -> tuple[str, ...]:
    return tuple(address for key in (_IPV4, _IPV6) if key in params for address in params[key].addresses)


def _of(records: tuple[Record, ...], target: str) -> tuple[str, ...]:
    wanted = (RRType.A, RRType.AAAA)
    return tuple(one.data for one in records if one.rdtype in wanted and one.name.lower() == target.lower())


def discover(ask: AskOne, text: str) -> list[Designated]:
    """What the plain server ``text`` designates. ResolveError if it does not reply, UsageError for no address."""
    try:
        plain = parse_server(text)
    except ResolverConfigError as error:
        raise UsageError(str(error)) from None
    lookup = Lookup(_NAME, _NAME, int(RRType.SVCB), Settings(cookie=None))
    answer = _asked(ask, lookup, _NAME, plain)
    addresses: dict[str, tuple[str, ...]] = {}
    for record in answer.records:
        target = record.data.split()[1].rstrip(".") if record.rdtype == RRType.SVCB else ""
        if target and "hint=" not in record.data and not _of(answer.additional, target):
            found = [
                one.data
                for rdtype in (RRType.A, RRType.AAAA)
                for one in _asked(ask, lookup._replace(rdtype=int(rdtype)), target, plain).records
                if one.rdtype == rdtype
            ]
            addresses[target.lower()] = tuple(found)
    try:
        return designated(answer, plain, addresses)
    except ValueError as error:
        raise UsageError(f"{text}: a designation that cannot be read: {error}") from None


def _asked(ask: AskOne, lookup: Lookup, name: str, plain: Server) -> Answer:
    outcome = ask(lookup, name, plain)
    if isinstance(outcome, ResolveError):
        raise outcome
    return outcome


def servers(ask: AskOne, text: str) -> tuple[Server, ...]:
    """The servers of ``ddr://text``. UsageError if none are designated."""
    found = discover(ask, text)
    if not found:
        raise UsageError(f"the server {text} designates no encrypted server (RFC 9462)")
    return tuple(one.server for one in found)


def show(ask: AskOne, plain: Iterable[str], as_json: bool) -> int:
    """``--discover``: a line, or with ``--json`` an object, for each designated server; returns the exit status."""
    code = OK
    for text in plain:
        try:
            found = discover(ask, text)
        except ResolveError as error:
            code = max(code, complain(error.explain(), NO_REPLY))
            continue
        for one in found:
            print(_row(text, one) if as_json else f"{one.priority} {one.target} {one.uri}")
        if not found:
            code = max(code, complain(f"the server {text} designates no encrypted server (RFC 9462)", _NOTHING))
    return code


def _row(plain: str, one: Designated) -> str:
    row = {
        "server": strict(plain),
        "priority": one.priority,
        "target": strict(one.target),
        "uri": strict(one.uri),
        "verified": one.server.trust is not None,
    }
    return json.dumps(row, separators=(",", ":"))
