"""``python -m celadon.resolver.testing``: a name server for tests and benchmarks, in a process of its own."""

from __future__ import annotations

import argparse
import signal
from typing import Any

import dns.exception
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.zonefile

from .nameserver import NameServer


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; the address is the first line on stdout. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m celadon.resolver.testing",
        description="A name server on 127.0.0.1, over UDP and TCP. Its first line of output is ADDRESS:PORT. Without "
        "--zone it knows an address for every name, computed from the name. Stop it with Ctrl-C.",
    )
    parser.add_argument("--port", type=_port, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--zone", metavar="FILE", help="answer from this zone file (RFC 1035 section 5.1) only")
    parser.add_argument("--origin", metavar="NAME", help="origin of the zone file, needed if it has no $ORIGIN")
    parser.add_argument("--delay", type=_seconds, default=0.0, metavar="SECONDS", help="wait before each answer")
    options = parser.parse_args(argv)
    records: list[tuple[str, str, str, int]] = []
    if options.zone is not None:
        try:
            records = zone_records(options.zone, options.origin)
        except (OSError, ValueError, dns.exception.DNSException) as error:
            parser.exit(2, f"{parser.prog}: zone file {options.zone}: {_reason(error)}\n")
    try:
        server = NameServer(port=options.port, synthetic=options.zone is None, delay=options.delay)
    except OSError as error:
        parser.exit(2, f"{parser.prog}: port {options.port}: {_reason(error)}\n")
    for record in records:
        server.add(*record)
    ending = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # now: one may come before ``sigwait``
    with server:
        print(server.address, flush=True)
        signal.sigwait(ending)
    return 0


class _Records(dns.zonefile.RRsetsReaderTransaction):
    """Takes every record of a file as it comes: of several zones, and with more than one SOA."""

    def __init__(self) -> None:
        super().__init__(dns.zonefile.RRSetsReaderManager(), True, False)  # type: ignore[no-untyped-call]  # dnspython
        self.found: list[tuple[str, str, str, int]] = []

    def add(self, *args: Any) -> None:
        name, ttl, rdata = args
        self.found.append((name.to_text(), dns.rdatatype.to_text(rdata.rdtype), rdata.to_text(), ttl))


def zone_records(path: str, origin: str | None = None) -> list[tuple[str, str, str, int]]:
    """The records of a zone file, each as ``NameServer.add`` takes it. Raises OSError and dnspython's errors."""
    records = _Records()
    with open(path, encoding="utf-8") as file:
        reader = dns.zonefile.Reader(dns.tokenizer.Tokenizer(file, path), dns.rdataclass.IN, records)
        reader.current_origin = None if origin is None else dns.name.from_text(origin)
        reader.read()
    return records.found


def _reason(error: Exception) -> str:
    if isinstance(error, dns.zonefile.UnknownOrigin):
        return "it has no $ORIGIN; give --origin NAME"
    return getattr(error, "strerror", None) or str(error)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 60")
    return seconds


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
