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
    "a dummy thread goes with the end of its greenlet, also while somebody still has that": """
        import threading
        from celadon import sleep, spawn
        before = len(threading._active)
        def work():
            threading.current_thread()
            sleep(0)
            return len(threading._active)
        greenlet = spawn(work)
        assert greenlet.get() == before + 1
        assert len(threading._active) == before
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
    "a thread that logs for ever lets others run": """
        import syslog, threading, time
        syslog.setlogmask(syslog.LOG_MASK(syslog.LOG_EMERG))
        ended = []
        def log():
            while not ended: syslog.syslog(syslog.LOG_DEBUG, "nobody shall see this")
        logging = threading.Thread(target=log)
        logging.start()
        time.sleep(0.01)
        ended.append(True)
        logging.join()
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


POLLED = """
from celadon import patch_all
patch_all()
import concurrent.futures, queue, socket, threading, time

event, line, pool = threading.Event(), queue.Queue(), concurrent.futures.ThreadPoolExecutor(1)
threading.Timer(0.01, event.set).start()
threading.Timer(0.02, line.put, (1,)).start()
future = pool.submit(time.sleep, 0.03)
thread = threading.Thread(target=time.sleep, args=(0.04,))
thread.start()
while not event.is_set():
    pass
while line.empty():
    pass
while not future.done():
    pass
while thread.is_alive():
    pass
left, right = socket.socketpair()
left.setblocking(False)
threading.Timer(0.01, right.send, (b"x",)).start()
while True:
    try:
        left.recv(1)
        break
    except BlockingIOError:
        pass
print("none of them hung")
"""


def test_who_polls_without_waiting_lets_others_run():
    done = subprocess.run([sys.executable, "-c", POLLED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("none of them hung\n", "")


STOPPED = """
from celadon import patch_all
patch_all()
import ctypes, threading, time

class Stop(Exception):
    pass

def work():
    try:
        time.sleep(1000)
    except Stop:
        ended.append(threading.get_ident())

raises = ctypes.pythonapi.PyThreadState_SetAsyncExc
raises.argtypes = (ctypes.c_ulong, ctypes.py_object)
ended = []
thread = threading.Thread(target=work)
thread.start()
assert raises(ctypes.c_ulong(12345), ctypes.py_object(Stop)) == 0
assert raises(thread.ident, ctypes.py_object(Stop)) == 1
thread.join()
assert ended == [thread.ident]
main = threading.get_ident()
threading.Timer(0.01, raises, (ctypes.c_long(main), Stop)).start()
try:
    time.sleep(1000)
except Stop:
    print("both were stopped")
"""


def test_an_exception_raised_in_a_thread_from_outside():
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("both were stopped\n", "")


FORKED = """
from celadon import patch_all, spawn
patch_all()
import os, threading

def forks():  # threading has not met this greenlet
    pid = os.fork()
    if pid:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    assert threading.current_thread() is threading.main_thread()
    assert threading.main_thread().ident == threading.get_ident()
    print("the main thread", flush=True)

spawn(forks).join()
"""


def test_a_greenlet_that_forks_is_the_main_thread_of_the_child():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the main thread\n", "")


OUTLIVES = """
from celadon import patch_all, sleep, spawn
patch_all()
import builtins, threading

def waits():
    print(threading.current_thread().name)
    sleep(1000)

builtins.kept = spawn(waits)
sleep(0)
"""


def test_a_greenlet_that_outlives_threading_ends_in_silence():
    done = subprocess.run([sys.executable, "-c", OUTLIVES], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Dummy-1\n", "")


DAEMON = """
from celadon import patch_all
patch_all("python")
import os, socket, threading, time

time.sleep(0.001)
pid = os.fork()
if pid:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
os.setsid()
r, w = os.pipe()
got = []
thread = threading.Thread(target=lambda: got.append(os.read(r, 1)))
thread.start()
for fd in range(3, 64):
    try:
        os.close(fd)
    except OSError:
        pass
os.closerange(3, 4096)
thread.join()
assert got == [b""], got  # the other end is closed as well
left, right = socket.socketpair()
threading.Timer(0.01, right.send, (b"x",)).start()
assert left.recv(1) == b"x"
print("alive")
"""


def test_a_daemon_closes_all_that_it_has_open_but_what_the_hub_lives_by():
    done = subprocess.run([sys.executable, "-c", DAEMON], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


MASKS = """
from celadon import patch_all
patch_all()
import os, signal, threading, time

def block():
    assert signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()) == set()
    assert signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
    masks.append(signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGUSR1]))
    masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    try:
        signal.pthread_sigmask(99, [])
    except OSError:
        masks.append("refused")

def await_usr2():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    masks.append(signal.sigwait([signal.SIGUSR2]))

masks, seen = [], []
for work in (block, await_usr2):
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.01)
    if work is await_usr2:
        os.kill(os.getpid(), signal.SIGUSR2)
    thread.join()
assert signal.SIGUSR1 in masks[0] and signal.SIGUSR2 not in masks[0]
assert masks[1:] == [{signal.SIGUSR1}, "refused", signal.SIGUSR2], masks[1:]
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
signal.signal(signal.SIGUSR1, lambda *args: seen.append(args[0]))
os.kill(os.getpid(), signal.SIGUSR1)
time.sleep(0.01)
print(seen)
"""


def test_a_thread_blocks_signals_for_itself_alone():
    done = subprocess.run([sys.executable, "-c", MASKS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[10]\n", "")


LOOPS = """
from celadon import patch_all
patch_all()
import asyncio, threading, time

async def step(n):
    await asyncio.sleep(0.001)
    time.sleep(0.001)  # stops this loop, and no other
    here, task, made = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Future()
    assert made.get_loop() is here
    assert task.get_loop() is here
    assert asyncio.get_event_loop() is here
    here.call_later(0.001, made.set_result, n)
    async with asyncio.timeout(10):
        return await made

async def main(k):
    for _ in range(5):
        time.sleep(0.0005 * (k % 3))
        assert await asyncio.gather(*[step(n) for n in range(3)]) == [0, 1, 2]
        async with asyncio.TaskGroup() as group:
            group.create_task(step(1))
        assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()
    done.append(k)

done = []
threads = [threading.Thread(target=lambda k=k: asyncio.run(main(k))) for k in range(4)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(sorted(done))
"""


def test_loops_of_many_greenlets_that_block_in_the_midst_of_a_coroutine():
    done = subprocess.run([sys.executable, "-c", LOOPS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[0, 1, 2, 3]\n", "")
