"""Persistent workers: what each request gets, whatever the workers do; nothing is left of them."""

import math
import os
import signal
import sys
import time

import pytest

from celadon.green.processes import (
    ProcessPool,
    ProcessPoolClosed,
    ProcessPoolExecutor,
    TooManyRequests,
    WorkerDied,
    WorkerTimeout,
)
from celadon.hub import Timeout, get_hub, joinall, sleep, spawn

WORKER = """\
import os, sys, time
for line in sys.stdin.buffer:
    word, _, rest = line.rstrip(b"\\n").partition(b" ")
    if word == b"die":
        print("the last word", file=sys.stderr)
        os._exit(int(rest))
    if word == b"hang":
        time.sleep(100)
    if word == b"pid":
        rest = str(os.getpid()).encode()
    if word == b"say":
        sys.stderr.write("said\\n"); sys.stderr.flush()
    if word == b"long":
        rest = b"x" * int(rest)
    sys.stdout.buffer.write(rest + b"\\n"); sys.stdout.buffer.flush()
"""


@pytest.fixture
def make():
    made = []

    def make(size=2, **options):
        options.setdefault("framing", "line")
        options.setdefault("on_stderr", lambda data: None)
        made.append(ProcessPool([sys.executable, "-S", "-c", WORKER], size, **options))
        return made[-1]

    yield make
    for pool in made:
        pool.close()
        assert pool.stats().workers == 0
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # no zombie, and nobody is left


def test_answers_and_workers_stay(make):
    pool = make()
    assert pool.ask("echo hello") == b"hello"
    assert pool.ask(b"long 300000") == b"x" * 300000
    pids = {pool.ask("pid") for _ in range(5)}
    assert len(pids) == 1, "the one that was used last is used again"
    working = [spawn(pool.ask, f"echo {n}") for n in range(30)]
    joinall(working, raise_error=True)
    assert [one.value for one in working] == [str(n).encode() for n in range(30)]
    assert pool.stats().started <= 2
    with pytest.raises(ValueError, match="no line end"):
        pool.ask("two\nlines")


def test_a_worker_that_dies_fails_only_its_own_request(make):
    pool = make()
    working = [spawn(pool.ask, "die 3" if n == 5 else f"echo {n}") for n in range(10)]
    joinall(working)
    errors = [one.exception for one in working if one.exception]
    assert [type(one) for one in errors] == [WorkerDied]
    assert errors[0].returncode == 3
    assert errors[0].stderr == "the last word"
    assert "exit status 3" in str(errors[0])
    assert "the last word" in str(errors[0])
    assert pool.ask("echo on") == b"on"


def test_a_worker_that_died_while_idle_is_not_asked(make):
    pool = make(1)
    pid = int(pool.ask("pid"))
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not pool._idle[0][0].ended.is_set() and time.monotonic() < deadline:
        sleep(0.001)
    assert pool.ask("echo on") == b"on"
    assert pool.stats().died == 0


def test_late_ones_are_killed_and_replaced(make):
    pool = make(1, timeout=0.3)
    pid = int(pool.ask("pid", timeout=5))
    with pytest.raises(WorkerTimeout, match=r"did not answer within 0\.3 s"):
        pool.ask("hang")
    assert int(pool.ask("pid", timeout=5)) != pid
    while pool._old:
        sleep(0.001)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(TimeoutError):
        pool.ask("hang", timeout=0.01)
    assert pool.stats().killed == 2


def test_who_is_killed_takes_the_worker_along(make):
    pool = make(1)
    pool.ask("pid")
    with pytest.raises(Timeout), Timeout(0.05):
        pool.ask("hang")
    victim = spawn(pool.ask, "hang")
    waiting = spawn(pool.ask, "echo mine")
    sleep(0.02)
    victim.kill()
    assert waiting.get() == b"mine"


def test_back_pressure(make):
    pool = make(1, max_waiting=1)
    pool.ask("pid")
    first, second = spawn(pool.ask, "hang"), spawn(pool.ask, "echo 2")
    sleep(0)
    with pytest.raises(TooManyRequests, match="1 requests wait"):
        pool.ask("echo 3")
    first.kill()
    assert second.get() == b"2"


