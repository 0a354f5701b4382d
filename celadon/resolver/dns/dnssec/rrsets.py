"""An answer's records as RRsets with their signatures, in dnspython's objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import dns.name
import dns.rdatatype
import dns.rrset
from dns.exception import DNSException

from ...model import Record, RRType, type_name
from ..rdata_dnspython import rdata
from .effort import MOST_RECORDS, Bogus


class Signed(NamedTuple):
    """An RRset and the RRSIG records that cover it, none for an unsigned one."""

    name: dns.name.Name
    rdtype: int
    rrset: dns.rrset.RRset
    signatures: tuple[Any, ...]

    @property
    def shown(self) -> str:
        """``A of www.example``, for messages."""
        return f"{type_name(self.rdtype)} of {shown(self.name)}"

    @property
    def ttl(self) -> int:
        """In seconds."""
        return self.rrset.ttl


RRsets = dict[tuple[dns.name.Name, int], Signed]


def shown(name: dns.name.Name) -> str:
    """A name without final dot, the root as ``.``."""
    return str(name) if name == dns.name.root else name.to_text(True)


def name_of(text: str) -> dns.name.Name:
    """The name of ours as dnspython's, in lower case. Bogus for a text that is no name."""
    try:
        return dns.name.from_text(text + ".").canonicalize()
    except DNSException as error:
        raise Bogus(text, f"a name that cannot be: {error}") from None


def rrsets(records: Iterable[Record], rdclass: int = 1) -> RRsets:
    """By owner (in lower case) and type, in the order of the records; signatures without their RRset are left out.

    Bogus for data that is not of its type, for another class, and for far too many records.
    """
    data: dict[tuple[dns.name.Name, int], list[Record]] = {}
    signatures: dict[tuple[dns.name.Name, int], list[Any]] = {}
    for count, one in enumerate(records):
        if count >= MOST_RECORDS:
            raise Bogus("", f"more than {MOST_RECORDS} records in one section")
        if one.rdclass != rdclass:
            raise Bogus(one.name, f"{type_name(one.rdtype)} of {one.name or '.'} is of another class")
        name = name_of(one.name)
        if one.rdtype == RRType.RRSIG:
            made = _made(one)
            signatures.setdefault((name, int(made.type_covered)), []).append(made)
        else:
            data.setdefault((name, one.rdtype), []).append(one)
    return {
        (name, rdtype): Signed(
            name,
            rdtype,
            dns.rrset.from_rdata(name, min(one.ttl for one in found), *map(_made, found)),
            tuple(signatures.get((name, rdtype), ())),
        )
        for (name, rdtype), found in data.items()
    }


def _made(record: Record) -> Any:
    try:
        return rdata(record.rdclass, record.rdtype, record.data)
    except ValueError as error:
        raise Bogus(record.name, f"{type_name(record.rdtype)} of {record.name or '.'}: {error}") from None
