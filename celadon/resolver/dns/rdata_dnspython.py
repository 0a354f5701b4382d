"""What dnspython knows of record data: text from bytes and objects from text. It costs a tenth of a second to import,
so that only the registry does it, and only when it is asked for.
"""

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


def rdata(rdclass: int, rdtype: int, data: str) -> dns.rdata.Rdata:
    """The object for data in zone-file form; a ``GenericRdata`` for what dnspython does not know.

    ValueError for data that dnspython takes for no instance of its type.
    """
    class_, type_ = dns.rdataclass.RdataClass.make(rdclass), dns.rdatatype.RdataType.make(rdtype)
    try:
        if not data.startswith("\\#"):
            return dns.rdata.from_text(class_, type_, data)
        wire = bytes.fromhex("".join(data.split()[2:]))
        try:
            return dns.rdata.from_wire(class_, type_, wire, 0, len(wire))
        except Exception:  # noqa: BLE001  (see above)
            return dns.rdata.GenericRdata(class_, type_, wire)
    except Exception as error:  # noqa: BLE001
        raise ValueError(f"{type_.name}: {error}") from None
