"""The soak: greenlets doing random things to each other, checked against a model of what must hold.

    python -m tests.hub.soak --seconds 60 --seed 7      many rounds, each with a seed of its own: 7/0, 7/1, …
    python -m tests.hub.soak --seed 7/41                that one round again

Two kinds of rounds. In a *world* one thread's greenlets put, get, lock, wait, sleep, spawn, kill, send and close,
under random deadlines, on a clock that jumps and in a shuffled order: it is the same to the last step for the same
seed. They suffer what ``soak_faults`` has: closes under waiters, failing handlers, a hub that stands still, forks.
Whenever all have come to rest the model is asked: does anybody wait for what is there (a lost wake-up)? Is anything
there twice, or not any more? In *threads* (see ``soak_threads``) several hubs share all of it in real time. At the end
nobody, no timer, no fd and no thread may be left, and each greenlet is collected.
"""

from __future__ import annotations

import _socket
import argparse
import contextlib
import errno
import fcntl
import gc
import os
import random
import struct
import sys
import termios
import time
import weakref
import zlib

from celadon.hub import (
    AsyncResult,
    Barrier,
    BrokenBarrierError,
    Channel,
    Condition,
    Empty,
    Event,
    Full,
    GreenletExit,
    JoinableQueue,
    LifoQueue,
    Lock,
    NotReady,
    PriorityQueue,
    Queue,
    RLock,
    Semaphore,
    TaskGroup,
    Timeout,
    default_pool,
    get_hub,
    getcurrent,
    move_on_after,
    notify_closing,
    shield,
    sleep,
    spawn,
    spawn_later,
    wait_readable,
)
from celadon.hub.lowlevel import Registration, park, park_for, unpark
from celadon.hub.testing import MockClock, shuffled, wait_all_parked

from .soak_faults import FailingStderr, Faults, Killed, Nasty
from .soak_threads import one_crossing

ACTORS = 25
STEPS = 30


class Failed(Exception):
    """What some children fail with."""


class Clock(MockClock):
    """A mock clock that may also go on without the loop knowing, as it does for a process that is stopped."""

    def jump(self, seconds):
        self._now += seconds


def unread(end):
    """How many bytes lie in this socket."""
    return struct.unpack("i", fcntl.ioctl(end.fileno(), termios.FIONREAD, b"\0" * 4))[0]


class Pair:
    """Two ends of a socket pair, and how many bytes are under way from the left to the right one."""

    def __init__(self):
        self.left, self.right = _socket.socketpair()
        self.left.setblocking(False)
        self.right.setblocking(False)
        self.owner = Registration(self.right.fileno())
        self.under_way = 0
        self.bare = 0

    def unread(self):
        return unread(self.right)

    def close(self):
        notify_closing(self.right.fileno())
        self.owner.close()
        self.left.close()
        self.right.close()


