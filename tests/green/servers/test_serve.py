"""``celadon serve`` as it is used: a command line, an application in the working directory, and an HTTP client."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..worlds import TLS

pytest.importorskip("httptools", reason="the HTTP server needs httptools")

ROOT = str(Path(__file__).parents[3])

APP = """
import json, os, socket
VERSION = 1

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    if environ["PATH_INFO"] == "/slow":
        __import__("time").sleep(0.3)
    found = {
        "version": VERSION, "pid": os.getpid(), "parent": os.getppid(), "client": environ.get("REMOTE_ADDR", ""),
        "scheme": environ["wsgi.url_scheme"], "multiprocess": environ["wsgi.multiprocess"],
    }
    if environ["PATH_INFO"] == "/resolver":
        from celadon import resolver
        found["resolver"] = resolver.current().name
        found["green"] = socket.socket.__module__
    return [json.dumps(found).encode()]

def make():
    return application
"""


class Unix(http.client.HTTPConnection):
    """A connection to the path of a Unix socket, with what a proxy says first."""

    def __init__(self, path, first=b""):
        super().__init__("localhost", timeout=20)
        self.path, self.first = path, first

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)
        self.sock.sendall(self.first)


class Served:
    """A running ``celadon serve`` in a folder with app.py."""

    def __init__(self, folder, *options, app="app", source=APP, before=()):
        self.folder, self.path = folder, str(folder / "socket")
        (folder / "app.py").write_text(source)
        environ = {**os.environ, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [*before, sys.executable, "-m", "celadon", "serve", app, "-b", f"unix:{self.path}", *options]
        with open(folder / "errors", "w") as errors, open(folder / "output", "w") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environ, stdout=output, stderr=errors, start_new_session=True
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def errors(self):
        return (self.folder / "errors").read_text()

    def until(self, holds):
        deadline = time.monotonic() + 30
        while not holds():
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < deadline, self.errors
            time.sleep(0.01)

    def until_ready(self, count=1):
        self.until(lambda: self.errors.count("is ready") >= count)
        return self

    def get(self, url="/", headers={}, **options):  # noqa: B006  (never changed)
        connection = Unix(self.path, **options)
        connection.request("GET", url, headers=headers)
        with connection.getresponse() as answer:
            assert answer.status == 200
            found = json.loads(answer.read())
        connection.close()
        return found

    def ended(self, number=None):
        """The exit code, and what was written on stderr."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(30), self.errors


def test_an_application(tmp_path):
    with Served(tmp_path, "--resolver", "python", app="app:make()").until_ready() as served:
        found = served.get("/resolver")
        assert found.pop("pid") != served.process.pid
        assert found == {
            "version": 1, "parent": served.process.pid, "client": "", "scheme": "http", "multiprocess": False,
            "resolver": "python", "green": "celadon.green.socket",
        }  # fmt: skip
        code, errors = served.ended(signal.SIGTERM)
        assert code == 0
        assert "Traceback" not in errors
        assert not os.path.exists(served.path)


def test_workers_a_reload_and_an_access_log(tmp_path):
    options = ("-w", "2", "--access-log", "access", "--access-log-format=json", "--pid", "pid")
    with Served(tmp_path, *options).until_ready(2) as served:
        assert (tmp_path / "pid").read_text() == f"{served.process.pid}\n"
        first = served.get("/a?b")
        assert first["multiprocess"]
        (tmp_path / "app.py").write_text(APP.replace("VERSION = 1", "VERSION = 2"))
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGHUP)
        served.until(lambda: served.get()["version"] == 2)
        lines = [json.loads(line) for line in (tmp_path / "access").read_text().splitlines()]
        assert ("GET /a?b HTTP/1.1", 200) in [(line["request"], line["status"]) for line in lines]
        assert served.ended(signal.SIGTERM)[0] == 0
        assert not (tmp_path / "pid").exists()


def test_a_request_ends_before_its_worker(tmp_path):
    with Served(tmp_path, "--access-log", "-").until_ready() as served:
        connection = Unix(served.path)
        connection.request("GET", "/slow")
        time.sleep(0.1)
        served.process.send_signal(signal.SIGTERM)
        with connection.getresponse() as answer:
            assert json.loads(answer.read())["version"] == 1
        connection.close()
        assert served.ended()[0] == 0
        assert '"GET /slow HTTP/1.1" 200' in (tmp_path / "output").read_text()


def test_usr2(tmp_path):
    with Served(tmp_path, "--pid", "pid", "--chdir", ".").until_ready() as served:
        served.process.send_signal(signal.SIGUSR2)
        assert served.ended()[0] == 0
        found = served.get()
        assert found["parent"] == int((tmp_path / "pid").read_text()) != served.process.pid


