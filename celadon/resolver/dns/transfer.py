"""Zone transfers as a state machine: where one begins and ends, what a record does (RFC 5936, RFC 1995)."""

from __future__ import annotations

from ..model import Record, RRType

_HALF = 1 << 31  # serial numbers are compared modulo 2^32 (RFC 1982)


class BrokenTransfer(Exception):
    """The records are no transfer of this zone; the text says why."""


class Transfer:
    """One transfer of ``zone``; ``serial`` is the one that we have, for IXFR, and None for AXFR.

    ``take`` each record of the answer sections in turn, ``message_ends`` after each message, until ``done``.
    """

    def __init__(self, zone: str, serial: int | None = None) -> None:
        self.done: bool = False
        self.records: int = 0
        self._zone = zone.lower()
        self._have = serial
        self._last: int | None = None  # the serial of the first SOA record, which is the last one as well
        self._mode = "" if serial is None else "unknown"

    def take(self, record: Record) -> str:
        """What the record is: empty for one of the zone, ``delete`` or ``add`` for a change to the one that we have.

        BrokenTransfer for a record that cannot stand there.
        """
        if self.done:
            raise BrokenTransfer("records after the end of the zone")
        self.records += 1
        serial = self._serial(record)
        if self._last is None:
            if serial is None:
                raise BrokenTransfer(f"the first record is no SOA of {self._zone or '.'}")
            self._last = serial
            return ""
        if self._mode == "unknown":
            # A second SOA of the serial that we have begins the differences; anything else is the whole zone.
            self._mode = "delete" if serial is not None and serial == self._have != self._last else ""
            if self._mode:
                return "delete"
        if serial is None:
            return self._mode
        if not self._mode or (self._mode == "add" and serial == self._last):
            if serial != self._last:
                raise BrokenTransfer(f"another SOA, of serial {serial}, in the middle of the zone")
            self.done = True
            return ""
        self._mode = "add" if self._mode == "delete" else "delete"
        return self._mode

    def message_ends(self) -> None:
        """One message is over: a single SOA says that there is nothing newer (RFC 1995 §4)."""
        if self._mode == "unknown" and self.records == 1 and self._last is not None and self._have is not None:
            self.done = (self._have - self._last) & 0xFFFFFFFF < _HALF

    def _serial(self, record: Record) -> int | None:
        """The serial, if it is the SOA record of the zone."""
        if record.rdtype != RRType.SOA or record.name.lower() != self._zone:
            return None
        return int(record.data.split()[2])
