"""``aiodns.compat``: the results of ``query``, in the shapes of pycares 4; and records of ours as pycares' of today."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pycares

from ... import lazy
from ...model import Answer, Record, RRType
from . import error


@dataclass(frozen=True, slots=True)
class AresQueryAResult:
    """An A record."""

    host: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryAAAAResult:
    """An AAAA record."""

    host: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryCNAMEResult:
    """A CNAME record."""

    cname: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryMXResult:
    """An MX record."""

    host: str
    priority: int
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryNSResult:
    """An NS record."""

    host: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryTXTResult:
    """A TXT record; bytes where it is not ASCII."""

    text: str | bytes
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQuerySOAResult:
    """A SOA record."""

    nsname: str
    hostmaster: str
    serial: int
    refresh: int
    retry: int
    expires: int
    minttl: int
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQuerySRVResult:
    """An SRV record."""

    host: str
    port: int
    priority: int
    weight: int
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryNAPTRResult:
    """A NAPTR record."""

    order: int
    preference: int
    flags: str
    service: str
    regex: str
    replacement: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryCAAResult:
    """A CAA record."""

    critical: int
    property: str
    value: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryPTRResult:
    """A PTR record."""

    name: str
    ttl: int
    aliases: list[str]


@dataclass(frozen=True, slots=True)
class AresHostResult:
    """A host and its addresses."""

    name: str
    aliases: list[str]
    addresses: list[str]


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        return data


# -- pycares' record -> the old shape ----------------------------------------------------------------------------

_SHAPES: dict[int, Callable[[Any, int], Any]] = {
    pycares.QUERY_TYPE_A: lambda data, ttl: AresQueryAResult(data.addr, ttl),
    pycares.QUERY_TYPE_AAAA: lambda data, ttl: AresQueryAAAAResult(data.addr, ttl),
    pycares.QUERY_TYPE_CNAME: lambda data, ttl: AresQueryCNAMEResult(data.cname, ttl),
    pycares.QUERY_TYPE_MX: lambda data, ttl: AresQueryMXResult(data.exchange, data.priority, ttl),
    pycares.QUERY_TYPE_NS: lambda data, ttl: AresQueryNSResult(data.nsdname, ttl),
    pycares.QUERY_TYPE_TXT: lambda data, ttl: AresQueryTXTResult(_text(data.data), ttl),
    pycares.QUERY_TYPE_SOA: lambda data, ttl: AresQuerySOAResult(
        data.mname, data.rname, data.serial, data.refresh, data.retry, data.expire, data.minimum, ttl
    ),
    pycares.QUERY_TYPE_SRV: lambda data, ttl: AresQuerySRVResult(
        data.target, data.port, data.priority, data.weight, ttl
    ),
    pycares.QUERY_TYPE_NAPTR: lambda data, ttl: AresQueryNAPTRResult(
        data.order, data.preference, data.flags, data.service, data.regexp, data.replacement, ttl
    ),
    pycares.QUERY_TYPE_CAA: lambda data, ttl: AresQueryCAAResult(data.critical, data.tag, data.value, ttl),
    pycares.QUERY_TYPE_PTR: lambda data, ttl: AresQueryPTRResult(data.dname, ttl, []),
}
_SINGLE = frozenset((pycares.QUERY_TYPE_CNAME, pycares.QUERY_TYPE_SOA, pycares.QUERY_TYPE_PTR))


def _convert_record(record: Any) -> Any:
    shape = _SHAPES.get(record.type)
    return record if shape is None else shape(record.data, record.ttl)


def convert_result(dns_result: Any, qtype: int) -> Any:
    """A ``query_dns`` result as ``query`` gives it: the records of the type asked for, one alone for CNAME, SOA, PTR.

    DNSError with ARES_ENODATA where there is no such record.
    """
    if qtype == pycares.QUERY_TYPE_ANY:
        return [_convert_record(one) for one in dns_result.answer]
    found = [_convert_record(one) for one in dns_result.answer if one.type == qtype]
    if not found:
        raise error.of_status(error.ARES_ENODATA)
    return found[0] if qtype in _SINGLE else found


# -- a record of ours -> pycares' --------------------------------------------------------------------------------


def _name(text: str) -> str:
    return text.removesuffix(".")


def _mx(data: str) -> Any:
    preference, exchange = data.split(" ")
    return pycares.MXRecordData(int(preference), _name(exchange))


def _srv(data: str) -> Any:
    priority, weight, port, target = data.split(" ")
    return pycares.SRVRecordData(int(priority), int(weight), int(port), _name(target))


def _soa(data: str) -> Any:
    mname, rname, *numbers = data.split(" ")
    return pycares.SOARecordData(_name(mname), _name(rname), *map(int, numbers))


def _parsed(rdtype: int, data: str) -> Any:
    return lazy.rdata().rdata(1, rdtype, data)


def _latin(data: bytes) -> str:
    return data.decode("latin-1")


def _txt(data: str) -> Any:
    return pycares.TXTRecordData(b"".join(_parsed(RRType.TXT, data).strings))


def _caa(data: str) -> Any:
    one = _parsed(RRType.CAA, data)
    return pycares.CAARecordData(one.flags, _latin(one.tag), _latin(one.value))


def _naptr(data: str) -> Any:
    one = _parsed(RRType.NAPTR, data)
    flags, service, regexp = map(_latin, (one.flags, one.service, one.regexp))
    target = _name(one.replacement.to_text())
    return pycares.NAPTRRecordData(one.order, one.preference, flags, service, regexp, target)


_DATA: dict[int, Callable[[str], Any]] = {
    RRType.A: pycares.ARecordData,
    RRType.AAAA: pycares.AAAARecordData,
    RRType.CNAME: lambda data: pycares.CNAMERecordData(_name(data)),
    RRType.NS: lambda data: pycares.NSRecordData(_name(data)),
    RRType.PTR: lambda data: pycares.PTRRecordData(_name(data)),
    RRType.MX: _mx,
    RRType.SRV: _srv,
    RRType.SOA: _soa,
    RRType.TXT: _txt,
    RRType.CAA: _caa,
    RRType.NAPTR: _naptr,
}


def _records(given: Iterable[Record]) -> list[Any]:
    """Those of the types above, as pycares gives them."""
    return [
        pycares.DNSRecord(one.name, int(one.rdtype), one.rdclass, one.ttl, read(one.data))
        for one in given
        if (read := _DATA.get(one.rdtype)) is not None
    ]


def result_of(answer: Answer) -> Any:
    """What ``query_dns`` gives for a server's answer. DNSError for a refusal, and where there is no record at all."""
    if answer.rcode:
        raise error.of_status(error.OF_RCODE.get(answer.rcode, error.ARES_EBADRESP))
    if (one := answer.one) is not None:
        question = answer.question
        data = pycares.ARecordData(one[1])
        return pycares.DNSResult([pycares.DNSRecord(question.name, 1, question.rdclass, one[0], data)], [], [])
    if not answer.records:
        raise error.of_status(error.ARES_ENODATA)
    return pycares.DNSResult(_records(answer.records), _records(answer.authority), _records(answer.additional))
