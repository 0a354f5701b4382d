"""The data of rare record types as text, through dnspython, which costs a tenth of a second to import: lazily."""

from __future__ import annotations

import dns.rdata
import dns.rdataclass
import dns.rdatatype


def text(message: bytes, rdtype: int, rdclass: int, start: int, end: int) -> str | None:
    """The data between two offsets in zone-file form; None for a type that dnspython does not know either."""
    try:
        made = dns.rdata.from_wire(
            dns.rdataclass.RdataClass.make(rdclass), dns.rdatatype.RdataType.make(rdtype), message, start, end - start
        )
    except Exception:  # noqa: BLE001  (hostile bytes may break dnspython in more ways than its own exceptions)
        return None
    return None if isinstance(made, dns.rdata.GenericRdata) else made.to_text()
