"""Web servers as they are, under ``patch_all``: gunicorn's own workers, Flask's development server."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from celadon.resolver.testing import NameServer

from .authorities import free_port
from .stubs import site
from .test_libraries import ENVIRONMENT, ROOT, command, needs

PROGRAMS = "tests.integration.programs"
MANY = 30


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for in this process: servers for the whole module are started in the midst of a test."""


@pytest.fixture(scope="module")
def names():
    with NameServer() as made:
        made.add("web.test", "A", "127.0.0.1")
        yield made


@contextmanager
def served(place, words, port, stop=signal.SIGTERM, **env):
    """The server process once it listens; it must then end by itself when it is told to, within a few seconds."""
    with (
        open(place / "log", "w+") as log,
        subprocess.Popen(
            words, stdout=log, stderr=log, cwd=ROOT, env={**ENVIRONMENT, "HOME": str(place), **env}
        ) as process,
    ):

        def said():
            log.seek(0)
            return log.read()

        process.said = said
        try:
            ends = time.monotonic() + 30
            while not _fetches(port):
                assert process.poll() is None, said()
                assert time.monotonic() < ends, said()
                time.sleep(0.05)
            yield process
            begin = time.monotonic()
            process.send_signal(stop)
            code = process.wait(30)
            assert time.monotonic() - begin < 10, said()
            assert code in (0, -stop), said()
            assert "Traceback" not in said(), said()
        finally:
            process.kill()


def _fetches(port):
    try:
        fetch(port, "/")
    except OSError as error:
        return getattr(error, "code", None) == 404
    return True


def fetch(port, path="/slow", data=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", data, timeout=30) as answer:
        return answer.read().decode()


def fetch_many(port, path="/slow"):
    """The answers of ``MANY`` requests at once, and how many seconds they took."""
    with ThreadPoolExecutor(MANY) as pool:
        begin = time.monotonic()
        answers = list(pool.map(lambda n: fetch(port, f"{path}?n={n}"), range(MANY)))
        return answers, time.monotonic() - begin


def gunicorn(names, kind, port, *words):
    return command(names, "ares", "-m", "gunicorn", "-k", kind, "-b", f"127.0.0.1:{port}", "--graceful-timeout", "20",
                   *words, f"{PROGRAMS}.site:app")  # fmt: skip


@needs("gunicorn")
def test_gunicorn_sync(names, tmp_path):
    port = free_port()
    with served(tmp_path, gunicorn(names, "sync", port, "-w", "2"), port) as process:
        answers, _ = fetch_many(port)
        assert sorted(int(one.split("n=")[1]) for one in answers) == list(range(MANY))
        assert len({one.split()[0] for one in answers}) == 2, "both workers had work"
        assert fetch(port, "/", b"x" * 200_000).split()[2] == "200000"

        before = {one.split()[0] for one in answers}
        process.send_signal(signal.SIGHUP)
        ends = time.monotonic() + 20
        while len(re.findall("Worker exiting", process.said())) < 2:
            assert time.monotonic() < ends, process.said()
            time.sleep(0.05)
        after = {fetch(port, "/").split()[0] for _ in range(10)}
        assert after
        assert not after & before, "the workers are new ones"

        os.kill(int(after.pop()), signal.SIGKILL)
        ends = time.monotonic() + 20
        while len(re.findall("Booting worker", process.said())) < 5:
            assert time.monotonic() < ends, process.said()
            time.sleep(0.05)
        assert fetch(port, "/")
        with socket.create_connection(("127.0.0.1", port)) as last:
            head = b"POST /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n"
            last.sendall(head + b"Expect: 100-continue\r\n\r\n")
            assert last.recv(100).startswith(b"HTTP/1.1 100"), "a worker has begun"
            process.send_signal(signal.SIGTERM)
            last.sendall(b"body")
            said = b"".join(iter(lambda: last.recv(1000), b""))
            assert b" 200 OK" in said, "what was begun is finished"


@needs("gunicorn")
def test_gunicorn_gthread(names, tmp_path):
    port = free_port()
    with served(tmp_path, gunicorn(names, "gthread", port, "-w", "1", "--threads", str(MANY)), port):
        answers, took = fetch_many(port)
        assert took < MANY * 0.2 * 0.9, took
        assert len({tuple(one.split()[:2]) for one in answers}) == 1, "all in one OS thread of one process"
        assert sorted(int(one.split("n=")[1]) for one in answers) == list(range(MANY))


@needs("waitress")
def test_waitress(names, tmp_path):
    port = free_port()
    words = command(names, "ares", "-m", "waitress", f"--listen=127.0.0.1:{port}", f"--threads={MANY}",
                    f"{PROGRAMS}.site:app")  # fmt: skip
    with served(tmp_path, words, port):
        answers, took = fetch_many(port)
        assert took < MANY * 0.2 * 0.9, took
        assert len({tuple(one.split()[:2]) for one in answers}) == 1
        assert fetch(port, "/", b"x" * 200_000).split()[2] == "200000"


@needs("flask", "requests")
def test_flask(names, tmp_path):
    port = free_port()
    words = command(names, "ares", "-m", "flask", "--app", f"{PROGRAMS}.site_flask", "run", "--port", port)
    with site() as upstream, served(tmp_path, words, port, signal.SIGINT, UPSTREAM=str(upstream)):
        answers, took = fetch_many(port, "/page")
        assert took < MANY * 0.2 * 0.9, took
        found = [json.loads(one) for one in answers]
        assert [one["said"] for one in found] == [f"n={n}" for n in range(MANY)]
        assert len({one["thread"] for one in found}) == 1