class World(Faults):
    """One round. What its methods called ``do_…`` do is drawn at random; ``check`` is the model."""

    unread = staticmethod(unread)

    def __init__(self, seed, clock, size=(ACTORS, STEPS)):
        super().__init__()
        self.random = random.Random(seed)
        self.clock = clock
        self.size = size
        self.digest = 0
        self.actors = []  # the dead as well: what is there must not depend on the collector
        self.waiting = {}  # who: (what it waits for, without a deadline of its own)
        self.serial = 0
        self.queues = [Queue(), Queue(1), LifoQueue(3), PriorityQueue(), JoinableQueue(2), Channel()]
        self.put = [set() for _ in self.queues]
        self.got = [set() for _ in self.queues]
        self.semaphores = [Semaphore(1), Semaphore(3), Lock(), RLock()]
        self.capacity = [1, 3, 1, 1]
        self.holders = [{} for _ in self.semaphores]
        self.conditions = [Condition(), Condition(Lock())]
        self.events = [Event(), Event()]
        self.results = [(AsyncResult(), object()) for _ in range(2)]
        self.barriers = [Barrier(2), Barrier(3)]
        self.pairs = [Pair(), Pair()]
        self.tokens = {}
        self.doings = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("do_")]

    # -- the frame ---------------------------------------------------------------------------------------------

    def note(self, *what):
        self.digest = zlib.crc32(repr((get_hub().now(), *what)).encode(), self.digest)

    def actor(self, name, steps):
        """Do so many things, under deadlines of all kinds; may catch what it is killed with, and goes on."""
        for step in range(steps):
            doing = self.random.choice(self.doings)
            self.note(name, step, doing.__name__)
            try:
                self.bounded(doing, self.random.choice((0, 0, 1, 2)))
            except (Killed, Failed, BrokenBarrierError, Full, Empty, NotReady, TimeoutError) as error:
                self.note(name, type(error).__name__)
            except OSError as error:
                if error.errno != errno.EBADF:  # not because the pair was closed
                    raise
            finally:
                self.waiting.pop(getcurrent(), None)

    def bounded(self, doing, deadlines):
        if not deadlines:
            doing()
            return
        seconds = self.seconds()
        if self.random.random() < 0.5:
            with Timeout(seconds, False):
                self.bounded(doing, deadlines - 1)
        else:
            with move_on_after(seconds):
                self.bounded(doing, deadlines - 1)

    def seconds(self):
        return self.random.choice((0, 0, 0.001, 0.5, 0.5, 1, 2.5))

    def some_time(self):
        """A timeout for a wait that has one, or None."""
        return self.random.choice((None, None, self.seconds()))

    def somebody(self):
        return self.random.choice([one for one in self.actors[-2 * ACTORS :] if one is not getcurrent()])

    def begin(self, steps):
        self.serial += 1
        how = self.random.random()
        made = spawn_later(self.seconds(), self.actor, self.serial, steps) if how < 0.2 else None
        made = made or spawn(self.actor, self.serial, steps)
        made.name = f"{self.serial:06}"
        self.actors.append(made)
        return made

    # -- what they do --------------------------------------------------------------------------------------------

    def do_sleep(self):
        assert sleep(self.seconds()) is None

    def do_spawn(self):
        child = self.begin(self.random.randrange(6))
        if self.random.random() < 0.3:
            child.kill(block=self.random.random() < 0.5)

    def do_kill(self):
        error = self.random.choice((GreenletExit, Killed, Killed(), Nasty()))
        self.somebody().kill(error, block=self.random.random() < 0.3, timeout=self.some_time())

    def do_join(self):
        other = self.somebody()
        self.waiting[getcurrent()] = ("join", other)
        other.join(self.some_time())

    def do_put(self):
        n = self.random.randrange(len(self.queues))
        self.serial += 1
        item = self.serial
        self.put[n].add(item)  # it may be taken from its hands before it knows
        self.waiting[getcurrent()] = ("put", n)
        try:
            self.queues[n].put(item, self.random.random() < 0.8, self.some_time())
        except BaseException:
            assert item not in self.got[n], "an item was given though its put failed"
            self.put[n].discard(item)
            raise

    def do_get(self):
        n = self.random.randrange(len(self.queues))
        self.waiting[getcurrent()] = ("get", n)
        item = self.queues[n].get(self.random.random() < 0.8, self.some_time())
        assert item in self.put[n], f"a stray value: {item!r}"
        assert item not in self.got[n], "an item was given twice"
        self.got[n].add(item)
        if hasattr(self.queues[n], "task_done"):
            self.queues[n].task_done()

    do_get_2 = do_get

    def do_hold(self):
        n = self.random.randrange(len(self.semaphores))
        semaphore, me = self.semaphores[n], getcurrent()
        self.waiting[me] = ("hold", n)
        if not semaphore.acquire(self.random.random() < 0.9, self.some_time()):
            return
        self.waiting.pop(me, None)
        self.holders[n][me] = self.holders[n].get(me, 0) + 1
        try:
            counted = len(self.holders[n]) if n == 3 else sum(self.holders[n].values())
            assert counted <= self.capacity[n], "too many hold it"
            if self.random.random() < 0.6:
                sleep(self.seconds())
            else:
                self.random.choice(self.doings)()
        finally:
            self.holders[n][me] -= 1
            if not self.holders[n][me]:
                del self.holders[n][me]
            semaphore.release()

    do_hold_2 = do_hold

    def do_condition(self):
        condition = self.random.choice(self.conditions)
        if isinstance(condition._lock, Lock) and condition._lock.locked():
            return
        with condition:
            if self.random.random() < 0.5:
                assert condition.wait(self.some_time()) in (True, False)
            else:
                condition.notify(self.random.randrange(3))

    def do_event(self):
        n = self.random.randrange(len(self.events))
        event, what = self.events[n], self.random.random()
        if what < 0.3:
            event.set()
        elif what < 0.5:
            event.clear()
        else:
            self.waiting[getcurrent()] = ("event", n)
            assert event.wait(self.some_time()) in (True, False)

    def do_result(self):
        n = self.random.randrange(len(self.results))
        result, value = self.results[n]
        what = self.random.random()
        if what < 0.2:
            if self.random.random() < 0.5:
                result.set(value)
            else:
                result.set_exception(Failed(value))
            self.results[n] = (AsyncResult(), object())
        else:
            self.waiting[getcurrent()] = ("result", result)
            try:
                assert result.get(timeout=self.some_time()) is value, "a stray value"
            except Failed as error:
                if error.args != (value,):
                    raise AssertionError("a stray error") from error

    def do_barrier(self):
        barrier = self.random.choice(self.barriers)
        try:
            assert barrier.wait(self.seconds()) in range(barrier.parties)
        except BrokenBarrierError:
            barrier.reset()

    def do_park(self):
        self.serial += 1
        token = self.serial
        self.tokens[token] = getcurrent()

        def abort():
            del self.tokens[token]

        seconds = self.some_time()
        value = park(abort) if seconds is None else park_for(abort, seconds)
        assert value == ("woken", token) or (seconds is not None and not value), f"a stray value: {value!r}"
        assert token not in self.tokens

    def do_unpark(self):
        if self.tokens:
            token = self.random.choice(sorted(self.tokens))
            unpark(self.tokens.pop(token), ("woken", token))

    def do_callback(self):
        hub, event = get_hub(), Event()
        if self.random.random() < 0.5:
            hub.call_soon(event.set)
            assert event.wait()
            return
        timer = hub.call_later(self.seconds(), event.set)
        try:
            assert self.random.random() < 0.3 or event.wait()
        finally:
            timer.cancel()
            timer.cancel()

    def do_shield(self):
        with shield():
            sleep(self.seconds())

    def do_task_group(self):
        def child(seconds, fails):
            sleep(seconds)
            if fails:
                raise Failed

        children = []
        try:
            with TaskGroup() as tasks:
                for _ in range(self.random.randrange(3)):
                    seconds, fails = self.seconds(), self.random.random() < 0.2
                    children.append(tasks.spawn(child, seconds, fails))
        except ExceptionGroup as error:
            if error.split(Failed)[1] is not None:
                raise
        finally:
            assert all(one.ready() for one in children), "a child outlived its group"

    def do_send(self):
        pair = self.random.choice(self.pairs)
        count = self.random.choice((1, 1, 3))
        pair.left.send(b"x" * count)
        pair.under_way += count

    def do_receive(self):
        n = self.random.randrange(len(self.pairs))
        pair = self.pairs[n]
        bare = self.random.random() < 0.3
        for _ in range(3):
            try:
                pair.under_way -= len(pair.right.recv(self.random.choice((1, 100))))
                return
            except BlockingIOError:
                self.waiting[getcurrent()] = ("read", pair)
            if bare:
                wait_readable(pair.right.fileno(), self.some_time())
            else:
                pair.owner.wait_readable(self.some_time())

    def do_close(self):
        n = self.random.randrange(len(self.pairs))
        if self.random.random() < 0.4:
            pair, self.pairs[n] = self.pairs[n], Pair()
            pair.close()

    def small_world(self, seed):
        with Clock() as clock:
            World(seed, clock, (5, 6)).run()

    # -- the model -----------------------------------------------------------------------------------------------

    def check(self):
        """All have come to rest: nobody may wait for what is there, and all is there that should be."""
        hub = get_hub()
        for n, queue in enumerate(self.queues):
            left = self.put[n] - self.got[n]
            if not isinstance(queue, Channel):
                held = sorted(queue._items)
                hands = {item for _, item in queue._putters._line.values()} if queue._putters else set()
                assert len(held) == len(set(held)) == queue.qsize()
                assert set(held) | hands == left, f"{queue!r} lost or doubled an item: {held} {hands} {left}"
        for n, semaphore in enumerate(self.semaphores[:3]):
            count = sum(self.holders[n].values())
            assert semaphore.counter + count == self.capacity[n], f"{semaphore!r}, which {count} hold"
        for who, (what, which) in list(self.waiting.items()):
            if who not in hub.parked or self._elsewhere(hub.parked[who], what, which):
                continue
            if what == "get":
                queue = self.queues[which]
                assert queue.empty(), f"{who} waits at {queue!r}"
                if isinstance(queue, Channel):
                    assert queue.balance < 0, f"{who} waits at {queue!r}"
            elif what == "put":
                queue = self.queues[which]
                assert queue.full(), f"{who} waits for a place in {queue!r}"
            elif what == "hold":
                semaphore = self.semaphores[which]
                assert semaphore.locked(), f"{who} waits for {semaphore!r}"
            elif what == "event":
                assert not self.events[which].is_set(), f"{who} waits for what is set"
            elif what == "result":
                assert not which.ready(), f"{who} waits for what is ready"
            elif what == "join":
                assert not which.ready(), f"{who} waits for the end of what has ended"
            elif what == "due":
                assert not which.is_due(), f"{who} waits for what is there"
            elif what == "read":
                assert not which.unread(), f"{who} waits for bytes that are there"
        for pair in self.pairs:
            assert pair.unread() == pair.under_way, "bytes were lost or read twice"
        for token, who in self.tokens.items():
            assert who in hub.parked, f"token {token} belongs to nobody who waits"
        for timer in (entry[2] for entry in hub.timers.heap):
            assert not timer.active or timer.when > hub.now(), "a deadline was forgotten"
        self.check_faults()

    def _elsewhere(self, wait, what, which):
        # Within `hold` another thing is done; within a shield or after a kill something is waited for to end.
        target = {
            "get": lambda: self.queues[which],
            "put": lambda: getattr(self.queues[which], "_putters", None),
            "hold": lambda: getattr(self.semaphores[which], "_block", self.semaphores[which]),
            "event": lambda: self.events[which],
            "result": lambda: which,
            "join": lambda: which,
        }.get(what)
        if target is None:
            return not repr(wait).startswith("fd ")
        return wait is not target()

    def run(self):
        hub = get_hub()
        hub.exception_handler = self.report
        self.unexpected = []
        actors, steps = self.size
        for _ in range(actors):
            self.begin(steps)
        while any(not one.ready() for one in self.actors):
            sleep(self.random.choice((0.0005, 0.3, 0.7)))
            wait_all_parked()
            self.settle_io()
            self.check()
            stuck = [one for one in self.actors if not one.ready()]  # also who waits in a callee
            if stuck and self.random.random() < 0.7:
                self.random.choice(stuck).kill(self.random.choice((Killed, GreenletExit)), block=False)
        if self.unexpected:
            raise self.unexpected[0]
        self.check()
        for pair in self.pairs:
            pair.close()
        self.close_faults()
        return self.digest

    def settle_io(self):
        """Until the kernel has nothing to report any more."""
        for _ in range(3):
            get_hub().look_soon()
            sleep(0)
            wait_all_parked()

    def report(self, who, error):
        if self.is_foreign(error):
            return
        if not isinstance(error, Killed | Failed | Timeout):
            self.unexpected.append(error)