def test_replaced_after_so_many_requests(make):
    pool = make(1, max_requests=2)
    assert len({pool.ask("pid") for _ in range(6)}) == 3


def test_health(make):
    pool = make(1, health="echo well", health_every=0, timeout=5)
    assert pool.ask("echo on") == b"on"
    worker = pool._idle[0][0]
    os.kill(worker.pid, signal.SIGSTOP)  # it hangs, though it lives
    pool.timeout = 1
    assert pool.ask("echo on", timeout=5) == b"on"
    assert worker not in pool._workers


def test_stderr_is_apart(make):
    heard = bytearray()
    pool = make(1, on_stderr=heard.extend)
    assert pool.ask("say hello") == b"hello"
    deadline = time.monotonic() + 5
    while not heard and time.monotonic() < deadline:
        sleep(0.001)
    assert heard == b"said\n"


def test_closed(make):
    pool = make(1)
    pool.ask("pid")
    hanging = spawn(pool.ask, "hang")
    waiting = spawn(pool.ask, "pid")
    sleep(0)
    pool.close(0.05)
    joinall([hanging, waiting])
    assert isinstance(hanging.exception, WorkerDied | OSError)
    assert isinstance(waiting.exception, ProcessPoolClosed)
    with pytest.raises(ProcessPoolClosed):
        pool.ask("pid")


def test_a_command_that_is_not_there():
    with ProcessPool(["/nowhere/at/all"], 1) as pool:
        for _ in range(3):
            with pytest.raises(FileNotFoundError):
                pool.ask(b"x")


def test_json_and_lengths():
    code = "import sys, json\nfor line in sys.stdin: print(json.dumps({'got': json.loads(line)}), flush=True)"
    with ProcessPool([sys.executable, "-S", "-c", code], 1, framing="json") as pool:
        assert pool.ask({"a": [1, "é\n"]}) == {"got": {"a": [1, "é\n"]}}
    with ProcessPool(["cat"], 1) as pool:
        assert pool.ask(b"\0" * 200_000) == b"\0" * 200_000
        assert pool.ask(b"") == b""


# -- the executor -----------------------------------------------------------------------------------------------


def test_the_executor():
    with ProcessPoolExecutor(2, timeout=20) as executor:
        assert executor.submit(math.factorial, 10).result() == 3628800
        assert list(executor.map(pow, [2, 3, 4], [2, 2, 2])) == [4, 9, 16]
        pids = {one.result() for one in [executor.submit(os.getpid) for _ in range(4)]}
        assert os.getpid() not in pids
        failed = executor.submit(divmod, 1, 0)
        assert isinstance(failed.exception(), ZeroDivisionError)
        assert "Traceback" in str(failed.exception().__cause__)
        dead = executor.submit(os._exit, 7)
        other = executor.submit(int, "5")
        assert other.result() == 5
        with pytest.raises(WorkerDied, match="exit status 7"):
            dead.result()
        assert executor.submit(print, "not an answer").result() is None
        with pytest.raises(Exception, match=r"pickle|local object"):
            executor.submit(lambda: 1).result()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(int)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_the_executor_cancels_what_has_not_begun():
    executor = ProcessPoolExecutor(1)
    first = executor.submit(time.sleep, 0.01)
    second = executor.submit(os.getpid)
    executor.submit(int).cancel()
    sleep(0)
    executor.shutdown(cancel_futures=True)
    assert second.cancelled()
    assert first.done()
    assert executor.stats().workers == 0


def test_an_initializer_that_fails_is_said():
    with (
        ProcessPoolExecutor(1, initializer=divmod, initargs=(1, 0)) as executor,
        pytest.raises(WorkerDied, match="ZeroDivisionError"),
    ):
        executor.submit(int).result()
    with ProcessPoolExecutor(1, initializer=os.chdir, initargs=("/",)) as executor:
        assert executor.submit(os.getcwd).result() == "/"


def test_others_run_meanwhile():
    ticks = []

    def tick():
        while True:
            ticks.append(get_hub().now())
            sleep(0.005)

    ticking = spawn(tick)
    with ProcessPoolExecutor(1) as executor:
        executor.submit(time.sleep, 0.1).result()
    ticking.kill()
    assert len(ticks) > 5
