"""celery with Celadon's pool, against a Redis of our own: real workers, real messages."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from . import servers
from .running_programs import ROOT, needs, running

pytestmark = [
    pytest.mark.timeout(180),
    needs("celery", "redis"),
    pytest.mark.skipif(servers.find("redis-server") is None, reason="redis-server is not installed"),
]

TASKS = """
import os, socket, threading, time
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
url = os.environ["URL"]
app = Celery("tasks", broker=url, backend=url)
app.conf.broker_connection_retry_on_startup = True
now = most = 0
@app.task
def slow(n, seconds=0.3):
    global now, most
    now += 1
    most = max(most, now)
    time.sleep(seconds)
    now -= 1
    return n
@app.task
def at_once():
    return most
@app.task
def polite():
    try:
        time.sleep(60)
    except SoftTimeLimitExceeded:
        return "soft"
if os.environ.get("SHARED"):
    app.conf.result_backend_thread_safe = os.environ["SHARED"] == "yes"
@app.task
def lookup():
    return socket.gethostbyname("planted.test"), socket.socket.__module__
@app.task(bind=True, max_retries=3)
def again(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries
@app.task
def fails():
    raise ValueError("planted")
@app.task
def asks():
    made = [slow.delay(n, 0.1) for n in range(5)]
    return [one.get(timeout=20, disable_sync_subtasks=False) for one in made]
"""


@pytest.fixture(scope="module")
def redis():
    with servers.redis() as made:
        yield made


@contextmanager
def worker(folder, url, *words, stop=signal.SIGTERM, **environment):
    (folder / "tasks.py").write_text(TASKS)
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "custom", "-l", "info", *words]
    pool = "celadon.integrations.celery:TaskPool"
    with running(folder, *command, stop=stop, CELERY_CUSTOM_WORKER_POOL=pool, URL=url, **environment) as child:
        yield child


FIRST = """
from celery import chord
from tasks import *
while not app.control.ping(timeout=1, limit=1):
    pass
inspect = app.control.inspect(timeout=5, limit=1)
"""


def use(folder, url, code, ready=True):
    """What a client prints, in a process of its own, once the worker is ready."""
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}", "URL": url}
    code = FIRST * ready + code
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=env, check=False
    )
    assert done.returncode == 0, done.stderr + (folder / "log").read_text()
    return done.stdout


def log_of(folder):
    return (folder / "log").read_text()


@pytest.fixture
def url(redis):
    """A database that is empty."""
    url = f"redis://:{servers.PASSWORD}@127.0.0.1:{redis.port}/0"
    cli = [servers.find("redis-cli"), "-a", servers.PASSWORD, "-p", str(redis.port)]
    subprocess.run([*cli, "flushall"], check=True, capture_output=True)
    return url


def test_tasks(tmp_path, url):
    """Many at once, their results, failures, retries, tasks that wait for others, a chord, one with a countdown."""
    with worker(tmp_path, url, "-c", "50"):
        said = use(
            tmp_path,
            url,
            """
begin = time.monotonic()
assert [one.get(timeout=30) for one in [slow.delay(n, 0.5) for n in range(50)]] == list(range(50))
assert time.monotonic() - begin < 15, "one after the other it would be 25 s"
assert 20 < at_once.delay().get(timeout=10) <= 50
assert again.delay().get(timeout=10) == 2
assert asks.delay().get(timeout=30) == [0, 1, 2, 3, 4]
assert sorted(chord([slow.s(1), slow.s(2)])(slow.s(0.1)).get(timeout=20)) == [1, 2]
try:
    fails.delay().get(timeout=10)
except ValueError as error:
    print(error)
later = slow.apply_async((7, 0), countdown=2)
while not (scheduled := list(inspect.scheduled().values())[0]):
    assert not later.ready()
assert [one["request"]["id"] for one in scheduled] == [later.id]
assert not later.ready()
assert later.get(timeout=10) == 7
pool = list(inspect.stats().values())[0]["pool"]
assert (pool["implementation"], pool["max-concurrency"]) == ("celadon.integrations.celery:TaskPool", 50)
""",
        )
    assert said == "planted\n"
    assert "Warm shutdown" in log_of(tmp_path)
    assert (
        "Traceback"
        not in log_of(tmp_path).replace("raised unexpected", "").partition("planted")[2].partition("planted")[2]
    )


def test_no_more_at_once_than_asked_for(tmp_path, url):
    with worker(tmp_path, url, "-c", "4"):
        use(tmp_path, url, "[one.get(timeout=30) for one in [slow.delay(n) for n in range(12)]]")
        assert use(tmp_path, url, "print(at_once.delay().get(timeout=10))") == "4\n"


@pytest.mark.parametrize(("chosen", "a_connection_each"), [("", False), ("no", True)])
def test_tasks_share_the_result_backend(tmp_path, url, chosen, a_connection_each):
    """celery makes one, with a connection of its own, for each thread: for each task. An application may want that."""
    code = """
from redis import Redis
def connections():
    return Redis.from_url(url).info("stats")["total_connections_received"]
slow.delay(1, 0).get(timeout=20)
before = connections()
print(sum(one.get(timeout=30) for one in [slow.delay(n, 0) for n in range(100)]), connections() - before)
"""
    with worker(tmp_path, url, "-c", "5", SHARED=chosen):
        total, made = map(int, use(tmp_path, url, code).split())
    assert total == 4950
    assert (made >= 100) is a_connection_each


def test_killed_tasks_leave_the_shared_backend_in_order(tmp_path, url):
    """Tasks that a time limit ends anywhere, also while they talk to Redis: nobody reads the answer of another."""
    code = """
from celery.exceptions import TimeLimitExceeded
doomed = [slow.apply_async((n, 0.1 + n % 10 / 100), time_limit=0.15) for n in range(100)]
for n, one in enumerate(doomed):
    try:
        assert one.get(timeout=30) == n
    except TimeLimitExceeded:
        pass
assert [one.get(timeout=30) for one in [slow.delay(n, 0) for n in range(50)]] == list(range(50))
"""
    with worker(tmp_path, url, "-c", "50"):
        use(tmp_path, url, code)


def test_time_limits(tmp_path, url):
    """Of a task, and of the worker; the soft one can be caught. A limit does not reach a task that has ended."""
    code = """
from celery.exceptions import TimeLimitExceeded
quick = [slow.apply_async((n, 0), time_limit=1, soft_time_limit=0.5) for n in range(5)]
begin = time.monotonic()
limited = [slow.apply_async((1, 60), time_limit=1) for _ in range(3)]
soft = polite.apply_async(soft_time_limit=1)
unaware = slow.apply_async((1, 60), soft_time_limit=1)
for one in limited:
    try:
        one.get(timeout=20)
    except TimeLimitExceeded as error:
        print(type(error).__name__)
print(soft.get(timeout=20))
try:
    unaware.get(timeout=20)
except SoftTimeLimitExceeded as error:
    print(type(error).__name__)
try:
    slow.delay(1, 60).get(timeout=20)
except TimeLimitExceeded as error:
    print(type(error).__name__)
assert time.monotonic() - begin < 15
print([one.get(timeout=5) for one in quick])
"""
    with worker(tmp_path, url, "-c", "20", "--time-limit", "3"):
        said = use(tmp_path, url, code).split("\n")
    assert said == [*["TimeLimitExceeded"] * 3, "soft", "SoftTimeLimitExceeded", "TimeLimitExceeded",
                    "[0, 1, 2, 3, 4]", ""]  # fmt: skip
    assert "Soft time limit (1s) exceeded" in log_of(tmp_path)
    assert "Hard time limit (1s) exceeded" in log_of(tmp_path)


def test_revoke(tmp_path, url):
    """One that runs, one that waits for a place, and one whose time has not come."""
    code = """
from celery.exceptions import TaskRevokedError
running = [slow.delay(n, 60) for n in range(2)]
while sum(map(len, inspect.active().values())) < 2:
    time.sleep(0.1)
waiting, later = slow.delay(1, 0), slow.apply_async((2, 0), countdown=5)
app.control.revoke([waiting.id, later.id])
app.control.revoke([one.id for one in running], terminate=True, signal="KILL")
for one in [*running, waiting, later]:
    try:
        one.get(timeout=20)
    except TaskRevokedError as error:
        print(error)
print(slow.delay(3, 0).get(timeout=10))
assert sum(map(len, inspect.active().values())) == 0
"""
    with worker(tmp_path, url, "-c", "2"):
        assert use(tmp_path, url, code) == "terminated\nterminated\nrevoked\nrevoked\n3\n"


def test_grow_and_shrink(tmp_path, url):
    """By control commands: one more place lets in a task that waits."""
    code = """
stuck = [slow.delay(n, 3) for n in range(2)]
while sum(map(len, inspect.active().values())) < 2:
    time.sleep(0.1)
begin = time.monotonic()
next_one = slow.delay(7, 0)
app.control.pool_grow(2, reply=True, timeout=5, limit=1)
assert next_one.get(timeout=20) == 7
assert time.monotonic() - begin < 2.5
assert list(inspect.stats().values())[0]["pool"]["max-concurrency"] == 4
app.control.pool_shrink(3, reply=True, timeout=5, limit=1)
[one.get(timeout=20) for one in stuck]
[one.get(timeout=20) for one in [slow.delay(n, 0.1) for n in range(6)]]
print(list(inspect.stats().values())[0]["pool"]["max-concurrency"])
"""
    with worker(tmp_path, url, "-c", "2"):
        assert use(tmp_path, url, code) == "1\n"


def test_autoscale(tmp_path, url):
    """celery's own autoscaler: up while tasks wait, down when they have ended."""
    code = """
[one.get(timeout=30) for one in [slow.delay(n, 0.5) for n in range(30)]]
print(at_once.delay().get(timeout=10) > 5)
deadline = time.monotonic() + 20
while list(inspect.stats().values())[0]["pool"]["max-concurrency"] > 2 and time.monotonic() < deadline:
    time.sleep(0.5)
print(list(inspect.stats().values())[0]["pool"]["max-concurrency"])
"""
    with worker(tmp_path, url, "--autoscale", "20,2", AUTOSCALE_KEEPALIVE="1"):
        assert use(tmp_path, url, code) == "True\n2\n"
    assert "Scaling up" in log_of(tmp_path)
    assert "Scaling down" in log_of(tmp_path)


def test_a_stop_waits_for_what_runs(tmp_path, url):
    with worker(tmp_path, url, "-c", "5") as child:
        use(tmp_path, url, "print(slow.delay(0, 0).get(timeout=20))")
        made = use(
            tmp_path,
            url,
            "one = slow.delay(9, 3)\n"
            "while not sum(map(len, inspect.active().values())): time.sleep(0.1)\n"
            "print(one.id)",
        ).strip()
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    code = f"from tasks import app; print(app.AsyncResult({made!r}).get(timeout=5))"
    assert use(tmp_path, url, code, ready=False) == "9\n"


def test_a_broker_that_restarts(tmp_path, redis, url):
    with worker(tmp_path, url, "-c", "5"):
        assert use(tmp_path, url, "print(slow.delay(1, 0).get(timeout=20))") == "1\n"
        redis.restart()
        time.sleep(1)
        assert use(tmp_path, url, "print(slow.delay(2, 0).get(timeout=40))") == "2\n"


@pytest.mark.parametrize("drainer", ["", "import celadon.integrations.celery"])
def test_a_patched_client_asks_in_many_greenlets(tmp_path, url, drainer):
    code = f"""
import celadon
celadon.patch_all()
{drainer}
from tasks import slow
jobs = [celadon.spawn(lambda n=n: slow.delay(n, 0.1).get(timeout=30)) for n in range(20)]
celadon.joinall(jobs, raise_error=True)
print([one.value for one in jobs] == list(range(20)))
"""
    with worker(tmp_path, url, "-c", "30"):
        assert use(tmp_path, url, code, ready=False) == "True\n"


def test_the_resolver_is_chosen(tmp_path, url):
    from celadon.resolver.testing import NameServer

    with NameServer() as names:
        names.add("planted.test", "A", "192.0.2.99")
        with worker(tmp_path, url, CELADON_OPTIONS=f"--resolver python --servers {names.address}"):
            said = use(tmp_path, url, "print(lookup.delay().get(timeout=20))")
    assert said == "['192.0.2.99', 'celadon.green.socket']\n"


def test_a_wrong_option_ends_it_with_one_line(tmp_path, url):
    (tmp_path / "tasks.py").write_text(TASKS)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "URL": url, "CELADON_OPTIONS": "--nonsense"}
    env["CELERY_CUSTOM_WORKER_POOL"] = "celadon.integrations.celery:TaskPool"
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "custom"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=env, check=False)
    assert done.returncode == 1
    assert done.stderr == "celadon: CELADON_OPTIONS=--nonsense: unknown option --nonsense; celadon --help lists them\n"
