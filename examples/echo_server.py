"""A TCP server that sends back what it gets: ``python -m examples.echo_server 127.0.0.1:7000``.

Each client has a greenlet of its own, at most a thousand at once. SIGTERM or Ctrl-C lets them end for ten seconds.
"""

import signal
import sys

from celadon.green.servers import StreamServer
from celadon.hub import signal_handler


def echo(connection, address):
    """Send back what a client sends, until it closes."""
    while data := connection.recv(65536):
        connection.sendall(data)


def main(listener):
    server = StreamServer(listener, echo, spawn=1000)
    server.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal_handler(number, server.stop, 10)
    print(f"echo server on {server.address}", flush=True)
    server.serve_forever(stop_timeout=10)
    print(server.statistics)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7000")
