"""gunicorn with Celadon's worker: real processes, real signals, requests over loopback."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from . import servers
from .running_programs import ROOT, fetch, free_port, needs, running

pytestmark = [pytest.mark.timeout(120), needs("gunicorn", "httptools", "wsproto", "websockets")]

APP = """
import os, socket, sys, time
from celadon.resolver import current
def app(environ, start_response):
    path, body = environ["PATH_INFO"], ""
    if path == "/slow":
        time.sleep(float(environ["QUERY_STRING"]))
    elif path == "/block":
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pass
    elif path == "/exit":
        sys.exit(3)
    elif path == "/resolver":
        body = repr(current())
    elif path == "/lookup":
        body = socket.gethostbyname("planted.test")
    elif path == "/environ":
        body = "|".join(f"{name}={environ[name]}" for name in sorted(environ) if isinstance(environ[name], str))
    elif path == "/websocket":
        websocket = environ["wsgi.websocket"]
        while (message := websocket.receive()) is not None:
            websocket.send(message.upper())
        return []
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {body}".encode()]
"""


@contextmanager
def served(folder, *words, **environment):
    """gunicorn with our worker; yields its process and its port."""
    (folder / "served.py").write_text(APP)
    port = free_port()
    options = ["-k", "celadon.integrations.gunicorn.Worker", "-b", f"127.0.0.1:{port}", "--graceful-timeout", "10"]
    with running(folder, sys.executable, "-m", "gunicorn", *options, *words, "served:app", **environment) as master:
        if "--certfile" not in words:
            fetch(f"http://127.0.0.1:{port}/")
        yield master, port


def ask(port, path="/", **fields):
    """One request on a connection of its own; the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in fields.items()})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def pid_of(port):
    return int(ask(port)[1])


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_fifty_slow_requests_and_a_worker_that_is_killed(tmp_path):
    with served(tmp_path, "-w", "1") as (_, port):
        first = pid_of(port)
        begin = time.monotonic()
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: ask(port, "/slow?0.5"), range(50)))
        assert {status for status, _ in answers} == {200}
        assert time.monotonic() - begin < 12, "one after the other it would be 25 s"
        os.kill(first, signal.SIGKILL)
        second = int(fetch(f"http://127.0.0.1:{port}/"))
        assert second != first


def test_a_reload_loses_no_request(tmp_path):
    """HUP twice while ten clients ask, each on a new connection every time; and TERM lets a request end."""
    with served(tmp_path, "-w", "2") as (master, port):
        before, stop, failures, pids = pid_of(port), threading.Event(), [], set()

        def client():
            while not stop.is_set():
                try:
                    status, body = ask(port, "/slow?0.02")
                    pids.add(int(body))
                    assert status == 200
                except Exception as error:
                    failures.append(error)

        clients = [threading.Thread(target=client) for _ in range(10)]
        for one in clients:
            one.start()
        for _ in range(2):
            seen = set(pids)
            master.send_signal(signal.SIGHUP)
            until(lambda seen=seen: len(pids - seen) >= 2)
        stop.set()
        for one in clients:
            one.join()
        assert not failures
        assert pid_of(port) != before
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(ask, port, "/slow?1.5")
            time.sleep(0.5)
            master.send_signal(signal.SIGTERM)
            assert late.result()[0] == 200


def test_max_requests(tmp_path):
    """Workers end after so many requests, and none of these is lost."""
    with served(tmp_path, "-w", "1", "--max-requests", "5", "--max-requests-jitter", "3") as (_, port):
        pids = [int(fetch(f"http://127.0.0.1:{port}/")) for _ in range(40)]
    assert 4 <= len(set(pids)) <= 9, pids
    assert "Autorestarting worker after current request." in (tmp_path / "log").read_text()


