"""The soak's other half: hubs of several threads share queues, locks and events in real time.

Here each wait must end, because as many come as go: what is put is what is got, who takes gives back. So a wait of
many seconds is a lost wake-up. The seed fixes who does what; the threads' interleaving is the machine's.
"""

from __future__ import annotations

import _thread
import os
import random
import time

from celadon.hub import (
    AsyncResult,
    Channel,
    Empty,
    Event,
    Full,
    Lock,
    Queue,
    RLock,
    Semaphore,
    get_hub,
    joinall,
    sleep,
    spawn,
    to_thread,
)
from celadon.hub.lowlevel import Registration

THREADS = 3
ITEMS = 40
PATIENCE = 30


class Shared:
    """What all threads use, and what they saw."""

    def __init__(self, seed):
        self.seed = seed
        self.queues = [Queue(), Queue(2), Channel()]
        self.got = [[] for _ in self.queues]
        self.semaphore = Semaphore(2)
        self.lock = Lock()
        self.rlock = RLock()
        self.inside = {self.semaphore: 0, self.lock: 0, self.rlock: 0}
        self.limit = {self.semaphore: 2, self.lock: 1, self.rlock: 1}
        self.results = [AsyncResult() for _ in range(THREADS * 4)]
        self.bells = [Event() for _ in range(THREADS)]
        self.hubs = []
        self.greenlets = []
        self.errors = []

    def patiently(self, wait):
        """A wait with short deadlines again and again, or without: it must end."""
        end = time.monotonic() + PATIENCE
        while not wait():
            if time.monotonic() > end:
                raise AssertionError("a wake-up was lost")

    # -- what one greenlet does ------------------------------------------------------------------------------------

    def put(self, rng, n, items):
        for item in items:

            def put(item=item):
                try:
                    self.queues[n].put(item, timeout=rng.choice((PATIENCE, 0.001)))
                    return True
                except Full:
                    return False

            self.patiently(put)
            if rng.random() < 0.2:
                sleep(rng.choice((0, 0.0005)))

    def get(self, rng, n, count):
        for _ in range(count):

            def get():
                try:
                    self.got[n].append(self.queues[n].get(timeout=rng.choice((PATIENCE, 0.001))))
                    return True
                except Empty:
                    return False

            self.patiently(get)

    def hold(self, rng, count):
        for _ in range(count):
            lock = rng.choice((self.semaphore, self.lock, self.rlock))
            self.patiently(lambda lock=lock: lock.acquire(True, rng.choice((PATIENCE, 0.0005))))
            try:
                self.inside[lock] += 1  # for one thread at a time this is exact; for two it may only be too low
                assert lock is self.semaphore or self.inside[lock] == 1, "two hold what one may hold"
                sleep(rng.choice((0, 0, 0.0005)))
                self.inside[lock] -= 1
            finally:
                lock.release()

    def give(self, rng, n):
        sleep(rng.choice((0, 0.001, 0.003)))
        self.results[n].set(n)

    def take(self, n):
        assert self.results[n].get(timeout=PATIENCE) == n, "a stray value"

    def call(self, rng, count):
        for n in range(count):
            assert to_thread(lambda n=n: n * 2) == n * 2
            if rng.random() < 0.3:
                bell = Event()
                rng.choice(self.hubs).call_soon_threadsafe(bell.set)
                self.patiently(lambda bell=bell: bell.wait(0.05))

    def pipe(self, rng, count):
        read, write = os.pipe()
        os.set_blocking(read, False)
        owner = Registration(read)
        feeder = spawn(lambda: [(os.write(write, b"x"), sleep(rng.choice((0, 0.0005)))) for _ in range(count)])
        seen = 0
        while seen < count:
            try:
                seen += len(os.read(read, 10))
            except BlockingIOError:
                owner.wait_readable(PATIENCE)
        feeder.join()
        owner.close()
        os.close(read)
        os.close(write)

    def join_others(self, rng):
        for _ in range(5):
            other = rng.choice(self.greenlets)
            if other.name != "joiner":
                other.join(rng.choice((0.001, PATIENCE)))

    def killed(self, rng):
        for _ in range(10):
            victim = spawn(lambda: self.queues[0].peek() and sleep(60))
            sleep(rng.choice((0, 0.0002)))
            victim.kill()
            assert victim.ready()

    # -- a thread ----------------------------------------------------------------------------------------------------

    def thread(self, number, everybody):
        rng = random.Random(f"{self.seed}/thread {number}")
        self.hubs.append(get_hub())
        while len(self.hubs) < THREADS:
            time.sleep(0.0005)
        mine = []
        for n in range(len(self.queues)):
            items = [(number, n, item) for item in range(ITEMS)]
            mine.append(spawn(self.put, rng, n, items[::2]))
            mine.append(spawn(self.put, rng, n, items[1::2]))
            mine.append(spawn(self.get, rng, n, ITEMS // 2))
            mine.append(spawn(self.get, rng, n, ITEMS // 2))
        mine += [spawn(self.hold, rng, 15) for _ in range(4)]
        mine += [spawn(self.give, rng, n) for n in range(number, len(self.results), THREADS)]
        mine += [spawn(self.take, n) for n in range(len(self.results))]
        mine += [spawn(self.call, rng, 10), spawn(self.pipe, rng, 30), spawn(self.killed, rng)]
        self.greenlets += mine
        joiner = spawn(self.join_others, rng)
        joiner.name = "joiner"
        mine.append(joiner)
        joinall(mine, PATIENCE * 2)
        assert all(one.ready() for one in mine), [one for one in mine if not one.ready()]
        for one in mine:
            if one.exception is not None:
                raise one.exception
        # Nobody leaves before all are done: the others may still call into this hub.
        self.bells[number].set()
        for bell in self.bells:
            assert bell.wait(PATIENCE)
        everybody.append(number)


def one_crossing(seed):
    """Run the threads of ``seed`` to their ends; raises what the first of them failed with."""
    shared, ended, errors = Shared(seed), [], []
    running = [_thread.allocate_lock() for _ in range(THREADS)]

    def body(number):
        try:
            shared.thread(number, ended)
        except BaseException as error:
            errors.append(error)
        finally:
            running[number].release()

    for number in range(THREADS):
        running[number].acquire()
        _thread.start_new_thread(body, (number,))
    for lock in running:
        assert lock.acquire(timeout=PATIENCE * 4), "a thread hangs"
    if errors:
        raise errors[0]
    for n, got in enumerate(shared.got):
        wanted = sorted((number, n, item) for number in range(THREADS) for item in range(ITEMS))
        assert sorted(got) == wanted, "an item was lost or doubled"
        for number in range(THREADS):
            for start in (0, 1):
                if n == 0:  # each getter takes in order, and appends before it takes another
                    assert len([item for who, _, item in got if who == number and item % 2 == start]) == ITEMS // 2
    assert shared.semaphore.counter == 2
    assert not shared.lock.locked()
    assert not shared.rlock.locked()
