"""Programs written for eventlet, unchanged, by ``python -m celadon --as eventlet``: work, and an end by TERM."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from . import servers
from .authorities import free_port

ROOT = Path(__file__).parents[2]
PROGRAMS = "tests.integration.as_eventlet"


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for in this process: the work is done in others."""


def needs(*modules):
    for one in modules:
        if importlib.util.find_spec(one) is None:
            pytest.skip(f"{one} is not installed: pip install -e '.[peers]'")


@contextmanager
def running(tmp_path, *command, status, **environment):
    """A program as ``--as eventlet`` runs it; ended by TERM, it must leave with ``status``."""
    log = tmp_path / "log"
    env = {**os.environ, **environment, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "celadon", "--as", "eventlet", *command],
            cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield child
        assert child.poll() is None, log.read_text()
        child.terminate()
        assert child.wait(30) == status, log.read_text()
    except BaseException:
        print(log.read_text())
        raise
    finally:
        child.kill()
        child.wait()


def listening(port, child):
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert child.poll() is None, "it has ended"
        time.sleep(0.1)
    raise AssertionError("it does not listen")


def client(module, *arguments, **environment):
    env = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"{PROGRAMS}.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout == "ok\n", done.stdout + done.stderr


def test_celery(tmp_path):
    needs("celery", "redis")
    try:
        with servers.redis() as redis:
            broker = f"redis://:{servers.PASSWORD}@127.0.0.1:{redis.port}/0"
            worker = ("-m", "celery", "-A", f"{PROGRAMS}.tasks", "worker", "-P", "eventlet", "-c", "50")
            with running(tmp_path, *worker, status=0, BROKER=broker):
                client("tasks", BROKER=broker)
    except LookupError as error:
        pytest.skip(str(error))


def test_flask_socketio(tmp_path):
    needs("flask_socketio", "websocket", "requests")
    port = free_port()
    with running(tmp_path, "-m", f"{PROGRAMS}.chat", str(port), status=-15) as child:
        listening(port, child)
        client("chat_client", str(port))


def test_openstacks_libraries(tmp_path):
    needs("oslo_service", "futurist")
    command = [sys.executable, "-W", "ignore", "-m", "celadon", "--as", "eventlet", "-m", f"{PROGRAMS}.openstack"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout == "served\nstopped\n", done.stdout + done.stderr
    assert done.returncode == 0


def test_gunicorn(tmp_path):
    needs("gunicorn")
    if importlib.util.find_spec("gunicorn.workers.geventlet") is None:
        pytest.skip("this gunicorn has no eventlet worker any more: it was removed in 26")
    port = free_port()
    options = ("-k", "eventlet", "--worker-connections", "100", "-b", f"127.0.0.1:{port}")
    with running(tmp_path, "-m", "gunicorn", *options, f"{PROGRAMS}.site:application", status=0) as child:
        listening(port, child)
        begin = time.monotonic()
        with ThreadPoolExecutor(30) as threads:
            answers = list(threads.map(lambda _: urllib.request.urlopen(f"http://127.0.0.1:{port}/").read(), range(30)))
        assert len(answers) == 30
        assert all(one.endswith(b"/celadon/compat/eventlet/__init__.py") for one in answers)
        assert time.monotonic() - begin < 10, "one after the other they take 15 s"
