"""Threads, queues, children, pipes, signals and asyncio under the patch, each in a fresh process."""

import subprocess
import sys

import pytest

CASES = {
    "threads run beside each other": """
        import threading, time
        begin = time.monotonic()
        threads = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(50)]
        for one in threads: one.start()
        for one in threads: one.join()
        assert not any(one.is_alive() for one in threads)
        assert time.monotonic() - begin < 2
    """,
    "a lock goes to whoever waits longest": """
        import threading, time
        lock, order = threading.Lock(), []
        def take(n):
            with lock:
                order.append(n)
                time.sleep(0.001)
        threads = [threading.Thread(target=take, args=(n,)) for n in range(5)]
        lock.acquire()
        for one in threads: one.start()
        lock.release()
        for one in threads: one.join()
        assert order == [0, 1, 2, 3, 4]
    """,
    "a lock is shared with a thread of the operating system": """
        import threading
        from celadon.green import original_module
        native, lock, total = original_module("threading"), threading.Lock(), 0
        def count():
            global total
            for _ in range(2000):
                with lock:
                    total += 1
        threads = [native.Thread(target=count), threading.Thread(target=count)]
        for one in threads: one.start()
        while threads[0].is_alive(): threads[1].join(0.01)
        threads[1].join()
        assert total == 4000
    """,
    "a lock made before the patch is mended": """
        import logging
        from celadon.green import report
        assert "celadon" in type(logging._lock).acquire.__code__.co_filename
        assert report().locks > 0
    """,
    "what stands for a function in C is no method": """
        import threading, time
        class Retry:
            pause, lock = time.sleep, threading.Lock
        Retry().pause(0)
        assert Retry().lock().acquire(False)
    """,
    "a signal's handler runs before the call that it interrupted returns": """
        import os, select, signal
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        stopped = []
        signal.signal(signal.SIGALRM, lambda number, frame: stopped.append(number))
        for _ in range(3):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            assert select.select([woken], [], [], 5)[0] == [woken]
            os.read(woken, 1)
            assert stopped.pop() == signal.SIGALRM
    """,
    "a signal's exception reaches the main thread": """
        import signal, threading
        def late(number, frame): raise TimeoutError("late")
        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try: threading.Event().wait(10)
        except TimeoutError as error: assert str(error) == "late"
        else: raise AssertionError("nothing came")
    """,
    "a child is waited for from any thread": """
        import subprocess, threading
        codes = []
        def run(): codes.append(subprocess.run(["sh", "-c", "sleep 0.1; exit 3"], timeout=10).returncode)
        threads = [threading.Thread(target=run) for _ in range(5)]
        for one in threads: one.start()
        for one in threads: one.join()
        assert codes == [3] * 5
    """,
    "reading a pipe lets others run": """
        import subprocess, threading
        child = subprocess.Popen(["sh", "-c", "sleep 0.2; echo done"], stdout=subprocess.PIPE, text=True)
        seen = []
        reader = threading.Thread(target=lambda: seen.append(child.stdout.read()))
        reader.start()
        assert not seen and reader.is_alive()
        reader.join(); child.wait(); child.stdout.close()
        assert seen == ["done\\n"]
    """,
    "the wrong end of a pipe is an error at once": """
        import os
        r, w = os.pipe()
        for call, *args in ((os.write, r, b"x"), (os.read, w, 1)):
            try: call(*args)
            except OSError as error: assert error.errno == 9
            else: raise AssertionError(call)
        os.close(r); os.close(w)
    """,
    "each thread has its own asyncio loop": """
        import asyncio, threading
        seen = []
        async def nap(n):
            await asyncio.sleep(0.05)
            seen.append((n, asyncio.get_running_loop()))
        threads = [threading.Thread(target=lambda n=n: asyncio.run(nap(n))) for n in range(3)]
        for one in threads: one.start()
        for one in threads: one.join()
        assert len({loop for _, loop in seen}) == 3
    """,
    "only what is True, or all but what is False": """
        from celadon.green import is_patched, restore
        restore()
        patch_all(time=True)
        assert is_patched("time") and not is_patched("socket")
        restore()
        patch_all(time=False)
        assert is_patched("socket") and not is_patched("time")
    """,
    "a patch can be vetoed": """
        import time
        from celadon.green import DoNotPatch, before_patch, is_patched, restore
        restore()
        @before_patch
        def veto(path):
            if path == "time": raise DoNotPatch
        patch_all()
        assert is_patched("socket") and not is_patched("time")
    """,
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    lines = [line.removeprefix("        ") for line in CASES[name].strip("\n").splitlines()]
    code = "\n".join(["import logging", "from celadon import patch_all", "patch_all()", *lines])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
