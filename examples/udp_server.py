"""Counts datagrams for each sender and answers with the count: ``python -m examples.udp_server 127.0.0.1:7000``."""

import signal
import sys
from collections import Counter

from celadon.green.servers import DatagramServer
from celadon.hub import signal_handler


class CountingServer(DatagramServer):
    """Remembers how many datagrams each address has sent."""

    def __init__(self, listener):
        super().__init__(listener, spawn=1000)
        self.seen = Counter()

    def handle(self, data, address):
        self.seen[address] += 1
        self.sendto(b"%d: %s" % (self.seen[address], data), address)


def main(listener):
    server = CountingServer(listener)
    server.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal_handler(number, server.stop)
    print(f"counting on {server.address}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7000")