def test_a_worker_that_blocks_is_replaced_and_says_where(tmp_path):
    """--timeout: a slow request that waits is left alone, a loop that lets nobody run is not."""
    with served(tmp_path, "-w", "1", "--timeout", "2") as (_, port):
        first = pid_of(port)
        assert ask(port, "/slow?4")[0] == 200
        assert pid_of(port) == first
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(port, "/block")
        assert int(fetch(f"http://127.0.0.1:{port}/")) != first
    log = (tmp_path / "log").read_text()
    assert "A greenlet has stopped all others; it is here:" in log
    assert "while time.monotonic() < end:" in log


def test_an_interrupt_ends_at_once(tmp_path):
    with served(tmp_path, "-w", "1") as (master, port), ThreadPoolExecutor(1) as pool:
        late = pool.submit(ask, port, "/slow?30")
        time.sleep(0.5)
        begin = time.monotonic()
        master.send_signal(signal.SIGINT)
        assert late.exception() is not None
        assert master.wait(10) == 0
        assert time.monotonic() - begin < 5


def test_an_application_that_exits_fails_with_its_request_only(tmp_path):
    with served(tmp_path, "-w", "1") as (_, port):
        first = pid_of(port)
        assert ask(port, "/exit")[0] == 500
        assert pid_of(port) == first


def test_graceful_timeout(tmp_path):
    with served(tmp_path, "-w", "1", "--graceful-timeout", "1") as (master, port), ThreadPoolExecutor(1) as pool:
        late = pool.submit(ask, port, "/slow?60")
        time.sleep(0.5)
        master.send_signal(signal.SIGHUP)
        assert late.exception() is not None
        fetch(f"http://127.0.0.1:{port}/")
    assert "Worker graceful timeout" in (tmp_path / "log").read_text()


# -- settings ---------------------------------------------------------------------------------------------------------


def test_keepalive_and_connections(tmp_path):
    """A connection serves several requests, and is closed when it is idle; one more than the most has to wait."""
    with served(tmp_path, "--keep-alive", "1", "--worker-connections", "2") as (_, port):
        with socket.create_connection(("127.0.0.1", port), 10) as one:
            for _ in range(3):
                one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"200 OK" in one.recv(1000)
            begin = time.monotonic()
            assert one.recv(1000) == b""
            assert 0.5 < time.monotonic() - begin < 5
        begin = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            assert {one[0] for one in pool.map(lambda _: ask(port, "/slow?0.5"), range(4))} == {200}
        assert time.monotonic() - begin > 0.95


def test_no_keepalive_and_limits(tmp_path):
    with served(tmp_path, "--keep-alive", "0", "--limit-request-line", "100") as (_, port):
        with socket.create_connection(("127.0.0.1", port), 10) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            got = b""
            while data := one.recv(1000):
                got += data
            assert b"Connection: close" in got
        assert ask(port, "/" + "x" * 200)[0] == 414


def test_the_access_log_and_hooks(tmp_path):
    (tmp_path / "settings.py").write_text(
        "accesslog = '-'\n"
        "access_log_format = 'ACCESS %(h)s %(m)s %(U)s %(q)s %(s)s %(B)s %({x-mine}i)s %({content-type}o)s'\n"
        "def pre_request(worker, req): worker.log.info('PRE %s %s', req.method, req.path)\n"
        "def post_request(worker, req, environ, resp): worker.log.info('POST %s %s', req.uri, resp.status)\n"
    )
    with served(tmp_path, "-c", "settings.py") as (_, port):
        assert ask(port, "/slow?0", X_Mine="here")[0] == 200
    log = (tmp_path / "log").read_text()
    assert "ACCESS 127.0.0.1 GET /slow 0 200 " in log
    assert " here text/plain\n" in log
    assert "PRE GET /slow\n" in log
    assert "POST /slow?0 200 OK\n" in log


