"""The soak of a patched program: the world of ``tests.hub.soak``, with threads, executors and sockets.

    python -m tests.green.soak --seconds 60 --seed 7

Threads are joined and executors shut down by several at once, some of whom are killed in it; sockets are closed under
who reads, writes and accepts; callees ask which thread and task they are. The model: whoever has joined a thread or
shut an executor down finds it ended; a lock is free after its release, and held by one; what came before a close is
read. What a forked child lives through is a world of this kind as well.
"""

# ruff: noqa: E402  (what is imported after the patch is patched)
from celadon import patch_all

patch_all(resolver="thread")

import asyncio
import concurrent.futures
import errno
import socket
import sys
import threading
import warnings

from greenlet import greenlet

from celadon.hub import GreenletExit, shield, sleep, spawn
from tests.hub import soak


class Program(soak.World):
    """A world with the standard library's own means."""

    def __init__(self, seed, clock, size=(soak.ACTORS, soak.STEPS)):
        self.locks = [threading.Lock(), threading.RLock()]
        self.lock_holders = [set(), set()]
        self.executors = [self._executor(), self._executor()]
        self.all_executors = list(self.executors)
        self.threads = []
        self.local = threading.local()
        super().__init__(seed, clock, size)

    @staticmethod
    def _executor():
        made = concurrent.futures.ThreadPoolExecutor(2)
        made.given = []
        return made

    def small_world(self, seed):
        with soak.Clock() as clock:
            Program(seed, clock, (5, 6)).run()

    def run(self):
        super().run()
        for one in self.all_executors:
            one.shutdown()
            assert all(future.done() for future in one.given), "an executor has shut down with work undone"
        for one in self.threads:
            one.join()
            assert not one.is_alive()
        soak.wait_all_parked()
        return self.digest

    # -- threads and executors ---------------------------------------------------------------------------------

    def do_thread(self):
        self.threads = [one for one in self.threads if one.is_alive()]
        made = threading.Thread(target=sleep, args=(self.seconds(),))
        with shield():
            made.start()
            self.threads.append(made)

    def do_join_thread(self):
        if self.threads:
            one, seconds = self.random.choice(self.threads), self.some_time()
            one.join(seconds)
            assert seconds is not None or not one.is_alive(), "a thread was joined and lives"

    do_join_thread_2 = do_join_thread

    def do_submit(self):
        executor, token = self.random.choice(self.executors), object()
        seconds, wait = self.seconds(), self.some_time()

        def work():
            sleep(seconds)
            return token

        try:
            with shield():  # what a kill leaves undone in the library's own code is its own, as after Ctrl-C
                future = executor.submit(work)
        except RuntimeError:
            return  # somebody shuts it down
        executor.given.append(future)
        if self.random.random() < 0.2:
            future.add_done_callback(lambda future: 1 / 0)  # reported by the library's own logger, and no more
        try:
            assert future.result(wait) is token, "a stray value"
        except concurrent.futures.CancelledError:
            return

    do_submit_2 = do_submit

    def do_shut_down(self):
        n = self.random.randrange(len(self.executors))
        executor = self.executors[n]
        with shield():
            executor.shutdown(wait=False, cancel_futures=self.random.random() < 0.2)
        executor.shutdown()
        assert all(future.done() for future in executor.given), "an executor has shut down with work undone"
        if self.executors[n] is executor:
            self.executors[n] = self._executor()
            self.all_executors.append(self.executors[n])

    # -- locks -------------------------------------------------------------------------------------------------

    def do_lock(self):
        n = self.random.randrange(len(self.locks))
        lock, seconds, me = self.locks[n], self.some_time(), threading.get_ident()
        taken = lock.acquire(timeout=-1 if seconds is None else seconds)
        if not taken:
            return
        outermost = me not in self.lock_holders[n]
        try:
            self.lock_holders[n].add(me)
            assert self.lock_holders[n] == {me}, "two hold what one may hold"
            sleep(self.seconds())
        finally:
            if outermost:
                self.lock_holders[n].discard(me)
            lock.release()
            if outermost and isinstance(lock, type(threading.Lock())):
                assert not lock.locked(), "a lock is free after its release"

    # -- sockets -----------------------------------------------------------------------------------------------

    def do_close_under(self):
        """One reads, one writes, one accepts; each is closed under it, before or after what it waits for has come."""
        left, right = socket.socketpair()
        listener = socket.create_server(("127.0.0.1", 0))
        came = self.random.random() < 0.5
        try:
            waiting = [
                spawn(self._outcome, left.recv, 9),
                spawn(self._outcome, listener.accept),
                spawn(self._outcome, right.sendall, bytes(1 << 20)) if not came else None,
            ]
            sleep(0)
            if came:
                right.sendall(b"bye")
            left.close()
            listener.close()
            found = [None if one is None else one.get(timeout=60) for one in waiting]
            assert found[0] == (b"bye" if came else found[0]), found
            assert came or found[0] == errno.EBADF or set(found[0]) == {0}, found
            assert found[1] == errno.EBADF, found
            assert found[2] in (None, errno.EPIPE, errno.ECONNRESET), found
        finally:
            for one in (left, right, listener):
                one.close()

    @staticmethod
    def _outcome(call, *args):
        try:
            return call(*args)
        except OSError as error:
            return error.errno

    # -- callees -----------------------------------------------------------------------------------------------

    def do_callee_of_a_thread(self):
        """It is the thread of its caller, also while others run."""
        self.local.value = me = object()
        seen = threading.get_ident(), threading.current_thread()

        def callee():
            for seconds in (0, self.seconds()):
                assert (threading.get_ident(), threading.current_thread()) == seen
                assert self.local.value is me
                sleep(seconds)
            return "done"

        found = greenlet(callee).switch()
        if isinstance(found, GreenletExit):
            raise found
        assert found == "done"

    def do_callee_of_a_task(self):
        seconds = self.seconds()

        async def main():
            right = asyncio.get_running_loop(), asyncio.current_task()

            def callee():
                assert (asyncio.get_running_loop(), asyncio.current_task()) == right
                sleep(seconds)
                assert (asyncio.get_running_loop(), asyncio.current_task()) == right
                return "done"

            found = greenlet(callee).switch()
            await asyncio.sleep(0)
            assert found == "done" or isinstance(found, GreenletExit)

        if self.random.random() < 0.2:
            asyncio.run(main())


def main():
    """As ``tests.hub.soak``."""
    concurrent.futures._base.LOGGER.disabled = True
    asyncio.log.logger.disabled = True
    # Of a task that is killed as it ends; the library says so too late for a filter of one call.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    soak.World = Program
    soak.main()


if __name__ == "__main__":
    sys.exit(main())
