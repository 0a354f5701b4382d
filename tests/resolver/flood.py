"""``python -m tests.resolver.flood``: a forger who knows the port and tries every id, while the right answer is late.

He has a process of his own, and so has the server, or he would do nothing but keep it from answering. He leaves a port
as soon as nobody has it any more. The right answer never comes over UDP, and late over TCP. 50 lookups on each engine,
one after the other, ten and fifty at once: none may believe him, all must be right. Exit status 1 if not.
"""

import _socket
import argparse
import contextlib
import os
import random
import select
import signal
import struct
import sys
import time
from heapq import heappop, heappush

from celadon.hub import Pool
from celadon.resolver import Answer, Config, Question, Server
from celadon.resolver.registry import make_engine
from celadon.resolver.resolvers.stub import ask

GOOD, BAD = "10.0.0.1", "66.66.66.66"
_LOOK = 512  # datagrams, then it is looked whether the port is there still


def reply_to(query, address):
    """The reply to an A question that gives this address, without its id."""
    question = query[12 : query.index(b"\0", 12) + 5]
    record = b"\xc0\x0c\0\1\0\1\0\0\1\0\0\4" + _socket.inet_aton(address)
    return struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question + record


def _is_used(port):
    with contextlib.closing(_socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)) as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _forge(udp):
    """Answer each question with all ids in a random order, for ever."""
    ids = [n.to_bytes(2, "big") for n in range(65536)]
    while True:
        query, peer = udp.recvfrom(4096)
        random.shuffle(ids)
        forged = reply_to(query, BAD)
        for at in range(0, len(ids), _LOOK):
            if not _is_used(peer[1]):
                break
            for one in ids[at : at + _LOOK]:
                udp.sendto(one + forged, peer)


def _serve(tcp, late):
    """Answer over TCP, right and so many seconds late, for ever."""
    poller = select.epoll()
    poller.register(tcp, select.EPOLLIN)
    streams = {}
    due = []
    while True:
        for fd, _ in poller.poll(max(due[0][0] - time.monotonic(), 0) if due else None):
            if fd == tcp.fileno():
                number, _peer = tcp._accept()
                streams[number] = _socket.socket(fileno=number), bytearray()
                poller.register(number, select.EPOLLIN)
                continue
            stream, buffer = streams[fd]
            data = b""
            with contextlib.suppress(OSError):
                data = stream.recv(65536)
            if not data:
                poller.unregister(fd)
                streams.pop(fd)[0].close()
            buffer += data
            while len(buffer) >= 2 and len(buffer) >= 2 + (size := buffer[0] << 8 | buffer[1]):
                query = bytes(buffer[2 : 2 + size])
                del buffer[: 2 + size]
                reply = query[:2] + reply_to(query, GOOD)
                heappush(due, (time.monotonic() + late, fd, len(reply).to_bytes(2, "big") + reply))
        while due and due[0][0] <= time.monotonic():
            _, fd, framed = heappop(due)
            if fd in streams:
                with contextlib.suppress(OSError):
                    streams[fd][0].sendall(framed)


def _one_port():
    """A UDP and a TCP socket on one port that was free for both."""
    while True:
        udp, tcp = (_socket.socket(_socket.AF_INET, kind) for kind in (_socket.SOCK_DGRAM, _socket.SOCK_STREAM))
        udp.bind(("127.0.0.1", 0))
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
        else:
            return udp, tcp


@contextlib.contextmanager
def forger(late):
    """The port of a server that answers only over TCP, so many seconds late, with a forger beside it."""
    udp, tcp = _one_port()
    with contextlib.closing(udp), contextlib.closing(tcp):
        tcp.listen(64)
        children = []
        try:
            for work, args in ((_forge, (udp,)), (_serve, (tcp, late))):
                child = os.fork()
                if not child:
                    try:
                        work(*args)
                    finally:
                        os._exit(1)
                children.append(child)
            yield udp.getsockname()[1]
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def outcomes(name, lookups, at_once, late, timeout=6.0):
    """How many of so many lookups were right, how many believed the forger, how long the longest took in seconds."""
    took = []
    with forger(late) as port:
        config = Config(servers=(Server("127.0.0.1", port),), timeout=timeout, attempts=2)
        engine = make_engine(name, config)

        def look(number):
            began = time.monotonic()
            outcome = ask(engine, (Question(f"n{number}.test", 1),))[0]
            took.append(time.monotonic() - began)
            return [one.data for one in outcome.records] if isinstance(outcome, Answer) else None

        found = Pool(at_once).map(look, range(lookups))
        engine.close()
    return found.count([GOOD]), sum(one is not None and BAD in one for one in found), max(took)


def main():
    """Print a line for each engine and each width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lookups", type=int, default=50)
    parser.add_argument("--late", type=float, default=1.5, help="seconds (default: 1.5)")
    parser.add_argument("--at-once", default="1,10,50")
    given = parser.parse_args()
    wrong = 0
    for name in ("ares", "python"):
        for at_once in map(int, given.at_once.split(",")):
            right, believed, longest = outcomes(name, given.lookups, at_once, given.late)
            wrong += believed + given.lookups - right
            print(
                f"{name}, {at_once} at once: {believed} of {given.lookups} believed, {right} right, "
                f"the longest took {longest:.2f} s",
                flush=True,
            )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