def test_what_a_proxy_says(tmp_path):
    """gunicorn's own rules: a scheme that a trusted peer names, SCRIPT_NAME, and what does not agree."""
    with served(tmp_path) as (_, port):
        assert "wsgi.url_scheme=https" in ask(port, "/environ", X_Forwarded_Proto="https")[1]
        assert "HTTP_X_FORWARDED_FOR=192.0.2.1|" in ask(port, "/environ", X_Forwarded_For="192.0.2.1")[1]
        assert ask(port, "/environ", X_Forwarded_Proto="https", X_Forwarded_Ssl="off")[0] == 400
        assert "REMOTE_ADDR=127.0.0.1|" in ask(port, "/environ", X_Forwarded_For="192.0.2.1")[1]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/below/environ", headers={"SCRIPT_NAME": "/below"})
        body = connection.getresponse().read().decode()
        connection.close()
        assert "PATH_INFO=/environ|" in body
        assert "SCRIPT_NAME=/below|" in body
    with served(tmp_path, "--forwarded-allow-ips", "192.0.2.7") as (_, port):
        assert "wsgi.url_scheme=http" in ask(port, "/environ", X_Forwarded_Proto="https")[1].split("|")
        assert "SCRIPT_NAME=|" in ask(port, "/environ")[1]


def test_tls_and_websocket(tmp_path):
    from websockets.sync.client import connect

    tls = servers.TLS
    words = ["--certfile", str(tls / "server.pem"), "--keyfile", str(tls / "server.key")]
    with served(tmp_path, *words) as (_, port):
        context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
        context.check_hostname = False
        for _ in range(100):
            try:
                websocket = connect(f"wss://127.0.0.1:{port}/websocket", ssl=context, proxy=None)
                break
            except OSError:
                time.sleep(0.1)
        with websocket:
            websocket.send("hello")
            assert websocket.recv(10) == "HELLO"
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
        connection.request("GET", "/environ")
        assert "wsgi.url_scheme=https" in connection.getresponse().read().decode()
        connection.close()


def test_a_unix_socket_and_preload(tmp_path):
    path = tmp_path / "s"
    with served(tmp_path, "-b", f"unix:{path}", "--preload"), socket.socket(socket.AF_UNIX) as one:
        one.connect(str(path))
        one.sendall(b"GET /environ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in one.recv(10000)


# -- the resolver ---------------------------------------------------------------------------------------------------


def test_the_resolver_is_chosen(tmp_path):
    from celadon.resolver.testing import NameServer

    with NameServer() as names:
        names.add("planted.test", "A", "192.0.2.99")
        options = f"--resolver python --servers {names.address} --deadline 5"
        with served(tmp_path, CELADON_OPTIONS=options) as (_, port):
            assert "python" in ask(port, "/resolver")[1].lower()
            assert ask(port, "/lookup")[1].split()[1] == "192.0.2.99"
        (tmp_path / "settings.py").write_text(
            "from celadon.integrations.gunicorn import Worker\n"
            "class worker_class(Worker):\n"
            f"    patch_options = {{'resolver': 'ares', 'servers': ['{names.address}']}}\n"
        )
        (tmp_path / "served.py").write_text(APP)
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "-c", "settings.py", "-b", f"127.0.0.1:{port}", "served:app"]
        with running(tmp_path, *command):
            assert fetch(f"http://127.0.0.1:{port}/lookup").split()[1] == "192.0.2.99"
    with served(tmp_path, "-e", "CELADON_RESOLVER=thread") as (_, port):
        assert "thread resolver" in ask(port, "/resolver")[1].lower()


@pytest.mark.parametrize(
    ("words", "environment", "line"),
    [
        ([], {"CELADON_OPTIONS": "--nonsense"}, "CELADON_OPTIONS=--nonsense: unknown option --nonsense"),
        (["-e", "CELADON_RESOLVER=nonsense"], {}, "CELADON_RESOLVER=nonsense"),
        ([], {"CELADON_OPTIONS": "--timeout soon"}, "'soon' is not a number"),
    ],
)
def test_a_wrong_option_ends_it_with_one_line(tmp_path, words, environment, line):
    (tmp_path / "served.py").write_text(APP)
    command = [sys.executable, "-m", "gunicorn", "-k", "celadon.integrations.gunicorn.Worker", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command += ["-b", f"127.0.0.1:{free_port()}", "served:app"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=env, check=False)
    assert done.returncode in (1, 3)
    assert line in done.stderr
    assert "Traceback" not in done.stderr
