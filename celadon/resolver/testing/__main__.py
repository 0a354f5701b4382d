"""``python -m celadon.resolver.testing``: a name server for tests and benchmarks, in a process of its own."""

from __future__ import annotations

import argparse
import signal

import dns.exception
import dns.rdatatype
import dns.zone

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
    options = parser.parse_args(argv)
    records: list[tuple[str, str, str, int]] = []
    if options.zone is not None:
        try:
            records = zone_records(options.zone, options.origin)
        except (OSError, ValueError, dns.exception.DNSException) as error:
            parser.error(f"zone file {options.zone}: {_reason(error)}")
    try:
        server = NameServer(port=options.port, synthetic=options.zone is None)
    except OSError as error:
        parser.error(f"port {options.port}: {_reason(error)}")
    for record in records:
        server.add(*record)
    ending = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # now: one may come before ``sigwait``
    with server:
        print(server.address, flush=True)
        signal.sigwait(ending)
    return 0


def zone_records(path: str, origin: str | None = None) -> list[tuple[str, str, str, int]]:
    """The records of a zone file, each as ``NameServer.add`` takes it. Raises OSError and dnspython's errors."""
    with open(path, encoding="utf-8") as file:
        zone = dns.zone.from_text(file.read(), origin, relativize=False, check_origin=False)
    return [
        (name.to_text(), dns.rdatatype.to_text(one.rdtype), one.to_text(), ttl)
        for name, ttl, one in zone.iterate_rdatas()
    ]


def _reason(error: Exception) -> str:
    if isinstance(error, dns.zone.UnknownOrigin):
        return "it has no $ORIGIN; give --origin NAME"
    return getattr(error, "strerror", None) or str(error)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
