"""Real database servers on loopback, for a ``with`` block: private data, a free port, an unprivileged user.

A server that is not installed is a LookupError with its name, for the test to be skipped with.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .authorities import free_port

TLS = Path(__file__).parents[2] / "fixtures" / "tls"
PASSWORD = "sesame"
#: Server -> (program that must be there, package of Debian that brings it).
PACKAGES = {
    "PostgreSQL": ("postgres", "postgresql"),
    "Redis": ("redis-server", "redis-server"),
    "MariaDB": ("mariadbd", "mariadb-server"),
    "NSD": ("nsd", "nsd"),
    "Knot": ("knotd", "knot"),
    "dig": ("dig", "bind9-dnsutils"),
    "Unbound": ("unbound", "unbound"),
    "dnsperf": ("dnsperf", "dnsperf"),
    "BIND's signer": ("dnssec-signzone", "bind9-utils"),
    "Knot's signer": ("kzonesign", "knot-dnssecutils"),
    "Chromium": ("chromium", "chromium"),
}
_PLACES = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
)


@dataclass(frozen=True)
class Server:
    """Where one listens, on 127.0.0.1; ``restart()`` stops it at once, and starts it again on the same data.

    ``socket`` is the path of its Unix socket, if it has one.
    """

    port: int
    restart: Callable[[], None] = lambda: None
    socket: str = ""


def find(program):
    """The path of a server's program, or None."""
    return shutil.which(program, path=_PLACES)


def _program(name):
    found = find(name)
    if found is None:
        raise LookupError(f"{name} is not installed")
    return found


def _user():
    """Servers refuse to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def _place():
    """A directory of the server's user with the key and certificate of the fixtures, as servers want them."""
    with tempfile.TemporaryDirectory(prefix="celadon-") as name:
        place = Path(name)
        for one in ("server.key", "server.pem"):
            shutil.copy(TLS / one, place / one)
            (place / one).chmod(0o600)
        (place / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for one in (place, *place.iterdir()):
                shutil.chown(one, "nobody", "nogroup")
        yield place


def _run(place, *command):
    done = subprocess.run(
        [str(one) for one in command], capture_output=True, cwd=place, timeout=120, check=False, **_user()
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stdout + done.stderr).decode(errors='replace')}")


@contextmanager
def _running(place, ready, *command, stop=15):
    """The server process from when ``ready()`` is true; ``stop`` is the signal that ends it. Gives what restarts it."""
    words = [str(one) for one in command]
    with open(place / "log", "w+b") as log:

        def start():
            process = subprocess.Popen(words, cwd=place, stdout=log, stderr=log, **_user())
            ends = time.monotonic() + 60
            while not ready():
                if process.poll() is not None or time.monotonic() > ends:
                    process.kill()
                    process.wait()
                    log.seek(0)
                    raise RuntimeError(f"{command[0]} did not come up: {log.read().decode(errors='replace')}")
                time.sleep(0.05)
            return process

        def end():
            running[0].send_signal(stop)
            running[0].wait(30)

        def restart():
            end()
            running[0] = start()

        running = [start()]
        try:
            yield restart
        finally:
            end()


def _answers(*command):
    return lambda: not subprocess.run(command, capture_output=True, check=False, timeout=20).returncode


@contextmanager
def postgres():
    """PostgreSQL: user ``celadon``, its database ``postgres``, passwords by SCRAM, TLS on."""
    server = Path(_program("postgres")).resolve()
    with _place() as place:
        data, port = place / "data", free_port()
        _run(place, server.parent / "initdb", "-D", data, "-U", "celadon", "-A", "scram-sha-256", "-N",
             "--pwfile", place / "password", "-E", "UTF8", "--locale", "C")  # fmt: skip
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": place,
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": 200,
            "ssl": "on",
            "ssl_cert_file": place / "server.pem",
            "ssl_key_file": place / "server.key",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        ready = _answers(server.parent / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port))
        with _running(place, ready, server, "-D", data, *options, stop=2) as restart:
            yield Server(port, restart)


@contextmanager
def redis(*options, password=PASSWORD):
    """Redis; it asks for no password if that is empty. ``options`` are more words for its command line."""
    server = _program("redis-server")
    with _place() as place:
        port = free_port()
        login = ("-a", password) if password else ()
        ready = _answers(_program("redis-cli"), "-p", str(port), *login, "ping")
        command = [server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--requirepass", password]
        with _running(place, ready, *command, *options):
            yield Server(port)


@contextmanager
def mariadb(*options, sql=""):
    """MariaDB: user ``celadon``, database ``celadon``, TLS offered; ``root`` has no password.

    ``options`` are more words for its command line; ``sql`` is run at its start, each statement on a line of its own.
    """
    server = _program("mariadbd")
    with _place() as place:
        data, port = place / "data", free_port()
        _run(place, _program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db",
             "--auth-root-authentication-method=normal", "--skip-name-resolve")  # fmt: skip
        begin = place / "begin.sql"
        begin.write_text(
            "CREATE DATABASE celadon;\n"
            f"CREATE USER 'celadon'@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON celadon.* TO 'celadon'@'%';\n{sql}"
        )
        begin.chmod(0o644)
        command = [server, "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
                   f"--socket={place}/socket", f"--pid-file={place}/pid", f"--init-file={begin}",
                   "--skip-name-resolve", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0",
                   f"--ssl-cert={place}/server.pem", f"--ssl-key={place}/server.key", *options]  # fmt: skip
        ready = _answers(_program("mariadb-admin"), "--no-defaults", "-h", "127.0.0.1", "-P", str(port),
                         "-u", "celadon", f"-p{PASSWORD}", "ping")  # fmt: skip
        with _running(place, ready, *command) as restart:
            yield Server(port, restart, f"{place}/socket")


def install():
    """Have apt-get install what is missing; says what it did, and what it could not do."""
    missing = [package for program, package in PACKAGES.values() if find(program) is None]
    if not missing:
        return
    if os.geteuid() or shutil.which("apt-get") is None:
        print(f"not installed, so their tests are skipped: {', '.join(missing)}")
        return
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if subprocess.run(command, env=env, check=False).returncode:
        subprocess.run(["apt-get", "update"], check=False)
        subprocess.run(command, env=env, check=False)


if __name__ == "__main__":
    install()
    sys.exit()