def nothing_is_left(hub):
    """At the end of a round the hub is as it was made."""
    assert not hub.parked, f"parked greenlets are left: {hub.parked}"
    assert not hub.ready, f"ready work is left: {list(hub.ready)}"
    assert not hub.pending, f"pending errors are left: {hub.pending}"
    assert not hub.pending.shields, f"shields are left: {hub.pending.shields}"
    assert not len(hub.timers), f"timers are left: {hub.timers.heap}"
    assert len(hub.fds) == 1, f"watched fds are left: {hub.fds}"
    assert (hub.holds, hub.io_waiters) == (0, 0), "the hub is held open"


def one_world(seed):
    """Run the world of ``seed``; its digest is the same each time."""
    hub = get_hub()
    handler = hub.exception_handler
    try:
        with Clock() as clock, shuffled(seed), contextlib.redirect_stderr(FailingStderr()):
            sleep(0)
            wait_all_parked()  # the loop begins each round at the same place
            world = World(seed, clock)
            digest = world.run()
            wait_all_parked()
            hub.timers.next_deadline()
    finally:
        hub.exception_handler = handler
    nothing_is_left(hub)
    greenlets = [weakref.ref(one) for one in world.actors]
    del world
    if gc.isenabled():
        gc.collect()
        assert not [one() for one in greenlets if one() is not None], "greenlets are left"
    return digest


