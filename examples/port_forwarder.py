"""Passes on connections: ``python -m examples.port_forwarder 127.0.0.1:8080 www.example:80``.

Two greenlets for each client, one for each direction. The end of one direction is passed on too, so that a client may
say "that was all" and still read the answer.
"""

import signal
import socket
import sys
from contextlib import suppress

from celadon.green import create_connection
from celadon.green.servers import StreamServer, parse_address
from celadon.hub import joinall, signal_handler, spawn


def pump(source, target):
    """Copy until the source ends, and say so to the target."""
    with suppress(ConnectionError):  # one side has gone; the other direction sees it too
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def forwarder(target):
    """A handler that connects each client with ``target``."""

    def forward(client, address):
        try:
            server = create_connection(target, 10)
        except OSError as error:
            print(f"{address}: cannot connect to {target}: {error}", file=sys.stderr)
            return
        with server:
            server.settimeout(None)
            joinall([spawn(pump, client, server), spawn(pump, server, client)])

    return forward


def main(listener, target):
    _, target = parse_address(target)
    server = StreamServer(listener, forwarder(target), spawn=1000)
    server.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal_handler(number, server.stop)
    print(f"{server.address} leads to {target}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
