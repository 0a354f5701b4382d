"""Record data through dnspython: text from bytes, objects from text. dnspython takes a tenth of a second to import, so
this module is imported only when it is needed.
"""

from __future__ import annotations

from pkgutil import iter_modules
from types import ModuleType

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY
import dns.rdtypes.IN


def _modules(package: ModuleType) -> frozenset[str]:
    return frozenset(one.name.replace("_", "-") for one in iter_modules(package.__path__))


# dnspython searches a module for each new pair of type and class, and keeps every pair for ever: types that a server
# makes up must not reach it.
_OF_ALL_CLASSES, _OF_INTERNET = _modules(dns.rdtypes.ANY), _modules(dns.rdtypes.IN)


def text(data: bytes, rdtype: int, rdclass: int) -> str | None:
    """The data in zone-file form; None for a type that dnspython does not know.

    dnspython gets the data without the message: only types of RFC 1035 may have pointers (RFC 3597 §4), and dnspython
    would follow each one anew.
    """
    name = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rdtype))
    if name not in _OF_ALL_CLASSES and (rdclass != dns.rdataclass.IN or name not in _OF_INTERNET):
        return None
    try:
        made = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.RdataType.make(rdtype), data, 0, len(data))
        return made.to_text()
    except Exception:  # noqa: BLE001  (hostile bytes may break dnspython in more ways than its own exceptions)
        return None


def rdata(rdclass: int, rdtype: int, data: str) -> dns.rdata.Rdata:
    """The object for data in zone-file form; a ``GenericRdata`` for what dnspython does not know.

    ValueError for data that dnspython rejects for its type.
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