# How many worlds come for each round of threads.
WORLDS = 6


def soak(seconds, seed):
    """Rounds until ``seconds`` are over; the number of them. A failure names the round's own seed."""
    if "/" in seed:
        return run_round(seed) or 1
    default_pool().idle_timeout = 0.2  # its threads must have ended before the descriptors are counted
    run_round(f"{seed}/0")
    run_round(f"{seed}/{WORLDS - 1}")  # whatever is made once is there from now on
    before = fds_at_rest()
    begin, n = time.monotonic(), 0
    while time.monotonic() - begin < seconds or n < WORLDS:
        run_round(f"{seed}/{n}")
        n += 1
    after = fds_at_rest()
    assert sorted(after) == sorted(before), f"fds before: {before}; after: {after}"
    return n


def fds_at_rest():
    """What the open fds are, once no other thread is left."""
    end = time.monotonic() + 15  # idle threads of the pools retire
    while len(os.listdir("/proc/self/task")) > 1:
        assert time.monotonic() < end, "threads are left"
        sleep(0.05)
    gc.collect()
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that lists them
            found.append(f"{fd} {os.readlink(f'/proc/self/fd/{fd}').split(':')[0]}")
    return found


def run_round(seed):
    try:
        if int(seed.split("/")[-1]) % WORLDS == WORLDS - 1:
            one_crossing(seed)
        else:
            one_world(seed)
    except BaseException as error:
        error.add_note(f"make test-soak SEED={seed}")
        raise


def main():
    parser = argparse.ArgumentParser(description="A soak of the hub: see the top of this file.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default=str(int(time.time())))
    options = parser.parse_args()
    print(f"make test-soak SECONDS={options.seconds:g} SEED={options.seed}", flush=True)
    count = soak(options.seconds, options.seed)
    print(f"{count} rounds, nothing lost")


if __name__ == "__main__":
    sys.exit(main())
