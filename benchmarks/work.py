"""One library's rows, in a process of its own: ``python -m benchmarks.work LIBRARY SERVER`` prints them as JSON."""

import itertools
import json
import sys
import time

LIBRARY, SERVER = sys.argv[1], sys.argv[2]
resolvers = {}

if LIBRARY == "celadon":
    from celadon import resolver
    from celadon.green.socket import socketpair
    from celadon.hub import Pool, Queue, Timeout, joinall, sleep, spawn

    def lookup_with(name):
        chosen = resolver.make(name, servers=[SERVER])
        return lambda host: chosen.getaddrinfo(host, 80, 2, 1)

    resolvers = {"ares": "ares", "python": "python"}
elif LIBRARY == "gevent":
    from gevent import Timeout, get_hub, joinall, sleep, spawn
    from gevent.pool import Pool
    from gevent.queue import Queue
    from gevent.resolver.ares import Resolver
    from gevent.socket import socketpair

    def lookup_with(name):
        host, port = SERVER.split(":")
        chosen = Resolver(get_hub(), servers=[host], udp_port=int(port), tcp_port=int(port))
        return lambda host: chosen.getaddrinfo(host, 80, 2, 1)

    resolvers = {"ares": "ares"}
else:
    import warnings

    warnings.simplefilter("ignore")
    from eventlet import GreenPool as Pool
    from eventlet import Timeout, sleep, spawn
    from eventlet.green.socket import socketpair
    from eventlet.queue import Queue

    def joinall(many):
        for one in many:
            one.wait()


def noop():
    pass


def measure(work, count):
    """Best of three, in microseconds for one."""
    best = None
    for _ in range(3):
        begin = time.perf_counter()
        work(count)
        spent = time.perf_counter() - begin
        best = spent if best is None else min(best, spent)
    return best / count * 1e6


def yielding(count):
    for _ in range(count):
        sleep(0)


def spawning(count):
    for _ in range(count // 100):
        joinall([spawn(noop) for _ in range(100)])


def queues(count):
    there, back = Queue(), Queue()

    def echo():
        for _ in range(count):
            back.put(there.get())

    echoing = spawn(echo)
    for n in range(count):
        there.put(n)
        back.get()
    joinall([echoing])


def timers(count):
    joinall([spawn(sleep, 0.05 + n * 1e-7) for n in range(count)])


def timeouts(count):
    for _ in range(count):
        with Timeout(10):
            pass


def sockets(count):
    left, right = socketpair()

    def echo():
        for _ in range(count):
            right.send(right.recv(1))

    echoing = spawn(echo)
    for _ in range(count):
        left.send(b"x")
        left.recv(1)
    joinall([echoing])
    left.close()
    right.close()


rows = {
    "sleep(0)": measure(yielding, 100_000),
    "spawn + join": measure(spawning, 20_000),
    "queue ping-pong": measure(queues, 30_000),
    "timers, 20,000 at once": measure(timers, 20_000),
    "with Timeout(10)": measure(timeouts, 100_000),
    "socketpair ping-pong": measure(sockets, 20_000),
}
fresh = itertools.count()
for label, name in resolvers.items():
    look = lookup_with(name)

    def lookups(count, look=look):
        pool = Pool(50)
        for _ in range(count):
            pool.spawn(look, f"n{next(fresh)}.bench.test")
        pool.join()

    rows[f"getaddrinfo uncached, {label}"] = measure(lookups, 10_000)
print(json.dumps(rows))
