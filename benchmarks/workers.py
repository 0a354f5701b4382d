"""Celadon's plug-ins beside gevent's: gunicorn's workers and celery's pools, in one run of interleaved rounds.

``python -m benchmarks.workers [--rounds N] [--seconds N] [--tasks N] [--parts gunicorn,celery]``. For each: what gets
done in a second, and the CPU time that one request or task takes of the worker's process, which says more on a machine
that does other things too; the median of the rounds. Needs gunicorn, celery, gevent, Debian's wrk and redis-server;
what is not installed is left out.
"""

import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from .measure import cpu_of

WORKERS = {
    "celadon.integrations.gunicorn.Worker": "ours",
    "gevent": "gevent",
    "gevent_pywsgi": "gevent",
}
#: The third row has by its configuration what our pool does by itself: one result backend for all tasks.
POOLS = {"custom": "ours", "gevent": "gevent", "gevent, result_backend_thread_safe": "gevent"}
#: How many clients of gunicorn there are, and how many tasks of celery run at once.
CONNECTIONS, CONCURRENCY = 50, 100
APPLICATION = """
import time
FIELDS = [("Content-Type", "text/plain"), ("Content-Length", "13")]
def application(environ, start_response):
    if environ["PATH_INFO"] == "/waits":
        time.sleep(0.01)
    start_response("200 OK", FIELDS)
    return [b"hello, world\\n"]
"""
TASKS = """
import os, time
from celery import Celery
app = Celery("tasks", broker=os.environ["URL"], backend=os.environ["URL"])
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_prefetch_multiplier = 4
if os.environ["SHARED"]:
    app.conf.result_backend_thread_safe = True
@app.task
def quick():
    return 1
@app.task
def waits():
    time.sleep(0.01)
    return 1
"""
CLIENT = """
import sys, time
import tasks
task, count = getattr(tasks, sys.argv[1]), int(sys.argv[2])
tasks.quick.delay().get(timeout=60)
print("ready", flush=True)
sys.stdin.readline()
begin = time.monotonic()
for one in [task.delay() for _ in range(count)]:
    one.get(timeout=120)
print(time.monotonic() - begin)
"""


def free_port():
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def process(folder, *command, **environment):
    """A program in the folder, until the end of the block."""
    path = os.pathsep.join([str(folder), str(Path(__file__).parent.parent)])
    env = {**os.environ, "PYTHONPATH": path, "HOME": str(folder), **environment}
    out = subprocess.DEVNULL
    child = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def listening(port, seconds=30):
    """Wait for a server."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens at port {port}")


def children(pid):
    """Its processes."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def gunicorn(folder, worker, path, seconds):
    """Requests in a second, and microseconds of the worker's CPU for one."""
    port = free_port()
    options = ["-k", worker, "-w", "1", "-b", f"127.0.0.1:{port}", "--keep-alive", "60", "--log-level", "error"]
    with process(folder, sys.executable, "-m", "gunicorn", *options, "served:application") as master:
        listening(port)
        load = ["wrk", "-t1", f"-c{CONNECTIONS}", f"http://127.0.0.1:{port}{path}"]
        subprocess.run([*load, "-d1"], check=True, capture_output=True)
        (pid,) = children(master.pid)
        before = cpu_of(pid)
        done = subprocess.run([*load, f"-d{seconds}"], check=True, capture_output=True, text=True)
        cpu = cpu_of(pid) - before
    count = int(re.search(r"(\d+) requests in", done.stdout)[1])
    assert "Non-2xx" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1]), cpu / count * 1e6


def celery(folder, pool, task, count):
    """Tasks in a second, and microseconds of the worker's CPU for one."""
    port = free_port()
    pool, _, shared = pool.partition(", ")
    environment = {
        "SHARED": shared,
        "URL": f"redis://127.0.0.1:{port}/0",
        "CELERY_CUSTOM_WORKER_POOL": "celadon.integrations.celery:TaskPool",
    }
    words = ["-A", "tasks", "worker", "-P", pool, "-c", str(CONCURRENCY), "-l", "error", "--without-gossip"]
    with process(folder, "redis-server", "--port", str(port), "--save", ""):
        listening(port)
        with process(folder, sys.executable, "-m", "celery", *words, **environment) as worker:
            env = {**os.environ, "PYTHONPATH": str(folder), **environment}
            command = [sys.executable, "-c", CLIENT, task, str(count)]
            pipe = subprocess.PIPE
            with subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True) as client:
                assert client.stdout.readline() == "ready\n"
                before = cpu_of(worker.pid)
                seconds = float(client.communicate("go\n", timeout=200)[0])
                cpu = cpu_of(worker.pid) - before
    return count / seconds, cpu / count * 1e6


def table(title, rows, measure, rounds):
    """Print the medians; ``measure(name, what)`` is called for each name in each round, so that noise meets all."""
    found = {}
    for _ in range(rounds):
        for name in rows:
            for what in ROWS[title]:
                found.setdefault((name, what), []).append(measure(name, what))
    print(f"\n| {title} | " + " | ".join(f"{what}: /s | us CPU for one" for what in ROWS[title].values()) + " |")
    print("|---|" + "--:|--:|" * len(ROWS[title]))
    for name in rows:
        cells = []
        for what in ROWS[title]:
            rate, cpu = (statistics.median(column) for column in zip(*found[name, what], strict=True))
            cells.append(f"{rate:,.0f} | {cpu:,.0f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


#: What is asked of each: paths of the application, tasks.
ROWS = {
    "gunicorn -k": {"/": "answers at once", "/waits": "waits 10 ms"},
    "celery -P": {"quick": "returns at once", "waits": "waits 10 ms"},
}


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--parts", default="gunicorn,celery")
    args = parser.parse_args()
    there = {"ours": True, "gevent": find_spec("gevent") is not None}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "served.py").write_text(APPLICATION)
        (folder / "tasks.py").write_text(TASKS)
        if "gunicorn" in args.parts and find_spec("gunicorn") and shutil.which("wrk"):
            rows = [one for one, needs in WORKERS.items() if there[needs]]
            table("gunicorn -k", rows, lambda one, path: gunicorn(folder, one, path, args.seconds), args.rounds)
        if "celery" in args.parts and find_spec("celery") and shutil.which("redis-server"):
            rows = [one for one, needs in POOLS.items() if there[needs]]
            table("celery -P", rows, lambda one, task: celery(folder, one, task, args.tasks), args.rounds)


if __name__ == "__main__":
    main()
