"""The rows of libraries on greenlets. All functions that they run are Python's: C ones would hide a greenlet's cost."""

import time
from types import SimpleNamespace

from .measure import resident


def noop(*_):
    pass


def library(name):
    """The library's own names for what the rows need."""
    if name == "celadon":
        from celadon.green.socket import socketpair
        from celadon.hub import Event, Pool, Queue, Semaphore, Timeout, joinall, sleep, spawn, to_thread
    elif name == "gevent":
        from gevent import Timeout, get_hub, joinall, sleep, spawn
        from gevent.event import Event
        from gevent.lock import Semaphore
        from gevent.pool import Pool
        from gevent.queue import Queue
        from gevent.socket import socketpair

        def to_thread(function):
            return get_hub().threadpool.apply(function)
    else:
        import warnings

        warnings.simplefilter("ignore")
        from eventlet import GreenPool, Queue, Semaphore, Timeout, sleep, spawn
        from eventlet.event import Event as Once
        from eventlet.green.socket import socketpair
        from eventlet.tpool import execute as to_thread

        class Pool(GreenPool):
            def map(self, function, inputs):
                return list(self.imap(function, inputs))

            imap_unordered = None

        class Event(Once):
            set, clear = Once.send, Once.reset

        def joinall(many):
            for one in many:
                one.wait()

    return SimpleNamespace(
        Event=Event,
        Pool=Pool,
        Queue=Queue,
        Semaphore=Semaphore,
        Timeout=Timeout,
        joinall=joinall,
        sleep=sleep,
        spawn=spawn,
        to_thread=to_thread,
        socketpair=socketpair,
    )


def rows(name):
    """(label, work, count) of each."""
    lib = library(name)
    sleep, spawn, joinall = lib.sleep, lib.spawn, lib.joinall

    def yielding(count):
        for _ in range(count):
            sleep(0)

    def yielding_in_turn(count):
        joinall([spawn(yielding, count // 10) for _ in range(10)])

    def spawning(count):
        for _ in range(count // 100):
            joinall([spawn(noop) for _ in range(100)])

    def nap(seconds):
        sleep(seconds)

    def napping(count):
        joinall([spawn(nap, 0.01 + n * 1e-7) for n in range(count)])

    def queues(count):
        there, back = lib.Queue(), lib.Queue()

        def echo():
            for _ in range(count):
                back.put(there.get())

        echoing = spawn(echo)
        for n in range(count):
            there.put(n)
            back.get()
        joinall([echoing])

    def events(count):
        there, back = lib.Event(), lib.Event()

        def echo():
            for _ in range(count):
                there.wait()
                there.clear()
                back.set()

        echoing = spawn(echo)
        for _ in range(count):
            there.set()
            back.wait()
            back.clear()
        joinall([echoing])

    def semaphores(count):
        there, back = lib.Semaphore(0), lib.Semaphore(0)

        def echo():
            for _ in range(count):
                there.acquire()
                back.release()

        echoing = spawn(echo)
        for _ in range(count):
            there.release()
            back.acquire()
        joinall([echoing])

    def ready_queue(count):
        queue = lib.Queue()
        put, get = queue.put, queue.get
        for n in range(count):
            put(n)
            get()

    def free_semaphore(count):
        semaphore = lib.Semaphore(1)
        acquire, release = semaphore.acquire, semaphore.release
        for _ in range(count):
            acquire()
            release()

    def timeouts(count):
        for _ in range(count):
            with lib.Timeout(10):
                pass

    def mapping(count):
        pool = lib.Pool(100)
        for _ in range(count // 1000):
            pool.map(noop, range(1000))

    def imapping(count):
        for _ in lib.Pool(100).imap(noop, range(count)):
            pass

    def imapping_unordered(count):
        for _ in lib.Pool(100).imap_unordered(noop, range(count)):
            pass

    def sockets(count):
        left, right = lib.socketpair()

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

    def threads(count):
        for _ in range(count):
            lib.to_thread(noop)

    yield "sleep(0)", yielding, 100_000
    yield "sleep(0), ten greenlets", yielding_in_turn, 100_000
    yield "spawn + joinall", spawning, 20_000
    yield "spawn(sleep), 20,000 at once", napping, 20_000
    yield "queue ping-pong", queues, 30_000
    yield "event ping-pong", events, 30_000
    yield "semaphore ping-pong", semaphores, 30_000
    yield "queue put + get, never waits", ready_queue, 200_000
    yield "semaphore, never waits", free_semaphore, 200_000
    yield "with Timeout(10)", timeouts, 50_000
    yield "Pool.map", mapping, 10_000
    yield "Pool.imap", imapping, 10_000
    if lib.Pool.imap_unordered is not None:
        yield "Pool.imap_unordered", imapping_unordered, 10_000
    yield "socketpair ping-pong", sockets, 20_000
    yield "to_thread round trip", threads, 3_000


def parked(name, count):
    """Kilobytes for each of ``count`` that wait for one event, and microseconds for each until all have ended."""
    lib = library(name)
    event = lib.Event()

    def waiter():
        event.wait()

    before = resident()
    many = [lib.spawn(waiter) for _ in range(count)]
    lib.sleep(0)
    lib.sleep(0)
    memory = resident() - before
    begin = time.perf_counter()
    event.set()
    lib.joinall(many)
    return memory / count / 1024, (time.perf_counter() - begin) / count * 1e6


def sleeping(name, count):
    """Megabytes of the process with ``count`` sleepers, and how many seconds after it was due the latest one ran.

    That twice: when each slept equally long from where it began, and when all were due in one instant.
    """
    lib = library(name)
    late = [0.0]

    def sleeper(seconds):
        due = time.perf_counter() + seconds
        lib.sleep(seconds)
        late[0] = max(late[0], time.perf_counter() - due)

    many = [lib.spawn(sleeper, 10) for _ in range(count)]
    lib.sleep(0)
    lib.sleep(0)
    memory = resident()
    lib.joinall(many)
    each = late[0]
    del many
    last, gate = [0.0], lib.Event()

    def together(until):
        lib.sleep(until - time.perf_counter())
        last[0] = time.perf_counter()
        gate.wait()  # that the ends of the first do not count as the last one's waking

    until = time.perf_counter() + 20
    many = [lib.spawn(together, until) for _ in range(count)]
    lib.sleep(0)
    lib.sleep(0)
    lib.sleep(max(until + 1 - time.perf_counter(), 0))
    lib.sleep(0)
    gate.set()
    lib.joinall(many)
    return memory / 1e6, each, max(last[0] - until, 0.0)
