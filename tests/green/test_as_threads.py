"""Greenlets that stand for threads are threads for whoever looks, under the patch, each program in a fresh process."""

import subprocess
import sys
import textwrap

import pytest

CASES = {
    "a sleep of 0 in a callback of the loop waits for nothing": """
        from celadon.hub import get_hub
        seen = []
        get_hub().call_soon(lambda: seen.append(time.sleep(0)))
        time.sleep(0)
        assert seen == [None]
    """,
    "a released lock is free for whoever looks, though somebody waits": """
        import threading
        lock = threading.Lock()
        lock.acquire()
        got = []
        waiter = threading.Thread(target=lambda: got.append(lock.acquire()))
        waiter.start()
        time.sleep(0)
        lock.release()
        assert not lock.locked()
        assert lock.acquire(False) and lock.acquire(True, 0) is False
        time.sleep(0)
        assert got == []  # it was woken in vain, and waits again
        lock.release()
        waiter.join()
        assert got == [True] and lock.locked()
    """,
    "a greenlet that releases and takes a lock in a loop keeps nobody out": """
        import threading
        lock, turns = threading.Lock(), []
        def loop(name):
            for _ in range(3):
                with lock:
                    turns.append(name)
                    time.sleep(0)
        threads = [threading.Thread(target=loop, args=(name,)) for name in "ab"]
        lock.acquire()
        for one in threads: one.start()
        lock.release()
        for one in threads: one.join()
        assert turns == list("ababab"), turns
    """,
    "whoever is woken in vain stays the first in line": """
        import threading
        lock, order = threading.Lock(), []
        lock.acquire()
        def take(name):
            with lock:
                order.append(name)
        threads = [threading.Thread(target=take, args=(name,)) for name in "abc"]
        for one in threads: one.start()
        time.sleep(0)
        for _ in range(3):
            lock.release()
            assert lock.acquire(False)
            time.sleep(0)
        lock.release()
        for one in threads: one.join()
        assert order == list("abc"), order
    """,
    "a waiter that was woken and then killed keeps nobody out": """
        import threading
        from celadon import hub
        lock, got = threading.Lock(), []
        lock.acquire()
        def take():
            with lock:
                time.sleep(0)
        first = hub.spawn(take)
        second = hub.spawn(lambda: got.append(lock.acquire(True, 5)))
        time.sleep(0)
        lock.release()
        first.kill(block=False)
        second.join()
        assert got == [True]
    """,
    "a waiter whose time is over leaves the lock as it is": """
        import threading
        lock = threading.Lock()
        lock.acquire()
        assert lock.acquire(timeout=0.01) is False
        lock.release()
        assert lock.acquire(False)
    """,
    "many join one thread, and an executor is shut down many times": """
        import concurrent.futures, threading
        worker = threading.Thread(target=time.sleep, args=(0.02,))
        worker.start()
        pool = concurrent.futures.ThreadPoolExecutor(2)
        pool.submit(time.sleep, 0.02)
        ended = []
        def wait(timeout):
            worker.join(timeout)
            pool.shutdown()
            ended.append(timeout)
        threads = [threading.Thread(target=wait, args=(timeout,)) for timeout in (None, 5, None, 5)]
        for one in threads: one.start()
        for one in threads: one.join()
        assert len(ended) == 4, ended
    """,
    "a join that is broken off leaves the thread alive": """
        import concurrent.futures, threading
        from celadon import hub
        def work():
            time.sleep(0.05)
            done.append(True)
        done = []
        for wait in (threading.Thread.join, lambda one: one.join(60), lambda one: one.is_alive() and time.sleep(60)):
            worker = threading.Thread(target=work)
            worker.start()
            killed = hub.spawn(wait, worker)
            time.sleep(0)
            killed.kill()
            with hub.Timeout(0.01, False):
                wait(worker)
            assert worker.is_alive()
            worker.join()
            assert done.pop() and not worker.is_alive()
        pool = concurrent.futures.ThreadPoolExecutor(1)
        pool.submit(work)
        with hub.Timeout(0.01, False):
            pool.shutdown()
        pool.shutdown()
        assert done == [True]
    """,
    "a thread of a forked child joins the main thread at the end": """
        import os, threading
        pid = os.fork()
        if not pid:
            main = threading.current_thread()
            threading.Thread(target=lambda: (main.join(), os.write(1, b"end"))).start()
        else:
            assert os.waitpid(pid, 0)[1] == 0
    """,
    "a callee greenlet is its caller's thread": """
        import threading
        from greenlet import greenlet
        seen, rlock = threading.local(), threading.RLock()
        def thread():
            seen.value = 1
            with rlock:
                def callee():
                    me = threading.current_thread()
                    time.sleep(0)
                    with rlock:  # it has it already
                        return me, threading.get_ident(), seen.value, rlock._is_owned()
                # One inside the other, too.
                found = greenlet(lambda: greenlet(callee).switch()).switch()
                assert found == (threading.current_thread(), threading.get_ident(), 1, True), found
        for run in (thread, lambda: one.start() or one.join()):
            one = threading.Thread(target=thread)
            run()
        assert threading.active_count() == 1, threading.enumerate()
    """,
    "a greenlet with the ident of one that has ended is another thread": """
        import threading
        from celadon import hub
        def look():
            me = threading.current_thread()
            time.sleep(0)
            assert threading.current_thread() is me
            return threading.get_ident(), me
        ident, first = hub.spawn(look).get()
        idents = []
        for _ in range(100):
            again, other = hub.spawn(look).get()
            assert other is not first
            idents.append(again)
        assert ident in idents, "no number was used again"
        threads = [hub.spawn(look) for _ in range(5)]
        hub.joinall(threads, raise_error=True)
        del threads
        assert len(threading.enumerate()) <= 2, threading.enumerate()
    """,
    "a thread that a callee starts is another one": """
        import threading
        from greenlet import greenlet
        def callee():
            idents = []
            one = threading.Thread(target=lambda: idents.append(threading.get_ident()))
            one.start()
            one.join()
            return idents[0]
        assert greenlet(callee).switch() != threading.get_ident()
    """,
    "a callee greenlet of a task is that task": """
        import asyncio
        from greenlet import greenlet
        async def main():
            right = asyncio.get_running_loop(), asyncio.current_task(), asyncio.get_event_loop()
            def callee():
                return asyncio.get_running_loop(), asyncio.current_task(), asyncio.get_event_loop()
            assert greenlet(callee).switch() == right
            assert greenlet(lambda: asyncio.ensure_future(asyncio.sleep(0))).switch().get_loop() is right[0]
        asyncio.run(main())
    """,
    "only the main thread handles signals": """
        import asyncio, signal, threading
        from greenlet import greenlet
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        def refused(call):
            try: call()
            except (ValueError, RuntimeError) as error: return type(error)
        async def in_a_loop():
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, print)
        calls = [
            lambda: signal.signal(signal.SIGUSR1, print),
            lambda: greenlet(lambda: signal.signal(signal.SIGUSR1, print)).switch(),
            lambda: signal.set_wakeup_fd(-1),
            lambda: asyncio.run(in_a_loop()),
            lambda: signal.siginterrupt(signal.SIGUSR1, True),  # as CPython: any thread may
        ]
        found = []
        one = threading.Thread(target=lambda: found.extend(map(refused, calls)))
        one.start()
        one.join()
        assert found == [ValueError, ValueError, ValueError, RuntimeError, None], found
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
        assert greenlet(lambda: signal.signal(signal.SIGUSR1, print)).switch() is signal.SIG_IGN
    """,
    "a program sees the wake-up fd that it set, and never the hub's": """
        import os, signal
        from celadon.hub.lowlevel import hub_fds
        time.sleep(0)
        theirs = signal.set_wakeup_fd.__globals__["_set_wakeup_fd"]
        the_hubs = theirs(-1)
        theirs(the_hubs)
        assert the_hubs in hub_fds
        read, write = os.pipe()
        os.set_blocking(write, False)
        assert signal.set_wakeup_fd(-1) == -1
        assert signal.set_wakeup_fd(write, warn_on_full_buffer=False) == -1
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.raise_signal(signal.SIGUSR1)
        assert os.read(read, 9) == bytes([signal.SIGUSR1])
        try: signal.set_wakeup_fd(9999)
        except (ValueError, OSError): pass
        assert signal.set_wakeup_fd(-1) == write
        assert signal.set_wakeup_fd(-1) == -1
        assert theirs(the_hubs) == the_hubs  # signals wake the hub again
    """,
    "asyncio's handler of signals, and the hub is woken by signals after it": """
        import asyncio, os, signal
        async def main():
            got = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, got.set)
            os.kill(os.getpid(), signal.SIGUSR1)
            await asyncio.wait_for(got.wait(), 5)
        asyncio.run(main())
        theirs = signal.set_wakeup_fd.__globals__["_set_wakeup_fd"]
        assert theirs(-1) != -1
    """,
    "a thread that forked is the child's main thread, for signals as well": """
        import os, signal, threading
        def fork():
            pid = os.fork()
            if not pid:
                signal.signal(signal.SIGUSR1, signal.SIG_IGN)
                os._exit(7)
            status.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        status = []
        one = threading.Thread(target=fork)
        one.start()
        one.join()
        assert status == [7]
    """,
}


@pytest.mark.parametrize("name", CASES)
def test_it(name):
    program = "import celadon\nceladon.patch_all()\nimport time\n" + textwrap.dedent(CASES[name])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
