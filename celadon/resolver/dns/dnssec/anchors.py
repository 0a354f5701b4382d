"""Trust anchors: the keys that a chain begins with (RFC 4033 §2).

The root's are built in, as IANA publishes them (https://data.iana.org/root-anchors/root-anchors.xml, RFC 7958). A file
has DS and DNSKEY records in zone-file form, as Unbound's ``root.key``, or BIND's ``trust-anchors { … };``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import dns.name
import dns.rdatatype
import dns.zonefile
from dns.exception import DNSException

from ...errors import ResolverConfigError

#: A zone's name -> DS and DNSKEY records, any of which may lead to its keys.
Anchors = Mapping[dns.name.Name, tuple[Any, ...]]

#: KSK-2017 and KSK-2024.
ROOT = """\
. DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
"""

_BLOCK = re.compile(r"\b(?:trust-anchors|trusted-keys|managed-keys)\s*\{")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|#[^\n]*", re.DOTALL)
_ENTRY = re.compile(
    r'"?(?P<name>[^\s";{}]+)"?\s+(?:(?:initial|static)-(?P<kind>key|ds)\s+)?'
    r'(?P<numbers>\d+\s+\d+\s+\d+)\s+"(?P<data>[^"]*)"\s*;'
)


def parse(text: str = ROOT) -> Anchors:
    """The anchors that a text names. ResolverConfigError if it names none, or is not in one of the two forms."""
    if _BLOCK.search(text):
        text = "".join(_of_bind(_COMMENT.sub(" ", text)))
    try:
        found = dns.zonefile.read_rrsets(text, rdclass=None, default_ttl=0)
    except (DNSException, ValueError) as error:
        raise ResolverConfigError(f"trust anchors: {error}") from None
    made: dict[dns.name.Name, tuple[Any, ...]] = {}
    for rrset in found:
        if rrset.rdtype in (dns.rdatatype.DS, dns.rdatatype.DNSKEY):
            name = rrset.name.canonicalize()
            made[name] = (*made.get(name, ()), *rrset)
    if not made:
        raise ResolverConfigError("trust anchors: no DS and no DNSKEY record in this text")
    return made


def _of_bind(text: str) -> Iterator[str]:
    for one in _ENTRY.finditer(text):
        kind = "DS" if one["kind"] == "ds" else "DNSKEY"
        name = one["name"].rstrip(".") + "."
        yield f"{name} {kind} {' '.join(one['numbers'].split())} {''.join(one['data'].split())}\n"
