"""An echo server of several processes: ``python -m examples.prefork_server 127.0.0.1:7000 4``.

``kill -HUP`` replaces the workers, ``-TTIN`` and ``-TTOU`` add and remove one, ``-USR2`` starts the program anew, all
without a connection that is refused; ``-TERM`` lets connections end, ``-INT`` does not.
"""

import logging
import os
import sys

from celadon.green.servers import StreamServer
from celadon.green.servers.prefork import Prefork


def work(worker):
    """What each worker does; imports of the application belong here, so that a reload gets them anew."""

    def echo(connection, address):
        while data := connection.recv(65536):
            connection.sendall(b"%d: %s" % (os.getpid(), data))

    worker.run(StreamServer(worker.listeners[0], echo))


def main(listener, workers):
    logging.basicConfig(level=logging.INFO, format="%(process)d %(message)s")
    return Prefork([listener], work, workers=int(workers), max_age=3600).run()


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ("127.0.0.1:7000", "2"))))
