"""Programs written for gevent, as they come from the package index, on Celadon's facade: real work, and a clean end.

They are in an extra of their own (`make test-peers`), because some of them bring gevent itself, which must not be
imported: each program prints which one it runs on.
"""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from shutil import which

import pytest

from . import running_programs
from .running_programs import ROOT, fetch, free_port, running

needs = partial(running_programs.needs, make="test-peers")
pytestmark = pytest.mark.timeout(120)


def celadon_as(*arguments):
    return [sys.executable, "-m", "celadon", "--as", "gevent", *arguments]


APP = """
import os, time
def app(environ, start_response):
    import gevent
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.3)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {gevent.__file__}".encode()]
"""


@needs("gunicorn", "httptools")
@pytest.mark.parametrize("worker", ["gevent", "gevent_pywsgi"])
def test_gunicorn(tmp_path, worker):
    """Fifty slow requests at once, a worker that is killed, a reload."""
    (tmp_path / "served.py").write_text(APP)
    port = free_port()
    bind = ("-k", worker, "-w", "1", "-b", f"127.0.0.1:{port}", "served:app")
    with running(tmp_path, *celadon_as("-m", "gunicorn", *bind)) as master:
        url = f"http://127.0.0.1:{port}/"
        pid, where = fetch(url).split()
        assert "celadon" in where
        begin = time.monotonic()
        with ThreadPoolExecutor(50) as pool:
            assert len(set(pool.map(fetch, [url + "slow"] * 50))) == 1
        assert time.monotonic() - begin < 10, "one after the other it would be 15 s"
        os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.5)
        second = fetch(url).split()[0]
        assert second != pid
        master.send_signal(signal.SIGHUP)
        for _ in range(100):
            time.sleep(0.1)
            if (third := fetch(url).split()[0]) != second:
                break
        assert third not in (pid, second)


TASKS = """
import os, time
from celery import Celery
app = Celery("tasks", broker=os.environ["URL"], backend=os.environ["URL"])
@app.task
def slow(n):
    import gevent
    time.sleep(0.3)
    return n, gevent.__file__
@app.task
def forever():
    time.sleep(60)
"""
USE = """
from tasks import forever, slow
made = [slow.delay(n) for n in range(50)]
got = [one.get(timeout=30) for one in made]
assert [one[0] for one in got] == list(range(50))
assert "celadon" in got[0][1]
one = forever.delay()
one.revoke(terminate=True)
try:
    one.get(timeout=20)
except Exception as error:
    print(type(error).__name__)
"""


@needs("celery", "redis")
@pytest.mark.skipif(not which("redis-server"), reason="redis-server is not installed")
def test_celery(tmp_path):
    """Fifty tasks, and one that is revoked while it runs."""
    (tmp_path / "tasks.py").write_text(TASKS)
    url = f"redis://127.0.0.1:{(port := free_port())}/0"
    worker = celadon_as("-m", "celery", "-A", "tasks", "worker", "-P", "gevent", "-c", "100", "--without-gossip")
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "URL": url}
    with (
        running(tmp_path, "redis-server", "--port", str(port), "--save", ""),
        running(tmp_path, *worker, URL=url),
    ):
        done = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, env=env, timeout=100)
    assert (done.stdout, done.returncode) == ("TaskRevokedError\n", 0), done.stderr


SOCKETIO = """
from gevent import monkey; monkey.patch_all()
import sys
from flask import Flask
from flask_socketio import SocketIO, emit
app = Flask(__name__)
sio = SocketIO(app, async_mode="gevent")
@sio.on("ping")
def ping(data):
    sio.sleep(0.01)
    emit("pong", data + 1)
@app.route("/")
def index():
    import gevent
    return gevent.__file__
sio.run(app, host="127.0.0.1", port=int(sys.argv[1]))
"""
SOCKETIO_CLIENT = """
import sys, threading, socketio
for kind in ("polling", "websocket"):
    client, got, done = socketio.Client(), [], threading.Event()
    client.on("pong", lambda data: (got.append(data), done.set() if len(got) == 5 else None))
    client.connect(sys.argv[1], transports=[kind])
    for n in range(5):
        client.emit("ping", n)
    assert done.wait(20), kind
    assert sorted(got) == [1, 2, 3, 4, 5]
    client.disconnect()
"""