def test_tls_and_a_proxy(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ("-b", f"127.0.0.1:{port}", "--certfile", str(TLS / "server.pem"), "--keyfile", str(TLS / "server.key"),
               "--proxy-protocol", "--forwarded-allow-ips", "192.0.2.7")  # fmt: skip
    with Served(tmp_path, *options).until_ready():
        context = ssl.create_default_context(cafile=TLS / "ca.pem")
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            plain.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 443\r\n")
            with context.wrap_socket(plain, server_hostname="web.test") as secure:
                secure.sendall(
                    b"GET / HTTP/1.1\r\nHost: web.test\r\nX-Forwarded-For: 198.51.100.9\r\nConnection: close\r\n\r\n"
                )
                with secure.makefile("rb") as file:
                    found = json.loads(file.read().rpartition(b"\r\n\r\n")[2])
        assert found["scheme"] == "https"
        assert found["client"] == "198.51.100.9"


def test_reload_by_itself(tmp_path):
    with Served(tmp_path, "--reload").until_ready() as served:
        assert served.get()["version"] == 1
        (tmp_path / "app.py").write_text("x = = 1\n")
        served.until(lambda: "SyntaxError" in served.errors)
        assert served.get()["version"] == 1
        (tmp_path / "app.py").write_text(APP.replace("VERSION = 1", "VERSION = 3"))
        served.until(lambda: served.get()["version"] == 3)
        assert "app.py has changed" in served.errors
        assert served.ended(signal.SIGINT)[0] == 0


def test_preload(tmp_path):
    source = APP.replace("VERSION = 1", "VERSION = os.getpid()")
    with Served(tmp_path, "--preload", source=source).until_ready() as served:
        assert served.get()["version"] == served.process.pid
        assert served.ended(signal.SIGTERM)[0] == 0


def test_a_socket_of_systemd(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    start = (
        "import os, sys; os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
        "sys.argv = ['celadon', 'serve', 'app']; from celadon.__main__ import main; sys.exit(main())"
    )
    path = str(tmp_path / "given")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        program = subprocess.Popen(
            [sys.executable, "-c", start], cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT},
            preexec_fn=lambda: os.dup2(listener.fileno(), 3), close_fds=False, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        connection = Unix(path)
        connection.request("GET", "/")
        with connection.getresponse() as answer:
            assert answer.status == 200
        connection.close()
        program.terminate()
        assert program.wait(30) == 0
    finally:
        program.kill()
        program.wait()


BROKEN = "def f():\n    1 / 0\n\n\nf()\n"
TRACE = "the traceback that python writes"
#: Options, what else is different, the exit code, and what is said, after "celadon serve: " where it is one line.
FAILS = {
    "no module": (("-w", "3"), {"app": "nosuch"}, 2, "there is no module 'nosuch'; looked in {folder} first"),
    "no attribute": (("--preload",), {"app": "app:mak"}, 2, "module 'app' has no 'mak'; did you mean make?"),
    "broken": (("-w", "2"), {"source": BROKEN}, 1, TRACE),
    "broken, preloaded": (("--preload",), {"source": BROKEN}, 1, TRACE),
    "option": (("--frob",), {}, 2, "unknown option --frob; celadon serve --help lists them"),
    "resolver": (("--resolver", "pyhton"), {}, 2, "unknown resolver 'pyhton'; did you mean python?"),
    "certificate": (("--certfile", "nosuch.pem"), {}, 1, "nosuch.pem: No such file or directory"),
    "folder": (("--chdir", "nosuch"), {}, 1, "nosuch: No such file or directory"),
    "path": (("-b", "./app.py"), {}, 1, "cannot listen on './app.py': there is a file that is no socket"),
    "pid file": (("--pid", "app.py"), {}, 1, "app.py is no pid file: it has 'import json, os, soc' in it"),
}


@pytest.mark.parametrize("case", FAILS)
def test_what_fails_is_said_once(tmp_path, case):
    options, others, code, says = FAILS[case]
    with Served(tmp_path, *options, **others) as served:
        if says == TRACE:
            python = subprocess.run([sys.executable, tmp_path / "app.py"], capture_output=True, text=True, check=False)
            says = f"{python.stderr}app cannot be imported\n"
        else:
            says = f"celadon serve: {says}\n"
        assert served.ended() == (code, says.format(folder=tmp_path))
        assert not os.path.exists(served.path)


def test_an_address_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        with Served(tmp_path, "-b", "{}:{}".format(*address)) as served:
            assert served.ended() == (1, f"celadon serve: cannot listen on {address}: Address already in use\n")


def test_help():
    done = subprocess.run(
        [sys.executable, "-m", "celadon", "serve", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith("usage: celadon serve")
