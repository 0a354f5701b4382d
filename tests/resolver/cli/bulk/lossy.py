"""What the tests of ``resolve bulk`` share: a server that loses packets, the other one's records, what is right."""

import _socket
import _thread
import itertools
import json
import sys
import time
from collections import Counter

from celadon.resolver.testing import Drop, Servfail, synthetic_address
from celadon.resolver.testing.nameserver import synthetic_reply


class Lossy:
    """A synthetic server that loses one packet in ``every``, by count; and can be slow or silent."""

    def __init__(self, every=0, delay=0.0):
        self.every, self.delay = every, delay
        self.socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
        self.socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.socket.getsockname())
        self.names = Counter()
        self._ended = _thread.allocate_lock()

    def __enter__(self):
        self._ended.acquire()
        _thread.start_new_thread(self._serve, ())
        return self

    def __exit__(self, *_):
        end = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
        end.sendto(b"end", self.socket.getsockname())
        end.close()
        self._ended.acquire()
        self.socket.close()

    def _serve(self):
        for number in itertools.count(1):
            query, peer = self.socket.recvfrom(4096)
            if query == b"end":
                break
            self.names[query[12:-15]] += 1
            if self.delay:
                time.sleep(self.delay)
            if not self.every or number % self.every:
                self.socket.sendto(synthetic_reply(query), peer)
        self._ended.release()


SYNTHETIC = True
RECORDS = [
    ("fail.test", "A", "192.0.2.1"),
    ("dead.test", "A", "192.0.2.1"),
    ("nodata.test", "TXT", "x"),
    ("alias.test", "CNAME", "n1.test."),
    ("mx.test", "MX", "10 mail.test."),
]
SCRIPTS = {"fail.test": Servfail(), "dead.test": Drop()}


RESOLVE = [sys.executable, "-m", "celadon.resolver.cli", "bulk"]


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def check(found, given, kinds=("A",)):
    """One record each, and every address the one that its name says."""
    assert Counter((one.get("input", one["name"]), one["type"]) for one in found) == Counter(
        (name, kind) for name in given for kind in kinds
    )
    for one in found:
        if one["status"] == "NOERROR" and one["type"] == "A" and one["name"].startswith("n"):
            assert [r["data"] for r in one["data"]["answers"]] == [synthetic_address(one["name"])]