@needs("flask_socketio", "geventwebsocket", "httptools", "websocket", "requests")
def test_flask_socketio(tmp_path):
    """Polling, and WebSocket by gevent-websocket's handler of gevent.pywsgi."""
    (tmp_path / "chat.py").write_text(SOCKETIO)
    url = f"http://127.0.0.1:{(port := free_port())}"
    with running(tmp_path, *celadon_as("chat.py", str(port)), status=(-signal.SIGTERM,)):
        assert "celadon" in fetch(url)
        subprocess.run([sys.executable, "-c", SOCKETIO_CLIENT, url], check=True, timeout=60)


ZMQ = """
import gevent, zmq.green as zmq
context, beats = zmq.Context(), []
server = context.socket(zmq.REP)
port = server.bind_to_random_port("tcp://127.0.0.1")
def serve():
    for _ in range(40):
        server.send(server.recv()[::-1])
def ask(n):
    with context.socket(zmq.REQ) as client:
        client.connect(f"tcp://127.0.0.1:{port}")
        for i in range(10):
            client.send(b"%d-%d" % (n, i))
            assert client.recv() == (b"%d-%d" % (n, i))[::-1]
def beat():
    while True:
        beats.append(1)
        gevent.sleep(0.001)
beating = gevent.spawn(beat)
gevent.joinall([gevent.spawn(serve), *(gevent.spawn(ask, n) for n in range(4))], timeout=20, raise_error=True)
poller = zmq.Poller()
poller.register(server, zmq.POLLIN)
assert poller.poll(20) == []
server.close()
beating.kill()
context.term()
print(len(beats) > 3, "celadon" in gevent.__file__)
"""


@needs("zmq")
def test_pyzmq(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(celadon_as("-c", ZMQ), capture_output=True, text=True, timeout=60, env=env)
    assert (done.stdout, done.returncode) == ("True True\n", 0), done.stderr


LOCUST = """
from locust import HttpUser, constant, task
class User(HttpUser):
    wait_time = constant(0.05)
    @task
    def get(self):
        import gevent
        assert "celadon" in gevent.__file__
        self.client.get("/")
"""


@needs("locust", "httptools")
@pytest.mark.parametrize("workers", [0, 2])
def test_locust(tmp_path, workers):
    """One process, and a master with two workers, which end with it."""
    (tmp_path / "served.py").write_text(APP)
    (tmp_path / "locustfile.py").write_text(LOCUST)
    port, bus = free_port(), str(free_port())
    command = celadon_as("-m", "locust", "-f", "locustfile.py", "--headless", "--only-summary")
    load = [*command, "-u", "10", "-r", "10", "-t", "3s", "-H", f"http://127.0.0.1:{port}"]
    if workers:
        load += ["--master", "--expect-workers", str(workers), "--master-bind-port", bus]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    serve = celadon_as("-m", "gevent.pywsgi", "-b", f"127.0.0.1:{port}", "served:app")
    with running(tmp_path, *serve, status=(-signal.SIGTERM,)):
        fetch(f"http://127.0.0.1:{port}/")
        helpers = [
            subprocess.Popen(
                [*command, "--worker", "--master-port", bus], cwd=tmp_path, env=env, stderr=subprocess.PIPE
            )
            for _ in range(workers)
        ]
        try:
            done = subprocess.run(load, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=env)
            assert done.returncode == 0, done.stderr
            total = next(line for line in done.stderr.splitlines() if "Aggregated" in line).split()
            assert int(total[1]) > 20
            assert total[2] == "0(0.00%)"
            for one in helpers:
                one.communicate(timeout=20)
                assert one.returncode == 0
        finally:
            for one in helpers:
                one.kill()
                one.communicate()
